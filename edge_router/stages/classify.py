"""Runs the network: token ids to logits, once for all policies.

Rows lose their padding and run grouped by length, so a short prompt does not pay for a long one in the same batch.
Devices that need few shapes round lengths up to a list of buckets.
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
    LENGTH_BUCKETS_PARAMETER,
    LOGITS,
    ROWS_PER_RUN_PARAMETER,
)
from edge_router.engines import Engine, EngineError
from edge_router.errors import RepositoryError, RequestError
from edge_router.stages.parameters import Parameters, count, engine_settings, length_buckets
from edge_router.tensors import Array, Tensors, padded


class Row(NamedTuple):
    """One prompt of a request, as token ids."""

    request: int
    ids: Array  # INT64 [tokens], no padding


class Classify:
    """The classify stage: ids and mask INT64 [rows, tokens] -> logits FP32 [rows, logits]."""

    def __init__(self, engine: Engine, rows_per_run: int, buckets: Sequence[int] = ()) -> None:
        """`rows_per_run`: the most rows of one length that share a run of the network. `buckets`: lengths in ascending
        order; a row is padded to the next one. A row longer than the last bucket runs at its own length.

        A dynamically quantised network needs `rows_per_run` 1: it scales a whole tensor at once, so rows that share a
        run would change each other's logits.
        """
        self._engine = engine
        self._rows_per_run = rows_per_run
        self._buckets = buckets

    @classmethod
    def load(cls, folder: Path, parameters: Parameters) -> Self:
        """Reads the parameters ENGINE, ROWS_PER_RUN, LENGTH_BUCKETS and those of `engine_settings`."""
        model = folder.parent.name
        rows_per_run = count(model, parameters, ROWS_PER_RUN_PARAMETER, default=1, least=1)
        buckets = length_buckets(model, parameters)
        engine = engines.load(parameters.get(ENGINE_PARAMETER, "onnx"), folder, engine_settings(model, parameters))
        if buckets and not engine.masked:
            raise RepositoryError(
                f"{model}: parameter {LENGTH_BUCKETS_PARAMETER} pads rows, but the network takes no mask; "
                "remove the parameter, or set NETWORK to a format with a mask"
            )
        return cls(engine, rows_per_run, buckets)

    def run(self, requests: Sequence[Tensors]) -> list[Tensors | RequestError]:
        failed: dict[int, RequestError] = {}
        rows: list[Row] = []
        for index, request in enumerate(requests):
            try:
                rows += [Row(index, ids) for ids in _unpadded(request[INPUT_IDS], request[ATTENTION_MASK])]
            except RequestError as error:
                failed[index] = error
        logits: dict[int, list[Array]] = {index: [] for index in range(len(requests))}
        for row, result in zip(rows, self._logits_of(rows), strict=True):
            if isinstance(result, RequestError):
                failed[row.request] = result
            else:
                logits[row.request].append(result)
        return [failed.get(index) or {LOGITS: np.stack(logits[index])} for index in range(len(requests))]

    def _logits_of(self, rows: Sequence[Row]) -> list[Array | RequestError]:
        """One result for each row, in the order of the rows."""
        results: dict[int, Array | RequestError] = {}
        for run in self._runs(rows):
            results |= zip(run, self._logits([rows[position].ids for position in run]), strict=True)
        return [results[position] for position in range(len(rows))]

    def _runs(self, rows: Sequence[Row]) -> list[list[int]]:
        """Positions of the rows of each run: equal padded length, at most `rows_per_run` rows."""
        by_length: dict[int, list[int]] = {}
        for position, row in enumerate(rows):
            by_length.setdefault(self._padded_length(row.ids), []).append(position)
        size = self._rows_per_run
        return [same[at : at + size] for same in by_length.values() for at in range(0, len(same), size)]

    def _padded_length(self, row: Array) -> int:
        return next((bucket for bucket in self._buckets if bucket >= len(row)), len(row))

    def _logits(self, rows: list[Array]) -> list[Array | RequestError]:
        try:
            return list(self._engine.run(*padded(rows, self._padded_length(rows[0]))))
        except EngineError:
            if len(rows) > 1:  # run each row alone, so that only the faulty one fails
                return [self._logits([row])[0] for row in rows]
            message = f"the network refuses these {len(rows[0])} token ids; send the ids of its preprocessing model"
            return [RequestError(message)]


def _unpadded(ids: Array, mask: Array) -> list[Array]:
    if ids.shape != mask.shape:
        raise RequestError(
            f"{INPUT_IDS} has shape {list(ids.shape)} but {ATTENTION_MASK} {list(mask.shape)}; send equal shapes"
        )
    lengths = mask.astype(bool).sum(axis=1)
    for row, length in enumerate(lengths):
        if length == 0:
            raise RequestError(
                f"{ATTENTION_MASK}, row {row}: no token is marked 1; even an empty prompt has special tokens"
            )
        if not mask[row, :length].all():
            raise RequestError(f"{ATTENTION_MASK}, row {row}: padding stands before a token; pad on the right")
        if (ids[row, :length] < 0).any():
            raise RequestError(f"{INPUT_IDS}, row {row}: a token id is negative")
    return [row[:length] for row, length in zip(ids, lengths, strict=True)]
