"""Checks of free memory, free disk space and ports."""

import os

from edge_router.contract import (
    ROUTER_CONTROLLER_PORT,
    ROUTER_SERVER_GRPC_PORT,
    ROUTER_SERVER_HTTP_PORT,
    ROUTER_SERVER_METRICS_PORT,
)
from edge_router.doctor.finding import Finding, Level
from edge_router.doctor.machine import Machine

ROUTER_MB = 300
"""Memory of the light server and the controller together."""
SMALL_LLM_MB = 1500
"""Memory of a model with one billion parameters in four bits, with its context."""
IMAGES_GB = 3
"""Disk space of the largest image."""
PORTS = (ROUTER_SERVER_HTTP_PORT, ROUTER_SERVER_GRPC_PORT, ROUTER_SERVER_METRICS_PORT, ROUTER_CONTROLLER_PORT)
LISTENING = "0A"
"""The state of a listening socket in /proc/net/tcp."""


def memory(machine: Machine) -> Finding:
    lines = (machine.read("/proc/meminfo") or "").splitlines()
    sizes = {name: int(value.split()[0]) // 1024 for name, _, value in (line.partition(":") for line in lines) if value}
    free = sizes.get("MemAvailable")
    if free is None:
        return Finding("free memory", Level.NOTE, "unknown")
    found = f"{free} MB; the router needs {ROUTER_MB} MB, a small LLM about {SMALL_LLM_MB} MB"
    if free >= ROUTER_MB + SMALL_LLM_MB:
        return Finding("free memory", Level.OK, found)
    level = Level.WARNING if free >= ROUTER_MB else Level.PROBLEM
    return Finding("free memory", level, found, "stop other programs, or use an LLM on another machine")


def disk(machine: Machine) -> Finding:
    filesystem = os.statvfs(machine.root)
    free = filesystem.f_bavail * filesystem.f_frsize / 1e9
    found = f"{free:.0f} GB; images need up to {IMAGES_GB} GB"
    if free >= IMAGES_GB:
        return Finding("free disk", Level.OK, found)
    return Finding("free disk", Level.WARNING, found, "run docker image prune, or use a larger disk")


def ports(machine: Machine) -> Finding:
    used = sorted(_listening(machine) & set(PORTS))
    if not used:
        return Finding("ports", Level.OK, f"{', '.join(map(str, PORTS))} are free")
    return Finding(
        "ports", Level.WARNING, f"{', '.join(map(str, used))} in use, perhaps by this router",
        f"find the program with `sudo ss -ltnp sport = :{used[0]}`, or configure other ports",
    )  # fmt: skip


def _listening(machine: Machine) -> set[int]:
    rows = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in (machine.read(table) or "").splitlines()[1:]
    ]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if len(row) > 3 and row[3] == LISTENING}
