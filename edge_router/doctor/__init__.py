"""Checks of this machine: what would keep the router from running well, and the remedy."""

from edge_router.doctor.board import board, page_size, temperature, throttling
from edge_router.doctor.containers import compose, docker, memory_cgroup
from edge_router.doctor.finding import Finding, Level
from edge_router.doctor.graphics import gpu
from edge_router.doctor.machine import Machine
from edge_router.doctor.resources import disk, memory, ports

__all__ = ["CHECKS", "Finding", "Level", "Machine", "run_checks"]

CHECKS = (board, docker, compose, memory_cgroup, memory, disk, ports, temperature, throttling, page_size, gpu)
"""All checks, in the order in which their findings are shown."""


def run_checks(machine: Machine) -> list[Finding]:
    """Runs every check and returns its findings in order."""
    return [check(machine) for check in CHECKS]
