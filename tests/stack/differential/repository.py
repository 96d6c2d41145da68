"""The repository for both servers: the nine shipped models with the CPU layer, and small models for several versions,
nested ensembles and concurrent steps."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_router.contract import DECISION_FILE
from tests.support.shipped import MODELS

ROOT = Path(__file__).parents[3]
DECIDE = "postprocessing_task_router"
WIDTH = 19
"""Logits of the shipped network."""

LOGITS = 'input { name: "logits" data_type: TYPE_FP32 dims: [ -1 ] }'
OUTPUTS = (
    'output { name: "OUTPUT" data_type: TYPE_FP32 dims: [ -1 ] label_filename: "1/labels.txt" }'
    'output { name: "LABEL" data_type: TYPE_STRING dims: [ 1 ] }'
    'output { name: "PROBABILITIES" data_type: TYPE_FP32 dims: [ -1 ] }'
    'output { name: "SCORE" data_type: TYPE_FP32 dims: [ 1 ] }'
)
VERSIONED: Mapping[str, str] = {
    "every_version": "all { }",
    "newest_two": "latest { num_versions: 2 }",
    "first_and_third": "specific { versions: [ 1, 3 ] }",
}
"""Models with versions 1, 2 and 3, which differ by their temperature."""


def step(model: str, version: int, outputs: Mapping[str, str]) -> str:
    maps = " ".join(f'output_map {{ key: "{theirs}" value: "{ours}" }}' for theirs, ours in outputs.items())
    return (
        f'step {{ model_name: "{model}" model_version: {version} '
        f'input_map {{ key: "logits" value: "logits" }} {maps} }}'
    )


def score(name: str) -> str:
    return f'output {{ name: "{name}" data_type: TYPE_FP32 dims: [ 1 ] }}'


ENSEMBLES: Mapping[str, tuple[str, Sequence[str]]] = {
    "pinned": (score("SCORE"), [step("every_version", 1, {"SCORE": "SCORE"})]),
    "newest": (score("SCORE"), [step("every_version", -1, {"SCORE": "SCORE"})]),
    "nested": (score("SCORE"), [step("pinned", 1, {"SCORE": "SCORE"})]),
    "branches": (
        score("FIRST") + score("SECOND") + 'output { name: "CLASS" data_type: TYPE_FP32 dims: [ -1 ] }',
        [
            step("every_version", 1, {"SCORE": "FIRST"}),
            step("every_version", 3, {"SCORE": "SECOND", "OUTPUT": "CLASS"}),
        ],
    ),
}
EXTRA = (*VERSIONED, *ENSEMBLES)


def make(folder: Path) -> Path:
    """Writes the repository into `folder`, which does not exist yet."""
    shutil.copytree(ROOT / "model_repository", folder)
    shutil.copytree(ROOT / "overrides" / "cpu", folder, dirs_exist_ok=True)
    for model, policy in VERSIONED.items():
        _versioned(folder / model, policy)
    for model, (outputs, steps) in ENSEMBLES.items():
        (folder / model / "1").mkdir(parents=True)
        scheduling = f"ensemble_scheduling {{ {' '.join(steps)} }}"
        text = f'name: "{model}" platform: "ensemble" max_batch_size: 8 {LOGITS} {outputs} {scheduling}'
        (folder / model / "config.pbtxt").write_text(text)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # the container reads it as another user
    assert {path.name for path in folder.iterdir()} == {*MODELS, *EXTRA}
    return folder


def _versioned(model: Path, policy: str) -> None:
    shutil.copytree(ROOT / "model_repository" / DECIDE, model)
    parameters = 'parameters { key: "STAGE" value { string_value: "decide" } }'
    (model / "config.pbtxt").write_text(
        f'name: "{model.name}" backend: "python" max_batch_size: 8 version_policy {{ {policy} }} '
        f"{LOGITS} {OUTPUTS} {parameters}"
    )
    for version in (2, 3):
        shutil.copytree(model / "1", model / str(version))
        file = model / str(version) / DECISION_FILE
        rules = json.loads(file.read_text())
        for head in rules["heads"]:
            head["temperature"] = head.get("temperature", 1.0) * version
        file.write_text(json.dumps(rules))
