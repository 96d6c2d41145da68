"""Unigram gives the token ids of the transformers library.

DeBERTa's published `spm.model` is not available to every test run, so a model is trained here with DeBERTa-v3's
settings, on the scripts that the tests use.
"""

import gzip
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from transformers import DebertaV2Tokenizer
from transformers.utils import sentencepiece_model_pb2_new

from edge_router.contract import SENTENCEPIECE_FILE, TEXT_FILE
from edge_router.errors import RepositoryError
from edge_router.stages.tokenize import Tokenize
from edge_router.stages.unigram import NO_NORMALIZATION, Unigram

PROMPTS = Path(__file__).parents[3] / "training/data/router_prompts_dev.jsonl.gz"
PAD, CLS, SEP, UNK = range(4)

SCRIPTS = {
    "Latin": "a-zA-Z0-9à-ÿĀ-žƀ-ɏ",
    "Greek": "α-ωΑ-Ωά-ώἀ-ἕ",
    "Cyrillic": "а-яА-Яѐ-џ",
    "Armenian": "ա-ֆ",
    "Hebrew": "א-ת",
    "Arabic": "ء-يپچڤگ٠-٩",
    "Devanagari": "अ-हा-्०-९",
    "Bengali": "অ-হা-্",
    "Tamil": "அ-ஹா-்",
    "Thai": "ก-ฮะ-ูเ-์",
    "Georgian": "ა-ჰ",
    "Hangul": "가-깋",
    "decomposed Hangul": "ᄀ-하-ᅵᆨ-ᇂ",
    "kana": "ぁ-んァ-ヶ",
    "Han": "一-丏的-皏",
    "combining": "a-eẠ-ỹ\u0300-\u0304\u0323\u0327",
    "compatibility": "ﬀ-ﬆａ-ｚＡ-Ｚ０-９①-⑨½-¾²³™…ﾊﾟｶﾞ㌀㍿\u00a0\u2000-\u200f\u2028-\u202f\u3000\ufeff",
    "emoji": "😀-😏👍🏻-🏿👩\u200d🇩🇪",
    "controls": "\x00-\x1fab \x7f-\x9f\u0605\u202a-\u202e\ufff9-\uffff\U000e0001\U0010ffff",
    "spaces": "ab \t\n\r\f\v\x1c-\x1f\x85\u2028▁",
    "runs": "!=",
    "punctuation": "!-/:-@\\[-`{-~«»„“”‘’—",
}


def letters(script: str) -> str:
    """The letters of a script; in SCRIPTS `a-c` is a range, as in a regular expression."""
    found, rest = "", SCRIPTS[script].replace("\\", "")
    while rest:
        first, last = (rest[0], rest[2]) if rest[1:2] == "-" and len(rest) > 2 else (rest[0], rest[0])
        found += "".join(map(chr, range(ord(first), ord(last) + 1)))
        rest = rest[3 if last != first else 1 :]
    return found


def random_texts(rng: random.Random) -> Iterator[str]:
    """Generates texts: words of few different letters, so that words repeat, and sometimes a special token."""
    alphabets = {script: letters(script) for script in SCRIPTS}
    while True:
        letters_now = "".join(rng.choices(alphabets[rng.choice(list(SCRIPTS))], k=rng.randint(1, 9)))
        words = ("".join(rng.choices(letters_now, k=rng.randint(1, 12))) for _ in range(rng.choice((1, 3, 8, 24))))
        text = rng.choice((" ", " ", "", "  ", "\n")).join(words)
        if rng.random() < 0.1:
            name = rng.choice(("[SEP]", "[CLS]", "[MASK]", "[PAD]", "[UNK]", "[sep]", "[SEP", "[UNUSED]"))
            text = text.replace(text[rng.randrange(len(text))], name, 1)
        yield text


def prompts() -> list[str]:
    with gzip.open(PROMPTS, "rt") as rows:
        return [json.loads(row)["prompt"] for row in rows]


def sample_texts(count: int, seed: int) -> list[str]:
    texts = random_texts(random.Random(seed))
    return [next(texts) for _ in range(count)]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(prompts() + sample_texts(3000, seed=1)),
        model_writer=written,
        model_type="unigram",
        vocab_size=4000,
        character_coverage=0.98,  # some letters stay unknown
        normalization_rule_name="nmt_nfkc",
        pad_id=PAD,
        bos_id=CLS,
        eos_id=SEP,
        unk_id=UNK,
        pad_piece="[PAD]",
        bos_piece="[CLS]",
        eos_piece="[SEP]",
        unk_piece="[UNK]",
        num_threads=1,
        minloglevel=2,
    )
    file = tmp_path_factory.mktemp("spm") / SENTENCEPIECE_FILE
    file.write_bytes(written.getvalue())
    return file


@pytest.fixture(scope="module")
def unigram(file: Path) -> Unigram:
    return Unigram.read(file)


@pytest.fixture(scope="module")
def reference(file: Path) -> Callable[[list[str]], list[list[int]]]:
    """The tokenizer of transformers, built from the model's pieces: its own reader of the file needs a newer protobuf
    than tritonclient."""
    model = SentencePieceProcessor(model_file=str(file))
    pieces = [(model.id_to_piece(piece), model.get_score(piece)) for piece in range(len(model))]
    tokenizer = DebertaV2Tokenizer(vocab=pieces, unk_id=UNK).backend_tokenizer
    return lambda texts: [encoding.ids for encoding in tokenizer.encode_batch(texts)]


def test_ids_equal_the_references_on_many_scripts(
    unigram: Unigram, reference: Callable[[list[str]], list[list[int]]]
) -> None:
    texts = [*prompts(), *sample_texts(20_000, seed=0)]
    before, after = unigram.frame
    actual = [[*before, *unigram.ids(text), *after] for text in texts]
    different = [text for text, ids, expected in zip(texts, actual, reference(texts), strict=True) if ids != expected]
    assert different == []
    assert sum(UNK in ids for ids in actual) > 1000


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n\n",
        "\u00a0",
        "▁",
        "[SEP]",
        "[MASK] ",
        " [CLS][CLS]x",
        "[SE\nP]",
        "ｆｕｌｌ　ｗｉｄｔｈ",
        "ﬁ… ½™ a\u00a0b",
        "e\u0301\u0323",
        "a\x1c\x1cb\x1f",
        "a\x00b",
        "!" * 20,
        "=" * 3000,
        "ab" * 3000,
        "hello " * 3000,
        "的" * 5000,
        "\u200b" * 50,
    ],
)
def test_ids_equal_the_references_on_unusual_texts(
    unigram: Unigram, reference: Callable[[list[str]], list[list[int]]], text: str
) -> None:
    before, after = unigram.frame
    assert [[*before, *unigram.ids(text), *after]] == reference([text])


def test_the_mask_token_has_the_id_after_the_last_piece(unigram: Unigram) -> None:
    """DeBERTa's file has no piece for it; its network has an embedding."""
    assert unigram.ids("[MASK]") == [4000]


def test_both_ends_of_a_long_prompt_are_kept(file: Path, unigram: Unigram) -> None:
    (file.parent / TEXT_FILE).write_text('{"max_tokens": 12}')
    found = Tokenize.load(file.parent, {}).ids("first words " + "of many " * 10_000 + "and the last")
    assert len(found) == 12
    assert found[1:3] == unigram.ids("first words")[:2]
    assert found[-3:-1] == unigram.ids("and the last")[-2:]


@pytest.mark.parametrize("content", [b"", b"{}", b"\x0a\x05hello", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff"])
def test_a_file_that_is_not_a_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / SENTENCEPIECE_FILE).write_bytes(content)
    with pytest.raises(RepositoryError, match=r"spm\.model: .* use the spm\.model of a DeBERTa"):
        Unigram.read(tmp_path / SENTENCEPIECE_FILE)


def test_a_model_truncated_at_any_byte_is_refused(file: Path, tmp_path: Path) -> None:
    """SentencePiece itself would load a file that is cut between two pieces as a smaller model."""
    for size in range(2000, 2060):
        (tmp_path / SENTENCEPIECE_FILE).write_bytes(file.read_bytes()[:size])
        with pytest.raises(RepositoryError, match="is truncated"):
            Unigram.read(tmp_path / SENTENCEPIECE_FILE)


def test_a_model_without_debertas_special_tokens_is_refused(tmp_path: Path) -> None:
    written = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(prompts()[:200]), model_writer=written, vocab_size=200, num_threads=1, minloglevel=2
    )
    (tmp_path / SENTENCEPIECE_FILE).write_bytes(written.getvalue())
    with pytest.raises(RepositoryError, match=r"no piece \[PAD\], \[CLS\], \[SEP\]"):
        Unigram.read(tmp_path / SENTENCEPIECE_FILE)


def test_the_bytes_appended_to_a_model_change_only_its_normaliser() -> None:
    schema: Any = sentencepiece_model_pb2_new
    appended = schema.ModelProto.FromString(NO_NORMALIZATION)
    spec = schema.NormalizerSpec(precompiled_charsmap=b"", add_dummy_prefix=False, remove_extra_whitespaces=False)
    assert appended == schema.ModelProto(normalizer_spec=spec)
