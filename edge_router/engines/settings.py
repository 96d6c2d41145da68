"""How a network file is run: what the model's config.pbtxt says of it, whatever the engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_router.contract import NETWORK_FILE

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
TENSORRT: Final = "TensorrtExecutionProvider"


@dataclass(frozen=True)
class Settings:
    network: str = NETWORK_FILE
    """The file in the version folder."""
    threads: int = 0
    """Of one run; 0 = one for each core."""
    providers: Sequence[str] = (CPU,)
    """By ONNX Runtime's names for them, first choice first. The first is a promise: a network that would run elsewhere
    is refused."""
    tensorrt_cache: str = ""
    """Folder for what TensorRT builds, which takes minutes; without it every start builds anew."""
