"""The metrics, read by Prometheus' own parser."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

from edge_router.controller.telemetry import RequestRecord
from edge_router.controller.telemetry.metrics import Metrics
from edge_router.controller.upstream import Outcome
from edge_router.controller.upstream.breaker import BreakerState
from edge_router.controller.upstream.endpoint import UpstreamState
from tests.unit.controller.telemetry.conftest import answered, refused

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(metrics: Metrics) -> Samples:
    body, content_type = metrics.exposition("text/plain;version=0.0.4")
    assert content_type.startswith("text/plain; version=0.0.4")
    families = list(text(body.decode()))
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


def after(*records: RequestRecord) -> Samples:
    metrics = Metrics(dict)
    for record in records:
        metrics.observe(record)
    return samples(metrics)


def test_legacy_metrics_have_the_names_and_labels_of_the_original() -> None:
    found = after(answered(), refused())
    assert value(found, "num_requests") == 2
    assert value(found, "requests_per_policy", policy="task_router") == 1
    assert value(found, "requests_per_model", model="Code") == 1
    assert value(found, "routing_policy_usage", routing_policy="triton") == 1
    assert value(found, "request_success_total") == 1
    assert value(found, "request_failure_total", error_type="4xx") == 1
    for category, tokens in (("prompt", 12), ("completion", 40), ("total", 52)):
        assert value(found, "llm_token_usage", llm_name="Code", category=category) == tokens


def test_legacy_times_have_the_meaning_of_the_original() -> None:
    """The latency of a stream ends at its beginning; the proxy's overhead is the latency without selection and LLM."""
    stream = after(answered())
    assert value(stream, "request_latency_seconds_sum") == pytest.approx(0.204)
    assert value(stream, "model_selection_time_seconds_sum") == pytest.approx(0.003)
    assert value(stream, "llm_response_time_seconds_sum", llm="Code") == pytest.approx(0.2)
    assert value(stream, "proxy_overhead_latency_seconds_sum") == pytest.approx(0.001)
    whole = after(answered(streamed=False))
    assert value(whole, "request_latency_seconds_sum") == pytest.approx(1.25)
    assert value(whole, "proxy_overhead_latency_seconds_sum") == pytest.approx(1.047)


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (refused(status=404), "4xx"),
        (answered(status=502), "5xx"),
        (answered(outcome=Outcome.STREAM_INTERRUPTED), "system"),
        (answered(outcome=Outcome.CLIENT_DISCONNECTED), "other"),
        (refused(status=None), "system"),
    ],
)
def test_a_failure_has_one_of_the_legacy_kinds(record: RequestRecord, kind: str) -> None:
    found = after(record)
    assert value(found, "request_failure_total", error_type=kind) == 1
    assert value(found, "request_success_total") == 0


def test_the_upstream_stands_in_for_a_missing_label() -> None:
    found = after(answered(label=None, policy=None, source=None, classified_in=None, strategy="pinned"))
    assert value(found, "requests_per_model", model="large") == 1
    assert value(found, "edge_router_routed_total", policy="none", label="none", upstream="large") == 1
    assert value(found, "model_selection_time_seconds_count") == 0


def test_requests_are_counted_by_operation_status_and_outcome() -> None:
    found = after(answered(), answered(), refused(), refused(status=None, outcome=Outcome.CLIENT_DISCONNECTED))
    counted = {("2xx", "answered"): 2, ("4xx", "refused"): 1, ("none", "client_disconnected"): 1}
    for (status, outcome), count in counted.items():
        labels = {"operation": "chat", "status": status, "outcome": outcome}
        assert value(found, "edge_router_requests_total", **labels) == count
    assert value(found, "edge_router_errors_total", error="RequestError") == 2


def test_fallbacks_retries_and_degraded_decisions_are_counted() -> None:
    found = after(
        answered(source="cached"),
        answered(source="default", degraded="classifier does not answer", label=None),
        answered(upstream="small", fallback="large does not answer", attempts=3),
    )
    assert value(found, "edge_router_decisions_total", source="cached") == 1
    assert value(found, "edge_router_decisions_total", source="default") == 1
    assert value(found, "edge_router_degraded_total", source="default") == 1
    assert value(found, "edge_router_fallbacks_total", upstream="small") == 1
    assert value(found, "edge_router_retries_total", operation="chat") == 2


def test_each_stage_has_its_own_histogram() -> None:
    found = after(answered())
    assert value(found, "edge_router_classify_seconds_bucket", source="server", le="0.002") == 0
    assert value(found, "edge_router_classify_seconds_bucket", source="server", le="0.005") == 1
    assert value(found, "edge_router_queue_seconds_sum", upstream="large") == pytest.approx(0.001)
    assert value(found, "edge_router_first_byte_seconds_sum", upstream="large") == pytest.approx(0.204)
    assert value(found, "edge_router_first_content_seconds_sum", upstream="large") == pytest.approx(0.21)
    assert value(found, "edge_router_total_seconds_sum", operation="chat") == pytest.approx(1.25)
    assert value(found, "edge_router_tokens_total", upstream="large", kind="completion") == 40


def test_the_states_of_upstreams_are_read_at_each_scrape() -> None:
    states = {"large": UpstreamState(True, BreakerState.CLOSED, 2, 1)}
    metrics = Metrics(lambda: states)
    states["small"] = UpstreamState(False, BreakerState.OPEN, 0, 0)
    found = samples(metrics)
    shown = {
        name: [value(found, f"edge_router_upstream_{name}", upstream=upstream) for upstream in ("large", "small")]
        for name in ("up", "breaker_open", "running", "waiting")
    }
    assert shown == {"up": [1, 0], "breaker_open": [0, 1], "running": [2, 0], "waiting": [1, 0]}


def test_openmetrics_is_sent_if_the_accept_header_asks_for_it() -> None:
    metrics = Metrics(dict)
    metrics.observe(answered())
    body, content_type = metrics.exposition("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in openmetrics(body.decode())}  # type: ignore[no-untyped-call]
    assert [sample.value for sample in families["num_requests"].samples] == [1]
    assert families["edge_router_requests"].type == "counter"


def test_no_word_of_a_client_becomes_a_label() -> None:
    words = answered(request_id="canary", traceparent="canary", degraded="canary", fallback="canary")
    assert not [key for key in after(words) if "canary" in str(key)]
