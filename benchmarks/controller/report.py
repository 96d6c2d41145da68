"""Reports of the controller benchmark: a table and JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

from rich.table import Table

from benchmarks.controller.measured import PERCENTILES, Measured, Spread

Figures: TypeAlias = Mapping[str, Measured]
"""Figures by system; the first is the direct call."""


def as_table(found: Figures, in_flight: int) -> Table:
    (first, direct), *relays = found.items()
    requests = max(count for measured in found.values() for count, _ in measured.resident_mb)
    header = [
        *("", *(f"p{percentile} ms" for percentile in PERCENTILES), f"requests/s at {in_flight}", "core us a request"),
        *("events/s", "MB, first and last", "kB/1,000 requests"),
    ]
    title = f"added to a direct call (minimum and maximum of the rounds); memory over {requests:,} requests"
    table = Table(*header, box=None, pad_edge=False, title=title)
    table.add_row(first, *_direct(direct))
    for name, measured in relays:
        table.add_row(name, *_relay(measured, direct))
    return table


def _direct(direct: Measured) -> Iterator[str]:
    for percentile in PERCENTILES:
        yield f"{Spread.of(direct.ms[percentile]).median:.3f} total"
    yield from _rate(direct)
    yield _formatted(Spread.of(direct.events_per_second), "{:,.0f}")


def _relay(measured: Measured, direct: Measured) -> Iterator[str]:
    for percentile in PERCENTILES:
        yield _formatted(measured.added_ms(percentile, direct), "{:.2f}")
    yield from _rate(measured)
    yield _formatted(measured.share_of_events(direct), "{:.0%}")
    yield f"{measured.resident_mb[0][1]:.0f}, {measured.resident_mb[-1][1]:.0f}"
    yield f"{measured.growth():+.1f}"


def _rate(measured: Measured) -> Iterator[str]:
    yield _formatted(Spread.of(measured.per_second), "{:,.0f}")
    yield f"{Spread.of(measured.core_us).median:.0f}"


def _formatted(spread: Spread, form: str) -> str:
    return f"{form.format(spread.median)} ({form.format(spread.least)}-{form.format(spread.most)})"


def as_json(found: Figures) -> dict[str, Any]:
    (first, direct), *relays = found.items()
    content: dict[str, Any] = {first: asdict(direct)}
    for name, measured in relays:
        added = {percentile: asdict(measured.added_ms(percentile, direct)) for percentile in PERCENTILES}
        share, growth = asdict(measured.share_of_events(direct)), measured.growth()
        derived = {"added_ms": added, "share_of_events": share, "growth_kb_per_1000": growth}
        content[name] = asdict(measured) | derived
    return content
