"""Access to the machine for checks: files below a root folder, and programs that may be missing, fail or hang."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

COMMAND_SECONDS = 10


@dataclass(frozen=True)
class CommandResult:
    """Result of a program. `code`: its exit status; None = not installed; 124 = it did not end in time."""

    code: int | None
    output: str = ""


def run(command: Sequence[str]) -> CommandResult:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    except FileNotFoundError:
        return CommandResult(None)
    except subprocess.TimeoutExpired:
        return CommandResult(124, "no answer")
    except OSError as error:
        return CommandResult(126, str(error.strerror))
    return CommandResult(done.returncode, (done.stdout or done.stderr).strip())


@dataclass(frozen=True)
class Machine:
    """The machine that is checked; tests give it another root and another `run`."""

    root: Path = Path("/")
    run: Callable[[Sequence[str]], CommandResult] = field(default=run)

    def read(self, path: str) -> str | None:
        """The file's text, without the zero bytes at the end of device tree files; None if it cannot be read."""
        try:
            return (self.root / path.removeprefix("/")).read_text(errors="replace").strip("\0\n ")
        except OSError:
            return None

    def glob(self, pattern: str) -> list[str]:
        """The matching paths, relative to the root."""
        return sorted(f"/{path.relative_to(self.root)}" for path in self.root.glob(pattern.removeprefix("/")))

    @property
    def model(self) -> str:
        """The board's model name; empty on a PC."""
        return self.read("/proc/device-tree/model") or ""

    @property
    def is_pi(self) -> bool:
        return self.model.startswith("Raspberry Pi")

    @property
    def l4t(self) -> str | None:
        """The release of NVIDIA's Linux for Tegra, for example 36.4; None on other machines."""
        words = (self.read("/etc/nv_tegra_release") or "").replace(",", "").split()
        # "# R36 (release), REVISION: 4.3, GCID: ..."
        if len(words) < 5 or not words[1].startswith("R"):
            return None
        return f"{words[1][1:]}.{words[4].split('.')[0]}"
