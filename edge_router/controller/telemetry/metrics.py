"""Prometheus metrics. Label values come from the configuration or this package, never from a client."""

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
from edge_router.controller.classifier import ClassifierChain
from edge_router.controller.telemetry.legacy_metrics import LegacyMetrics
from edge_router.controller.telemetry.record import RequestRecord
from edge_router.controller.upstream import BreakerState, UpstreamState

disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double the number of series

NONE = "none"
"""Label value when there is none, such as the upstream of a request that was sent to none."""

ROUTER_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.3, 1, 5)
"""Seconds of the router's own work."""
LLM_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
"""Seconds of an LLM's work."""

STAGES = (
    ("classify", "Time to classify the prompt, successful or not.", "classified_in", "source", ROUTER_BUCKETS),
    ("queue", "Time in the queue of the upstream.", "queued_for", "upstream", ROUTER_BUCKETS),
    ("first_byte", "Time from the request to the head of the answer.", "answered_in", "upstream", LLM_BUCKETS),
    ("first_content", "Time from the request to the first token.", "first_content_in", "upstream", LLM_BUCKETS),
    ("total", "Time from the request to the end of the answer.", "took", "operation", LLM_BUCKETS),
)
"""Name, help, the record's field of seconds, the record's field of the label, buckets."""

CurrentStates = Callable[[], Mapping[str, UpstreamState]]
"""The present states of the upstreams, by name."""
CurrentChain = Callable[[], ClassifierChain | None]


class Metrics:
    """The registry of one controller."""

    def __init__(self, states: CurrentStates, chain: CurrentChain = lambda: None) -> None:
        """Both are called at each scrape."""
        self._registry = registry = CollectorRegistry()

        def counter(name: str, help_: str, *labels: str) -> Callable[..., Counter]:
            return cache(Counter(f"edge_router_{name}", help_, labels, registry=registry).labels)

        self._requests = counter("requests", "Requests.", "operation", "status", "outcome")
        self._routed = counter("routed", "Answered requests by decision and upstream.", "policy", "label", "upstream")
        self._decisions = counter("decisions", "Routing decisions by their source.", "source")
        self._degraded = counter("degraded", "Requests that a healthy system might have routed differently.", "source")
        self._fallbacks = counter("fallbacks", "Requests answered by a fallback upstream.", "upstream")
        self._retries = counter("retries", "Attempts after the first one.", "operation")
        self._errors = counter("errors", "Requests that ended with an error of the router.", "error")
        self._tokens = counter("tokens", "Tokens, as the upstreams count them.", "upstream", "kind")
        self._stages = [
            (cache(Histogram(f"edge_router_{name}_seconds", help_, [by], registry=registry, buckets=buckets).labels),
             seconds, by)
            for name, help_, seconds, by, buckets in STAGES
        ]  # fmt: skip
        self._legacy = LegacyMetrics(registry)
        registry.register(_UpstreamCollector(states))
        registry.register(_ClassifierCollector(chain))
        ProcessCollector(registry=registry)
        Info("edge_router_build", "Version of the controller.", registry=registry).info({"version": __version__})

    def observe(self, record: RequestRecord) -> None:
        self._legacy.observe(record)
        upstream = record.upstream or NONE
        status = NONE if record.status is None else f"{record.status // 100}xx"
        self._requests(record.operation, status, record.outcome).inc()
        for histogram, seconds, by in self._stages:
            duration = getattr(record, seconds)
            if duration is not None:
                histogram(getattr(record, by) or NONE).observe(duration)
        if record.upstream is not None:
            self._routed(record.policy or NONE, record.label or NONE, upstream).inc()
        if record.source is not None:
            self._decisions(record.source).inc()
        if record.degraded is not None:
            self._degraded(record.source or NONE).inc()
        if record.fallback is not None:
            self._fallbacks(upstream).inc()
        if record.attempts > 1:
            self._retries(record.operation).inc(record.attempts - 1)
        if record.error is not None:
            self._errors(record.error).inc()
        if record.prompt_tokens:
            self._tokens(upstream, "prompt").inc(record.prompt_tokens)
        if record.completion_tokens:
            self._tokens(upstream, "completion").inc(record.completion_tokens)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """(body, content type): Prometheus' text format, or OpenMetrics when `accept` asks for it."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _UpstreamCollector(Collector):
    def __init__(self, states: CurrentStates) -> None:
        self._states = states

    def collect(self) -> Iterable[Metric]:
        up, breaker_open, running, waiting = (
            GaugeMetricFamily(f"edge_router_upstream_{name}", help_, labels=["upstream"])
            for name, help_ in (
                ("up", "1 while the upstream is up."),
                ("breaker_open", "1 while the upstream's circuit breaker is not closed."),
                ("running", "Requests in progress at the upstream."),
                ("waiting", "Requests in the queue of the upstream."),
            )
        )
        for name, state in self._states().items():
            up.add_metric([name], state.up)
            breaker_open.add_metric([name], state.breaker != BreakerState.CLOSED)
            running.add_metric([name], state.running)
            waiting.add_metric([name], state.waiting)
        return [up, breaker_open, running, waiting]


class _ClassifierCollector(Collector):
    def __init__(self, chain: CurrentChain) -> None:
        self._chain = chain

    def collect(self) -> Iterable[Metric]:
        prefix = "edge_router_classifier"
        up = GaugeMetricFamily(f"{prefix}_up", "1 while the router-server is used.", labels=["server"])
        running = GaugeMetricFamily(f"{prefix}_running", "Classifications in progress.", labels=["server"])
        failures = CounterMetricFamily(f"{prefix}_failures", "Failed classifications.", labels=["server"])
        cache = CounterMetricFamily("edge_router_decision_cache", "Lookups in the decision cache.", labels=["result"])
        chain = self._chain()
        if chain is not None:
            for replica in chain.replicas:
                up.add_metric([replica.name], replica.up)
                running.add_metric([replica.name], replica.running)
                failures.add_metric([replica.name], replica.failures)
            cache.add_metric(["hit"], chain.cache.hits)
            cache.add_metric(["miss"], chain.cache.misses)
        return [up, running, failures, cache]
