"""The KServe V2 inference protocol, as Triton speaks it."""

from edge_router.v2.client import InferenceClient, ReplyError

__all__ = ["InferenceClient", "ReplyError"]
