"""Check of the GPU and of Docker's access to it."""

from edge_router.doctor.finding import Finding, Level
from edge_router.doctor.machine import Machine

INSTALL_RUNTIME = "sudo apt install nvidia-container-toolkit && sudo nvidia-ctk runtime configure --runtime=docker"


def gpu(machine: Machine) -> Finding:
    name = _name(machine)
    if name is None:
        return Finding("GPU", Level.NOTE, "no NVIDIA GPU; the classifier runs on the CPU in milliseconds")
    runtimes = machine.run(["docker", "info", "--format", "{{json .Runtimes}}"])
    if "nvidia" in runtimes.output:
        return Finding("GPU", Level.OK, f"{name}; containers can use it")
    return Finding("GPU", Level.WARNING, f"{name}; Docker has no NVIDIA runtime", INSTALL_RUNTIME)


def _name(machine: Machine) -> str | None:
    if machine.l4t is not None:
        return "integrated"
    result = machine.run(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"])
    return result.output.splitlines()[0] if result.code == 0 and result.output else None
