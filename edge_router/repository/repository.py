"""The model repository, the folder that Triton mounts at /models, read as Triton reads it."""

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Self

from edge_router.errors import NotFoundError, RepositoryError
from edge_router.repository import config
from edge_router.repository.schema import ModelConfig

CONFIG_FILE = "config.pbtxt"
LATEST = -1
"""A `model_version` that stands for the newest version that is served."""


class Repository:
    """The models of a repository, with their configurations and versions.

    `overrides` is a folder with the same structure: a config.pbtxt there replaces the whole file with the same path, as
    the bind mount of a layer does.
    """

    def __init__(self, path: Path, overrides: Path | None = None) -> None:
        """Raises RepositoryError when `path` holds no model, or when `overrides` names an unknown model."""
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
        """The versions that the model's version policy serves, oldest first; the default policy is the latest one."""
        policy = self.config(model).version_policy
        existing = self.version_folders(model)
        match policy.WhichOneof("policy_choice"):
            case "all":
                return existing
            case "specific":
                return [version for version in policy.specific.versions if version in existing]
            case "latest":
                return existing[-max(policy.latest.num_versions, 1) :]
            case _:
                return existing[-1:]

    def version(self, model: str, pin: int = LATEST) -> int:
        """The version number of `pin`, which may be LATEST. Raises NotFoundError when it is not served."""
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
        """All versions on disk, served or not, oldest first."""
        names: Sequence[str] = [folder.name for folder in (self.path / model).iterdir() if folder.is_dir()]
        return sorted(int(name) for name in names if name.isdecimal() and not name.startswith("0"))

    def version_folder(self, model: str, version: int) -> Path:
        return self.path / model / str(version)

    def reconfigured(self, configs: Mapping[str, ModelConfig]) -> Self:
        """This repository with other configurations, by model; nothing is written."""
        other = copy(self)
        other._configs = {**self._configs, **configs}
        return other

    def state(self, model: str, version: int) -> bytes:
        """The identity of a version: its configuration and the size and mtime of its files; equal means unchanged."""
        folder = self.version_folder(model, version)
        stats = [(file, file.stat()) for file in sorted(folder.rglob("*")) if file.is_file()]
        files = [(str(file), stat.st_size, stat.st_mtime_ns) for file, stat in stats]
        config: bytes = self.config(model).SerializeToString(deterministic=True)
        return repr((str(folder), files)).encode() + config

    def composing(self, model: str) -> list[str]:
        """The composing models of an ensemble; empty for any other model."""
        return [step.model_name for step in self.config(model).ensemble_scheduling.step]

    def labels(self, model: str, output: str) -> list[str]:
        """The class names of an output, from its `label_filename`; empty if it has none."""
        for tensor in self.config(model).output:
            if tensor.name == output and tensor.label_filename:
                return (self.path / model / str(tensor.label_filename)).read_text().splitlines()
        return []

    def _files(self, overrides: Path | None) -> dict[str, Path]:
        files = {file.parent.name: file for file in self.path.glob(f"*/{CONFIG_FILE}")}
        if not files:
            raise RepositoryError(f"{self.path}: is not a model repository: it has no */{CONFIG_FILE}")
        replaced = {file.parent.name: file for file in overrides.glob(f"*/{CONFIG_FILE}")} if overrides else {}
        if stray := sorted(set(replaced) - set(files)):
            raise RepositoryError(f"{overrides}: overrides {', '.join(stray)}, which {self.path} does not contain")
        return files | replaced
