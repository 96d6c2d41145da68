"""ONNX Runtime, weights as external data: the file is mapped, pages that no prompt touches never become resident."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from edge_router.engines.errors import EngineError
from edge_router.engines.runtime import onnxruntime
from edge_router.engines.settings import CPU, TENSORRT, Settings
from edge_router.errors import RepositoryError
from edge_router.tensors import Array

IDS, MASK, LOGITS = "input_ids", "attention_mask", "logits"
"""What every export of this project calls what a network takes and gives."""

FATAL_ONLY = 4
"""ONNX Runtime's severity. Its warnings speak of the graph, which no user can change; its errors repeat what they were
given, and what is raised says enough."""

PRODUCTS = ("MatMul", "Gemm", "Attention", "Conv")
"""Parts of the names of the operators that are nearly all of a network's work."""

REASONS: Mapping[str, str] = {
    "External data path": "its weights are not a file of this folder; copy the network and its data file together",
    "out of bounds": "its data file is cut short; copy the network and its data file together",
    "size mismatch": "it does not say the truth about its data file; export it again",
}
"""What ONNX Runtime's message holds -> what is wrong. It reads weights from the folder of the network alone, whatever
the network says: no link, no `..`, no absolute path leads out of it."""


class OnnxEngine:
    """Inputs IDS and, where the network takes it, MASK; output LOGITS."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self.masked = MASK in [node.name for node in session.get_inputs()]

    @classmethod
    def load(cls, folder: Path, settings: Settings) -> Self:
        return cls(open_session(folder / settings.network, settings))

    def run(self, ids: Array, mask: Array) -> Array:
        given = {IDS: ids, MASK: mask} if self.masked else {IDS: ids}
        try:
            logits: Array = self._session.run([LOGITS], given)[0]
        except Exception as error:
            raise EngineError("ONNX Runtime refused the input") from error
        return logits


def open_session(file: Path, settings: Settings) -> onnxruntime.InferenceSession:
    """Raises RepositoryError when the file cannot be run, or not by the first of the settings' providers."""
    held = onnxruntime.get_available_providers()
    if missing := [provider for provider in settings.providers if provider not in held]:
        raise RepositoryError(
            f"{file}: PROVIDERS names {', '.join(missing)}, but this build of ONNX Runtime holds {', '.join(held)}; "
            "install the build for this device or set PROVIDERS to these"
        )
    try:
        session = onnxruntime.InferenceSession(str(file), _options(settings), providers=_providers(settings))
    except Exception as error:  # ONNX Runtime's errors share no base but Exception
        raise RepositoryError(f"{file}: {_reason(settings, str(error))}") from error
    _refuse_fallback(file, settings.providers[0], session)
    return session


def _options(settings: Settings) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    # Its threads spin while they wait for a part of a run; between runs they would spin in the way of everybody else.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    return options


def _providers(settings: Settings) -> list[tuple[str, dict[str, str]]]:
    cached = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": settings.tensorrt_cache}
    return [
        (provider, cached if provider == TENSORRT and settings.tensorrt_cache else {})
        for provider in settings.providers
    ]


def _reason(settings: Settings, said: str) -> str:
    for part, reason in REASONS.items():
        if part in said:
            return reason
    return f"ONNX Runtime cannot load it with PROVIDERS {', '.join(settings.providers)}: {said}"


def _refuse_fallback(file: Path, asked: str, session: onnxruntime.InferenceSession) -> None:
    """ONNX Runtime runs on the CPU, and says nothing, what the provider asked for cannot: all of it where the device
    is absent, single operators where the provider has no kernel for them."""
    if asked == CPU:
        return
    if asked not in session.get_providers():
        raise RepositoryError(
            f"{file}: PROVIDERS asks for {asked}, but ONNX Runtime finds no such device and runs it on "
            f"{', '.join(session.get_providers())}; give it the device or set PROVIDERS to these"
        )
    operators = {
        node.op_type
        for part in session.get_provider_graph_assignment_info()
        if part.ep_name == CPU
        for node in part.get_nodes()
    }
    if products := sorted(name for name in operators if any(part in name for part in PRODUCTS)):
        raise RepositoryError(
            f"{file}: PROVIDERS asks for {asked}, but its {', '.join(products)} would run on the CPU; "
            f"set NETWORK to a format that {asked} runs, or PROVIDERS to {CPU}"
        )
