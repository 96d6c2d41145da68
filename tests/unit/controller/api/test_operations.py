"""The table of operations is complete. `tests/docs/test_names.py` compares the documents with it."""

from typing import get_args

import pytest

from edge_router.controller.api import KINDS, OPERATIONS, PATHS, Operation, OperationSpec
from edge_router.controller.config import UpstreamConfig

SPANS = {"chat", "text_completion", "embeddings", "count_tokens"}
"""OpenTelemetry's values of `gen_ai.operation.name`, and one of our own for what it does not name."""


def test_every_operation_has_one_row_and_paths_of_its_own() -> None:
    assert set(OPERATIONS) == set(Operation)
    assert all(spec.operation is operation and spec.paths for operation, spec in OPERATIONS.items())
    assert len(PATHS) == sum(len(spec.paths) for spec in OPERATIONS.values())


def test_the_kinds_are_those_of_the_configuration() -> None:
    assert set(get_args(UpstreamConfig.model_fields["kind"].annotation)) == set(KINDS)
    assert {kind for spec in OPERATIONS.values() for kind in spec.upstream_paths} == set(KINDS)


@pytest.mark.parametrize("spec", OPERATIONS.values(), ids=OPERATIONS)
def test_a_kind_has_a_path_for_what_it_speaks_by_default(spec: OperationSpec) -> None:
    assert set(spec.spoken_by) <= spec.upstream_paths.keys()
    assert spec.upstream_paths


@pytest.mark.parametrize("spec", OPERATIONS.values(), ids=OPERATIONS)
def test_the_name_of_the_span_is_a_convention(spec: OperationSpec) -> None:
    assert spec.span in SPANS
    assert (spec.span == "embeddings") == spec.embeds
