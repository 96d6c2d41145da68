"""ONNX Runtime's telemetry is off."""

import os
import subprocess
import sys
from pathlib import Path

SESSION = """
from edge_router.contract import NETWORK_FILE, TASK_ROUTER
from edge_router.engines import EngineSettings
from edge_router.engines.onnx import open_session
from edge_router.settings import model_repository
open_session(model_repository() / TASK_ROUTER / "1" / NETWORK_FILE, EngineSettings(threads=1))
"""


def test_onnx_runtime_sends_no_telemetry(tmp_path: Path) -> None:
    """Telemetry first writes an identity into the user's cache, so an empty home shows that it is off."""
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", SESSION], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
