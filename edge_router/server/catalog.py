"""What is served: the repository as it was when it was last loaded.

A load takes the whole repository as it is on disk and swaps it in at once. A request sees all of the old state or all
of the new one, and one that is under way ends on what it began with.
"""

import asyncio
import re
from collections.abc import Callable
from typing import TypedDict

from edge_router.errors import NotFoundError, RequestError, RouterError
from edge_router.pipeline import Pipeline, Served
from edge_router.repository import Repository
from edge_router.server.errors import NotAllowedError
from edge_router.server.statistics import Statistics

VERSION = re.compile(r"[0-9]{1,18}")
OpenRepository = Callable[[], Repository]


class IndexEntry(TypedDict, total=False):
    name: str
    version: str
    state: str
    reason: str


class Catalog:
    def __init__(self, open_repository: OpenRepository, statistics: Statistics, *, explicit: bool) -> None:
        """Loads every model. `explicit`: models may be loaded and unloaded while the server runs.

        Raises RepositoryError when a model cannot be served.
        """
        self._open = open_repository
        self._statistics = statistics
        self._explicit = explicit
        self._changing = asyncio.Lock()
        self._unloaded: frozenset[str] = frozenset()
        self._pipeline = self._load(self._unloaded, None)

    @property
    def served(self) -> list[Served]:
        return self._pipeline.served

    def versions(self, model: str) -> list[Served]:
        """The oldest first. Raises NotFoundError when the model is not served."""
        return self._pipeline.versions(model)

    def find(self, model: str, version: str) -> Served:
        """`version` empty = the newest. Raises NotFoundError when it is not served, RequestError when it is no
        number."""
        if not version:
            return self._pipeline.find(model)
        if not VERSION.fullmatch(version):
            raise RequestError(f"model {model!r}: {version!r} is no version; a version is a whole number")
        return self._pipeline.find(model, int(version))

    def asked(self, model: str, version: str) -> list[Served]:
        """Whose statistics are meant: of every model, of one, of one version of it. Raises RequestError, as Triton says
        it here, when that is not served."""
        try:
            if not model:
                return self.served
            return [self.find(model, version)] if version else self.versions(model)
        except NotFoundError as error:
            raise RequestError(str(error)) from None

    def index(self, *, ready_only: bool) -> list[IndexEntry]:
        listed = [IndexEntry(name=each.model, version=str(each.version), state="READY") for each in self.served]
        if not ready_only:
            listed += [IndexEntry(name=model, state="UNAVAILABLE", reason="unloaded") for model in self._absent()]
        return sorted(listed, key=lambda entry: entry["name"])

    async def load(self, model: str) -> None:
        """Takes the repository as it is on disk now, `model` among what is served.

        Raises NotAllowedError, or RequestError when something there cannot be served: then nothing has changed.
        """
        await self._change(self._unloaded - {model}, model)

    async def unload(self, model: str) -> None:
        """Takes `model`, and every ensemble that needs it, out of what is served. Raises what `load` raises."""
        await self._change(self._unloaded | {model}, model)

    async def _change(self, unloaded: frozenset[str], model: str) -> None:
        if not self._explicit:
            raise NotAllowedError(
                "models are loaded and unloaded in model control mode explicit alone; "
                "start the server with --model-control explicit"
            )
        async with self._changing:
            try:
                self._pipeline = await asyncio.to_thread(self._load, unloaded, model)
            except RouterError as error:
                raise RequestError(f"nothing has changed: {error}") from error
            self._unloaded = unloaded

    def _load(self, unloaded: frozenset[str], named: str | None) -> Pipeline:
        repository = self._open()
        if named is not None:
            repository.config(named)  # the one that was asked for must exist
        wanted = sorted(set(repository.models) - _left_out(repository, unloaded))
        before = None if named is None else self._pipeline
        return Pipeline.load(repository, wanted, watch=self._statistics.watch, instead_of=before)

    def _absent(self) -> list[str]:
        served = {each.model for each in self.served}
        return [model for model in self._pipeline.repository.models if model not in served]


def _left_out(repository: Repository, unloaded: frozenset[str]) -> set[str]:
    """`unloaded`, and every ensemble that needs one of them."""
    out = set(unloaded)
    while more := {model for model in repository.models if out & set(repository.composing(model))} - out:
        out |= more
    return out
