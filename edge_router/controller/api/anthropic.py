"""Anthropic's request. Counting its tokens takes the same request."""

from functools import cached_property

from edge_router.controller.api.json_request import JsonRequest
from edge_router.controller.api.messages import Message, read_messages
from edge_router.controller.api.openai import check_messages, message_list


class MessagesRequest(JsonRequest):
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
    def messages(self) -> list[Message]:
        """The result of a tool is a part of a user's message; it is no part of its text."""
        return read_messages(message_list(self))
