"""The systemd units: systemd accepts them, and the command accepts their options."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).parents[2] / "systemd").glob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_command_has_the_units_options(unit: Path) -> None:
    [command] = re.findall(r"^ExecStart=\S+/edge-router (\S+.*)$", unit.read_text(), re.MULTILINE)
    verb, *options = command.split()
    help_ = subprocess.run(
        [Path(sys.executable).parent / "edge-router", verb, "--help"], capture_output=True, text=True, check=True
    )
    assert all(option in help_.stdout for option in options if option.startswith("--"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    here = tmp_path / unit.name
    here.write_text(unit.read_text().replace("/opt/edge-router/venv/bin/edge-router", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(here)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
