"""Measures the time of calls and the memory of this process."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np


def timed(call: Callable[[], object], calls: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Duration of each call in seconds, after `calls` / 10 warm-up calls that are not counted."""
    for _ in range(calls // 10):
        call()
    times = np.empty(calls)
    for at in range(calls):
        started = time.perf_counter()
        call()
        times[at] = time.perf_counter() - started
    return times


def memory() -> float:
    """Resident memory of this process in megabytes."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024
