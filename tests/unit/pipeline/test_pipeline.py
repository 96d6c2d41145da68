"""The shipped repository, run in this process."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from edge_router import stages
from edge_router.contract import (
    COMPLEXITY_ROUTER,
    INPUT,
    LOGITS,
    OUTPUT,
    PROMPT_ROUTER_ENSEMBLE,
    TASK_ROUTER,
    ensemble,
    postprocessing,
)
from edge_router.errors import NotFoundError, RepositoryError, RequestError
from edge_router.pipeline import Pipeline
from edge_router.repository import Repository
from edge_router.repository.repository import CONFIG_FILE
from edge_router.settings import model_repository
from edge_router.tensors import Array, Tensors, text_tensor
from tests.support.shipped import MODELS, preprocessing
from tests.support.third_policy import POLICY, third_policy

PROMPTS = [
    "Write a Python function that reverses a linked list.",
    "hi there, how are you today?",
    "Summarize this: " + "The committee met on Tuesday and agreed on nothing. " * 40,
    "What is the boiling point of water?",
    "",
    "🙂",
    "Translate to German: good morning",
    "a",
]
LANGUAGES = [
    "Привет, как дела?", "你好,请写一首诗", "こんにちは", "안녕하세요", "مرحبا كيف حالك", "שלום", "नमस्ते दुनिया", "สวัสดี",
    "Γειά σου Κόσμε", "Olá, tudo bem?", "¿Qué hora es?", "Où est la gare ?", "Wie spät ist es?", "Dzień dobry",
    "Ahoj světe", "Szia világ", "Bună ziua", "Здравей свят", "Merhaba dünya", "Xin chào", "Halo dunia", "Kumusta mundo",
    "Hej världen", "Hei maailma", "Halló heimur", "ಹಲೋ", "வணக்கம்", "হ্যালো", "გამარჯობა", "Բարեւ",
]  # fmt: skip
HOSTILE: Mapping[str, bytes] = {
    "empty": b"",
    "whitespace": b" \t\r\n ",
    "NUL": b"a\x00b",
    "a megabyte": b"word " * 200_000,
    "one word of a megabyte": b"x" * 1_000_000,
    "right to left marks": "\u202e\u200f\ufeff".encode(),
    "combining marks": ("e" + "\u0301" * 5000).encode(),
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈".encode() * 50,
    "special tokens": b"[CLS] [SEP] [MASK] [PAD]",
    **{f"language {number}": text.encode() for number, text in enumerate(LANGUAGES, 1)},
}


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.load(Repository(model_repository()), MODELS)


def ask(pipeline: Pipeline, model: str, *prompts: str) -> Tensors:
    return pipeline.infer(model, {INPUT: text_tensor([prompt.encode() for prompt in prompts])})


def test_the_prompt_ensembles_decisions_equal_those_of_the_single_ensembles(pipeline: Pipeline) -> None:
    both = ask(pipeline, PROMPT_ROUTER_ENSEMBLE, *PROMPTS)
    assert np.array_equal(both["TASK"], ask(pipeline, ensemble(TASK_ROUTER), *PROMPTS)[OUTPUT])
    assert np.array_equal(both["COMPLEXITY"], ask(pipeline, ensemble(COMPLEXITY_ROUTER), *PROMPTS)[OUTPUT])


def test_a_batch_equals_its_rows_one_by_one(pipeline: Pipeline) -> None:
    def logits(*prompts: str) -> Array:
        return pipeline.infer(TASK_ROUTER, ask(pipeline, preprocessing(TASK_ROUTER), *prompts))[LOGITS]

    assert np.array_equal(logits(*PROMPTS), np.concatenate([logits(prompt) for prompt in PROMPTS]))


def test_the_labels_of_every_policy_are_those_of_its_postprocessing(tmp_path: Path) -> None:
    repository = third_policy(tmp_path)
    found = Pipeline.load(Repository(repository), [PROMPT_ROUTER_ENSEMBLE]).policy_labels()
    assert list(found) == [TASK_ROUTER, COMPLEXITY_ROUTER, POLICY]
    assert found[POLICY] == ["small", "large"]
    file = repository / postprocessing(POLICY) / CONFIG_FILE
    file.write_text(file.read_text().replace('label_filename: "1/labels.txt"', ""))
    with pytest.raises(
        RepositoryError, match="postprocessing_demand_router: OUTPUT has no labels; add a label_filename"
    ):
        Pipeline.load(Repository(repository), [PROMPT_ROUTER_ENSEMBLE]).policy_labels()


def test_a_gpu_instance_whose_network_runs_on_the_cpu_is_refused(tmp_path: Path) -> None:
    config = (model_repository() / TASK_ROUTER / CONFIG_FILE).read_text()
    (tmp_path / TASK_ROUTER).mkdir()
    (tmp_path / TASK_ROUTER / CONFIG_FILE).write_text(f"{config}\ninstance_group [ {{ kind: KIND_GPU count: 1 }} ]\n")
    with pytest.raises(RepositoryError, match="task_router: instance_group says KIND_GPU"):
        Pipeline.load(Repository(model_repository(), tmp_path), [TASK_ROUTER])


def test_output_is_the_one_hot_of_the_label(pipeline: Pipeline) -> None:
    found = ask(pipeline, PROMPT_ROUTER_ENSEMBLE, *PROMPTS)
    labels = pipeline.labels(ensemble(TASK_ROUTER))
    for row in range(len(PROMPTS)):
        assert sorted(found["TASK"][row].tolist()) == [0.0] * 11 + [1.0]
        assert labels[int(found["TASK"][row].argmax())].encode() == found["TASK_LABEL"][row, 0]
    assert found["TASK_PROBABILITIES"].sum(axis=1) == pytest.approx(np.ones(len(PROMPTS)))
    assert ((found["COMPLEXITY_SCORE"] >= 0) & (found["COMPLEXITY_SCORE"] <= 1)).all()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_every_text_gets_a_decision(pipeline: Pipeline, text: bytes) -> None:
    answer = pipeline.infer(PROMPT_ROUTER_ENSEMBLE, {INPUT: text_tensor([text])})
    assert answer["TASK"].sum() == 1


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "INPUT is missing"),
        ({INPUT: text_tensor([b"a"] * 9)}, "9 rows; send 1 to 8"),
        ({INPUT: text_tensor([])}, "0 rows"),
        ({INPUT: np.array([[1]])}, "INPUT is INT64"),
        ({INPUT: np.array([b"a"], dtype=np.object_)}, "it takes BYTES"),
        ({INPUT: text_tensor([b"a"]), "MORE": text_tensor([b"a"])}, "unknown input MORE"),
        ({INPUT: text_tensor([b"caf\xe9"])}, "row 0"),
        ({INPUT: text_tensor(["\ud800".encode("utf-8", "surrogatepass")])}, "row 0"),
    ],
    ids=["missing", "nine rows", "no rows", "data type", "shape", "unknown", "not UTF-8", "lone surrogate"],
)
def test_a_wrong_request_fails_and_no_other(pipeline: Pipeline, request_: Tensors, message: str) -> None:
    right = {INPUT: text_tensor([b"hello"])}
    wrong, answer = pipeline.find(PROMPT_ROUTER_ENSEMBLE).run([request_, right])
    assert isinstance(wrong, RequestError)
    assert message in str(wrong)
    assert not isinstance(answer, RequestError)
    assert np.array_equal(
        answer["TASK_PROBABILITIES"], pipeline.infer(PROMPT_ROUTER_ENSEMBLE, right)["TASK_PROBABILITIES"]
    )


def test_a_model_that_is_not_loaded_is_named() -> None:
    small = Pipeline.load(Repository(model_repository()), [postprocessing(TASK_ROUTER)])
    with pytest.raises(NotFoundError, match="task_router_ensemble"):
        ask(small, ensemble(TASK_ROUTER), "x")


def test_the_network_is_loaded_once_for_all_models(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    original = stages.load

    def counted(folder: object, parameters: stages.Parameters) -> stages.Stage:
        loaded.append(str(folder))
        return original(folder, parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(stages, "load", counted)
    Pipeline.load(Repository(model_repository()), MODELS)
    assert len(loaded) == len(set(loaded)) == 4
