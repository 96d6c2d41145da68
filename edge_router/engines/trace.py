"""What a `.pt` file is, read without torch: a graph of torch.jit.trace, and the kind of device it was traced on.

A trace holds the devices of its making as constants. Loading it elsewhere moves its tensors and leaves those: the first
run then ends in "Expected all tensors to be on the same device".
"""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from edge_router.errors import RepositoryError

CPU: Final = "cpu"
DEVICE = re.compile(rb'torch\.(?:device\("([a-z]+)|(cuda)\()')
"""In the archive's code: a constant, or the operator that moves a tensor to a GPU."""


@dataclass(frozen=True)
class Trace:
    file: Path
    device: str | None
    """`cpu`, `cuda`, ...; None when the graph names none and runs anywhere. What is traced on a GPU names `cpu` too:
    numbers that are made on the way live there."""

    @classmethod
    def read(cls, file: Path) -> Self:
        """Raises RepositoryError when the file is not a trace."""
        try:
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
                code = [archive.read(name) for name in names if "/code/" in name and name.endswith(".py")]
        except OSError as error:
            raise RepositoryError(f"{file}: {error.strerror}") from error
        except zipfile.BadZipFile as error:
            raise RepositoryError(f"{file}: cut short, or no TorchScript file at all; trace it again") from error
        if not code:
            raise RepositoryError(
                f"{file}: holds no TorchScript graph; a pickle of torch.save runs whatever code its maker put into it "
                "and is never read: trace the checkpoint with edge-router models retrace CHECKPOINT"
            )
        named = {(found[1] or found[2]).decode() for text in code for found in DEVICE.finditer(text)}
        return cls(file, min(named - {CPU}, default=CPU if named else None))

    def check(self, device: str) -> None:
        """Raises RepositoryError when the graph cannot run on this kind of device."""
        if self.device not in (None, device):
            raise RepositoryError(
                f"{self.file}: traced on {self.device}, and its graph holds that device whatever it is loaded on, so "
                f"it cannot run on {device}; trace the original weights again: "
                f"edge-router models retrace CHECKPOINT --device {device}"
            )
