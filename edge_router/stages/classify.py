"""Token ids to logits: one network for every policy.

Rows are stripped of their padding and run by length, so that nobody pays for somebody else's long prompt.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from edge_router import engines
from edge_router.contract import (
    ATTENTION_MASK,
    ENGINE_PARAMETER,
    INPUT_IDS,
    LOGITS,
    ROWS_PER_RUN_PARAMETER,
)
from edge_router.engines import Engine, EngineError
from edge_router.errors import RequestError
from edge_router.stages.parameters import Parameters, count, providers, threads
from edge_router.tensors import Array, Tensors


class Row(NamedTuple):
    request: int
    ids: Array  # INT64 [tokens], no padding


class Classify:
    """ids and mask INT64 [rows, tokens] -> logits FP32 [rows, logits]."""

    def __init__(self, engine: Engine, rows_per_run: int) -> None:
        """`rows_per_run`: how many rows of one length share a run of the network.

        1 where the network is dynamically quantised: it scales a whole tensor at once, so rows that share a run would
        change one another's logits.
        """
        self._engine = engine
        self._rows_per_run = rows_per_run

    @classmethod
    def load(cls, folder: Path, parameters: Parameters) -> Self:
        """Parameters: ENGINE, THREADS (0 = all cores), PROVIDERS (comma separated, first choice first),
        ROWS_PER_RUN."""
        model = folder.parent.name
        rows_per_run = count(model, parameters, ROWS_PER_RUN_PARAMETER, default=1, least=1)
        engine = engines.load(
            parameters.get(ENGINE_PARAMETER, "onnx"),
            folder,
            threads=threads(model, parameters),
            providers=providers(parameters),
        )
        return cls(engine, rows_per_run)

    def run(self, requests: Sequence[Tensors]) -> list[Tensors | RequestError]:
        failed: dict[int, RequestError] = {}
        rows: list[Row] = []
        for index, request in enumerate(requests):
            try:
                rows += [Row(index, ids) for ids in _unpadded(request[INPUT_IDS], request[ATTENTION_MASK])]
            except RequestError as error:
                failed[index] = error
        logits: dict[int, list[Array]] = {index: [] for index in range(len(requests))}
        for row, answer in zip(rows, self._logits_of(rows), strict=True):
            if isinstance(answer, RequestError):
                failed[row.request] = answer
            else:
                logits[row.request].append(answer)
        return [failed.get(index) or {LOGITS: np.stack(logits[index])} for index in range(len(requests))]

    def _logits_of(self, rows: Sequence[Row]) -> list[Array | RequestError]:
        """One answer a row, in order, whatever the order of the runs."""
        answers: dict[int, Array | RequestError] = {}
        for run in self._runs(rows):
            answers |= zip(run, self._logits([rows[position].ids for position in run]), strict=True)
        return [answers[position] for position in range(len(rows))]

    def _runs(self, rows: Sequence[Row]) -> list[list[int]]:
        """Positions of rows that share a run: equal length, at most `rows_per_run` of them."""
        by_length: dict[int, list[int]] = {}
        for position, row in enumerate(rows):
            by_length.setdefault(len(row.ids), []).append(position)
        size = self._rows_per_run
        return [same[at : at + size] for same in by_length.values() for at in range(0, len(same), size)]

    def _logits(self, rows: list[Array]) -> list[Array | RequestError]:
        ids = np.stack(rows)
        try:
            return list(self._engine.run(ids, np.ones_like(ids)))
        except EngineError:
            if len(rows) > 1:  # find the row at fault; its neighbours are answered
                return [self._logits([row])[0] for row in rows]
            return [RequestError(f"the network refuses these {ids.shape[1]} token ids; send its own preprocessing's")]


def _unpadded(ids: Array, mask: Array) -> list[Array]:
    if ids.shape != mask.shape:
        raise RequestError(
            f"{INPUT_IDS} has shape {list(ids.shape)} but {ATTENTION_MASK} {list(mask.shape)}; send equal shapes"
        )
    lengths = mask.astype(bool).sum(axis=1)
    for row, length in enumerate(lengths):
        if length == 0:
            raise RequestError(
                f"{ATTENTION_MASK}, row {row}: no token is marked 1; an empty prompt still has special tokens"
            )
        if not mask[row, :length].all():
            raise RequestError(f"{ATTENTION_MASK}, row {row}: padding stands before a token; pad on the right")
        if (ids[row, :length] < 0).any():
            raise RequestError(f"{INPUT_IDS}, row {row}: a token id is negative")
    return [row[:length] for row, length in zip(ids, lengths, strict=True)]
