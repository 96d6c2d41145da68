"""The files of the shipped repository: finds errors without starting Triton."""

import ast
import json
from pathlib import Path

import pytest

from edge_router.contract import (
    COMPLEXITY_ROUTER,
    DECISION_FILE,
    INPUT,
    LABELS_FILE,
    MAX_BATCH_SIZE,
    OUTPUT,
    PROMPT_ROUTER_ENSEMBLE,
    STAGE_PARAMETER,
    TASK_ROUTER,
    ensemble,
    postprocessing,
)
from edge_router.pipeline.ensemble import schedule
from edge_router.pipeline.signature import Signature
from edge_router.repository import Repository, config
from edge_router.repository.report import Report, checksums
from edge_router.repository.schema import ModelConfig
from edge_router.stages import STAGES
from tests.support.shipped import MODELS, POLICIES, preprocessing

ROOT = Path(__file__).parents[2]
REPOSITORY = ROOT / "model_repository"
PYTHON_MODELS = [model for model in MODELS if list((REPOSITORY / model).glob("*/model.py"))]
ENSEMBLES = [model for model in MODELS if model not in PYTHON_MODELS]
LARGEST_COMMIT = 25_000_000
LABELS = {
    TASK_ROUTER: "Brainstorming Chatbot Classification Closed_QA Code_Generation Extraction Open_QA Other Rewrite "
    "Summarization Text_Generation Unknown",
    COMPLEXITY_ROUTER: "Creativity Reasoning Contextual-Knowledge Few-Shot Domain-Knowledge No-Label-Reason Constraint",
}
"""The labels in the order of the old contract, whose clients use indices."""


def found(model: str) -> ModelConfig:
    return Repository(REPOSITORY).config(model)


def test_the_repository_holds_the_nine_models_and_nothing_else() -> None:
    assert sorted(entry.name for entry in REPOSITORY.iterdir()) == sorted(MODELS)


def test_the_repository_is_small_enough_for_git() -> None:
    assert sum(file.stat().st_size for file in REPOSITORY.rglob("*") if file.is_file()) <= LARGEST_COMMIT


@pytest.mark.parametrize("model", MODELS)
def test_a_model_has_a_version_policy_and_serves_a_version(model: str) -> None:
    assert found(model).version_policy.WhichOneof("policy_choice") == "specific"
    assert Repository(REPOSITORY).versions(model) == [1]
    assert found(model).max_batch_size == MAX_BATCH_SIZE


@pytest.mark.parametrize("model", PYTHON_MODELS)
def test_model_py_holds_only_a_docstring_an_import_and_all(model: str) -> None:
    [source] = (REPOSITORY / model).glob("*/model.py")
    docstring, imported, exported = ast.parse(source.read_text()).body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(imported, ast.ImportFrom)
    assert imported.module == "edge_router.triton"
    assert ast.unparse(exported) == "__all__ = ['TritonPythonModel']"


@pytest.mark.parametrize("model", PYTHON_MODELS)
def test_a_python_model_names_its_stage(model: str) -> None:
    assert found(model).backend == "python"
    assert config.parameters(found(model))[STAGE_PARAMETER] in STAGES


@pytest.mark.parametrize("model", ENSEMBLES)
def test_an_ensembles_steps_connect_and_are_pinned(model: str) -> None:
    signatures = {name: Signature.of(name, found(name)) for name in MODELS}
    assert sum(map(len, schedule(model, found(model), signatures))) == len(found(model).ensemble_scheduling.step) > 0
    assert {step.model_version for step in found(model).ensemble_scheduling.step} == {1}


@pytest.mark.parametrize("policy", POLICIES)
def test_an_ensemble_of_the_old_contract_has_one_output(policy: str) -> None:
    """Clients of the old contract read the first output, and Triton guarantees no order."""
    assert [tensor.name for tensor in found(ensemble(policy)).input] == [INPUT]
    assert [tensor.name for tensor in found(ensemble(policy)).output] == [OUTPUT]


def test_both_policies_share_one_network_and_one_tokenizer() -> None:
    for model in (COMPLEXITY_ROUTER, preprocessing(COMPLEXITY_ROUTER)):
        [step] = found(model).ensemble_scheduling.step
        assert step.model_name == model.replace(COMPLEXITY_ROUTER, TASK_ROUTER)
    steps = [step.model_name for step in found(PROMPT_ROUTER_ENSEMBLE).ensemble_scheduling.step]
    assert steps.count(TASK_ROUTER) == 1
    assert COMPLEXITY_ROUTER not in steps


def test_prompts_of_different_lengths_share_a_batch() -> None:
    """Without allow_ragged_batch Triton would batch only requests of equal length."""
    assert all(tensor.allow_ragged_batch for tensor in found(TASK_ROUTER).input)


@pytest.mark.parametrize("policy", POLICIES)
def test_labels_have_the_order_of_the_contract_and_equal_those_of_the_decision(policy: str) -> None:
    folder = REPOSITORY / postprocessing(policy)
    rules = json.loads((folder / "1" / DECISION_FILE).read_text())
    labels = (folder / "1" / LABELS_FILE).read_text().splitlines()
    assert labels == [name.replace("_", " ") for name in LABELS[policy].split()]
    assert labels == [entry["label"] for entry in rules["classes"]]
    [output] = [tensor for tensor in found(postprocessing(policy)).output if tensor.name == OUTPUT]
    assert output.label_filename == f"1/{LABELS_FILE}"


def test_the_reports_checksums_are_those_of_the_files() -> None:
    report = Report.read(REPOSITORY / TASK_ROUTER / "1")
    assert report is not None
    assert report.files == checksums(REPOSITORY, 1)
