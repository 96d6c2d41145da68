"""What on this machine stands in the way of the router, and what to do about it."""

from edge_router.doctor.board import board, page_size, temperature, throttling
from edge_router.doctor.containers import compose, docker, memory_cgroup
from edge_router.doctor.finding import Finding, Level
from edge_router.doctor.graphics import gpu
from edge_router.doctor.machine import Machine
from edge_router.doctor.resources import disk, memory, ports

__all__ = ["CHECKS", "Finding", "Level", "Machine", "examine"]

CHECKS = (board, docker, compose, memory_cgroup, memory, disk, ports, temperature, throttling, page_size, gpu)
"""In the order in which they are shown."""


def examine(machine: Machine) -> list[Finding]:
    return [check(machine) for check in CHECKS]
