"""`POST /v1/route`: a dry run that returns the routing decision and sends nothing to an upstream."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from edge_router.contract import AUTO_MODEL, ROUTER_FIELD
from edge_router.controller.api.operation import Operation
from edge_router.controller.api.operations import OPERATIONS
from edge_router.controller.api.request import LlmRequest
from edge_router.errors import RequestError

MAX_TEXTS = 64

Decide = Callable[[LlmRequest], Awaitable[Mapping[str, Any]]]
"""Returns the decision on a request as JSON fields. Raises RouterError."""

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


async def answer_dry_run(body: bytes, names: AbstractSet[str], decide: Decide) -> bytes:
    """`body`: a chat request, or one with `input` (a text or a list of texts) in place of messages. `model` and
    `policy` are optional. `names`: what a client may ask for as model.

    Returns the decision as JSON; for a list {"object": "list", "data": [one decision per text]}. Raises RequestError,
    and what `decide` raises.
    """
    texts, fields = _read(body)
    if not isinstance(texts, list):
        return msgspec.json.encode(await decide(_chat(fields, texts, names)))
    if len(texts) > MAX_TEXTS:
        raise RequestError(f"input holds {len(texts)} texts; send at most {MAX_TEXTS} in one request")
    decisions = await asyncio.gather(*(decide(_chat(fields, text, names)) for text in texts))
    return msgspec.json.encode({"object": "list", "data": decisions})


def _read(body: bytes) -> tuple[str | list[str] | None, dict[str, Any]]:
    """Returns (input, the other fields as those of a chat)."""
    try:
        fields = _decode_fields(body)
        texts = msgspec.json.decode(fields.pop("input", b"null"), type=str | list[str] | None)
        policy = msgspec.json.decode(fields.pop("policy", b"null"), type=str | None)
    except msgspec.ValidationError:
        raise RequestError(
            "the body must be a JSON object in which input is a string or a list of strings and policy is a string"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"the body is not valid JSON: {error}") from None
    chat: dict[str, Any] = {"model": AUTO_MODEL, **fields}
    return texts, chat | ({ROUTER_FIELD: {"policy": policy}} if policy else {})


def _chat(fields: Mapping[str, Any], text: str | None, names: AbstractSet[str]) -> LlmRequest:
    messages = {} if text is None else {"messages": [{"role": "user", "content": text}]}
    return OPERATIONS[Operation.CHAT].parse(msgspec.json.encode({**fields, **messages}), names)
