"""The checks, on machines whose files are written below a folder."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from edge_router.doctor import Finding, Level, Machine, run_checks
from edge_router.doctor.machine import CommandResult, run

PLENTY = "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\n"
HEALTHY: Mapping[str, CommandResult] = {
    "docker version": CommandResult(0, "28.2.2"),
    "docker compose": CommandResult(0, "v2.26.1"),
    "getconf PAGESIZE": CommandResult(0, "4096"),
}
PC = {"/sys/fs/cgroup/cgroup.controllers": "cpu io memory pids", "/proc/meminfo": PLENTY}
PI = {
    "/proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io pids",
    "/sys/class/thermal/thermal_zone0/temp": "61250\n",
    "/proc/meminfo": PLENTY,
}
JETSON = {
    **PC,
    "/proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
    "/etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64",
}


class Commands:
    """Replaces `run`: gives the result of each command by its first two words; others are not installed."""

    def __init__(self, results: Mapping[str, CommandResult]) -> None:
        self._results = results

    def __call__(self, command: Sequence[str]) -> CommandResult:
        return self._results.get(" ".join(command[:2]), CommandResult(None))


def found(root: Path, files: Mapping[str, str], **commands: CommandResult) -> dict[str, Finding]:
    for path, text in files.items():
        file = root / path.removeprefix("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    results = {**HEALTHY, **{name.replace("_", " ", 1): result for name, result in commands.items()}}
    return {finding.name: finding for finding in run_checks(Machine(root, Commands(results)))}


def test_a_healthy_pc_has_no_warning(tmp_path: Path) -> None:
    findings = found(tmp_path, PC)
    assert {finding.level for finding in findings.values()} <= {Level.OK, Level.NOTE}
    assert findings["Compose"].found == "2.26.1"


def test_a_machine_without_any_readable_file_has_findings_only(tmp_path: Path) -> None:
    findings = run_checks(Machine(tmp_path, lambda command: CommandResult(None)))
    assert all(finding.found for finding in findings)
    assert all(finding.remedy for finding in findings if finding.level in (Level.WARNING, Level.PROBLEM))


def test_a_stock_pi_has_no_memory_limits_and_gets_the_remedy(tmp_path: Path) -> None:
    finding = found(tmp_path, PI)["memory limits"]
    assert finding.level is Level.WARNING
    assert "cgroup_enable=memory" in finding.remedy
    assert "/boot/firmware/cmdline.txt" in finding.remedy


def test_a_pis_layer_temperature_and_page_size_are_shown(tmp_path: Path) -> None:
    findings = found(tmp_path, PI, getconf_PAGESIZE=CommandResult(0, "16384"))
    assert "docker-compose.pi.yaml" in findings["machine"].found
    assert (findings["temperature"].level, findings["temperature"].found) == (Level.OK, "61 °C")
    assert findings["page size"].found.startswith("16 KB")


@pytest.mark.parametrize(("degrees", "level"), [(74, Level.OK), (76, Level.WARNING), (86, Level.PROBLEM)])
def test_the_hottest_zone_counts(tmp_path: Path, degrees: int, level: Level) -> None:
    zones = {"/sys/class/thermal/thermal_zone1/temp": f"{degrees}000", "/sys/class/thermal/thermal_zone2/temp": "x"}
    assert found(tmp_path, {**PI, **zones})["temperature"].level is level


@pytest.mark.parametrize(
    ("bits", "level", "message"),
    [
        ("0x0", Level.OK, "none"),
        ("0x50000", Level.WARNING, "under-voltage since boot, throttled since boot"),
        ("0x50005", Level.PROBLEM, "under-voltage now, throttled now"),
    ],
)
def test_the_pis_throttling_bits_are_named(tmp_path: Path, bits: str, level: Level, message: str) -> None:
    finding = found(tmp_path, PI, vcgencmd_get_throttled=CommandResult(0, f"throttled={bits}"))["throttling"]
    assert finding.level is level
    assert message in finding.found


def test_a_jetsons_jetpack_and_image_are_shown(tmp_path: Path) -> None:
    findings = found(tmp_path, JETSON)
    assert "L4T 36.4 (JetPack 6)" in findings["machine"].found
    assert "-igpu" in findings["machine"].found
    assert "nvidia-ctk" in findings["GPU"].remedy


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (CommandResult(None), "install Docker"),
        (CommandResult(1, "permission denied while trying to connect"), "usermod"),
        (CommandResult(1, "Cannot connect to the Docker daemon"), "systemctl start docker"),
        (CommandResult(124, "no answer"), "systemctl start docker"),
    ],
)
def test_docker_that_cannot_be_used_has_a_remedy(tmp_path: Path, result: CommandResult, message: str) -> None:
    assert message in found(tmp_path, PC, docker_version=result)["Docker"].remedy


def test_an_old_compose_has_a_remedy(tmp_path: Path) -> None:
    finding = found(tmp_path, PC, docker_compose=CommandResult(0, "2.24.3"))["Compose"]
    assert (finding.level, finding.found) == (Level.WARNING, "2.24.3 is too old")
    assert "scripts/compose_plugin" in finding.remedy


def test_ports_in_use_are_named(tmp_path: Path) -> None:
    listening, connected = "0: 0100007F:1F40 00000000:0000 0A", "1: 0100007F:1F94 00000000:0000 01"
    table = f"sl local_address rem_address st\n{listening}\n{connected}\n"
    finding = found(tmp_path, {**PC, "/proc/net/tcp": table})["ports"]
    assert finding.level is Level.WARNING
    assert finding.found.startswith("8000 in use")


@pytest.mark.parametrize(("free", "level"), [(200, Level.PROBLEM), (1000, Level.WARNING), (4000, Level.OK)])
def test_free_memory_is_compared_with_what_the_router_and_an_llm_need(tmp_path: Path, free: int, level: Level) -> None:
    assert found(tmp_path, {**PC, "/proc/meminfo": f"MemAvailable: {free * 1024} kB"})["free memory"].level is level


def test_a_command_that_hangs_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_router.doctor.machine.COMMAND_SECONDS", 0.2)
    started = time.monotonic()
    assert run(["sleep", "20"]).code == 124
    assert time.monotonic() - started < 5
