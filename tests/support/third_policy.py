"""A copy of the shipped repository with a third policy, added by files alone: `demand_router` decides on the logits
that are there."""

import json
import shutil
from pathlib import Path

from edge_router.contract import (
    DECISION_FILE,
    LABELS_FILE,
    PROMPT_ROUTER_ENSEMBLE,
    TASK_ROUTER,
    ensemble,
    postprocessing,
)

ROOT = Path(__file__).parents[2]
POLICY = "demand_router"
LABELS = ["small", "large"]
LARGE = ("Code Generation", "Summarization")
"""Tasks that demand the large model; the score is their probability."""
OUTPUTS = """\
output { name: "DEMAND" data_type: TYPE_FP32 dims: [ -1 ] }
output { name: "DEMAND_LABEL" data_type: TYPE_STRING dims: [ 1 ] }
output { name: "DEMAND_PROBABILITIES" data_type: TYPE_FP32 dims: [ -1 ] }
output { name: "DEMAND_SCORE" data_type: TYPE_FP32 dims: [ 1 ] }
"""
STEP = """\
  step {
    model_name: "postprocessing_demand_router"
    model_version: 1
    input_map { key: "logits" value: "logits" }
    output_map { key: "OUTPUT" value: "DEMAND" }
    output_map { key: "LABEL" value: "DEMAND_LABEL" }
    output_map { key: "PROBABILITIES" value: "DEMAND_PROBABILITIES" }
    output_map { key: "SCORE" value: "DEMAND_SCORE" }
  }
"""
CODE = "Write a Python function that reverses a linked list."
CHAT = "hi there, how are you?"


def third_policy(folder: Path) -> Path:
    """The repository, in `folder`."""
    repository = folder / "model_repository"
    shutil.copytree(ROOT / "model_repository", repository)
    add_policy(repository)
    for path in (repository, *repository.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)  # a container reads it as another user
    return repository


def add_policy(repository: Path) -> None:
    """Adds version 1 of the policy."""
    for model in (postprocessing(TASK_ROUTER), ensemble(TASK_ROUTER)):
        added = repository / model.replace(TASK_ROUTER, POLICY)
        shutil.copytree(repository / model / "1", added / "1")
        text = (repository / model / "config.pbtxt").read_text()
        text = text.replace(f'name: "{model}"', f'name: "{added.name}"')
        (added / "config.pbtxt").write_text(text.replace(postprocessing(TASK_ROUTER), postprocessing(POLICY)))
    version = repository / postprocessing(POLICY) / "1"
    (version / DECISION_FILE).write_text(json.dumps(rules(version / DECISION_FILE)))
    (version / LABELS_FILE).write_text("".join(f"{label}\n" for label in LABELS))
    file = repository / PROMPT_ROUTER_ENSEMBLE / "config.pbtxt"
    head, steps = file.read_text().split("\nensemble_scheduling {\n")
    before = steps.removesuffix("}\n")
    file.write_text(f"{head}{OUTPUTS}\nensemble_scheduling {{\n{before}{STEP}}}\n")


def rules(file: Path) -> dict[str, object]:
    """Two classes over the head that tells tasks apart; `file` says where it is."""
    task = json.loads(file.read_text())
    large = [float(each["label"] in LARGE) for each in task["classes"]]
    weights = {"small": [1 - weight for weight in large], "large": large}
    classes = [{"label": label, "head": TASK_ROUTER, "weights": weights[label]} for label in LABELS]
    return {"heads": task["heads"], "classes": classes, "score": {"large": 1.0}}
