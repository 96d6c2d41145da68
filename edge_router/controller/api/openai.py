"""OpenAI's requests. A chat or a completion may have the old contract's field `nim-llm-router`."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import ClassVar

import msgspec

from edge_router.contract import ROUTER_FIELD, STRATEGY_MANUAL, STRATEGY_TRITON
from edge_router.controller.api.json_request import JsonRequest
from edge_router.controller.api.message import Message, read_messages, starts_with
from edge_router.controller.api.request import RoutingHint
from edge_router.errors import RequestError


class RouterFieldRequest(JsonRequest):
    """A request in which the old contract's field may replace the name of a model."""

    def _read_hint(self, names: AbstractSet[str]) -> RoutingHint:
        field = self.value(ROUTER_FIELD)
        if field is None:
            return super()._read_hint(names)
        if not isinstance(field, dict):
            raise RequestError(f"{ROUTER_FIELD} must be an object with policy and routing_strategy")
        policy, strategy, model = (field.get(key) for key in ("policy", "routing_strategy", "model"))
        for key, value in (("policy", policy), ("routing_strategy", strategy), ("model", model)):
            if value is not None and not isinstance(value, str):
                raise RequestError(f"{ROUTER_FIELD}.{key} must be a string")
        if policy is None:
            raise RequestError(f"{ROUTER_FIELD}.policy is missing; send the name of a policy")
        if (strategy or STRATEGY_TRITON) not in (STRATEGY_TRITON, STRATEGY_MANUAL):
            raise RequestError(f"{ROUTER_FIELD}.routing_strategy must be {STRATEGY_TRITON!r} or {STRATEGY_MANUAL!r}")
        if strategy == STRATEGY_MANUAL and not model:
            raise RequestError(f"{ROUTER_FIELD}.model is missing; routing_strategy {STRATEGY_MANUAL!r} needs a label")
        return RoutingHint(policy, strategy or STRATEGY_TRITON, model)


class ChatRequest(RouterFieldRequest):
    prompt_fields = ("messages", "tools", "functions", "response_format")
    max_token_fields = ("max_completion_tokens", "max_tokens")

    def check(self) -> None:
        check_messages(self)

    @cached_property
    def messages(self) -> list[Message]:
        return read_messages(message_list(self))


class CompletionRequest(RouterFieldRequest):
    required_fields: ClassVar[Mapping[str, str]] = {"prompt": "send messages to /v1/chat/completions instead"}
    prompt_fields = ("prompt", "suffix")
    max_token_fields = ("max_tokens",)

    @cached_property
    def messages(self) -> list[Message]:
        """One message with all prompts, because a list of prompts is routed as a whole. Prompts given as token numbers
        are omitted."""
        prompt = self.value("prompt")
        prompts = prompt if isinstance(prompt, list) else [prompt]
        return [Message("user", "\n".join(text for text in prompts if isinstance(text, str)))]


class EmbeddingRequest(JsonRequest):
    required_fields: ClassVar[Mapping[str, str]] = {"input": "send the text to embed, or a list of texts"}
    prompt_fields = ("input",)

    @cached_property
    def messages(self) -> list[Message]:
        return []


class ResponseRequest(JsonRequest):
    prompt_fields = ("input", "instructions", "tools", "text")
    max_token_fields = ("max_output_tokens",)
    format_path = ("text", "format")

    @cached_property
    def messages(self) -> list[Message]:
        """Items that are not messages, such as tool calls and their results, become messages without a role."""
        expected = "a string or a list of items"
        items = self.read("input", str | list[msgspec.Raw] | None, expected) if "input" in self.fields else None
        return read_messages(items) if isinstance(items, list) else [Message("user", items or "")]


def check_messages(request: JsonRequest) -> None:
    """Checks that there is at least one message. Raises RequestError."""
    if not message_list(request):
        raise RequestError("messages must be a list with at least one message")


def message_list(request: JsonRequest) -> list[msgspec.Raw]:
    """The items of `messages`, not yet parsed. Raises RequestError."""
    messages: list[msgspec.Raw] = request.read("messages", list[msgspec.Raw], "a list with at least one message")
    if not all(starts_with(message, "{") for message in messages):
        raise RequestError("every item of messages must be an object with role and content")
    return messages
