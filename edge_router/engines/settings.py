"""Settings for running a network file, from the model's config.pbtxt; the same for every engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge_router.contract import NETWORK_FILE

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
TENSORRT: Final = "TensorrtExecutionProvider"


@dataclass(frozen=True)
class EngineSettings:
    """Settings of an engine."""

    network: str = NETWORK_FILE
    """Name of the network's file in the version folder."""
    threads: int = 0
    """Threads of one run; 0 = one for each core."""
    providers: Sequence[str] = (CPU,)
    """ONNX Runtime's execution providers, first choice first. A network that the first one cannot run is refused."""
    provider_options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Provider -> its options, by ONNX Runtime's names for them."""
