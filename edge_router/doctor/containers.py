"""Docker, Compose and whether the kernel keeps a container's memory limit."""

import re

from edge_router.doctor.finding import Finding, Level
from edge_router.doctor.machine import Machine

COMPOSE = (2, 24, 4)
PI_COMMAND_LINE = "cgroup_enable=memory cgroup_memory=1"


def docker(machine: Machine) -> Finding:
    ran = machine.run(["docker", "version", "--format", "{{.Server.Version}}"])
    match ran.code:
        case 0:
            return Finding("Docker", Level.OK, f"Engine {ran.output}")
        case None:
            return Finding(
                "Docker", Level.WARNING, "not installed",
                "install Docker Engine (docs.docker.com/engine/install); `edge-router up` and `serve` do without",
            )  # fmt: skip
        case _ if "permission denied" in ran.output.lower():
            return Finding(
                "Docker", Level.PROBLEM, "this user may not use it", "sudo usermod -aG docker $USER, then log in again"
            )
    return Finding("Docker", Level.PROBLEM, "installed, but its daemon does not answer", "sudo systemctl start docker")


def compose(machine: Machine) -> Finding:
    wanted = ".".join(map(str, COMPOSE))
    ran = machine.run(["docker", "compose", "version", "--short"])
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", ran.output) if ran.code == 0 else None
    if found and tuple(map(int, found.groups())) >= COMPOSE:
        return Finding("Compose", Level.OK, found[0])
    what = f"{found[0]} is too old" if found else "not installed"
    return Finding("Compose", Level.WARNING, what, f"scripts/compose_plugin installs {wanted} or newer")


def memory_cgroup(machine: Machine) -> Finding:
    unified = machine.read("/sys/fs/cgroup/cgroup.controllers")
    kept = "memory" in unified.split() if unified is not None else bool(machine.glob("/sys/fs/cgroup/memory/tasks"))
    if kept:
        return Finding("memory limits", Level.OK, "the kernel keeps them")
    remedy = "boot with the memory cgroup enabled"
    if machine.is_pi:
        remedy = f"append `{PI_COMMAND_LINE}` to the one line of /boot/firmware/cmdline.txt and reboot"
    return Finding("memory limits", Level.WARNING, "off: containers may take all memory", remedy)
