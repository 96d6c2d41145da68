"""The models that the server has loaded, and loading and unloading them.

A load reads the whole repository from disk and replaces all loaded models at once. A request sees the old state or the
new one, never a mixture; a request in flight ends on the models it started with.
"""

import asyncio
import re
from collections.abc import Callable
from typing import TypedDict

from edge_router.errors import NotFoundError, RequestError, RouterError
from edge_router.pipeline import Pipeline, ServedModel
from edge_router.repository import Repository
from edge_router.server.errors import ModelControlError
from edge_router.server.statistics import Statistics

VERSION = re.compile(r"[0-9]{1,18}")
OpenRepository = Callable[[], Repository]


class IndexEntry(TypedDict, total=False):
    """One entry of the reply to `/v2/repository/index`."""

    name: str
    version: str
    state: str
    reason: str


class ModelRegistry:
    """The loaded models by name and version."""

    def __init__(self, open_repository: OpenRepository, statistics: Statistics, *, explicit: bool) -> None:
        """Loads every model of the repository. `explicit`: clients may load and unload models.

        Raises RepositoryError when a model cannot be served.
        """
        self._open = open_repository
        self._statistics = statistics
        self._explicit = explicit
        self._lock = asyncio.Lock()
        self._unloaded: frozenset[str] = frozenset()
        self._pipeline = self._load(self._unloaded, None)

    @property
    def served(self) -> list[ServedModel]:
        return self._pipeline.served

    def versions(self, model: str) -> list[ServedModel]:
        """The loaded versions of a model, oldest first. Raises NotFoundError when the model is not loaded."""
        return self._pipeline.versions(model)

    def find(self, model: str, version: str) -> ServedModel:
        """One version of a model; `version` empty = the newest.

        Raises NotFoundError when it is not loaded, RequestError when `version` is not a number.
        """
        if not version:
            return self._pipeline.find(model)
        if not VERSION.fullmatch(version):
            raise RequestError(f"model {model!r}: version {version!r} is not a whole number")
        return self._pipeline.find(model, int(version))

    def select(self, model: str, version: str) -> list[ServedModel]:
        """Every version of every model (`model` empty), every version of one model (`version` empty), or one version.

        Raises RequestError when it is not loaded; Triton answers 400 here too, not 404.
        """
        try:
            if not model:
                return self.served
            return [self.find(model, version)] if version else self.versions(model)
        except NotFoundError as error:
            raise RequestError(str(error)) from None

    def index(self, *, ready_only: bool) -> list[IndexEntry]:
        """The repository index by model name; with `ready_only`, without the models that are unloaded."""
        entries = [IndexEntry(name=each.model, version=str(each.version), state="READY") for each in self.served]
        if not ready_only:
            names = self._unloaded_models()
            entries += [IndexEntry(name=model, state="UNAVAILABLE", reason="unloaded") for model in names]
        return sorted(entries, key=lambda entry: entry["name"])

    async def load(self, model: str) -> None:
        """Loads the repository as it is on disk now, including `model`.

        Raises ModelControlError, or RequestError when a model cannot be served; then nothing changes.
        """
        await self._reload(self._unloaded - {model}, model)

    async def unload(self, model: str) -> None:
        """Unloads `model` and every ensemble that needs it. Raises what `load` raises."""
        await self._reload(self._unloaded | {model}, model)

    async def _reload(self, unloaded: frozenset[str], model: str) -> None:
        if not self._explicit:
            raise ModelControlError(
                "loading and unloading models needs model control mode explicit; "
                "start the server with --model-control explicit"
            )
        async with self._lock:
            try:
                self._pipeline = await asyncio.to_thread(self._load, unloaded, model)
            except RouterError as error:
                raise RequestError(f"nothing has changed: {error}") from error
            self._unloaded = unloaded

    def _load(self, unloaded: frozenset[str], requested: str | None) -> Pipeline:
        """`requested`: the model that a client loads or unloads; None at the start."""
        repository = self._open()
        if requested is not None:
            repository.config(requested)  # raises NotFoundError
        models = sorted(set(repository.models) - _with_dependents(repository, unloaded))
        previous = None if requested is None else self._pipeline
        return Pipeline.load(repository, models, wrap=self._statistics.measured, previous=previous)

    def _unloaded_models(self) -> list[str]:
        served = {each.model for each in self.served}
        return [model for model in self._pipeline.repository.models if model not in served]


def _with_dependents(repository: Repository, models: frozenset[str]) -> set[str]:
    """`models`, and every ensemble that needs one of them."""
    found = set(models)
    while more := {model for model in repository.models if found & set(repository.composing(model))} - found:
        found |= more
    return found
