"""A retry budget: earned by requests, capped, and never quite empty."""

from edge_router.controller.upstream.retry_budget import MAX_SAVED, RetryBudget


def spent(budget: RetryBudget, tries: int) -> int:
    return sum(budget.spend() for _ in range(tries))


def test_retries_are_a_share_of_the_requests() -> None:
    budget = RetryBudget(0.2, lambda: 0)
    assert spent(budget, 100) == MAX_SAVED
    for _ in range(30):
        budget.earn()
    assert spent(budget, 100) == 6


def test_a_few_are_granted_in_any_case_and_not_saved_up_for_ever() -> None:
    now = 0.0
    budget = RetryBudget(0, lambda: now)
    spent(budget, 100)
    now = 3
    assert spent(budget, 100) == 3
    now = 1000
    assert spent(budget, 100) == MAX_SAVED
