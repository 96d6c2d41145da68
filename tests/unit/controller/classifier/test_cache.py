"""Cached decisions are found by their text, within their lifetime and the size of the cache."""

from edge_router.controller.classifier.cache import DecisionCache
from edge_router.controller.classifier.decision import Decision
from edge_router.controller.config import CacheConfig

DECISIONS = {"task_router": Decision("Code", {"Code": 1.0}, None)}


def test_only_the_same_text_finds_a_decision() -> None:
    cache = DecisionCache(CacheConfig())
    cache.put(cache.key("sort a list"), DECISIONS, fresh=True)
    assert cache.fresh(cache.key("sort a list")) == DECISIONS
    assert cache.fresh(cache.key("sort a list ")) is None
    assert (cache.hits, cache.misses) == (1, 1)


def test_a_decision_that_is_not_fresh_is_a_last_resort() -> None:
    cache = DecisionCache(CacheConfig())
    key = cache.key("sort a list")
    cache.put(key, DECISIONS, fresh=False)
    assert cache.fresh(key) is None
    assert cache.last_resort(key) == DECISIONS


def test_the_least_recently_used_decision_is_dropped() -> None:
    cache = DecisionCache(CacheConfig(size=2))
    first, second, third = map(cache.key, ("a", "b", "c"))
    for key in (first, second):
        cache.put(key, DECISIONS, fresh=True)
    cache.fresh(first)
    cache.put(third, DECISIONS, fresh=True)
    assert (len(cache), cache.fresh(second)) == (2, None)
    assert cache.fresh(first) == DECISIONS


def test_a_cache_of_size_0_stores_nothing() -> None:
    cache = DecisionCache(CacheConfig(size=0))
    cache.put(cache.key("a"), DECISIONS, fresh=True)
    assert cache.last_resort(cache.key("a")) is None


def test_two_processes_hash_a_text_differently() -> None:
    """A leaked hash must not reveal a prompt."""
    assert DecisionCache(CacheConfig()).key("sort a list") != DecisionCache(CacheConfig()).key("sort a list")
