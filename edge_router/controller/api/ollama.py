"""Ollama's requests. They are translated to OpenAI's API, where possible, for upstreams that do not speak Ollama's."""

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

import msgspec

from edge_router.controller.api.json_request import NULL, JsonRequest
from edge_router.controller.api.message import Message, read_messages
from edge_router.controller.api.openai import message_list
from edge_router.controller.api.operation import Operation
from edge_router.controller.api.request import UpstreamRequest
from edge_router.controller.api.translation import ollama_request, ollama_response


class OllamaRequest(JsonRequest):
    @property
    def options(self) -> Mapping[str, Any]:
        options = self.value("options")
        return options if isinstance(options, dict) else {}

    def _answer_tokens(self) -> int:
        """`num_predict` below 1 means no limit."""
        limit = self.options.get("num_predict")
        return limit if isinstance(limit, int) and limit > 0 else 0

    def _has_response_format(self) -> bool:
        return bool(self.value("format"))


class OllamaTextRequest(OllamaRequest):
    """A request for generated text."""

    streams_by_default = True
    translates_to = Operation.CHAT
    content_fields: ollama_response.ContentFields

    def to_upstream(self, speaks: frozenset[Operation], model: str) -> UpstreamRequest | None:
        if self.operation in speaks or self.translates_to not in speaks or not (messages := self._chat_messages()):
            return super().to_upstream(speaks, model)
        values = {key: self.value(key) for key in ("tools", "format", "think")}
        chat_messages = ollama_request.openai_messages(messages)
        body = ollama_request.chat_body(model, chat_messages, self.stream, values, self.options)
        lines = ollama_response.LineBuilder(
            type(self).content_fields, model, values["think"] is not False, time.perf_counter_ns()
        )
        translation: Callable[[], ollama_response.StreamTranslation | ollama_response.BodyTranslation]
        if self.stream:
            translation = partial(ollama_response.StreamTranslation, lines)
        else:
            translation = partial(ollama_response.BodyTranslation, partial(ollama_response.text_answer, lines))
        return UpstreamRequest(Operation.CHAT, body, translation)

    @abstractmethod
    def _chat_messages(self) -> Sequence[Mapping[str, Any]]:
        """Messages of the equivalent chat. Empty if there is none, or if the request only loads a model."""


class OllamaChatRequest(OllamaTextRequest):
    prompt_fields = ("messages", "tools", "format")
    content_fields = staticmethod(ollama_response.chat_fields)

    def check(self) -> None:
        self._raw_messages()

    @cached_property
    def messages(self) -> list[Message]:
        return read_messages(self._raw_messages())

    def _raw_messages(self) -> list[msgspec.Raw]:
        return message_list(self) if self.fields.get("messages", NULL) != NULL else []

    def _chat_messages(self) -> Sequence[Mapping[str, Any]]:
        return self.value("messages") or ()


class OllamaGenerateRequest(OllamaTextRequest):
    prompt_fields = ("system", "prompt", "suffix", "format")
    content_fields = staticmethod(ollama_response.generate_fields)

    @cached_property
    def messages(self) -> list[Message]:
        prompt = self.value("prompt")
        return [Message("user", prompt if isinstance(prompt, str) else "", bool(self.value("images")))]

    def _chat_messages(self) -> Sequence[Mapping[str, Any]]:
        """A chat cannot express a raw prompt, a template, a context or a suffix."""
        if not self.value("prompt") or any(map(self.value, ("raw", "template", "context", "suffix"))):
            return ()
        system = [{"role": "system", "content": self.value("system")}] if self.value("system") else []
        return [*system, {"role": "user", "content": self.value("prompt"), "images": self.value("images")}]


class OllamaEmbedRequest(OllamaRequest):
    translates_to = Operation.EMBEDDINGS
    prompt_fields = ("input",)
    required_fields: ClassVar[Mapping[str, str]] = {"input": "send the text to embed, or a list of texts"}

    @cached_property
    def messages(self) -> list[Message]:
        return []

    def to_upstream(self, speaks: frozenset[Operation], model: str) -> UpstreamRequest | None:
        if self.operation in speaks or self.translates_to not in speaks:
            return super().to_upstream(speaks, model)
        body = ollama_request.embeddings_body(model, self.value(self.prompt_fields[0]), self.value("dimensions"))
        return UpstreamRequest(
            Operation.EMBEDDINGS, body, partial(ollama_response.BodyTranslation, self._translate(model))
        )

    def _translate(self, model: str) -> Callable[[bytes], dict[str, Any]]:
        return partial(ollama_response.embed_answer, model, time.perf_counter_ns())


class OllamaEmbeddingsRequest(OllamaEmbedRequest):
    """The older request, for a single text."""

    required_fields: ClassVar[Mapping[str, str]] = {"prompt": "send the text to embed"}
    prompt_fields = ("prompt",)

    def _translate(self, model: str) -> Callable[[bytes], dict[str, Any]]:
        return ollama_response.embeddings_answer
