"""Turns prompt text into token ids; a prompt that is too long loses its middle.

Cutting the end would lose the question at the end of a long prompt, cutting the start the instruction at its start.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from edge_router.contract import ATTENTION_MASK, INPUT, INPUT_IDS, PAD_TO_TOKENS_PARAMETER, TEXT_FILE
from edge_router.errors import RepositoryError, RequestError
from edge_router.stages import vocabulary
from edge_router.stages.parameters import Parameters, count
from edge_router.stages.vocabulary import Vocabulary
from edge_router.tensors import Tensors, padded

CHARACTERS_PER_TOKEN = 16
"""Upper estimate of a token's length. Text beyond `max_tokens` times this many characters, counted from both ends, is
not tokenised, so a prompt of a megabyte costs no more than a page."""


class Tokenize:
    """The tokenize stage: INPUT BYTES [rows, 1] -> ids and mask INT64 [rows, tokens], padded to the longest row."""

    def __init__(self, vocabulary: Vocabulary, max_tokens: int, pad_to: int = 0) -> None:
        """`max_tokens` includes special tokens. `pad_to`: length in tokens that rows are padded to at least."""
        self._vocabulary = vocabulary
        self._prefix, self._suffix = vocabulary.frame
        self._budget = max_tokens - len(self._prefix) - len(self._suffix)
        self._window = CHARACTERS_PER_TOKEN * max_tokens
        self._pad_to = pad_to

    @classmethod
    def load(cls, folder: Path, parameters: Parameters) -> Self:
        """Reads the vocabulary, `text.json` {"max_tokens": the most that the network takes} and the parameter
        PAD_TO_TOKENS, for networks with a fixed input length; 0 = no padding. Raises RepositoryError."""
        model = folder.parent.name
        words = vocabulary.read(folder)
        max_tokens = _max_tokens(folder / TEXT_FILE, least=sum(map(len, words.frame)) + 1)
        pad_to = count(model, parameters, PAD_TO_TOKENS_PARAMETER, default=0, least=0)
        if 0 < pad_to < max_tokens:
            raise RepositoryError(
                f"{model}: parameter {PAD_TO_TOKENS_PARAMETER} is {pad_to}, but {TEXT_FILE} allows prompts of "
                f"{max_tokens} tokens; set {max_tokens} or more"
            )
        return cls(words, max_tokens, pad_to)

    def run(self, requests: Sequence[Tensors]) -> list[Tensors | RequestError]:
        return [self._request(request) for request in requests]

    def ids(self, text: str) -> list[int]:
        """Token ids of one prompt, special tokens included, at most `max_tokens`."""
        if len(text) > 2 * self._window:
            text = " ".join(text.split())
            text = f"{text[: self._window]} {text[-self._window :]}"
        ids = self._vocabulary.ids(text)
        if len(ids) > self._budget:
            tail = self._budget // 2
            ids = ids[: self._budget - tail] + ids[len(ids) - tail :]
        return [*self._prefix, *ids, *self._suffix]

    def _request(self, request: Tensors) -> Tensors | RequestError:
        try:
            rows = [self.ids(_text(row, value)) for row, value in enumerate(request[INPUT].reshape(-1))]
        except RequestError as error:
            return error
        ids, mask = padded(rows, max([self._pad_to, *map(len, rows)]))
        return {INPUT_IDS: ids, ATTENTION_MASK: mask}


def _max_tokens(file: Path, least: int) -> int:
    """Reads `text.json`. Raises RepositoryError when it holds anything but max_tokens."""
    try:
        content = json.loads(file.read_text())
    except OSError as error:
        raise RepositoryError(f'{file}: {error.strerror}; write {{"max_tokens": N}} into it') from error
    except ValueError as error:
        raise RepositoryError(f"{file}: not JSON: {error}") from error
    match content:
        case {"max_tokens": int(max_tokens), **others} if not others and max_tokens >= least:
            return max_tokens
    raise RepositoryError(
        f'{file}: is {json.dumps(content)}; write {{"max_tokens": N}} and nothing else, with a whole number N of at '
        f"least {least}"
    )


def _text(row: int, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise RequestError(
            f"{INPUT}, row {row}: not valid UTF-8 at byte {error.start}; send the prompt as UTF-8"
        ) from None
