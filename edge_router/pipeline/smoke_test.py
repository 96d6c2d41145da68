"""Smoke test of a repository: loads the ensembles and runs a prompt through each."""

from edge_router.contract import INPUT, PROMPT_ROUTER_ENSEMBLE, ensemble
from edge_router.pipeline.pipeline import Pipeline
from edge_router.repository import Repository
from edge_router.repository.policies import policies
from edge_router.tensors import text_tensor

PROMPT = b"Summarise the plot of Hamlet in three sentences."


def ensembles(repository: Repository) -> list[str]:
    """`prompt_router_ensemble` and the ensemble of each policy. Raises RepositoryError."""
    return [PROMPT_ROUTER_ENSEMBLE, *map(ensemble, policies(repository))]


def smoke_test(repository: Repository) -> None:
    """Raises RepositoryError or NotFoundError when a model cannot be loaded, RequestError when it refuses the
    prompt."""
    models = ensembles(repository)
    pipeline = Pipeline.load(repository, models)
    for model in models:
        pipeline.infer(model, {INPUT: text_tensor([PROMPT])})
