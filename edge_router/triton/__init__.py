"""The stages as Triton models. The only package that imports Triton's Python backend, and that Triton imports."""

from edge_router.triton.model import TritonPythonModel

__all__ = ["TritonPythonModel"]
