"""Prompt text to token ids, both ends of a long prompt kept.

Head truncation loses the ask at the end of a long prompt; keeping the tail alone loses the instruction at its start.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from tokenizers import Tokenizer

from edge_router.contract import ATTENTION_MASK, INPUT, INPUT_IDS, TOKENIZER_FILE
from edge_router.errors import RepositoryError, RequestError
from edge_router.tensors import Tensors

CHARACTERS_PER_TOKEN = 16
"""An upper estimate. Text beyond this many characters a token, counted from both ends, is never tokenised: a megabyte
costs no more than a page."""


class Tokenize:
    """INPUT BYTES [rows, 1] -> ids and mask INT64 [rows, longest row of the request]; never padded further."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        """`max_tokens` counts special tokens too."""
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        probe = tokenizer.encode("a")
        text_at = probe.special_tokens_mask.index(0)
        text_end = len(probe.ids) - probe.special_tokens_mask[::-1].index(0)
        self._prefix, self._suffix = probe.ids[:text_at], probe.ids[text_end:]
        self._budget = max_tokens - len(self._prefix) - len(self._suffix)
        self._window = CHARACTERS_PER_TOKEN * max_tokens

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, str]) -> Self:
        """Reads `tokenizer.json`, the format of the `tokenizers` library; its `truncation.max_length` bounds a
        prompt."""
        file = folder / TOKENIZER_FILE
        try:
            tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises bare Exception
            raise RepositoryError(f"{file}: cannot be read as a tokenizer: {error}") from error
        truncation = tokenizer.truncation
        if truncation is None:
            raise RepositoryError(
                f"{file}: truncation.max_length is missing; it says how many tokens the network takes"
            )
        return cls(tokenizer, truncation["max_length"])

    def run(self, requests: Sequence[Tensors]) -> list[Tensors | RequestError]:
        return [self._request(request) for request in requests]

    def ids(self, text: str) -> list[int]:
        """Token ids of one prompt, special tokens included, at most `max_tokens`."""
        if len(text) > 2 * self._window:
            text = " ".join(text.split())
            text = f"{text[: self._window]} {text[-self._window :]}"
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        if len(ids) > self._budget:
            tail = self._budget // 2
            ids = ids[: self._budget - tail] + ids[len(ids) - tail :]
        return [*self._prefix, *ids, *self._suffix]

    def _request(self, request: Tensors) -> Tensors | RequestError:
        try:
            rows = [self.ids(_text(row, value)) for row, value in enumerate(request[INPUT].reshape(-1))]
        except RequestError as error:
            return error
        longest = max(map(len, rows), default=0)
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return {INPUT_IDS: ids, ATTENTION_MASK: mask}


def _text(row: int, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise RequestError(
            f"{INPUT}, row {row}: not valid UTF-8 at byte {error.start}; send the prompt as UTF-8"
        ) from None
