"""Runs the `edge-router` command as a process."""

import os
import subprocess
import sys
from pathlib import Path


def edge_router(*arguments: str, stdin: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [Path(sys.executable).with_name("edge-router"), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env=os.environ | {"OLLAMA_HOST": "127.0.0.1:9", "COLUMNS": "100"} | environment,
    )
