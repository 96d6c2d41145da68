"""Inspects a `.pt` file without torch: is it a torch.jit.trace, and on which kind of device was it traced?

A trace holds the device it was traced on as constants. Loading it on another device moves its tensors but not these
constants, and the first run fails with "Expected all tensors to be on the same device".
"""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from edge_router.errors import RepositoryError

CPU: Final = "cpu"
DEVICE = re.compile(rb'torch\.(?:device\("([a-z]+)|(cuda)\()')
"""A device in the archive's code: a constant, or the operator that moves a tensor to a GPU."""


@dataclass(frozen=True)
class Trace:
    """A file of torch.jit.trace and its device."""

    file: Path
    device: str | None
    """`cpu`, `cuda`, ...; None when the graph names no device and runs on any. A trace from a GPU names `cpu` too, for
    scalars."""

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
            raise RepositoryError(f"{file}: truncated or not a TorchScript file; trace it again") from error
        if not code:
            raise RepositoryError(
                f"{file}: holds no TorchScript graph; a pickle of torch.save can run any code and is not read; "
                "trace the checkpoint with: edge-router models retrace CHECKPOINT"
            )
        devices = {(match[1] or match[2]).decode() for text in code for match in DEVICE.finditer(text)}
        return cls(file, min(devices - {CPU}, default=CPU if devices else None))

    def check(self, device: str) -> None:
        """Raises RepositoryError when the graph cannot run on this kind of device."""
        if self.device not in (None, device):
            raise RepositoryError(
                f"{self.file}: was traced on {self.device} and cannot run on {device}; trace the original weights "
                f"again with: edge-router models retrace CHECKPOINT --device {device}"
            )
