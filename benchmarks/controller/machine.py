"""What the figures were taken on, and how quiet it was."""

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
    """As the kernel names it; on a board, the board."""
    board = Path("/proc/device-tree/model")
    if board.exists():
        return board.read_text().rstrip("\0")
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def load() -> float:
    """Processes that run or wait, mean of the last minute. Above what the benchmark keeps busy, others take part."""
    return os.getloadavg()[0]
