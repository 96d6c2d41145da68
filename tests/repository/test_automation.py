"""Pre-commit hooks and CI workflow: they call the scripts and use nothing from outside that can change."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
HOOKS: dict[str, Any] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yaml").read_text())


def test_the_pre_commit_hooks_are_local_and_call_the_scripts() -> None:
    hooks = [hook for repository in HOOKS["repos"] for hook in repository["hooks"]]
    assert [repository["repo"] for repository in HOOKS["repos"]] == ["local"]
    assert [hook["entry"] for hook in hooks] == ["scripts/lint"]
    assert "\nscripts/lint\n" in (ROOT / "scripts" / "check").read_text()


def test_the_workflow_runs_all_tests_with_pinned_actions_and_minimal_permissions() -> None:
    [job] = WORKFLOW["jobs"].values()
    assert "scripts/test" in [step.get("run") for step in job["steps"]]
    actions = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in actions)
    assert WORKFLOW["permissions"] == {"contents": "read"}
