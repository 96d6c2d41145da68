"""The machine as a check sees it: files below a root, and programs that may be missing, refuse or hang."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

COMMAND_SECONDS = 10


@dataclass(frozen=True)
class Ran:
    """`code` None = there is no such program; 124 = it did not end in time."""

    code: int | None
    output: str = ""


def run(command: Sequence[str]) -> Ran:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    except FileNotFoundError:
        return Ran(None)
    except subprocess.TimeoutExpired:
        return Ran(124, "no answer")
    except OSError as error:
        return Ran(126, str(error.strerror))
    return Ran(done.returncode, (done.stdout or done.stderr).strip())


@dataclass(frozen=True)
class Machine:
    root: Path = Path("/")
    run: Callable[[Sequence[str]], Ran] = field(default=run)

    def read(self, path: str) -> str | None:
        """The file's text without the zeros that device trees end in; None where it cannot be read."""
        try:
            return (self.root / path.removeprefix("/")).read_text(errors="replace").strip("\0\n ")
        except OSError:
            return None

    def glob(self, pattern: str) -> list[str]:
        """Paths from the root on."""
        return sorted(f"/{path.relative_to(self.root)}" for path in self.root.glob(pattern.removeprefix("/")))

    @property
    def model(self) -> str:
        """Of a board; empty on a PC."""
        return self.read("/proc/device-tree/model") or ""

    @property
    def is_pi(self) -> bool:
        return self.model.startswith("Raspberry Pi")

    @property
    def l4t(self) -> str | None:
        """NVIDIA's Linux for Tegra, as 36.4; None on any other machine."""
        words = (self.read("/etc/nv_tegra_release") or "").replace(",", "").split()
        # "# R36 (release), REVISION: 4.3, GCID: ..."
        if len(words) < 5 or not words[1].startswith("R"):
            return None
        return f"{words[1][1:]}.{words[4].split('.')[0]}"
