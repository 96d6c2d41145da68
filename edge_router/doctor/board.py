"""Checks of the board: its kind, temperature, throttling and page size."""

import platform
from typing import NamedTuple

from edge_router.doctor.finding import Finding, Level
from edge_router.doctor.machine import Machine

HOT, TOO_HOT = 75, 85
"""In degrees Celsius. A Raspberry Pi 5 lowers its clock at 85 °C."""

THROTTLED = {
    0: "under-voltage now", 1: "clock capped now", 2: "throttled now", 3: "at the temperature limit now",
    16: "under-voltage since boot", 17: "clock capped since boot", 18: "throttled since boot",
    19: "at the temperature limit since boot",
}  # fmt: skip
"""Bits of `vcgencmd get_throttled`: raspberrypi.com/documentation/computers/os.html#get_throttled."""
NOW = 0xF
"""Mask of the bits for the present."""


class JetPack(NamedTuple):
    """A release of JetPack and the Triton image that runs on it."""

    name: str
    image: str


JETPACKS = {
    "38": JetPack("JetPack 7", "use NVIDIA's plain arm64 image of Triton; an Orin needs JetPack 7.2 or newer"),
    "36": JetPack("JetPack 6", "use an -igpu image of Triton, 26.02 or older"),
    "35": JetPack("JetPack 5", "no image of Triton fits: the -igpu images need JetPack 6"),
}
"""JetPack by the major release of L4T."""


def board(machine: Machine) -> Finding:
    name = machine.model or f"{platform.machine()} machine"
    if machine.l4t is None:
        layer = "use the layer docker-compose.pi.yaml" if machine.is_pi else "needs no layer"
        return Finding("machine", Level.OK, f"{name}; {layer}")
    jetpack = JETPACKS.get(machine.l4t.partition(".")[0])
    if jetpack is None:
        return Finding("machine", Level.WARNING, f"{name}, unknown release L4T {machine.l4t}", "use the CPU layer")
    found = f"{name}, L4T {machine.l4t} ({jetpack.name}); {jetpack.image} (not verified on a device)"
    return Finding("machine", Level.NOTE, found)


def temperature(machine: Machine) -> Finding:
    texts = [machine.read(f"{zone}/temp") for zone in machine.glob("/sys/class/thermal/thermal_zone*")]
    degrees = [int(text) / 1000 for text in texts if text and text.lstrip("-").isdecimal()]
    if not degrees:
        return Finding("temperature", Level.NOTE, "unknown: this machine has no readable temperature sensor")
    hottest = max(degrees)
    if hottest < HOT:
        return Finding("temperature", Level.OK, f"{hottest:.0f} °C")
    level = Level.PROBLEM if hottest >= TOO_HOT else Level.WARNING
    return Finding(
        "temperature", level, f"{hottest:.0f} °C", "add a fan or a heat sink: the board lowers its clock when hot"
    )


def throttling(machine: Machine) -> Finding:
    if not machine.is_pi:
        return Finding("throttling", Level.NOTE, "not checked: only a Raspberry Pi reports it")
    result = machine.run(["vcgencmd", "get_throttled"])
    _, separator, value = result.output.partition("throttled=")
    if result.code != 0 or not separator:
        return Finding("throttling", Level.NOTE, "unknown: vcgencmd is missing", "sudo apt install raspi-utils")
    bits = int(value, 16)
    states = [text for bit, text in THROTTLED.items() if bits >> bit & 1]
    if not states:
        return Finding("throttling", Level.OK, "none since boot")
    level = Level.PROBLEM if bits & NOW else Level.WARNING
    return Finding("throttling", level, ", ".join(states), "use the 27 W power supply and active cooling")


def page_size(machine: Machine) -> Finding:
    result = machine.run(["getconf", "PAGESIZE"])
    if result.code != 0 or not result.output.isdecimal():
        return Finding("page size", Level.NOTE, "unknown: getconf PAGESIZE failed")
    size = int(result.output)
    if size == 4096:
        return Finding("page size", Level.OK, "4 KB")
    return Finding(
        "page size", Level.NOTE, f"{size // 1024} KB; Triton's wheel is not verified with this size",
        "use the light server, or on a Raspberry Pi set kernel=kernel8.img in /boot/firmware/config.txt for 4 KB pages",
    )  # fmt: skip
