"""`edge-router models retrace`: a checkpoint's `model.pt` for a device."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from edge_router.errors import ConfigError


class Device(StrEnum):
    CPU = "cpu"
    CUDA = "cuda"


def retrace(
    checkpoint: Annotated[Path, typer.Argument(help="Folder of the original weights, in the Hugging Face layout.")],
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("model.pt"),
    device: Annotated[Device, typer.Option(help="What is to run it.")] = Device.CPU,
) -> None:
    """Trace the original weights on the device that is to run them: a trace never leaves the one it was made on. Needs
    the extra `export`."""
    try:
        from edge_router.conversion.retrace import retrace as run
    except ImportError as error:
        raise ConfigError(f"{error.name} is missing: pip install 'edge-llm-router[export]'") from error
    comparison = run(checkpoint, out, device.value)
    shapes = ", ".join(f"{rows}x{tokens}" for rows, tokens in comparison.shapes)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.0f} MB, runs on {device.value}, names no other device")
    typer.echo(
        f"equals eager torch on {shapes} tokens; the largest difference of a logit is {comparison.difference:.1e}"
    )
