"""A circuit breaker under random traffic: it opens after failures in a row, then lets one probe through."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_router.controller.upstream.breaker import BreakerState, CircuitBreaker

FAILURES, SECONDS = 3, 30.0


class Traffic(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = CircuitBreaker(FAILURES, SECONDS, lambda: self.now)
        self.in_progress: list[bool] = []
        """One entry a request; True for the probe."""
        self.in_a_row = 0

    @rule()
    @precondition(lambda self: self.breaker.admits)
    def request_begins(self) -> None:
        self.in_progress.append(self.breaker.admit())

    @rule(at=st.integers(0, 9), result=st.sampled_from(["answered", "failed", "cancelled"]))
    @precondition(lambda self: self.in_progress)
    def request_ends(self, at: int, result: str) -> None:
        before = self.breaker.state
        probe = self.in_progress.pop(at % len(self.in_progress))
        if result == "answered":
            self.breaker.response_started()
            self.breaker.succeeded()
            self.in_a_row = 0
            assert self.breaker.state == BreakerState.CLOSED
        elif result == "failed":
            self.breaker.failed()
            self.in_a_row += 1
            assert (self.breaker.state == BreakerState.OPEN) == (
                before != BreakerState.CLOSED or self.in_a_row >= FAILURES
            )
        else:
            assert self.breaker.state == before
        if probe:
            self.breaker.probe_ended()

    @rule(seconds=st.integers(1, 40))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def no_request_is_admitted_while_it_is_open(self) -> None:
        if self.breaker.state == BreakerState.OPEN:
            assert not self.breaker.admits
            assert 0 < self.breaker.retry_in <= SECONDS

    @invariant()
    def one_probe_at_once(self) -> None:
        if self.breaker.state == BreakerState.HALF_OPEN:
            assert self.breaker.admits == (sum(self.in_progress) == 0)


TestBreaker = Traffic.TestCase
TestBreaker.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_the_first_failure_after_a_probe_that_was_answered_opens_it_again() -> None:
    now = 0.0
    breaker = CircuitBreaker(FAILURES, SECONDS, lambda: now)
    for _ in range(FAILURES):
        breaker.failed()
    now = SECONDS
    assert breaker.admit()
    breaker.response_started()
    assert breaker.retry_in == 0
    assert breaker.admits
    breaker.failed()
    assert breaker.state == BreakerState.OPEN
