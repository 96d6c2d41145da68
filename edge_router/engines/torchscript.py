"""TorchScript: a `.pt` file of torch.jit.trace, as NVIDIA publishes its routers."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from edge_router.engines.errors import EngineError
from edge_router.engines.settings import CPU, CUDA, Settings
from edge_router.engines.trace import Trace
from edge_router.errors import RepositoryError
from edge_router.tensors import Array

DEVICES: Mapping[str, str] = {CPU: "cpu", CUDA: "cuda"}
"""ONNX Runtime's names, which PROVIDERS uses for every engine -> torch's."""


class TorchscriptEngine:
    """Takes ids and mask by position, gives logits."""

    masked = True

    def __init__(self, torch: Any, module: Any, device: str) -> None:
        self._torch = torch
        self._module = module
        self._device = device

    @classmethod
    def load(cls, folder: Path, settings: Settings) -> Self:
        file, asked = folder / settings.network, settings.providers[0]
        if asked not in DEVICES:
            raise RepositoryError(
                f"{file}: TorchScript does not run on {asked}; set PROVIDERS to one of {', '.join(DEVICES)}"
            )
        device = DEVICES[asked]
        Trace.read(file).check(device)
        torch = _torch(file)
        if device == "cuda" and not torch.cuda.is_available():
            raise RepositoryError(
                f"{file}: PROVIDERS asks for {asked}, but torch {torch.__version__} finds no GPU; "
                f"give it the device or set PROVIDERS to {CPU}"
            )
        if settings.threads:
            torch.set_num_threads(settings.threads)
        return cls(torch, _module(torch, file, device), device)

    def run(self, ids: Array, mask: Array) -> Array:
        try:
            with self._torch.inference_mode():
                found = self._module(*(self._torch.from_numpy(tensor).to(self._device) for tensor in (ids, mask)))
                logits: Array = found.float().cpu().numpy()
        except Exception as error:  # TorchScript's errors share no base but Exception, and repeat what they were given
            raise EngineError("TorchScript refused the input") from error
        return logits


def _torch(file: Path) -> Any:
    """Half a gigabyte that only this engine needs, so it is imported here."""
    try:
        import torch
    except ImportError as error:
        raise RepositoryError(f"{file}: torch is missing: pip install 'edge-llm-router[export]'") from error
    return torch


def _module(torch: Any, file: Path, device: str) -> Any:
    try:
        with warnings.catch_warnings():
            # torch would have other forms than the one that NVIDIA publishes.
            warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
            return torch.jit.load(str(file), map_location=device).eval()
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise RepositoryError(f"{file}: TorchScript of torch {torch.__version__} cannot load it: {reason}") from error
