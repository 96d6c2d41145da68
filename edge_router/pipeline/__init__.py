"""Runs a repository's models and ensembles in this process, without Triton."""

from edge_router.pipeline.pipeline import Pipeline, Served
from edge_router.pipeline.trial import ENSEMBLES, trial

__all__ = ["ENSEMBLES", "Pipeline", "Served", "trial"]
