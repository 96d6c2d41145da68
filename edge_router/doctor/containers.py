"""Checks of Docker, Compose and the kernel's memory limits for containers."""

import re

from edge_router.doctor.finding import Finding, Level
from edge_router.doctor.machine import Machine

COMPOSE = (2, 24, 4)
PI_COMMAND_LINE = "cgroup_enable=memory cgroup_memory=1"


def docker(machine: Machine) -> Finding:
    result = machine.run(["docker", "version", "--format", "{{.Server.Version}}"])
    match result.code:
        case 0:
            return Finding("Docker", Level.OK, f"Engine {result.output}")
        case None:
            return Finding(
                "Docker", Level.WARNING, "not installed",
                "install Docker Engine (docs.docker.com/engine/install); `edge-router up` and `serve` do not need it",
            )  # fmt: skip
        case _ if "permission denied" in result.output.lower():
            return Finding(
                "Docker", Level.PROBLEM, "this user has no permission to use it",
                "sudo usermod -aG docker $USER, then log in again",
            )  # fmt: skip
    return Finding("Docker", Level.PROBLEM, "installed, but its daemon does not answer", "sudo systemctl start docker")


def compose(machine: Machine) -> Finding:
    minimum = ".".join(map(str, COMPOSE))
    result = machine.run(["docker", "compose", "version", "--short"])
    version = re.search(r"(\d+)\.(\d+)\.(\d+)", result.output) if result.code == 0 else None
    if version and tuple(map(int, version.groups())) >= COMPOSE:
        return Finding("Compose", Level.OK, version[0])
    found = f"{version[0]} is too old" if version else "not installed"
    return Finding("Compose", Level.WARNING, found, f"install {minimum} or newer with scripts/compose_plugin")


def memory_cgroup(machine: Machine) -> Finding:
    unified = machine.read("/sys/fs/cgroup/cgroup.controllers")
    enabled = "memory" in unified.split() if unified is not None else bool(machine.glob("/sys/fs/cgroup/memory/tasks"))
    if enabled:
        return Finding("memory limits", Level.OK, "on: the kernel enforces a container's limit")
    remedy = "boot with the memory cgroup enabled"
    if machine.is_pi:
        remedy = f"append `{PI_COMMAND_LINE}` to the single line in /boot/firmware/cmdline.txt and reboot"
    return Finding("memory limits", Level.WARNING, "off: a container can use all of the memory", remedy)
