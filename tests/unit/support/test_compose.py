"""A stack that does not start shows the logs of its containers."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.compose import LoggedCompose

DOCKER = """#!/bin/sh
echo "$*" >>calls
case "$*" in
    *" up "*) echo "container server is unhealthy" >&2; exit 1 ;;
    *" logs "*) echo "server  | no model at /models" ;;
esac
"""


def test_the_error_of_a_failing_start_has_the_last_log_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = tmp_path / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(subprocess.CalledProcessError) as raised, LoggedCompose(tmp_path, wait=True):
        pass
    assert raised.value.__notes__ == ["container server is unhealthy\n", "server  | no model at /models\n"]
    verbs = [line.split()[1:3] for line in (tmp_path / "calls").read_text().splitlines()]
    assert verbs == [["up", "--wait"], ["logs", "--no-color"], ["down", "--volumes"]]
