"""The chat request: what it asks for, and which of its text is classified."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from edge_router.contract import ROUTER_FIELD, STRATEGY_MANUAL, STRATEGY_TRITON
from edge_router.controller.asked import Ask
from edge_router.errors import RequestError

READ = ("messages", "model", ROUTER_FIELD)
"""The fields that routing looks into."""


@dataclass(frozen=True)
class Chat:
    fields: Mapping[str, msgspec.Raw]
    """The body's own, as the client wrote them: what is not read here reaches the upstream byte for byte."""
    messages: Sequence[Mapping[str, Any]]
    ask: Ask

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Raises RequestError saying which part of the body is wrong."""
        try:
            fields = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
            read = {key: msgspec.json.decode(fields[key]) for key in READ if key in fields}
        except msgspec.ValidationError:
            raise RequestError("the body must be a JSON object with model and messages") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RequestError(f"the body is not valid JSON: {error}") from None
        messages = read.get("messages")
        if not isinstance(messages, list) or not messages:
            raise RequestError("messages must be a list with at least one message")
        if not all(isinstance(message, dict) for message in messages):
            raise RequestError("each of messages must be an object with role and content")
        return cls(fields, messages, _ask(read))

    @property
    def text(self) -> str:
        """The last user turn that says something, its text parts joined; else the last text of any role."""
        turns = [message for message in self.messages if message.get("role") == "user"]
        for message in [*reversed(turns), *reversed(self.messages)]:
            if text := _text(message.get("content")):
                return text
        return ""

    def addressed_to(self, model: str) -> bytes:
        """The body for an upstream: every field as it came, but the model, and without the field that is ours."""
        kept = {key: value for key, value in self.fields.items() if key != ROUTER_FIELD}
        return msgspec.json.encode(kept | {"model": model})


def _ask(body: Mapping[str, Any]) -> Ask:
    field = body.get(ROUTER_FIELD)
    if field is None:
        model = body.get("model")
        if not isinstance(model, str) or not model:
            raise RequestError('model is missing; send "auto", a policy or a model of /v1/models')
        return Ask(model=model)
    if not isinstance(field, dict):
        raise RequestError(f"{ROUTER_FIELD} must be an object with policy and routing_strategy")
    policy = _string(field, "policy")
    strategy = _string(field, "routing_strategy") or STRATEGY_TRITON
    model = _string(field, "model")
    if policy is None:
        raise RequestError(f"{ROUTER_FIELD}.policy is missing")
    if strategy not in (STRATEGY_TRITON, STRATEGY_MANUAL):
        raise RequestError(f"{ROUTER_FIELD}.routing_strategy must be {STRATEGY_TRITON!r} or {STRATEGY_MANUAL!r}")
    if strategy == STRATEGY_MANUAL and not model:
        raise RequestError(f"{ROUTER_FIELD}.model is missing; routing_strategy {STRATEGY_MANUAL!r} needs a label")
    return Ask(policy, strategy, model)


def _string(field: Mapping[str, Any], key: str) -> str | None:
    value = field.get(key)
    if value is not None and not isinstance(value, str):
        raise RequestError(f"{ROUTER_FIELD}.{key} must be a string")
    return value


def _text(content: object) -> str:
    """Text of a message's content: a string, or the text parts of a list; images and tool calls say nothing here."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [
        part.get("text") for part in content if isinstance(part, dict) and part.get("type") in ("text", "input_text")
    ]
    return "\n".join(part for part in parts if isinstance(part, str))
