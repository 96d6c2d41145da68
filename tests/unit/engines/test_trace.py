"""Trace, on archives written by hand: test machines have no GPU to trace on."""

import zipfile
from pathlib import Path

import pytest

from edge_router.engines.trace import Trace
from edge_router.errors import RepositoryError

ON_CPU = 'x = torch.arange(n, dtype=4, device=torch.device("cpu"), pin_memory=False)'
ON_GPU = 'x = torch.arange(n, dtype=4, device=torch.device("cuda:0"), pin_memory=False)'


def archive(folder: Path, *code: str) -> Path:
    file = folder / "model.pt"
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("model/data.pkl", b"cuda:0")  # the device of a tensor, which loading changes
        for number, text in enumerate(code):
            written.writestr(f"model/code/__torch__/part_{number}.py", text)
    return file


@pytest.mark.parametrize(
    ("code", "device"),
    [
        ([ON_CPU], "cpu"),
        ([ON_GPU], "cuda"),
        ([ON_CPU, ON_GPU], "cuda"),
        (["x = torch.cuda(y)"], "cuda"),
        (["x = torch.add(y, 1)"], None),
    ],
)
def test_the_device_is_the_one_that_the_graph_holds(code: list[str], device: str | None, tmp_path: Path) -> None:
    assert Trace.read(archive(tmp_path, *code)).device == device


@pytest.mark.parametrize(("code", "device"), [(ON_GPU, "cpu"), (ON_CPU, "cuda")])
def test_a_trace_for_another_device_says_how_to_get_the_right_one(code: str, device: str, tmp_path: Path) -> None:
    trace = Trace.read(archive(tmp_path, code))
    with pytest.raises(RepositoryError, match=f"edge-router models retrace CHECKPOINT --device {device}"):
        trace.check(device)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_trace_without_a_device_runs_on_any(device: str, tmp_path: Path) -> None:
    Trace.read(archive(tmp_path, "x = torch.add(y, 1)")).check(device)


def test_a_file_that_is_not_a_trace_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="No such file"):
        Trace.read(tmp_path / "model.pt")
    with pytest.raises(RepositoryError, match="a pickle of"):
        Trace.read(archive(tmp_path))
    file = tmp_path / "model.pt"
    file.write_bytes(archive(tmp_path, ON_CPU).read_bytes()[:100])
    with pytest.raises(RepositoryError, match="truncated or not a TorchScript file"):
        Trace.read(file)
