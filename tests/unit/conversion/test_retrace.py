"""A trace is written proved, or not at all."""

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
def test_the_trace_is_eager_torch_and_holds_no_other_device(architecture: str, tmp_path: Path) -> None:
    found = checkpoint(architecture)
    proof = retrace.write(found, tmp_path / "model.pt", "cpu")
    assert proof.difference <= retrace.TOLERANCE
    assert {rows for rows, _ in proof.shapes} == {1, 8}
    assert Trace.read(tmp_path / "model.pt").device == "cpu"
    ids, mask = np.array([[1, 2, 3], [4, 5, 0]]), np.array([[1, 1, 1], [1, 1, 0]])
    engine = TorchscriptEngine.load(tmp_path, EngineSettings(network="model.pt", threads=1))
    wanted = Eager(found)(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    assert engine.run(ids, mask) == pytest.approx(wanted, abs=1e-5)


class Deciding(Eager):
    """Does what a trace cannot hold: it looks at its input."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        logits = super().forward(input_ids, attention_mask)
        return logits if attention_mask.all() else -logits


def test_a_trace_that_is_not_eager_torch_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model.pt"
    file.write_bytes(b"old")
    monkeypatch.setattr(retrace, "Eager", Deciding)
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
    """Compiled, not run: tests have no GPU to trace on."""

    class Held(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(x)

    scripted = torch.jit.script(Held())
    assert "cuda" in retrace.devices(scripted)


def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model.pt"
    file.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RetraceError) as raised:
        retrace.write(checkpoint(DEBERTA), file, "cpu")
    assert str(raised.value) == f"{file}: cannot be written: No space left on device; nothing has changed"
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("model.pt", b"old")]


def test_a_trace_is_no_source_of_another(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    retrace.write(checkpoint(BERT), file, "cpu")
    with pytest.raises(RetraceError, match=r"traced on cpu, and a trace cannot be moved .* original weights"):
        retrace.retrace(file, tmp_path / "other.pt")


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        retrace.retrace(tmp_path, tmp_path / "model.pt")


def test_a_gpu_is_asked_for_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RetraceError, match="finds no GPU here"):
        retrace.retrace(tmp_path, tmp_path / "model.pt", "cuda")
