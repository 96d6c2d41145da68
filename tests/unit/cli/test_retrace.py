"""`edge-router models retrace`, and the script that calls it."""

import subprocess
import sys
from pathlib import Path

from scripts.make_checkpoint import make
from tests.support.command import edge_router


def test_a_checkpoint_is_traced_and_a_trace_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "checkpoint")
    file = tmp_path / "model.pt"
    script = [sys.executable, "scripts/retrace_cpu.py", str(tmp_path / "checkpoint"), "--out", str(file)]
    done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert "runs on cpu, names no other device" in done.stdout
    assert "largest difference of a logit: 0.0e+00" in done.stdout
    again = edge_router("models", "retrace", str(file))
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.startswith(f"edge-router: {file}: was traced on cpu, and a trace cannot be moved")
