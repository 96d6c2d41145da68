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
def test_when_to_come_again(value: str, seconds: float | None) -> None:
    assert retry_after(value) == seconds


@pytest.mark.parametrize(
    ("said", "told", "retryable", "counts_as_failure"),
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
def test_what_a_status_says_of_the_upstream(said: int, told: int, retryable: bool, counts_as_failure: bool) -> None:
    failure = error_from_status("large", said, {})
    assert failure is not None
    assert (failure.status, failure.retryable, failure.counts_as_failure) == (told, retryable, counts_as_failure)


@pytest.mark.parametrize("status", [200, 201, 400, 404, 413, 422])
def test_other_answers_are_the_clients(status: int) -> None:
    assert error_from_status("large", status, {}) is None


def test_all_failures_are_told_and_the_last_decides() -> None:
    first = UpstreamError("large", "answered 503", 503, retry_after=20)
    second = UpstreamError("small", "did not answer in time", 504)
    error = AllUpstreamsFailedError([first, second, second])
    expected = "upstream 'large' answered 503; upstream 'small' did not answer in time; see /health/ready"
    assert (str(error), error.status, error.retry_after) == (expected, 504, 20)


def test_a_client_of_a_busy_upstream_is_told_to_come_again() -> None:
    assert AllUpstreamsFailedError([UpstreamError("large", "answered 503", 503)]).retry_after == 5
