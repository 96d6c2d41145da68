"""Anthropic's requests."""

from functools import cached_property

from edge_router.controller.operation import Operation
from edge_router.controller.surfaces.openai import check_messages, message_list
from edge_router.controller.surfaces.request import Request
from edge_router.controller.surfaces.turns import Turn, turns


class MessagesRequest(Request):
    operation = Operation.MESSAGES
    said_in = ("system", "messages", "tools")
    answer_limits = ("max_tokens",)
    form = ("output_config", "format")

    def check(self) -> None:
        check_messages(self)

    @property
    def user(self) -> str | None:
        metadata = self.value("metadata")
        user = metadata.get("user_id") if isinstance(metadata, dict) else None
        return user if isinstance(user, str) and user else None

    @cached_property
    def turns(self) -> list[Turn]:
        """A tool's result is a part of a user turn and no text of it."""
        return turns(message_list(self))


class CountTokensRequest(MessagesRequest):
    operation = Operation.COUNT_TOKENS
