"""Ollama's requests. An upstream that does not speak them is asked in OpenAI's words, if they can be said in those."""

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

import msgspec

from edge_router.controller.api.json_request import NULL, Request
from edge_router.controller.api.messages import Message, turns
from edge_router.controller.api.openai import message_list
from edge_router.controller.api.operation import Operation
from edge_router.controller.api.request import UpstreamRequest
from edge_router.controller.api.translation import ollama_request as openai
from edge_router.controller.api.translation import ollama_response as answer


class OllamaRequest(Request):
    @property
    def options(self) -> Mapping[str, Any]:
        options = self.value("options")
        return options if isinstance(options, dict) else {}

    def _answer_tokens(self) -> int:
        """`num_predict` below 1 is no limit."""
        limit = self.options.get("num_predict")
        return limit if isinstance(limit, int) and limit > 0 else 0

    def _in_a_form(self) -> bool:
        return bool(self.value("format"))


class TalkRequest(OllamaRequest):
    """A chat, or a prompt that can be said as one."""

    streams_by_default = True
    say: answer.Say

    def to_upstream(self, speaks: frozenset[Operation], model: str) -> UpstreamRequest | None:
        if self.operation in speaks or Operation.CHAT not in speaks or not (messages := self._messages()):
            return super().to_upstream(speaks, model)
        values = {key: self.value(key) for key in ("tools", "format", "think")}
        body = openai.chat(model, openai.messages(messages), self.stream, values, self.options)
        manner = answer.Manner(type(self).say, model, values["think"] is not False, time.perf_counter_ns())
        lines = partial(answer.Lines, manner)
        whole = partial(answer.Whole, partial(answer.completion, manner))
        return UpstreamRequest(Operation.CHAT, body, lines if self.stream else whole)

    @abstractmethod
    def _messages(self) -> Sequence[Mapping[str, Any]]:
        """Empty where the request cannot be said as a chat, or asks for no more than the model to be loaded."""


class OllamaChatRequest(TalkRequest):
    operation = Operation.OLLAMA_CHAT
    prompt_fields = ("messages", "tools", "format")
    say = staticmethod(answer.in_chat)

    def check(self) -> None:
        self._raw_messages()

    @cached_property
    def turns(self) -> list[Message]:
        return turns(self._raw_messages())

    def _raw_messages(self) -> list[msgspec.Raw]:
        return message_list(self) if self.fields.get("messages", NULL) != NULL else []

    def _messages(self) -> Sequence[Mapping[str, Any]]:
        return self.value("messages") or ()


class GenerateRequest(TalkRequest):
    operation = Operation.OLLAMA_GENERATE
    prompt_fields = ("system", "prompt", "suffix", "format")
    say = staticmethod(answer.in_generate)

    @cached_property
    def turns(self) -> list[Message]:
        prompt = self.value("prompt")
        return [Message("user", prompt if isinstance(prompt, str) else "", bool(self.value("images")))]

    def _messages(self) -> Sequence[Mapping[str, Any]]:
        """A prompt with a template of its own, without any, or with a text that follows it is no chat."""
        if not self.value("prompt") or any(map(self.value, ("raw", "template", "context", "suffix"))):
            return ()
        system = [{"role": "system", "content": self.value("system")}] if self.value("system") else []
        return [*system, {"role": "user", "content": self.value("prompt"), "images": self.value("images")}]


class EmbedRequest(OllamaRequest):
    operation = Operation.OLLAMA_EMBED
    prompt_fields = ("input",)
    required_fields: ClassVar[Mapping[str, str]] = {"input": "send the text to embed, or a list of texts"}

    @cached_property
    def turns(self) -> list[Message]:
        """Nobody asks anything."""
        return []

    def to_upstream(self, speaks: frozenset[Operation], model: str) -> UpstreamRequest | None:
        if self.operation in speaks or Operation.EMBEDDINGS not in speaks:
            return super().to_upstream(speaks, model)
        body = openai.embeddings(model, self.value(self.prompt_fields[0]), self.value("dimensions"))
        return UpstreamRequest(Operation.EMBEDDINGS, body, partial(answer.Whole, self._answer(model)))

    def _answer(self, model: str) -> Callable[[bytes], dict[str, Any]]:
        return partial(answer.embed, model, time.perf_counter_ns())


class EmbeddingsRequest(EmbedRequest):
    """The older one, of a single text."""

    operation = Operation.OLLAMA_EMBEDDINGS
    required_fields: ClassVar[Mapping[str, str]] = {"prompt": "send the text to embed"}
    prompt_fields = ("prompt",)

    def _answer(self, model: str) -> Callable[[bytes], dict[str, Any]]:
        return answer.embedding
