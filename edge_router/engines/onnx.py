"""Runs a network with ONNX Runtime.

Weights are external data: the file is mapped into memory, and pages that are never read do not become resident.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from edge_router.engines.errors import EngineError
from edge_router.engines.runtime import onnxruntime
from edge_router.engines.settings import CPU, EngineSettings
from edge_router.errors import RepositoryError
from edge_router.tensors import Array

IDS, MASK, LOGITS = "input_ids", "attention_mask", "logits"
"""Names of the inputs and the output in every network that this project exports."""

FATAL_ONLY = 4
"""ONNX Runtime's log severity. Its warnings are about the graph, which a user cannot change; its errors repeat the
input, and the exception says enough."""

PRODUCTS = ("MatMul", "Gemm", "Attention", "Conv")
"""Parts of the names of the operators that do nearly all of a network's work."""

REASONS: Mapping[str, str] = {
    "External data path": "its weights are not a file of this folder; copy the network and its data file together",
    "out of bounds": "its data file is truncated; copy the network and its data file together",
    "size mismatch": "it does not match its data file; export it again",
}
"""Explanation by a part of ONNX Runtime's message. ONNX Runtime reads weights from the network's folder only: links,
`..` and absolute paths that lead out of it are refused."""


class OnnxEngine:
    """A network in ONNX: inputs IDS and, if the network has it, MASK; output LOGITS."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self.masked = MASK in [node.name for node in session.get_inputs()]

    @classmethod
    def load(cls, folder: Path, settings: EngineSettings) -> Self:
        return cls(open_session(folder / settings.network, settings))

    def run(self, ids: Array, mask: Array) -> Array:
        inputs = {IDS: ids, MASK: mask} if self.masked else {IDS: ids}
        try:
            logits: Array = self._session.run([LOGITS], inputs)[0]
        except Exception as error:
            raise EngineError("ONNX Runtime refused the input") from error
        return logits


def open_session(file: Path, settings: EngineSettings) -> onnxruntime.InferenceSession:
    """Opens an ONNX file. Raises RepositoryError when it cannot be run by the first of the settings' providers."""
    available = onnxruntime.get_available_providers()
    if missing := [provider for provider in settings.providers if provider not in available]:
        raise RepositoryError(
            f"{file}: PROVIDERS names {', '.join(missing)}, but this build of ONNX Runtime has "
            f"{', '.join(available)}; install the build for this device or choose from these"
        )
    try:
        session = onnxruntime.InferenceSession(
            str(file),
            _options(settings),
            providers=[(name, dict(settings.provider_options.get(name, {}))) for name in settings.providers],
            enable_fallback=0,  # it would print the reason, and run on the CPU
        )
    except Exception as error:  # ONNX Runtime's errors share no base but Exception
        raise RepositoryError(f"{file}: {_reason(settings, str(error))}") from error
    _refuse_fallback(file, settings.providers[0], session)
    return session


def _options(settings: EngineSettings) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    # Its threads spin while they wait for a part of a run; between runs they would take CPU time from others.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    return options


def _reason(settings: EngineSettings, message: str) -> str:
    for part, reason in REASONS.items():
        if part in message:
            return reason
    options = f" and PROVIDER_OPTIONS {json.dumps(settings.provider_options)}" if settings.provider_options else ""
    return f"ONNX Runtime cannot load it with PROVIDERS {', '.join(settings.providers)}{options}: {message}"


def _refuse_fallback(file: Path, provider: str, session: onnxruntime.InferenceSession) -> None:
    """Raises RepositoryError when ONNX Runtime falls back to the CPU, which it does silently: for the whole network
    when the device is missing, for single operators when the provider has no kernel for them."""
    if provider == CPU:
        return
    if provider not in session.get_providers():
        raise RepositoryError(
            f"{file}: PROVIDERS names {provider} first, but ONNX Runtime finds no such device and falls back to "
            f"{', '.join(session.get_providers())}; attach the device or set PROVIDERS to these"
        )
    operators = {
        node.op_type
        for part in session.get_provider_graph_assignment_info()
        if part.ep_name == CPU
        for node in part.get_nodes()
    }
    if products := sorted(name for name in operators if any(part in name for part in PRODUCTS)):
        raise RepositoryError(
            f"{file}: PROVIDERS names {provider} first, but its {', '.join(products)} would run on the CPU; "
            f"set NETWORK to a format that {provider} runs, or PROVIDERS to {CPU}"
        )
