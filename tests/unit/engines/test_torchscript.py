"""TorchscriptEngine with a tiny trace."""

import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edge_router import engines
from edge_router.engines import Engine, EngineError, EngineSettings
from edge_router.errors import RepositoryError

SETTINGS = EngineSettings(network="model.pt", threads=1)


class Sums(nn.Module):
    """Logits: the sums of ids and mask. Like DeBERTa it makes a range of positions on the device of the ids."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding.from_pretrained(torch.arange(10.0)[:, None])

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        one = torch.ones_like(torch.arange(ids.size(1), device=ids.device))
        return torch.cat([(self.words(ids)[..., 0] * mask).sum(1, keepdim=True), (mask * one).sum(1, keepdim=True)], 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    version = tmp_path / "model" / "1"
    version.mkdir(parents=True)
    ids = torch.ones((1, 8), dtype=torch.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch deprecates torch.jit
        torch.jit.trace(Sums(), (ids, ids), check_trace=False).save(str(version / "model.pt"))
    return version


def load(folder: Path, settings: EngineSettings = SETTINGS) -> Engine:
    return engines.load("torchscript", folder, settings)


def test_ids_and_mask_become_logits_at_every_length(folder: Path) -> None:
    engine = load(folder)
    found = engine.run(np.array([[1, 2, 3], [4, 5, 0]]), np.array([[1, 1, 1], [1, 1, 0]]))
    assert found.dtype == np.float32
    assert found.tolist() == [[6, 3], [9, 2]]


def test_ids_that_the_network_refuses_are_an_engine_error(folder: Path) -> None:
    with pytest.raises(EngineError):
        load(folder).run(np.array([[99]]), np.array([[1]]))


def rewrite(file: Path, old: bytes, new: bytes) -> None:
    """Replaces a text in the code of the trace."""
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content.replace(old, new))


def test_a_trace_made_on_a_gpu_is_refused_on_a_cpu(folder: Path) -> None:
    """The code is edited to what a trace on a GPU holds, because tests run without one."""
    rewrite(folder / "model.pt", b'torch.device("cpu")', b'torch.device("cuda:0")')
    with pytest.raises(RepositoryError, match="was traced on cuda and cannot run on cpu; trace the original weights"):
        load(folder)


def test_a_trace_made_on_a_cpu_is_refused_for_a_gpu(folder: Path) -> None:
    with pytest.raises(RepositoryError, match="retrace CHECKPOINT --device cuda"):
        load(folder, EngineSettings(network="model.pt", providers=["CUDAExecutionProvider"]))


def test_a_missing_gpu_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    file = folder / "anywhere.pt"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("anywhere/code/__torch__.py", "pass")
    with pytest.raises(RepositoryError, match="finds no GPU"):
        load(folder, EngineSettings(network=file.name, providers=["CUDAExecutionProvider"]))


def test_a_provider_that_torch_does_not_have_is_refused(folder: Path) -> None:
    with pytest.raises(RepositoryError, match="TorchScript does not run on TensorrtExecutionProvider"):
        load(folder, EngineSettings(network="model.pt", providers=["TensorrtExecutionProvider"]))


def test_the_error_of_a_damaged_trace_is_one_line(folder: Path) -> None:
    rewrite(folder / "model.pt", b"torch.embedding", b"torch.unheard_of")
    with pytest.raises(RepositoryError, match="cannot load it") as raised:
        load(folder)
    assert "\n" not in str(raised.value)


def test_a_pickle_is_never_loaded(folder: Path) -> None:
    torch.save(Sums(), folder / "model.pt")
    with pytest.raises(RepositoryError, match="a pickle of"):
        load(folder)


def test_options_of_onnx_runtime_are_refused(folder: Path) -> None:
    settings = EngineSettings(network="model.pt", provider_options={"CPUExecutionProvider": {"x": "1"}})
    with pytest.raises(RepositoryError, match="TorchScript takes no PROVIDER_OPTIONS"):
        engines.load("torchscript", folder, settings)
