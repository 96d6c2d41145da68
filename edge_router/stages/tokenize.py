"""Prompt text to token ids, both ends of a long prompt kept.

Head truncation loses the ask at the end of a long prompt; keeping the tail alone loses the instruction at its start.
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
"""An upper estimate. Text beyond this many characters a token, counted from both ends, is never tokenised: a megabyte
costs no more than a page."""


class Tokenize:
    """INPUT BYTES [rows, 1] -> ids and mask INT64 [rows, tokens], as many as the longest row of the request has."""

    def __init__(self, vocabulary: Vocabulary, max_tokens: int, pad_to: int = 0) -> None:
        """`max_tokens` counts special tokens too. `pad_to`: the least that a row is padded to."""
        self._vocabulary = vocabulary
        self._prefix, self._suffix = vocabulary.frame
        self._budget = max_tokens - len(self._prefix) - len(self._suffix)
        self._window = CHARACTERS_PER_TOKEN * max_tokens
        self._pad_to = pad_to

    @classmethod
    def load(cls, folder: Path, parameters: Parameters) -> Self:
        """Reads the vocabulary and `text.json`: {"max_tokens": how many the network takes at most}.

        Parameter: PAD_TO_TOKENS, for a network that takes no other number of them; 0 = no padding.
        """
        model = folder.parent.name
        found = vocabulary.read(folder)
        max_tokens = _max_tokens(folder / TEXT_FILE, least=sum(map(len, found.frame)) + 1)
        pad_to = count(model, parameters, PAD_TO_TOKENS_PARAMETER, default=0, least=0)
        if 0 < pad_to < max_tokens:
            raise RepositoryError(
                f"{model}: parameter {PAD_TO_TOKENS_PARAMETER} is {pad_to}, but {TEXT_FILE} lets a prompt have "
                f"{max_tokens} tokens; set {max_tokens} or more"
            )
        return cls(found, max_tokens, pad_to)

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
    """Raises RepositoryError when `file` does not say it, or says anything else."""
    try:
        content = json.loads(file.read_text())
    except OSError as error:
        raise RepositoryError(f"{file}: {error.strerror}; it says how many tokens the network takes") from error
    except ValueError as error:
        raise RepositoryError(f"{file}: not JSON: {error}") from error
    match content:
        case {"max_tokens": int(max_tokens), **others} if not others and max_tokens >= least:
            return max_tokens
    raise RepositoryError(
        f'{file}: is {json.dumps(content)}; write {{"max_tokens": N}} and nothing else, N a whole number of at least '
        f"{least}"
    )


def _text(row: int, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise RequestError(
            f"{INPUT}, row {row}: not valid UTF-8 at byte {error.start}; send the prompt as UTF-8"
        ) from None
