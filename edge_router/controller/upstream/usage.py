"""The tokens an answer took, as the upstream counts them."""

import re

import msgspec

from edge_router.controller.record import RequestRecord

_USAGE = re.compile(rb'"usage"\s*:\s*(\{[^{}]*+(?:\{[^{}]*+\}[^{}]*+)*+\})')
"""Quotes inside of a text are escaped, so no text of an answer looks like this."""
_OLLAMA = re.compile(rb'"(prompt_eval_count|eval_count)"\s*:\s*(\d+)')


class _Usage(msgspec.Struct):
    """OpenAI's names, then Anthropic's and those of /v1/responses."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


def count(record: RequestRecord, content: bytes) -> None:
    """Puts into `record` what `content`, a part of an answer, says last."""
    for match in _USAGE.finditer(content) if content.rfind(b'"usage"') >= 0 else ():  # a word is found 20 times as fast
        try:
            usage = msgspec.json.decode(match[1], type=_Usage)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        _take(record, usage.prompt_tokens or usage.input_tokens, usage.completion_tokens or usage.output_tokens)
    for match in _OLLAMA.finditer(content) if content.rfind(b'eval_count"') >= 0 else ():
        number = int(match[2][:12])
        _take(record, *((number, None) if match[1] == b"prompt_eval_count" else (None, number)))


def _take(record: RequestRecord, prompt: int | None, completion: int | None) -> None:
    if prompt is not None:
        record.prompt_tokens = prompt
    if completion is not None:
        record.completion_tokens = completion
