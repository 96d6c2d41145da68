"""`POST /v1/route`: where a request would go, and why. Nothing is sent to an upstream."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import orjson

from edge_router.contract import AUTO_MODEL, ROUTER_FIELD
from edge_router.controller.api.request import LlmRequest, Surface
from edge_router.controller.classifier.decision import Decision
from edge_router.controller.routing.plan import Plan
from edge_router.errors import RequestError

BATCH = 64

Planned = Callable[[LlmRequest], Awaitable[Plan]]

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


async def route(body: bytes, chat: Surface, planned: Planned, models: Mapping[str, str]) -> bytes:
    """`body`: a chat request, or one that has `input`, a text or a list of texts, in place of messages; `model` or
    `policy` are optional. `chat`: the surface that reads it. `models` by upstream.

    The decision as JSON; of a list, {"object": "list", "data": [decision of each]}. Raises RequestError, and what
    `planned` raises.
    """
    texts, fields = _read(body)
    if not isinstance(texts, list):
        return orjson.dumps(_decision(await planned(chat.parse(_chat(fields, texts))), models))
    if len(texts) > BATCH:
        raise RequestError(f"input holds {len(texts)} texts; send up to {BATCH} at once")
    plans = await asyncio.gather(*(planned(chat.parse(_chat(fields, text))) for text in texts))
    return orjson.dumps({"object": "list", "data": [_decision(plan, models) for plan in plans]})


def _read(body: bytes) -> tuple[str | list[str] | None, dict[str, Any]]:
    """(input, the chat request's fields)."""
    try:
        given = _fields(body)
        texts = msgspec.json.decode(given.pop("input", b"null"), type=str | list[str] | None)
        policy = msgspec.json.decode(given.pop("policy", b"null"), type=str | None)
    except msgspec.ValidationError:
        raise RequestError(
            "the body must be a JSON object; input a text or a list of texts, policy a policy's name"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"the body is not valid JSON: {error}") from None
    fields: dict[str, Any] = {"model": AUTO_MODEL, **given}
    return texts, fields | ({ROUTER_FIELD: {"policy": policy}} if policy else {})


def _chat(fields: dict[str, Any], text: str | None) -> bytes:
    messages = {} if text is None else {"messages": [{"role": "user", "content": text}]}
    return msgspec.json.encode(fields | messages)


def _told(decision: Decision) -> dict[str, Any]:
    return {"label": decision.label, "score": decision.score, "probabilities": decision.probabilities}


def _decision(plan: Plan, models: Mapping[str, str]) -> dict[str, Any]:
    decision = plan.decision
    return {
        "object": "route",
        "upstreams": plan.upstreams,
        "model": models[plan.upstreams[0]],
        "strategy": plan.strategy,
        "policy": plan.policy,
        "label": plan.label,
        "confidence": decision and decision.confidence,
        "score": decision and decision.score,
        "probabilities": decision and decision.probabilities,
        "decisions": plan.decisions and {policy: _told(each) for policy, each in plan.decisions.items()},
        "rule": plan.rule,
        "source": plan.source,
        "level": plan.source,
        "degraded": plan.degraded,
    }
