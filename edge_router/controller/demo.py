"""A built-in upstream for trying the router without an LLM. Every answer says that it is not a language model."""

import time
from collections.abc import Iterator, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from edge_router.asgi.body import read_body
from edge_router.controller.api import EVENT_STREAM, Operation
from edge_router.controller.config import RouterConfig, UpstreamConfig
from edge_router.errors import RequestError

PATH = "/demo/v1"
SMALL, LARGE = "demo-small", "demo-large"
BODY_BYTES, BODY_SECONDS = 64 * 2**20, 15.0
"""Limits of one request."""
ANSWER = (
    "This is edge-router's built-in demo upstream, not a language model. Your prompt was classified on this machine "
    "and routed to {model}. Start Ollama, or name your own upstreams in a routes file, to get real answers."
)


def upstreams(port: int) -> dict[str, UpstreamConfig]:
    """Two upstreams on this server's own port, so that routes lead to different models."""
    url = f"http://127.0.0.1:{port}{PATH}"
    return {
        size: UpstreamConfig.model_validate({"url": url, "model": model, "speaks": [Operation.CHAT]})
        for size, model in (("small", SMALL), ("large", LARGE))
    }


def routes(config: RouterConfig) -> Sequence[Route]:
    """Return the HTTP routes of the demo if the configuration uses it, else none: they need no access key."""
    used = any(target.model in (SMALL, LARGE) and PATH in str(target.url) for target in config.upstreams.values())
    return [Route(f"{PATH}/chat/completions", chat_completions, methods=["POST"])] if used else []


class _ChatRequest(msgspec.Struct):
    model: str
    stream: bool | None = None


async def chat_completions(request: Request) -> Response:
    """Answers a chat with ANSWER. Raises RequestError."""
    body = await read_body(request.scope, request.receive, limit=BODY_BYTES, seconds=BODY_SECONDS)
    try:
        chat = msgspec.json.decode(body, type=_ChatRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError("the body must be a JSON object in which model is a string") from None
    words = ANSWER.format(model=chat.model).split(" ")
    if chat.stream:
        return StreamingResponse(_events(chat.model, words), media_type=EVENT_STREAM)
    usage = {"prompt_tokens": 0, "completion_tokens": len(words), "total_tokens": len(words)}
    message = {"role": "assistant", "content": " ".join(words)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    completion = _frame("chat.completion", chat.model, choice) | {"usage": usage}
    return Response(msgspec.json.encode(completion), media_type="application/json")


def _events(model: str, words: list[str]) -> Iterator[bytes]:
    for at, word in enumerate(words):
        delta = {"role": "assistant", "content": word} if at == 0 else {"content": f" {word}"}
        yield _event(_frame("chat.completion.chunk", model, {"index": 0, "delta": delta, "finish_reason": None}))
    yield _event(_frame("chat.completion.chunk", model, {"index": 0, "delta": {}, "finish_reason": "stop"}))
    yield b"data: [DONE]\n\n"


def _event(frame: dict[str, object]) -> bytes:
    return b"data: " + msgspec.json.encode(frame) + b"\n\n"


def _frame(kind: str, model: str, choice: dict[str, object]) -> dict[str, object]:
    return {"id": "chatcmpl-demo", "object": kind, "created": int(time.time()), "model": model, "choices": [choice]}
