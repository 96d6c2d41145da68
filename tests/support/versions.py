"""A copy of the shipped repository and its layers with a second version, for tests that move pins."""

import json
import shutil
from pathlib import Path

from edge_router.contract import DECISION_FILE, TASK_ROUTER, postprocessing
from tests.support.shipped import POLICIES, preprocessing

ROOT = Path(__file__).parents[2]
TEMPERATURE = 5.0
"""Temperature of every head in version 2, so that its probabilities differ from version 1."""


def two_versions(folder: Path) -> Path:
    """The repository, in `folder`, with the layers beside it; version 1 is pinned."""
    repository = folder / "model_repository"
    shutil.copytree(ROOT / "model_repository", repository, ignore=shutil.ignore_patterns("model.onnx*"))
    shutil.copytree(ROOT / "overrides", folder / "overrides")
    network = repository / TASK_ROUTER
    shutil.rmtree(network / "1")
    for version in (1, 2):
        (network / str(version)).symlink_to(ROOT / "model_repository" / TASK_ROUTER / "1")
    for model in (preprocessing(TASK_ROUTER), *map(postprocessing, POLICIES)):
        shutil.copytree(repository / model / "1", repository / model / "2")
    for policy in POLICIES:
        file = repository / postprocessing(policy) / "2" / DECISION_FILE
        rules = json.loads(file.read_text())
        for head in rules["heads"]:
            head["temperature"] = TEMPERATURE
        file.write_text(json.dumps(rules))
    return repository
