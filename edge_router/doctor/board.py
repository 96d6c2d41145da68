"""Which board this is, and how it is doing."""

import platform
from typing import NamedTuple

from edge_router.doctor.finding import Finding, Level
from edge_router.doctor.machine import Machine

HOT, TOO_HOT = 75, 85
"""Degrees Celsius. A Raspberry Pi 5 slows down from 85 on."""

THROTTLED = {
    0: "under-voltage now", 1: "clock capped now", 2: "throttled now", 3: "at its temperature limit now",
    16: "under-voltage since the start", 17: "clock capped since the start", 18: "throttled since the start",
    19: "was at its temperature limit since the start",
}  # fmt: skip
"""Bits of the firmware's answer: raspberrypi.com/documentation/computers/os.html#get_throttled."""
NOW = 0xF


class JetPack(NamedTuple):
    name: str
    image: str


JETPACKS = {
    "38": JetPack("JetPack 7", "NVIDIA's plain arm64 image of Triton, on an Orin from JetPack 7.2 on"),
    "36": JetPack("JetPack 6", "an -igpu image of Triton, 26.02 at the latest"),
    "35": JetPack("JetPack 5", "none: Triton's -igpu images need JetPack 6"),
}
"""By the major release of L4T."""


def board(machine: Machine) -> Finding:
    name = machine.model or f"{platform.machine()} machine"
    if machine.l4t is None:
        layer = "the layer docker-compose.pi.yaml is for it" if machine.is_pi else "no layer is needed"
        return Finding("machine", Level.OK, f"{name}; {layer}")
    jetpack = JETPACKS.get(machine.l4t.partition(".")[0])
    if jetpack is None:
        return Finding("machine", Level.WARNING, f"{name}, L4T {machine.l4t}, not known here", "use the CPU layer")
    found = f"{name}, L4T {machine.l4t} ({jetpack.name}); fits {jetpack.image}. Not verified on a device"
    return Finding("machine", Level.NOTE, found)


def temperature(machine: Machine) -> Finding:
    read = [machine.read(f"{zone}/temp") for zone in machine.glob("/sys/class/thermal/thermal_zone*")]
    degrees = [int(text) / 1000 for text in read if text and text.lstrip("-").isdecimal()]
    if not degrees:
        return Finding("temperature", Level.NOTE, "this machine does not tell")
    hottest = max(degrees)
    if hottest < HOT:
        return Finding("temperature", Level.OK, f"{hottest:.0f} °C")
    level = Level.PROBLEM if hottest >= TOO_HOT else Level.WARNING
    return Finding(
        "temperature", level, f"{hottest:.0f} °C", "give the board a fan or a heat sink; a hot one runs slower"
    )


def throttling(machine: Machine) -> Finding:
    if not machine.is_pi:
        return Finding("throttling", Level.NOTE, "only a Raspberry Pi tells")
    ran = machine.run(["vcgencmd", "get_throttled"])
    _, found, value = ran.output.partition("throttled=")
    if ran.code != 0 or not found:
        return Finding("throttling", Level.NOTE, "vcgencmd does not tell", "sudo apt install raspi-utils")
    bits = int(value, 16)
    said = [text for bit, text in THROTTLED.items() if bits >> bit & 1]
    if not said:
        return Finding("throttling", Level.OK, "none since the start")
    level = Level.PROBLEM if bits & NOW else Level.WARNING
    return Finding("throttling", level, ", ".join(said), "use the 27 W supply and active cooling")


def page_size(machine: Machine) -> Finding:
    ran = machine.run(["getconf", "PAGESIZE"])
    if ran.code != 0 or not ran.output.isdecimal():
        return Finding("page size", Level.NOTE, "unknown")
    size = int(ran.output)
    if size == 4096:
        return Finding("page size", Level.OK, "4 KB")
    return Finding(
        "page size", Level.NOTE, f"{size // 1024} KB; whether Triton's wheel runs with it is not verified",
        "use the light server, or on a Raspberry Pi set kernel=kernel8.img in /boot/firmware/config.txt for 4 KB pages",
    )  # fmt: skip
