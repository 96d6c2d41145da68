"""Runs TorchScript: `.pt` files of torch.jit.trace, the form in which NVIDIA publishes its routers."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from edge_router.engines.errors import EngineError
from edge_router.engines.settings import CPU, CUDA, EngineSettings
from edge_router.engines.trace import Trace
from edge_router.errors import RepositoryError
from edge_router.tensors import Array

DEVICES: Mapping[str, str] = {CPU: "cpu", CUDA: "cuda"}
"""torch's device names by ONNX Runtime's provider names, which PROVIDERS uses for every engine."""


class TorchscriptEngine:
    """A traced network; takes ids and mask by position and returns logits."""

    masked = True

    def __init__(self, torch: Any, module: Any, device: str) -> None:
        self._torch = torch
        self._module = module
        self._device = device

    @classmethod
    def load(cls, folder: Path, settings: EngineSettings) -> Self:
        file, provider = folder / settings.network, settings.providers[0]
        if provider not in DEVICES:
            raise RepositoryError(
                f"{file}: TorchScript does not run on {provider}; set PROVIDERS to one of {', '.join(DEVICES)}"
            )
        if settings.provider_options:
            raise RepositoryError(f"{file}: TorchScript takes no PROVIDER_OPTIONS; remove them or set ENGINE to onnx")
        device = DEVICES[provider]
        Trace.read(file).check(device)
        torch = _torch(file)
        if device == "cuda" and not torch.cuda.is_available():
            raise RepositoryError(
                f"{file}: PROVIDERS names {provider} first, but torch {torch.__version__} finds no GPU; "
                f"attach the device or set PROVIDERS to {CPU}"
            )
        if settings.threads:
            torch.set_num_threads(settings.threads)
        return cls(torch, _module(torch, file, device), device)

    def run(self, ids: Array, mask: Array) -> Array:
        try:
            with self._torch.inference_mode():
                output = self._module(*(self._torch.from_numpy(tensor).to(self._device) for tensor in (ids, mask)))
                logits: Array = output.float().cpu().numpy()
        except Exception as error:  # TorchScript's errors share no base but Exception, and repeat the input
            raise EngineError("TorchScript refused the input") from error
        return logits


def _torch(file: Path) -> Any:
    """Imports torch here, not at the top: it takes half a gigabyte and only this engine needs it."""
    try:
        import torch
    except ImportError as error:
        raise RepositoryError(f"{file}: torch is missing: pip install 'edge-llm-router[export]'") from error
    return torch


def _module(torch: Any, file: Path, device: str) -> Any:
    try:
        with warnings.catch_warnings():
            # torch deprecates torch.jit, the form that NVIDIA publishes.
            warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
            return torch.jit.load(str(file), map_location=device).eval()
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise RepositoryError(f"{file}: TorchScript of torch {torch.__version__} cannot load it: {reason}") from error
