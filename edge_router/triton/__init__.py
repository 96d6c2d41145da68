"""The stages as Triton models. The only room that knows Triton's Python backend; imported by it alone."""

from edge_router.triton.model import TritonPythonModel

__all__ = ["TritonPythonModel"]
