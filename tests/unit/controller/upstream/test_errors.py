"""What a status code of an upstream means: for the client, for a retry and for the circuit breaker."""

import pytest

from edge_router.controller.upstream.errors import (
    AllUpstreamsFailedError,
    UpstreamError,
    error_from_status,
    retry_after,
)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("0", 0), ("99999999999", 3600), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", None), ("", None),
     ("-5", None), ("1.5", None), ("\u0663", None)],
)  # fmt: skip
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after(value) == seconds


@pytest.mark.parametrize(
    ("status", "client_status", "retryable", "counts_as_failure"),
    [
        (302, 502, False, True),
        (401, 502, False, False),
        (403, 502, False, False),
        (407, 502, False, False),
        (408, 504, True, False),
        (429, 429, True, False),
        (500, 502, True, True),
        (503, 503, True, True),
        (504, 504, True, True),
        (520, 502, True, True),
        (529, 503, True, True),
    ],
)
def test_the_failure_that_a_status_means(
    status: int, client_status: int, retryable: bool, counts_as_failure: bool
) -> None:
    failure = error_from_status("large", status, {})
    assert failure is not None
    assert (failure.status, failure.retryable, failure.counts_as_failure) == (
        client_status,
        retryable,
        counts_as_failure,
    )


@pytest.mark.parametrize("status", [200, 201, 400, 404, 413, 422])
def test_other_statuses_are_for_the_client(status: int) -> None:
    assert error_from_status("large", status, {}) is None


def test_the_message_names_all_failures_and_the_last_one_gives_the_status() -> None:
    first = UpstreamError("large", "answered 503", 503, retry_after=20)
    second = UpstreamError("small", "did not answer in time", 504)
    error = AllUpstreamsFailedError([first, second, second])
    expected = "upstream 'large' answered 503; upstream 'small' did not answer in time; see /health/ready"
    assert (str(error), error.status, error.retry_after) == (expected, 504, 20)


def test_the_error_of_a_busy_upstream_has_a_retry_after() -> None:
    assert AllUpstreamsFailedError([UpstreamError("large", "answered 503", 503)]).retry_after == 5
