"""A checkpoint in the published layout, imported by the command and served by Triton and by the light server with the
CPU layer: both decide as torch does with the original weights."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import requests
import torch

from edge_router.contract import COMPLEXITY_ROUTER, INPUT, LABEL, LOGITS, PROMPT_ROUTER_ENSEMBLE, SCORE, TASK_ROUTER
from edge_router.conversion.checkpoint import Checkpoint
from edge_router.conversion.eager import Eager
from edge_router.conversion.prompts import DATA, DEV_FILE, read
from edge_router.repository import Repository, pins
from edge_router.stages.decide import Decide, DecisionRules
from edge_router.stages.tokenize import Tokenize
from edge_router.stages.vocabulary import read as read_vocabulary
from edge_router.tensors import Array
from scripts.make_checkpoint import make
from tests.stack.triton import triton_server
from tests.support.command import edge_router
from tests.support.light_server import light_server

ROOT = Path(__file__).parents[2]
PROMPTS = [prompt for prompt in read(DATA / DEV_FILE)[:200] if prompt.isascii()][:64]
NUMBERS = ("TASK_PROBABILITIES", "COMPLEXITY_PROBABILITIES", "COMPLEXITY_SCORE")
CLOSE = 0.9
"""Least share of equal decisions of int8 and torch; random weights cause near-ties."""
DELTA = 0.05
"""Largest difference of the complexity score."""
LABELS: Mapping[str, str] = {TASK_ROUTER: "TASK_LABEL", COMPLEXITY_ROUTER: "COMPLEXITY_LABEL"}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    make(folder)
    return folder


@pytest.fixture(scope="module")
def models(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the checkpoint as version 2 and the files of the CPU layer."""
    folder = tmp_path_factory.mktemp("imported")
    models = shutil.copytree(ROOT / "model_repository", folder / "models")
    layers = shutil.copytree(ROOT / "overrides", folder / "overrides")
    where = ["--repository", str(models), "--overrides", str(layers)]
    done = edge_router("models", "import", str(checkpoint), *where, "--gate-prompts", "200", "--agreement", str(CLOSE))
    assert done.returncode == 0, done.stderr
    assert "version 2 (int8, " in done.stdout
    shutil.copytree(layers / "cpu", models, dirs_exist_ok=True)
    assert set(pins.read(Repository(models)).values()) == {2}
    return models


Answers = Mapping[str, Array]


def answers(http: str) -> Answers:
    """The outputs for every prompt, by name."""
    rows = [_asked(http, prompt) for prompt in PROMPTS]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _asked(http: str, prompt: str) -> dict[str, list[object]]:
    body = {"inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [1, 1], "data": [prompt]}]}
    reply = requests.post(f"http://{http}/v2/models/{PROMPT_ROUTER_ENSEMBLE}/infer", json=body, timeout=30)
    assert reply.ok, reply.text
    return {output["name"]: output["data"] for output in reply.json()["outputs"]}


@pytest.fixture(scope="module")
def triton(models: Path) -> Answers:
    with triton_server(models, last=PROMPT_ROUTER_ENSEMBLE) as server:
        return answers(server.http)


@pytest.fixture(scope="module")
def light(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    with light_server(tmp_path_factory.mktemp("light") / "log", "--repository", str(models)) as server:
        yield answers(server.http)


@pytest.fixture(scope="module")
def eager(checkpoint: Path) -> Answers:
    """The outputs of torch by name."""
    read = Checkpoint.read(checkpoint)
    tokenize, network = Tokenize(read_vocabulary(checkpoint), read.max_tokens), Eager(read)
    with torch.inference_mode():
        rows = [torch.tensor([tokenize.ids(prompt)]) for prompt in PROMPTS]
        logits = np.concatenate([network(ids, torch.ones_like(ids)).numpy() for ids in rows])
    found = {}
    for policy, rules in read.rules.items():
        [decided] = Decide(DecisionRules.of(rules)).run([{LOGITS: logits}])
        assert not isinstance(decided, Exception)
        found[LABELS[policy]] = np.array([[label.decode()] for label in decided[LABEL][:, 0]])
        if policy == COMPLEXITY_ROUTER:
            found["COMPLEXITY_SCORE"] = decided[SCORE]
    return found


def test_both_servers_decide_like_torch(triton: Answers, light: Answers, eager: Answers) -> None:
    """Complexity is compared by its score: with random weights one label always wins."""
    assert len(np.unique(eager["TASK_LABEL"])) > 2
    assert np.ptp(eager["COMPLEXITY_SCORE"]) > DELTA
    for served in (triton, light):
        for name in LABELS.values():
            assert np.mean(served[name] == eager[name]) >= CLOSE
        assert np.mean(np.abs(served["COMPLEXITY_SCORE"] - eager["COMPLEXITY_SCORE"]) <= DELTA) >= CLOSE


def test_both_servers_return_the_same_outputs(triton: Answers, light: Answers) -> None:
    for name in LABELS.values():
        assert triton[name].tolist() == light[name].tolist()
    for name in NUMBERS:
        assert triton[name] == pytest.approx(light[name], abs=1e-4)
