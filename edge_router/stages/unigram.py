"""DeBERTa's tokenizer over SentencePiece: the ids of the transformers library in a quarter of its memory.

The reference is DebertaV2Tokenizer of transformers 5. It takes the pieces of `spm.model` and their scores, but does not
do as SentencePiece does with them, in three ways:

1. Names of special tokens in a text become those tokens. SentencePiece takes them as text.
2. It has a normaliser of its own, `_normal`, where the file asks for NFKC: a full-width letter stays what it is.
3. It adds scores as 64-bit numbers, word by word. SentencePiece adds 32-bit ones over the whole text, so that rounding
   decides between cuts that are worth the same, as those of "!!!!!!!!" are.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import Self

from sentencepiece import SentencePieceProcessor

from edge_router.errors import RepositoryError

CLS, SEP, MASK = "[CLS]", "[SEP]", "[MASK]"
SPECIAL = re.compile(r"(\[(?:PAD|CLS|SEP|UNK|MASK)\])")
SPACES = r" \t\n\r\f\v\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""White space by Unicode's own property. Python's `\\s` and `strip` take four control characters more."""
ONE_SPACE = re.compile(rf"[{SPACES}]{{2,}}|[\n\r\t]")
SPACES_AT_END = re.compile(rf"[{SPACES}]+\Z")
WORD = re.compile("▁[^▁]*")

AS_IT_STANDS = b"\x1a\x06\x12\x00\x18\x00\x20\x00"
"""After a serialised SentencePiece model: no character map, no space put in front, none removed. Protobuf reads fields
that follow a message as changes to it; these are normalizer_spec's precompiled_charsmap, add_dummy_prefix and
remove_extra_whitespaces."""

PIECES = 1
"""The field of a serialised model that its pieces are; the trainer's and the normaliser's settings follow them."""

UNKNOWN_PENALTY = 10.0
"""How much less than the worst piece a character is worth that is none: of SentencePiece and the reference alike."""


class Unigram:
    def __init__(self, model: SentencePieceProcessor) -> None:
        """Raises ValueError when the model lacks DeBERTa's special tokens."""
        self._model = model
        self._unknown: int = model.unk_id()
        self._special = {name: model.piece_to_id(name) for name in ("[PAD]", CLS, SEP)}
        if missing := [name for name, number in self._special.items() if number == self._unknown]:
            raise ValueError(f"has no piece {', '.join(missing)}")
        mask = model.piece_to_id(MASK)
        # DeBERTa's file lacks it; the network has rows for it and more behind the last piece.
        self._special |= {"[UNK]": self._unknown, MASK: len(model) if mask == self._unknown else mask}
        self.frame = [self._special[CLS]], [self._special[SEP]]
        self._piece = lru_cache(maxsize=4096)(self._score)
        numbers = range(len(model))
        self._unknown_score = min(map(model.get_score, numbers)) - UNKNOWN_PENALTY
        self._longest: dict[str, int] = {}
        """Of the pieces with this first character, in characters."""
        for piece in map(model.id_to_piece, numbers):
            self._longest[piece[:1]] = max(self._longest.get(piece[:1], 0), len(piece))

    @classmethod
    def read(cls, file: Path) -> Self:
        """Raises RepositoryError when the file is not a SentencePiece model as DeBERTa's."""
        try:
            model = file.read_bytes()
            _check_whole(model)
            return cls(SentencePieceProcessor(model_proto=model + AS_IT_STANDS))
        except OSError as error:
            raise RepositoryError(f"{file}: {error.strerror}") from error
        except (RuntimeError, ValueError) as error:  # SentencePiece's errors are RuntimeError and name its own source
            reason = error if isinstance(error, ValueError) else "cannot be read as a SentencePiece model"
            raise RepositoryError(f"{file}: {reason}; take the spm.model of a DeBERTa-v2 or v3 checkpoint") from error

    def ids(self, text: str) -> list[int]:
        found: list[int] = []
        for part in SPECIAL.split(text):
            if part in self._special:
                found.append(self._special[part])
            else:
                found += self._text(_normal(part))
        return found

    def _text(self, text: str) -> Iterator[int]:
        marked = text.replace(" ", "▁")
        for word in WORD.findall(marked if marked[:1] in ("", "▁") else "▁" + marked):
            pieces = self._model.encode(word)
            # The sum of two is rounded once, whichever way it is made: up to there 32 bits decide as 64.
            yield from pieces if len(pieces) < 3 else self._best(word)

    def _best(self, word: str) -> list[int]:
        """The pieces of the highest sum of scores; of equal ones the sum that the reference meets first."""
        sums = [0.0] + [-inf] * len(word)
        ends = [(0, 0)] * (len(word) + 1)  # where the last piece up to here begins, and which it is
        for start, first in enumerate(word):
            for end in range(start + 1, min(start + self._longest.get(first, 1), len(word)) + 1):
                piece, score = self._piece(word[start:end])
                if sums[start] + score > sums[end] and (piece != self._unknown or end == start + 1):
                    sums[end], ends[end] = sums[start] + score, (start, piece)
        return self._back(ends)

    def _score(self, text: str) -> tuple[int, float]:
        """The piece that `text` is, and what it is worth."""
        piece = self._model.piece_to_id(text)
        return piece, self._unknown_score if piece == self._unknown else self._model.get_score(piece)

    def _back(self, ends: list[tuple[int, int]]) -> list[int]:
        """From the end of the word to its start; unknown characters in a row are one unknown piece."""
        found: list[int] = []
        at = len(ends) - 1
        while at:
            at, piece = ends[at]
            if piece != self._unknown or found[-1:] != [piece]:
                found.append(piece)
        return found[::-1]


def _check_whole(model: bytes) -> None:
    """Raises ValueError where a serialised model is cut short: after its last whole piece it would be taken for a
    smaller one."""
    at, field = 0, 0
    while at < len(model):
        tag, at = _varint(model, at)
        length, at = _varint(model, at)
        at, field = at + length, tag >> 3
    if at != len(model) or field <= PIECES:
        raise ValueError("is cut short or no SentencePiece model")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Protobuf's number at this place, of ten bytes at most, and where the next thing is: beyond the end when cut."""
    number = 0
    for place, byte in enumerate(data[at : at + 10]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    return number, len(data) + 1


def _normal(text: str) -> str:
    return SPACES_AT_END.sub("", unicodedata.normalize("NFC", ONE_SPACE.sub(" ", text)))
