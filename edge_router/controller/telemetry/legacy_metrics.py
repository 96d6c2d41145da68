"""The metrics of the old llm-router, under their names and with their meaning: dashboards read them on."""

from collections.abc import Callable, Iterable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from edge_router.controller.record import RequestRecord


class LegacyMetrics:
    """Where the old `model`, `llm` and `llm_name` held the label that was decided for, they still do. A request without
    one goes by its upstream's name."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def unsuffixed(name: str, meaning: str, *labels: str) -> Counter:
            counter = Counter(name, meaning, labels, registry=None)
            registry.register(_Unsuffixed(name, counter))
            return counter

        def histogram(name: str, meaning: str, *labels: str) -> Histogram:
            return Histogram(name, meaning, labels, registry=registry)

        self._requests = unsuffixed("num_requests", "Requests")
        self._per_policy: Callable[[str], Counter] = cache(
            unsuffixed("requests_per_policy", "Requests by policy", "policy").labels
        )
        self._per_model = cache(unsuffixed("requests_per_model", "Requests by label", "model").labels)
        self._strategies = cache(unsuffixed("routing_policy_usage", "Requests by strategy", "routing_policy").labels)
        self._tokens = cache(unsuffixed("llm_token_usage", "Tokens", "llm_name", "category").labels)
        self._success = Counter("request_success", "Requests answered", registry=registry)
        self._failure = cache(Counter("request_failure", "Others, by kind", ["error_type"], registry=registry).labels)
        self._latency = histogram("request_latency_seconds", "A request; of a stream, until it began")
        self._selection = histogram("model_selection_time_seconds", "Until it was decided who answers")
        self._response = cache(histogram("llm_response_time_seconds", "Until the LLM began to answer", "llm").labels)
        self._overhead = histogram("proxy_overhead_latency_seconds", "The latency without these two")

    def observe(self, record: RequestRecord) -> None:
        self._requests.inc()
        if record.policy is not None:
            self._per_policy(record.policy).inc()
        if record.strategy is not None:
            self._strategies(record.strategy).inc()
        if (kind := _failure(record)) is None:
            self._success.inc()
        else:
            self._failure(kind).inc()
        if (llm := record.label or record.upstream) is not None:
            self._per_model(llm).inc()
            self._count_tokens(llm, record)
        self._time(llm, record)

    def _count_tokens(self, llm: str, record: RequestRecord) -> None:
        prompt, completion = record.prompt_tokens or 0, record.completion_tokens or 0
        if prompt or completion:
            self._tokens(llm, "prompt").inc(prompt)
            self._tokens(llm, "completion").inc(completion)
            self._tokens(llm, "total").inc(prompt + completion)

    def _time(self, llm: str | None, record: RequestRecord) -> None:
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


class _Unsuffixed(Collector):
    """A counter under exactly its name, to which prometheus-client would add `_total`; its type is unknown for that."""

    def __init__(self, name: str, counter: Counter) -> None:
        self._name = name
        self._counter = counter

    def collect(self) -> Iterable[Metric]:
        for family in self._counter.collect():
            renamed = Metric(self._name, family.documentation, "unknown")
            renamed.samples = [sample._replace(name=self._name) for sample in family.samples]
            yield renamed


def _failure(record: RequestRecord) -> str | None:
    """Of the old kinds; None for a success."""
    if record.status is None or record.outcome == "broke off":
        return "system"
    if record.outcome == "client left":
        return "other"
    return None if record.status < 400 else f"{record.status // 100}xx"
