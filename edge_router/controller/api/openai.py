"""OpenAI's requests, and the old contract's field in two of them."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import ClassVar

import msgspec

from edge_router.contract import ROUTER_FIELD, STRATEGY_MANUAL, STRATEGY_TRITON
from edge_router.controller.api.json_request import Request
from edge_router.controller.api.messages import Message, begins, turns
from edge_router.controller.api.operation import Operation
from edge_router.controller.api.request import RoutingHint
from edge_router.errors import RequestError


class RoutedRequest(Request):
    """A request in which the old contract's field may stand in for the model's name."""

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
            raise RequestError(f"{ROUTER_FIELD}.policy is missing")
        if (strategy or STRATEGY_TRITON) not in (STRATEGY_TRITON, STRATEGY_MANUAL):
            raise RequestError(f"{ROUTER_FIELD}.routing_strategy must be {STRATEGY_TRITON!r} or {STRATEGY_MANUAL!r}")
        if strategy == STRATEGY_MANUAL and not model:
            raise RequestError(f"{ROUTER_FIELD}.model is missing; routing_strategy {STRATEGY_MANUAL!r} needs a label")
        return RoutingHint(policy, strategy or STRATEGY_TRITON, model)


class ChatRequest(RoutedRequest):
    operation = Operation.CHAT
    prompt_fields = ("messages", "tools", "functions", "response_format")
    max_token_fields = ("max_completion_tokens", "max_tokens")

    def check(self) -> None:
        check_messages(self)

    @cached_property
    def turns(self) -> list[Message]:
        return turns(message_list(self))


class CompletionRequest(RoutedRequest):
    operation = Operation.COMPLETIONS
    required_fields: ClassVar[Mapping[str, str]] = {"prompt": "messages are taken at /v1/chat/completions"}
    prompt_fields = ("prompt", "suffix")
    max_token_fields = ("max_tokens",)

    @cached_property
    def turns(self) -> list[Message]:
        """Prompts in a list are answered one by one and routed as one; tokens in place of text say nothing here."""
        prompt = self.value("prompt")
        texts = prompt if isinstance(prompt, list) else [prompt]
        return [Message("user", "\n".join(text for text in texts if isinstance(text, str)))]


class EmbeddingRequest(Request):
    operation = Operation.EMBEDDINGS
    required_fields: ClassVar[Mapping[str, str]] = {"input": "send the text to embed, or a list of texts"}
    prompt_fields = ("input",)

    @cached_property
    def turns(self) -> list[Message]:
        """Nobody asks anything."""
        return []


class ResponseRequest(Request):
    operation = Operation.RESPONSES
    prompt_fields = ("input", "instructions", "tools", "text")
    max_token_fields = ("max_output_tokens",)
    format_path = ("text", "format")

    @cached_property
    def turns(self) -> list[Message]:
        """Items that are no messages, such as what a tool was asked and said, have no role."""
        wanted = "a string or a list of items"
        said = self.read("input", str | list[msgspec.Raw] | None, wanted) if "input" in self.fields else None
        return turns(said) if isinstance(said, list) else [Message("user", said or "")]


def check_messages(request: Request) -> None:
    """Raises RequestError."""
    if not message_list(request):
        raise RequestError("messages must be a list with at least one message")


def message_list(request: Request) -> list[msgspec.Raw]:
    """Not looked into any further. Raises RequestError."""
    messages: list[msgspec.Raw] = request.read("messages", list[msgspec.Raw], "a list with at least one message")
    if not all(begins(message, "{") for message in messages):
        raise RequestError("each of messages must be an object with role and content")
    return messages
