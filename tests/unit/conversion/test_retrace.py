"""Retrace: a trace is compared with eager torch before it is written."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from edge_router.conversion import retrace
from edge_router.conversion.checkpoint import CheckpointError
from edge_router.conversion.eager import Eager
from edge_router.conversion.encoder import BERT, DEBERTA
from edge_router.conversion.retrace import RetraceError
from edge_router.engines import EngineSettings
from edge_router.engines.torchscript import TorchscriptEngine
from edge_router.engines.trace import Trace
from tests.support.encoders import checkpoint


@pytest.mark.parametrize("architecture", [DEBERTA, BERT])
def test_the_trace_equals_eager_torch_and_names_no_other_device(architecture: str, tmp_path: Path) -> None:
    found = checkpoint(architecture)
    comparison = retrace.write(found, tmp_path / "model.pt", "cpu")
    assert comparison.difference <= retrace.TOLERANCE
    assert {rows for rows, _ in comparison.shapes} == {1, 8}
    assert Trace.read(tmp_path / "model.pt").device == "cpu"
    ids, mask = np.array([[1, 2, 3], [4, 5, 0]]), np.array([[1, 1, 1], [1, 1, 0]])
    engine = TorchscriptEngine.load(tmp_path, EngineSettings(network="model.pt", threads=1))
    wanted = Eager(found)(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    assert engine.run(ids, mask) == pytest.approx(wanted, abs=1e-5)


class Branching(Eager):
    """Branches on its input, which a trace cannot do."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        logits = super().forward(input_ids, attention_mask)
        return logits if attention_mask.all() else -logits


def test_a_trace_that_differs_from_eager_torch_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model.pt"
    file.write_bytes(b"old")
    monkeypatch.setattr(retrace, "Eager", Branching)
    with pytest.raises(RetraceError, match="differs from eager torch"):
        retrace.write(checkpoint(DEBERTA), file, "cpu")
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("model.pt", b"old")]


def constant(x: Tensor) -> Tensor:
    return x + torch.zeros(1, device=torch.device("cuda:1"))


def operator(x: Tensor) -> Tensor:
    return x.cuda()


@pytest.mark.parametrize("function", [constant, operator])
@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_a_gpu_in_a_graph_is_found(function: Callable[[Tensor], Tensor]) -> None:
    """The function is compiled, not run: test machines have no GPU."""

    class Held(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(x)

    scripted = torch.jit.script(Held())
    assert "cuda" in retrace.devices(scripted)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model.pt"
    file.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RetraceError) as raised:
        retrace.write(checkpoint(DEBERTA), file, "cpu")
    assert str(raised.value) == f"{file}: cannot be written: No space left on device; nothing has changed"
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("model.pt", b"old")]


def test_a_trace_cannot_be_traced_again(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    retrace.write(checkpoint(BERT), file, "cpu")
    with pytest.raises(RetraceError, match=r"traced on cpu, and a trace cannot be moved .* original weights"):
        retrace.retrace(file, tmp_path / "other.pt")


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        retrace.retrace(tmp_path, tmp_path / "model.pt")


def test_a_missing_gpu_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RetraceError, match="finds no GPU here"):
        retrace.retrace(tmp_path, tmp_path / "model.pt", "cuda")
