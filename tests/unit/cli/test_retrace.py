"""`models retrace`, and the script that is the same."""

import subprocess
import sys
from pathlib import Path

from scripts.make_checkpoint import make
from tests.support.command import edge_router


def test_a_folder_becomes_a_trace_and_a_trace_is_told_to_stay(tmp_path: Path) -> None:
    make(tmp_path / "checkpoint")
    file = tmp_path / "model.pt"
    script = [sys.executable, "scripts/retrace_cpu.py", str(tmp_path / "checkpoint"), "--out", str(file)]
    done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert "runs on cpu, names no other device" in done.stdout
    assert "the largest difference of a logit is 0.0e+00" in done.stdout
    again = edge_router("models", "retrace", str(file))
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.startswith(f"edge-router: {file}: was traced on cpu, and a trace cannot be moved")
