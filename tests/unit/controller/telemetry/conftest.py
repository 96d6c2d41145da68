"""Records of finished requests."""

from edge_router.controller.api import Operation
from edge_router.controller.telemetry import RequestRecord
from edge_router.controller.upstream import Outcome


def answered(**more: object) -> RequestRecord:
    """The record of a stream that was routed by a classification; `more` replaces fields."""
    known: dict[str, object] = {
        "request_id": "abc",
        "policy": "task_router",
        "strategy": "triton",
        "label": "Code",
        "source": "server",
        "classified_in": 0.003,
        "upstream": "large",
        "model": "large-model",
        "attempts": 1,
        "queued_for": 0.001,
        "answered_in": 0.204,
        "first_content_in": 0.21,
        "took": 1.25,
        "streamed": True,
        "status": 200,
        "outcome": Outcome.ANSWERED,
        "prompt_tokens": 12,
        "completion_tokens": 40,
    }
    return RequestRecord(operation=Operation.CHAT, **(known | more))  # type: ignore[arg-type]


def refused(**more: object) -> RequestRecord:
    known: dict[str, object] = {"request_id": "def", "status": 400, "error": "RequestError", "took": 0.001}
    return RequestRecord(operation=Operation.CHAT, **(known | more))  # type: ignore[arg-type]
