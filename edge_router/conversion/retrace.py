"""Traces a checkpoint as `model.pt` for the device that will run it.

A trace holds the device it was made on, so a `.pt` file from a GPU does not run on a CPU, and the original weights must
be traced again. Before the file is written, the trace is compared with eager torch and searched for other devices.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edge_router import atomic_write
from edge_router.contract import MAX_BATCH_SIZE
from edge_router.conversion.checkpoint import Checkpoint
from edge_router.conversion.eager import Eager
from edge_router.engines.trace import Trace
from edge_router.errors import RouterError

TOLERANCE = 1e-5
"""Largest allowed difference of a logit from eager torch."""

FEW_TOKENS = 16
"""Length of a short prompt."""


class RetraceError(RouterError):
    """The checkpoint cannot be traced, or the trace differs from eager torch."""


@dataclass(frozen=True)
class Comparison:
    """Result of the comparison of a trace with eager torch."""

    device: str
    shapes: list[tuple[int, int]]
    """(rows, tokens) of the inputs."""
    difference: float
    """Largest difference of a logit."""


def retrace(source: Path, file: Path, device: str = "cpu") -> Comparison:
    """Traces the checkpoint in the folder `source` on `device`, checks the trace and writes it atomically to `file`.

    Raises RetraceError, or CheckpointError when the folder holds no checkpoint.
    """
    if source.is_file():
        raise RetraceError(_not_a_checkpoint(source))
    if device == "cuda" and not torch.cuda.is_available():
        raise RetraceError(
            f"--device cuda: torch {torch.__version__} finds no GPU here; run this on the machine with the GPU"
        )
    return write(Checkpoint.read(source), file, device)


def write(checkpoint: Checkpoint, file: Path, device: str) -> Comparison:
    eager = Eager(checkpoint).to(device)
    inputs = _inputs(eager.encoder.config.vocab_size, checkpoint.max_tokens, device)
    with warnings.catch_warnings(), torch.inference_mode():
        # torch deprecates this form, but Triton's libtorch backend reads no other one, and it warns that the encoder's
        # settings become constants, which is intended. The result is compared below.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(eager, inputs[0], check_trace=False)
        difference = float(torch.stack([(traced(*given) - eager(*given)).abs().max() for given in inputs]).max())
        if not difference <= TOLERANCE:
            raise RetraceError(f"{file}: the trace differs from eager torch by {difference:.1e}; nothing was written")
        if foreign := devices(traced) - {device, "cpu"}:
            raise RetraceError(f"{file}: the graph names {', '.join(sorted(foreign))}; nothing was written")
        _save(traced, file, device)
    return Comparison(device, [(len(ids), ids.shape[1]) for ids, _ in inputs], difference)


def devices(traced: Any) -> set[str]:
    """The kinds of devices in a trace: those of its weights, its graph's constants, and operators that move tensors."""
    found = {tensor.device.type for tensor in (*traced.parameters(), *traced.buffers())}
    for node in traced.inlined_graph.nodes():
        if "cuda" in node.kind():
            found.add("cuda")
        if node.kind() != "prim::Constant" or "value" not in node.attributeNames():
            continue
        match node.output().type().kind():
            case "DeviceObjType":
                found.add(node.s("value").partition(":")[0])
            case "TensorType":
                found.add(node.t("value").device.type)
    return found


def _inputs(words: int, longest: int, device: str) -> list[tuple[Tensor, Tensor]]:
    """Test inputs (ids, mask). The first one is traced: one row of the maximum length."""
    chance = torch.Generator().manual_seed(0)
    found = []
    for rows, tokens, padding in (
        (1, longest, 0),
        (1, longest, longest - FEW_TOKENS),
        (1, FEW_TOKENS, 0),
        (MAX_BATCH_SIZE, longest // 4, FEW_TOKENS // 2),
    ):
        ids = torch.randint(words, (rows, tokens), generator=chance)
        ends = (tokens - padding * torch.arange(1, rows + 1)).clamp(min=1)
        mask = (torch.arange(tokens) < ends[:, None]).to(torch.int64)
        found.append((ids.to(device), mask.to(device)))
    return found


def _save(traced: Any, file: Path, device: str) -> None:
    """Writes the trace, reads it back, and replaces `file`."""
    content = traced.save_to_buffer()  # torch's own file writer aborts the process when the disk is full
    try:
        with atomic_write.temporary(file) as path:
            path.write_bytes(content)
            Trace.read(path).check(device)
            atomic_write.publish(path, file)
    except OSError as error:
        raise RetraceError(atomic_write.failure(file, error)) from error


def _not_a_checkpoint(file: Path) -> str:
    trace = Trace.read(file)
    made = f"was traced on {trace.device}" if trace.device else "is already a trace"
    return (
        f"{file}: {made}, and a trace cannot be moved to another device; "
        "name the folder of the original weights (config.json, model.safetensors, spm.model)"
    )
