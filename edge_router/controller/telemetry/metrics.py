"""What Prometheus is told. The value of a label is a word of the configuration or of this package, never a client's."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from edge_router import __version__
from edge_router.controller.classifier.chain import ClassifierChain
from edge_router.controller.record import RequestRecord
from edge_router.controller.telemetry.legacy_metrics import LegacyMetrics
from edge_router.controller.upstream.breaker import BreakerState
from edge_router.controller.upstream.client import UpstreamState

disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series for each of ours

NONE = "none"
"""The value of a label where there is none: the upstream where nobody was asked."""

MS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.3, 1, 5)
"""Seconds; of what the router does."""
LLM = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
"""Seconds; of what an LLM does."""

STAGES = (
    ("classify", "Until the prompt was classified, or given up", "classified_in", "source", MS),
    ("queue", "Waiting for a place at the upstream", "queued_for", "upstream", MS),
    ("first_byte", "From the request to the head of its answer", "answered_in", "upstream", LLM),
    ("first_content", "From the request to the first word of its answer", "first_content_in", "upstream", LLM),
    ("total", "From the request to the end of its answer", "took", "operation", LLM),
)
"""Name, meaning, the record's field of seconds and of the label, buckets."""


States = Callable[[], Mapping[str, UpstreamState]]
"""Of the upstreams, by name, now."""


Classifiers = Callable[[], ClassifierChain | None]
"""The classifiers, now."""


class Metrics:
    def __init__(self, upstreams: States, chain: Classifiers = lambda: None) -> None:
        """Both are called when somebody asks for the metrics."""
        self._registry = registry = CollectorRegistry()

        def counter(name: str, meaning: str, *labels: str) -> Callable[..., Counter]:
            return cache(Counter(f"edge_router_{name}", meaning, labels, registry=registry).labels)

        self._requests = counter("requests", "Requests", "operation", "status", "outcome")
        self._routed = counter("routed", "Requests by decision and by who answered", "policy", "label", "upstream")
        self._levels = counter("decisions", "Decisions by source", "source")
        self._degraded = counter("degraded", "Requests decided worse than a healthy system would", "source")
        self._fallbacks = counter("fallbacks", "Requests that not their first choice answered", "upstream")
        self._retries = counter("retries", "Further attempts at upstreams", "operation")
        self._refusals = counter("errors", "Requests that ended with an error of the router", "error")
        self._tokens = counter("tokens", "Tokens, as upstreams count them", "upstream", "kind")
        self._stages = [
            (cache(Histogram(f"edge_router_{name}_seconds", meaning, [by], registry=registry, buckets=buckets).labels),
             seconds, by)
            for name, meaning, seconds, by, buckets in STAGES
        ]  # fmt: skip
        self._legacy = LegacyMetrics(registry)
        registry.register(_Upstreams(upstreams))
        registry.register(_Classifiers(chain))
        ProcessCollector(registry=registry)
        Info("edge_router_build", "What runs", registry=registry).info({"version": __version__})

    def observe(self, record: RequestRecord) -> None:
        self._legacy.observe(record)
        upstream = record.upstream or NONE
        status = NONE if record.status is None else f"{record.status // 100}xx"
        self._requests(record.operation, status, record.outcome).inc()
        for histogram, seconds, by in self._stages:
            took = getattr(record, seconds)
            if took is not None:
                histogram(getattr(record, by) or NONE).observe(took)
        if record.upstream is not None:
            self._routed(record.policy or NONE, record.label or NONE, upstream).inc()
        if record.source is not None:
            self._levels(record.source).inc()
        if record.degraded is not None:
            self._degraded(record.source or NONE).inc()
        if record.fallback is not None:
            self._fallbacks(upstream).inc()
        if record.attempts > 1:
            self._retries(record.operation).inc(record.attempts - 1)
        if record.error is not None:
            self._refusals(record.error).inc()
        if record.prompt_tokens:
            self._tokens(upstream, "prompt").inc(record.prompt_tokens)
        if record.completion_tokens:
            self._tokens(upstream, "completion").inc(record.completion_tokens)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """(body, content type): Prometheus' text form, or OpenMetrics where `accept` asks for it."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Upstreams(Collector):
    def __init__(self, states: States) -> None:
        self._states = states

    def collect(self) -> Iterable[Metric]:
        up, left_alone, running, waiting = (
            GaugeMetricFamily(f"edge_router_upstream_{name}", meaning, labels=["upstream"])
            for name, meaning in (
                ("up", "Whether it answers"),
                ("breaker_open", "Whether it is left alone for a while, after failures"),
                ("running", "Requests that it is answering"),
                ("waiting", "Requests that wait for it"),
            )
        )
        for name, state in self._states().items():
            up.add_metric([name], state.up)
            left_alone.add_metric([name], state.breaker != BreakerState.CLOSED)
            running.add_metric([name], state.running)
            waiting.add_metric([name], state.waiting)
        return [up, left_alone, running, waiting]


class _Classifiers(Collector):
    def __init__(self, chain: Classifiers) -> None:
        self._ladder = chain

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("edge_router_classifier_up", "Whether the router-server is asked", labels=["server"])
        running = GaugeMetricFamily("edge_router_classifier_running", "Decisions it is asked for", labels=["server"])
        failures = CounterMetricFamily("edge_router_classifier_failures", "LlmRequest in vain", labels=["server"])
        cache = CounterMetricFamily("edge_router_decision_cache", "Looks into the cache", labels=["result"])
        chain = self._ladder()
        if chain is not None:
            for replica in chain.replicas:
                up.add_metric([replica.name], replica.up)
                running.add_metric([replica.name], replica.running)
                failures.add_metric([replica.name], replica.failures)
            cache.add_metric(["hit"], chain.cache.hits)
            cache.add_metric(["miss"], chain.cache.misses)
        return [up, running, failures, cache]
