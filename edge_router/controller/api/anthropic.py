"""Anthropic's request, for its Messages API and for counting tokens."""

from functools import cached_property

from edge_router.controller.api.json_request import JsonRequest
from edge_router.controller.api.message import Message, read_messages
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
        """A tool's result is in a message of the user, but not in that message's text."""
        return read_messages(message_list(self))
