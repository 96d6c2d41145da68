"""Tokenizers of a version folder: `tokenizer.json` of the `tokenizers` library, or a SentencePiece model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

from tokenizers import Tokenizer

from edge_router.contract import SENTENCEPIECE_FILE, TOKENIZER_FILE
from edge_router.errors import RepositoryError
from edge_router.stages.unigram import Unigram


class Vocabulary(Protocol):
    """Turns text into token ids."""

    @property
    def frame(self) -> tuple[Sequence[int], Sequence[int]]:
        """The special tokens before and after the ids of every prompt."""
        ...

    def ids(self, text: str) -> list[int]:
        """The token ids of a text, without the frame."""
        ...


def read(folder: Path) -> Vocabulary:
    """Reads `spm.model` if the folder holds one, else `tokenizer.json`. Raises RepositoryError."""
    file = folder / SENTENCEPIECE_FILE
    return Unigram.read(file) if file.exists() else TokenizerJson.read(folder / TOKENIZER_FILE)


class TokenizerJson:
    """A vocabulary in `tokenizer.json`, the format of the `tokenizers` library."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        probe = tokenizer.encode("a")
        text_at = probe.special_tokens_mask.index(0)
        text_end = len(probe.ids) - probe.special_tokens_mask[::-1].index(0)
        self.frame = probe.ids[:text_at], probe.ids[text_end:]

    @classmethod
    def read(cls, file: Path) -> Self:
        try:
            return cls(Tokenizer.from_file(str(file)))
        except Exception as error:  # the library raises bare Exception
            raise RepositoryError(f"{file}: cannot be read as a tokenizer: {error}") from error

    def ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids
