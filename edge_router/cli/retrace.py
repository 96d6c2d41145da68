"""`edge-router models retrace`: traces a checkpoint as `model.pt` for a device."""

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
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("model.pt"),
    device: Annotated[Device, typer.Option(help="Device that will run the trace.")] = Device.CPU,
) -> None:
    """Trace the original weights of a checkpoint. Run it on the device that will run the trace: a trace cannot be moved
    to another one. Needs the extra `export`."""
    try:
        from edge_router.conversion.retrace import retrace as run
    except ImportError as error:
        raise ConfigError(f"{error.name} is missing: pip install 'edge-llm-router[export]'") from error
    comparison = run(checkpoint, out, device.value)
    shapes = ", ".join(f"{rows}x{tokens}" for rows, tokens in comparison.shapes)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.0f} MB, runs on {device.value}, names no other device")
    typer.echo(
        f"equals eager torch on inputs of {shapes} tokens; largest difference of a logit: {comparison.difference:.1e}"
    )
