"""Behaviour: edge_router.triton, by the STAGE parameter of config.pbtxt; data: the files beside this one."""

from edge_router.triton import TritonPythonModel

__all__ = ["TritonPythonModel"]
