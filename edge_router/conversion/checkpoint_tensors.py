"""The tensors of a checkpoint, read from its safetensors files on access, so that the whole checkpoint is never in
memory."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import ml_dtypes  # noqa: F401  registers bfloat16 with numpy
import numpy as np
from safetensors import SafetensorError, safe_open

from edge_router.conversion.errors import CheckpointError
from edge_router.tensors import Array

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
"""Index of a checkpoint in several files: `weight_map` names the file of each tensor."""
PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
FLOATS = ("F32", "F16", "BF16", "F64")


class CheckpointTensors(Mapping[str, Array]):
    """A checkpoint's tensors by name, converted to FP32 from any float type."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        """`files`: the file of each tensor. Raises CheckpointError naming the file that is wrong."""
        self._open = {file: _open(file) for file in dict.fromkeys(files.values())}
        self._files = files
        for name, file in files.items():
            if name not in self._open[file].keys():  # noqa: SIM118  not a mapping
                raise CheckpointError(f"{file}: holds no tensor {name}, although {INDEX_FILE} lists it there")

    @classmethod
    def read(cls, folder: Path) -> Self:
        index = folder / INDEX_FILE
        if index.is_file():
            return cls(_index(index))
        file = folder / WEIGHTS_FILE
        if file.is_file():
            return cls(dict.fromkeys(_open(file).keys(), file))
        if pickles := sorted(found.name for pattern in PICKLES for found in folder.glob(pattern)):
            raise CheckpointError(
                f"{folder / pickles[0]}: a pickle is not read, because reading it can run any code; "
                "if you trust it, convert it: load it with transformers and call save_pretrained(FOLDER)"
            )
        raise CheckpointError(f"{folder}: holds no {WEIGHTS_FILE}")

    def __getitem__(self, name: str) -> Array:
        if name not in self._files:
            raise KeyError(name)
        file = self._files[name]
        try:
            tensor: Array = self._open[file].get_tensor(name)
        except (SafetensorError, TypeError) as error:
            raise CheckpointError(f"{file}: tensor {name} cannot be read: {error}") from error
        return tensor.astype(np.float32)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def file(self, name: str) -> Path:
        return self._files[name]

    def shape(self, name: str) -> tuple[int, ...]:
        """The tensor's shape, without reading the tensor."""
        return tuple(self._open[self._files[name]].get_slice(name).get_shape())

    def is_float(self, name: str) -> bool:
        return self._open[self._files[name]].get_slice(name).get_dtype() in FLOATS


def _open(file: Path) -> safe_open:
    """Opens a file; safetensors checks that the header fits the file's length and that the tensors cover it."""
    try:
        file.open("rb").close()  # safetensors reports every file that it cannot read as missing
        return safe_open(str(file), framework="numpy")
    except OSError as error:
        raise CheckpointError(
            f"{file}: cannot be read: {error.strerror or error}; download the checkpoint again or fix its permissions"
        ) from error
    except SafetensorError as error:
        raise CheckpointError(f"{file}: not a complete safetensors file: {error}; download it again") from error


def _index(index: Path) -> dict[str, Path]:
    try:
        names: dict[str, str] = json.loads(index.read_text())["weight_map"]
        strays = [file for file in names.values() if Path(file).name != file]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{index}: needs a weight_map of tensor names to file names: {error!r}") from error
    if strays:
        raise CheckpointError(f"{index}: {strays[0]!r} is not a file name; name files of this folder")
    return {name: index.parent / file for name, file in names.items()}
