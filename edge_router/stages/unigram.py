"""DeBERTa's tokenizer on SentencePiece: the same ids as the transformers library, in a quarter of its memory.

The reference is DebertaV2Tokenizer of transformers 5. It uses the pieces of `spm.model` and their scores, but differs
from SentencePiece in three ways:

1. Names of special tokens in a text become those tokens. SentencePiece treats them as text.
2. It has its own normalisation, `_normalized`, where the file asks for NFKC: a full-width letter stays as it is.
3. It adds scores as 64-bit numbers, word by word. SentencePiece adds 32-bit numbers over the whole text, so rounding
   decides between segmentations of equal score, as in "!!!!!!!!".
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
"""White space by Unicode's own property. Python's `\\s` and `strip` include four more control characters."""
ONE_SPACE = re.compile(rf"[{SPACES}]{{2,}}|[\n\r\t]")
SPACES_AT_END = re.compile(rf"[{SPACES}]+\Z")
WORD = re.compile("▁[^▁]*")

NO_NORMALIZATION = b"\x1a\x06\x12\x00\x18\x00\x20\x00"
"""Appended to a serialised SentencePiece model, switches its normalisation off: protobuf merges fields that follow a
message into it. The fields are normalizer_spec's precompiled_charsmap (empty), add_dummy_prefix and
remove_extra_whitespaces (false)."""

PIECES_FIELD = 1
"""Field number of the pieces in a serialised model; the settings of the trainer and the normaliser follow them."""

UNKNOWN_PENALTY = 10.0
"""Difference between the score of the worst piece and that of an unknown character, as in SentencePiece and the
reference."""


class Unigram:
    """A SentencePiece unigram model with DeBERTa's special tokens."""

    def __init__(self, model: SentencePieceProcessor) -> None:
        """Raises ValueError when the model lacks DeBERTa's special tokens."""
        self._model = model
        self._unknown: int = model.unk_id()
        self._special = {name: model.piece_to_id(name) for name in ("[PAD]", CLS, SEP)}
        if missing := [name for name, number in self._special.items() if number == self._unknown]:
            raise ValueError(f"has no piece {', '.join(missing)}")
        mask = model.piece_to_id(MASK)
        # DeBERTa's file has no [MASK]; in the network's embeddings its row follows the last piece's.
        self._special |= {"[UNK]": self._unknown, MASK: len(model) if mask == self._unknown else mask}
        self.frame = [self._special[CLS]], [self._special[SEP]]
        self._piece = lru_cache(maxsize=4096)(self._score)
        numbers = range(len(model))
        self._unknown_score = min(map(model.get_score, numbers)) - UNKNOWN_PENALTY
        self._longest: dict[str, int] = {}
        """Length of the longest piece by its first character, in characters."""
        for piece in map(model.id_to_piece, numbers):
            self._longest[piece[:1]] = max(self._longest.get(piece[:1], 0), len(piece))

    @classmethod
    def read(cls, file: Path) -> Self:
        """Raises RepositoryError when the file is not a SentencePiece model as DeBERTa's."""
        try:
            model = file.read_bytes()
            _check_whole(model)
            return cls(SentencePieceProcessor(model_proto=model + NO_NORMALIZATION))
        except OSError as error:
            raise RepositoryError(f"{file}: {error.strerror}") from error
        except (RuntimeError, ValueError) as error:  # SentencePiece's errors are RuntimeError and name its own source
            reason = error if isinstance(error, ValueError) else "cannot be read as a SentencePiece model"
            raise RepositoryError(f"{file}: {reason}; use the spm.model of a DeBERTa-v2 or v3 checkpoint") from error

    def ids(self, text: str) -> list[int]:
        """Token ids of a text, without the frame."""
        ids: list[int] = []
        for part in SPECIAL.split(text):
            if part in self._special:
                ids.append(self._special[part])
            else:
                ids += self._text_ids(_normalized(part))
        return ids

    def _text_ids(self, text: str) -> Iterator[int]:
        marked = text.replace(" ", "▁")
        for word in WORD.findall(marked if marked[:1] in ("", "▁") else "▁" + marked):
            pieces = self._model.encode(word)
            # A sum of two scores is rounded once only, so 32 and 64 bits choose the same pieces.
            yield from pieces if len(pieces) < 3 else self._best_pieces(word)

    def _best_pieces(self, word: str) -> list[int]:
        """The pieces with the highest sum of scores; of equal sums the one that the reference finds first."""
        sums = [0.0] + [-inf] * len(word)
        ends = [(0, 0)] * (len(word) + 1)  # where the last piece up to here begins, and which it is
        for start, first in enumerate(word):
            for end in range(start + 1, min(start + self._longest.get(first, 1), len(word)) + 1):
                piece, score = self._piece(word[start:end])
                if sums[start] + score > sums[end] and (piece != self._unknown or end == start + 1):
                    sums[end], ends[end] = sums[start] + score, (start, piece)
        return self._backtrack(ends)

    def _score(self, text: str) -> tuple[int, float]:
        """The piece that equals `text`, and its score."""
        piece = self._model.piece_to_id(text)
        return piece, self._unknown_score if piece == self._unknown else self._model.get_score(piece)

    def _backtrack(self, ends: list[tuple[int, int]]) -> list[int]:
        """Collects the pieces from the end of the word to its start; adjacent unknown characters become one unknown
        piece."""
        pieces: list[int] = []
        at = len(ends) - 1
        while at:
            at, piece = ends[at]
            if piece != self._unknown or pieces[-1:] != [piece]:
                pieces.append(piece)
        return pieces[::-1]


def _check_whole(model: bytes) -> None:
    """Raises ValueError when a serialised model is truncated; cut after a whole piece it would load as a smaller
    model."""
    at, field = 0, 0
    while at < len(model):
        tag, at = _varint(model, at)
        length, at = _varint(model, at)
        at, field = at + length, tag >> 3
    if at != len(model) or field <= PIECES_FIELD:
        raise ValueError("is truncated or not a SentencePiece model")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Protobuf's varint at this position (at most ten bytes) and the position after it, which is beyond the end of
    truncated data."""
    number = 0
    for place, byte in enumerate(data[at : at + 10]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    return number, len(data) + 1


def _normalized(text: str) -> str:
    return SPACES_AT_END.sub("", unicodedata.normalize("NFC", ONE_SPACE.sub(" ", text)))
