"""A checkpoint's `model.pt` for the device that is to run it.

A trace holds the devices of its making, so a `.pt` made on a GPU never runs on a CPU: the original weights are traced
anew. What is written has been compared with eager torch and searched for other devices.
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
"""The largest difference from eager torch that a logit may have."""

FEW_TOKENS = 16
"""Of a short prompt."""


class RetraceError(RouterError):
    """No trace can be made, or the one made is not what eager torch computes on this device."""


@dataclass(frozen=True)
class Proof:
    """What a written trace was seen to hold."""

    device: str
    shapes: list[tuple[int, int]]
    """Rows and tokens of the inputs it was compared on."""
    difference: float
    """The largest of a logit, against eager torch."""


def retrace(source: Path, file: Path, device: str = "cpu") -> Proof:
    """Traces the checkpoint in the folder `source` on `device`, proves the trace and writes it to `file`, whole or not
    at all.

    Raises RetraceError, or CheckpointError for a folder that holds none.
    """
    if source.is_file():
        raise RetraceError(_no_source(source))
    if device == "cuda" and not torch.cuda.is_available():
        raise RetraceError(f"--device cuda: torch {torch.__version__} finds no GPU here; trace where one is")
    return write(Checkpoint.read(source), file, device)


def write(checkpoint: Checkpoint, file: Path, device: str) -> Proof:
    eager = Eager(checkpoint).to(device)
    inputs = _inputs(eager.encoder.config.vocab_size, checkpoint.max_tokens, device)
    with warnings.catch_warnings(), torch.inference_mode():
        # torch wants its newer forms used, which Triton's libtorch backend does not read, and the encoder turns its own
        # settings into constants, which is meant: what counts is compared below.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(eager, inputs[0], check_trace=False)
        difference = float(torch.stack([(traced(*given) - eager(*given)).abs().max() for given in inputs]).max())
        if not difference <= TOLERANCE:
            raise RetraceError(f"{file}: the trace differs from eager torch by {difference:.1e}; nothing was written")
        if foreign := devices(traced) - {device, "cpu"}:
            raise RetraceError(f"{file}: the graph names {', '.join(sorted(foreign))}; nothing was written")
        _save(traced, file, device)
    return Proof(device, [(len(ids), ids.shape[1]) for ids, _ in inputs], difference)


def devices(traced: Any) -> set[str]:
    """Kinds of devices in a trace: of its weights, of the constants in its graph, of operators that move to one."""
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
    """ids and masks. The first is what is traced: one row, as long as the network takes."""
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
    """What is on disk is read back before it takes its place."""
    content = traced.save_to_buffer()  # torch's own writer ends the process where the disk is full
    try:
        with atomic_write.temporary(file) as path:
            path.write_bytes(content)
            Trace.read(path).check(device)
            atomic_write.publish(path, file)
    except OSError as error:
        raise RetraceError(atomic_write.failure(file, error)) from error


def _no_source(file: Path) -> str:
    trace = Trace.read(file)
    made = f"traced on {trace.device}" if trace.device else "traced already"
    return (
        f"{file}: {made}, and a trace cannot be moved to another device: its graph holds the one it was made on. "
        "Give the folder of the original weights (config.json, model.safetensors, spm.model)"
    )
