"""The metrics of NVIDIA's llm-router, with its names and meanings, so that its dashboards keep working."""

from collections.abc import Callable, Iterable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from edge_router.controller.telemetry.record import RequestRecord
from edge_router.controller.upstream import Outcome


class LegacyMetrics:
    """The labels `model`, `llm` and `llm_name` hold the decision's label, as in the original, or the upstream's name if
    there is none."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def unsuffixed(name: str, help_: str, *labels: str) -> Counter:
            counter = Counter(name, help_, labels, registry=None)
            registry.register(_UnsuffixedCollector(name, counter))
            return counter

        def histogram(name: str, help_: str, *labels: str) -> Histogram:
            return Histogram(name, help_, labels, registry=registry)

        self._requests = unsuffixed("num_requests", "Requests.")
        self._per_policy: Callable[[str], Counter] = cache(
            unsuffixed("requests_per_policy", "Requests by policy.", "policy").labels
        )
        self._per_model = cache(unsuffixed("requests_per_model", "Requests by label.", "model").labels)
        self._strategies = cache(unsuffixed("routing_policy_usage", "Requests by strategy.", "routing_policy").labels)
        self._tokens = cache(unsuffixed("llm_token_usage", "Tokens.", "llm_name", "category").labels)
        self._success = Counter("request_success", "Answered requests.", registry=registry)
        self._failure = cache(Counter("request_failure", "Failed requests.", ["error_type"], registry=registry).labels)
        self._latency = histogram("request_latency_seconds", "Time of a request; of a stream, until its beginning.")
        self._selection = histogram("model_selection_time_seconds", "Time to decide on the upstream.")
        self._response = cache(histogram("llm_response_time_seconds", "Time until the LLM answers.", "llm").labels)
        self._overhead = histogram("proxy_overhead_latency_seconds", "The latency without decision and LLM.")

    def observe(self, record: RequestRecord) -> None:
        self._requests.inc()
        if record.policy is not None:
            self._per_policy(record.policy).inc()
        if record.strategy is not None:
            self._strategies(record.strategy).inc()
        if (kind := _failure_kind(record)) is None:
            self._success.inc()
        else:
            self._failure(kind).inc()
        if (llm := record.label or record.upstream) is not None:
            self._per_model(llm).inc()
            self._count_tokens(llm, record)
        self._observe_times(llm, record)

    def _count_tokens(self, llm: str, record: RequestRecord) -> None:
        prompt, completion = record.prompt_tokens or 0, record.completion_tokens or 0
        if prompt or completion:
            self._tokens(llm, "prompt").inc(prompt)
            self._tokens(llm, "completion").inc(completion)
            self._tokens(llm, "total").inc(prompt + completion)

    def _observe_times(self, llm: str | None, record: RequestRecord) -> None:
        latency = record.answered_in if record.streamed else record.took
        if latency is not None:
            self._latency.observe(latency)
        if record.classified_in is not None:
            self._selection.observe(record.classified_in)
        if latency is not None and record.answered_in is not None and llm is not None:
            selection = record.classified_in or 0.0
            response = record.answered_in - selection - (record.queued_for or 0.0)
            self._response(llm).observe(response)
            self._overhead.observe(max(latency - selection - response, 0.0))


class _UnsuffixedCollector(Collector):
    """A counter without the suffix `_total`, which prometheus-client adds. Its type is therefore `unknown`."""

    def __init__(self, name: str, counter: Counter) -> None:
        self._name = name
        self._counter = counter

    def collect(self) -> Iterable[Metric]:
        for family in self._counter.collect():
            renamed = Metric(self._name, family.documentation, "unknown")
            renamed.samples = [sample._replace(name=self._name) for sample in family.samples]
            yield renamed


def _failure_kind(record: RequestRecord) -> str | None:
    """The original's word for a failure; None for a success."""
    if record.status is None or record.outcome is Outcome.STREAM_INTERRUPTED:
        return "system"
    if record.outcome is Outcome.CLIENT_DISCONNECTED:
        return "other"
    return None if record.status < 400 else f"{record.status // 100}xx"
