"""Anthropic's requests."""

from functools import cached_property

from edge_router.controller.api.json_request import Request
from edge_router.controller.api.messages import Message, turns
from edge_router.controller.api.openai import check_messages, message_list
from edge_router.controller.api.operation import Operation


class MessagesRequest(Request):
    operation = Operation.MESSAGES
    prompt_fields = ("system", "messages", "tools")
    max_token_fields = ("max_tokens",)
    format_path = ("output_config", "format")

    def check(self) -> None:
        check_messages(self)

    @property
    def user(self) -> str | None:
        metadata = self.value("metadata")
        user = metadata.get("user_id") if isinstance(metadata, dict) else None
        return user if isinstance(user, str) and user else None

    @cached_property
    def turns(self) -> list[Message]:
        """A tool's result is a part of a user turn and no text of it."""
        return turns(message_list(self))


class CountTokensRequest(MessagesRequest):
    operation = Operation.COUNT_TOKENS
