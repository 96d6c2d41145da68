"""The report on one forwarded request: outcome, attempts, times, and token counts read from the answer."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

_USAGE = re.compile(rb'"usage"\s*:\s*(\{[^{}]*+(?:\{[^{}]*+\}[^{}]*+)*+\})')
"""Quotes inside a text are escaped, so the text of an answer never matches."""
_OLLAMA = re.compile(rb'"(prompt_eval_count|eval_count)"\s*:\s*(\d+)')


class _Usage(msgspec.Struct):
    """The names of OpenAI's chats, then those of Anthropic and of /v1/responses."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass
class TokenUsage:
    """Token counts; None until the upstream has sent them."""

    prompt: int | None = None
    completion: int | None = None

    def read(self, content: bytes) -> None:
        """Adopts the last counts in `content`, which may be any part of an answer."""
        # A search for a word takes a twentieth of the time of a search for a pattern.
        for match in _USAGE.finditer(content) if content.rfind(b'"usage"') >= 0 else ():
            try:
                usage = msgspec.json.decode(match[1], type=_Usage)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            self._update(usage.prompt_tokens or usage.input_tokens, usage.completion_tokens or usage.output_tokens)
        for match in _OLLAMA.finditer(content) if content.rfind(b'eval_count"') >= 0 else ():
            number = int(match[2][:12])
            self._update(*((number, None) if match[1] == b"prompt_eval_count" else (None, number)))

    def _update(self, prompt: int | None, completion: int | None) -> None:
        if prompt is not None:
            self.prompt = prompt
        if completion is not None:
            self.completion = completion


class Outcome(StrEnum):
    """The end of a request; the same word stands in the log, the metrics and the trace."""

    ANSWERED = "answered"
    """The client has a whole answer of an upstream, which may be the upstream's refusal."""
    REFUSED = "refused"
    """The router refused the request."""
    UPSTREAM_FAILED = "upstream_failed"
    """No upstream answered."""
    STREAM_INTERRUPTED = "stream_interrupted"
    """The upstream failed in the middle of its answer."""
    CLIENT_DISCONNECTED = "client_disconnected"


@dataclass
class ForwardingReport:
    """Filled step by step while a request is forwarded, so that it is also right when an error ends the request."""

    outcome: Outcome = Outcome.REFUSED
    attempts: int = 0
    queued_seconds: float | None = None
    """None when the request never had to wait for a slot."""
    upstream: str | None = None
    model: str | None = None
    fallback: str | None = None
    """The reason for a fallback: the first upstream and its failure."""
    status: int | None = None
    answered_at: float | None = None
    """Reading of `time.perf_counter` when the response head was sent to the client."""
    streamed: bool = False
    usage: TokenUsage = field(default_factory=TokenUsage)
    error: str | None = None
    """Class name of the error that interrupted a started answer."""
