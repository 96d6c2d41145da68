"""The folder that Triton mounts at /models, read the way Triton reads it."""

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Self

from edge_router.errors import NotFoundError, RepositoryError
from edge_router.repository import config
from edge_router.repository.schema import ModelConfig

CONFIG_FILE = "config.pbtxt"
LATEST = -1
"""As a step's `model_version`: the newest version that is served."""


class Repository:
    """Models, their configurations and the versions their policies serve.

    `overrides` is a tree of the same shape: a config.pbtxt there replaces the one of the same path, whole, as a
    layer's bind mount does.
    """

    def __init__(self, path: Path, overrides: Path | None = None) -> None:
        """Raises RepositoryError when `path` holds no model, or `overrides` something that the repository does not."""
        self.path = path
        self._configs = {model: config.read(file) for model, file in self._files(overrides).items()}
        for model, found in self._configs.items():
            if found.name not in ("", model):
                raise RepositoryError(
                    f"{path / model / CONFIG_FILE}: name is {found.name!r} in folder {model!r}; make them equal"
                )

    @property
    def models(self) -> list[str]:
        return sorted(self._configs)

    def config(self, model: str) -> ModelConfig:
        if model not in self._configs:
            raise NotFoundError(f"model {model!r} is not in {self.path}; it holds {', '.join(self.models)}")
        return self._configs[model]

    def versions(self, model: str) -> list[int]:
        """The versions that the model's policy serves, oldest first; Triton's default policy is the latest one."""
        policy = self.config(model).version_policy
        found = self.version_folders(model)
        match policy.WhichOneof("policy_choice"):
            case "all":
                return found
            case "specific":
                return [version for version in policy.specific.versions if version in found]
            case "latest":
                return found[-max(policy.latest.num_versions, 1) :]
            case _:
                return found[-1:]

    def version(self, model: str, pin: int = LATEST) -> int:
        """The version that `pin` stands for. Raises NotFoundError when it is not served."""
        served = self.versions(model)
        if pin == LATEST and served:
            return served[-1]
        if pin not in served:
            names = ", ".join(map(str, served)) or "none"
            raise NotFoundError(
                f"model {model!r} serves no version {'at all' if pin == LATEST else pin}; it serves {names}"
            )
        return pin

    def version_folders(self, model: str) -> list[int]:
        """The versions on the disk, served or not, oldest first."""
        names: Sequence[str] = [folder.name for folder in (self.path / model).iterdir() if folder.is_dir()]
        return sorted(int(name) for name in names if name.isdecimal() and not name.startswith("0"))

    def version_folder(self, model: str, version: int) -> Path:
        return self.path / model / str(version)

    def reconfigured(self, configs: Mapping[str, ModelConfig]) -> Self:
        """The same folders under other configurations, by model; nothing is written."""
        other = copy(self)
        other._configs = {**self._configs, **configs}
        return other

    def state(self, model: str, version: int) -> bytes:
        """Equal as long as the model's configuration and the files of the version are the same."""
        folder = self.version_folder(model, version)
        found = [(file, file.stat()) for file in sorted(folder.rglob("*")) if file.is_file()]
        files = [(str(file), stat.st_size, stat.st_mtime_ns) for file, stat in found]
        config: bytes = self.config(model).SerializeToString(deterministic=True)
        return repr((str(folder), files)).encode() + config

    def composing(self, model: str) -> list[str]:
        """The models that an ensemble names as its steps; of any other model none."""
        return [step.model_name for step in self.config(model).ensemble_scheduling.step]

    def labels(self, model: str, output: str) -> list[str]:
        """The lines of the `label_filename` of an output; empty when it has none."""
        for tensor in self.config(model).output:
            if tensor.name == output and tensor.label_filename:
                return (self.path / model / str(tensor.label_filename)).read_text().splitlines()
        return []

    def _files(self, overrides: Path | None) -> dict[str, Path]:
        files = {file.parent.name: file for file in self.path.glob(f"*/{CONFIG_FILE}")}
        if not files:
            raise RepositoryError(f"{self.path}: no */{CONFIG_FILE}; this is not a model repository")
        replaced = {file.parent.name: file for file in overrides.glob(f"*/{CONFIG_FILE}")} if overrides else {}
        if stray := sorted(set(replaced) - set(files)):
            raise RepositoryError(f"{overrides}: overrides {', '.join(stray)}, which the repository does not hold")
        return files | replaced
