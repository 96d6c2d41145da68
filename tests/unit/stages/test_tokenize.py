"""The tokenize stage, with a vocabulary of a hundred words."""

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from edge_router.contract import (
    ATTENTION_MASK,
    INPUT,
    INPUT_IDS,
    PAD_TO_TOKENS_PARAMETER,
    SENTENCEPIECE_FILE,
    TEXT_FILE,
    TOKENIZER_FILE,
)
from edge_router.errors import RepositoryError, RequestError
from edge_router.stages.tokenize import Tokenize
from edge_router.stages.vocabulary import TokenizerJson
from edge_router.tensors import text_tensor

WORDS = [f"w{number}" for number in range(100)]
CLS, SEP, UNKNOWN = 1, 2, 0


def word_level() -> Tokenizer:
    """Token id of `wN` is N + 3."""
    vocabulary = {"[UNK]": UNKNOWN, "[CLS]": CLS, "[SEP]": SEP} | {word: at for at, word in enumerate(WORDS, 3)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
    )
    return tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A version folder; a prompt has at most four tokens."""
    word_level().save(str(tmp_path / TOKENIZER_FILE))
    (tmp_path / TEXT_FILE).write_text('{"max_tokens": 4}')
    return tmp_path


@pytest.fixture
def tokenize() -> Tokenize:
    return Tokenize(TokenizerJson(word_level()), max_tokens=8)


def test_a_short_prompt_is_not_padded(tokenize: Tokenize) -> None:
    [answer] = tokenize.run([{INPUT: text_tensor([b"w0 w1"])}])
    assert not isinstance(answer, RequestError)
    assert answer[INPUT_IDS].tolist() == [[CLS, 3, 4, SEP]]
    assert answer[ATTENTION_MASK].tolist() == [[1, 1, 1, 1]]
    assert answer[INPUT_IDS].dtype == np.int64


def test_both_ends_of_a_long_prompt_are_kept(tokenize: Tokenize) -> None:
    assert tokenize.ids(" ".join(WORDS[:20])) == [CLS, 3, 4, 5, 20, 21, 22, SEP]


def test_both_ends_of_a_megabyte_are_kept(tokenize: Tokenize) -> None:
    text = "w0 w1 w2" + " \n" * 500_000 + "w7 w8 w9"
    assert tokenize.ids(text) == [CLS, 3, 4, 5, 10, 11, 12, SEP]


def test_rows_of_a_request_are_padded_to_its_longest_and_keep_their_order(tokenize: Tokenize) -> None:
    [answer] = tokenize.run([{INPUT: text_tensor([b"w5", b"w1 w2 w3"])}])
    assert not isinstance(answer, RequestError)
    assert answer[INPUT_IDS].tolist() == [[CLS, 8, SEP, 0, 0], [CLS, 4, 5, 6, SEP]]
    assert answer[ATTENTION_MASK].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]


def test_invalid_utf8_fails_its_own_request_only(tokenize: Tokenize) -> None:
    wrong, right = tokenize.run([{INPUT: text_tensor([b"w0", b"w\xff"])}, {INPUT: text_tensor([b"w0"])}])
    assert isinstance(wrong, RequestError)
    assert "row 1" in str(wrong)
    assert "byte 1" in str(wrong)
    assert not isinstance(right, RequestError)


@pytest.mark.parametrize("text", [b"", b"   \n", b"\x00", "🙂".encode(), "\u202eabc".encode()])
def test_every_text_has_token_ids(tokenize: Tokenize, text: bytes) -> None:
    [answer] = tokenize.run([{INPUT: text_tensor([text])}])
    assert not isinstance(answer, RequestError)
    assert answer[INPUT_IDS][0, 0] == CLS
    assert answer[INPUT_IDS][0, -1] == SEP


def test_load_reads_the_token_limit_from_the_version_folder(folder: Path) -> None:
    assert Tokenize.load(folder, {}).ids("w0 w1 w2 w3") == [CLS, 3, 6, SEP]


def test_the_tokenizers_own_truncation_is_ignored(folder: Path) -> None:
    tokenizer = word_level()
    tokenizer.enable_truncation(max_length=3)
    tokenizer.save(str(folder / TOKENIZER_FILE))
    assert Tokenize.load(folder, {}).ids("w0 w1 w2 w3") == [CLS, 3, 6, SEP]


def test_rows_are_padded_to_a_fixed_length_where_the_parameter_says_so(folder: Path) -> None:
    [answer] = Tokenize.load(folder, {PAD_TO_TOKENS_PARAMETER: "6"}).run([{INPUT: text_tensor([b"w0", b"w1 w2"])}])
    assert not isinstance(answer, RequestError)
    assert answer[INPUT_IDS].tolist() == [[CLS, 3, SEP, 0, 0, 0], [CLS, 4, 5, SEP, 0, 0]]
    assert answer[ATTENTION_MASK].tolist() == [[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0]]


@pytest.mark.parametrize("value", ["3", "-1", "many"])
def test_load_refuses_a_padding_shorter_than_the_longest_prompt(folder: Path, value: str) -> None:
    with pytest.raises(RepositoryError, match=PAD_TO_TOKENS_PARAMETER):
        Tokenize.load(folder, {PAD_TO_TOKENS_PARAMETER: value})


@pytest.mark.parametrize(
    "content", [{}, [], {"max_tokens": "4"}, {"max_tokens": 2}, {"max_tokens": True}, {"max_tokens": 4, "maxtoken": 5}]
)
def test_load_refuses_a_wrong_token_limit(folder: Path, content: object) -> None:
    (folder / TEXT_FILE).write_text(json.dumps(content))
    with pytest.raises(RepositoryError, match=rf"{TEXT_FILE}.*write"):
        Tokenize.load(folder, {})


@pytest.mark.parametrize("content", [b"{", b"\xff"])
def test_load_names_a_limit_file_that_is_not_json(folder: Path, content: bytes) -> None:
    (folder / TEXT_FILE).write_bytes(content)
    with pytest.raises(RepositoryError, match=f"{TEXT_FILE}: not JSON"):
        Tokenize.load(folder, {})


@pytest.mark.parametrize("name", [TOKENIZER_FILE, TEXT_FILE])
def test_load_names_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(RepositoryError, match=name):
        Tokenize.load(folder, {})


def test_load_prefers_the_sentencepiece_file(folder: Path) -> None:
    (folder / SENTENCEPIECE_FILE).write_bytes(b"not a model")
    with pytest.raises(RepositoryError, match=SENTENCEPIECE_FILE):
        Tokenize.load(folder, {})
