"""Ollama's requests. An upstream that does not speak them is asked in OpenAI's words, if they can be said in those."""

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

import msgspec

from edge_router.controller.asked import Outgoing
from edge_router.controller.operation import Operation
from edge_router.controller.surfaces import ollama_answer as answer
from edge_router.controller.surfaces import ollama_as_openai as openai
from edge_router.controller.surfaces.openai import message_list
from edge_router.controller.surfaces.request import NULL, Request
from edge_router.controller.surfaces.turns import Turn, turns


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

    streams_unasked = True
    say: answer.Say

    def outgoing(self, speaks: frozenset[Operation], model: str) -> Outgoing | None:
        if self.operation in speaks or Operation.CHAT not in speaks or not (messages := self._messages()):
            return super().outgoing(speaks, model)
        values = {key: self.value(key) for key in ("tools", "format", "think")}
        body = openai.chat(model, openai.messages(messages), self.stream, values, self.options)
        manner = answer.Manner(type(self).say, model, values["think"] is not False, time.perf_counter_ns())
        lines = partial(answer.Lines, manner)
        whole = partial(answer.Whole, partial(answer.completion, manner))
        return Outgoing(Operation.CHAT, body, lines if self.stream else whole)

    @abstractmethod
    def _messages(self) -> Sequence[Mapping[str, Any]]:
        """Empty where the request cannot be said as a chat, or asks for no more than the model to be loaded."""


class OllamaChatRequest(TalkRequest):
    operation = Operation.OLLAMA_CHAT
    said_in = ("messages", "tools", "format")
    say = staticmethod(answer.in_chat)

    def check(self) -> None:
        self._raw_messages()

    @cached_property
    def turns(self) -> list[Turn]:
        return turns(self._raw_messages())

    def _raw_messages(self) -> list[msgspec.Raw]:
        return message_list(self) if self.fields.get("messages", NULL) != NULL else []

    def _messages(self) -> Sequence[Mapping[str, Any]]:
        return self.value("messages") or ()


class GenerateRequest(TalkRequest):
    operation = Operation.OLLAMA_GENERATE
    said_in = ("system", "prompt", "suffix", "format")
    say = staticmethod(answer.in_generate)

    @cached_property
    def turns(self) -> list[Turn]:
        prompt = self.value("prompt")
        return [Turn("user", prompt if isinstance(prompt, str) else "", bool(self.value("images")))]

    def _messages(self) -> Sequence[Mapping[str, Any]]:
        """A prompt with a template of its own, without any, or with a text that follows it is no chat."""
        if not self.value("prompt") or any(map(self.value, ("raw", "template", "context", "suffix"))):
            return ()
        system = [{"role": "system", "content": self.value("system")}] if self.value("system") else []
        return [*system, {"role": "user", "content": self.value("prompt"), "images": self.value("images")}]


class EmbedRequest(OllamaRequest):
    operation = Operation.OLLAMA_EMBED
    said_in = ("input",)
    needs: ClassVar[Mapping[str, str]] = {"input": "send the text to embed, or a list of texts"}

    @cached_property
    def turns(self) -> list[Turn]:
        """Nobody asks anything."""
        return []

    def outgoing(self, speaks: frozenset[Operation], model: str) -> Outgoing | None:
        if self.operation in speaks or Operation.EMBEDDINGS not in speaks:
            return super().outgoing(speaks, model)
        body = openai.embeddings(model, self.value(self.said_in[0]), self.value("dimensions"))
        return Outgoing(Operation.EMBEDDINGS, body, partial(answer.Whole, self._answer(model)))

    def _answer(self, model: str) -> Callable[[bytes], dict[str, Any]]:
        return partial(answer.embed, model, time.perf_counter_ns())


class EmbeddingsRequest(EmbedRequest):
    """The older one, of a single text."""

    operation = Operation.OLLAMA_EMBEDDINGS
    needs: ClassVar[Mapping[str, str]] = {"prompt": "send the text to embed"}
    said_in = ("prompt",)

    def _answer(self, model: str) -> Callable[[bytes], dict[str, Any]]:
        return answer.embedding
