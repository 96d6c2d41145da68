"""Facts about the machine under test, and its load."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("aiohttp", "uvicorn", "uvloop", "httptools", "msgspec")


def facts() -> dict[str, str]:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return {
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "software": f"Python {platform.python_version()}, {packages}",
    }


def processor() -> str:
    """The processor's name from the kernel; on a board, the board's name."""
    board = Path("/proc/device-tree/model")
    if board.exists():
        return board.read_text().rstrip("\0")
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def load() -> float:
    """The load average of the last minute. A value above the benchmark's own load means that other programs disturb the
    measurement."""
    return os.getloadavg()[0]
