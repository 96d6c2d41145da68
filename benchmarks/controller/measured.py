"""The figures of one system, and its overhead relative to direct calls."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Spread:
    """Median and range of a figure over the rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(float(np.median(values)), min(values), max(values))


@dataclass
class Measured:
    """Figures of one system: lists with one value for each round."""

    ms: dict[int, list[float]] = field(default_factory=lambda: {percentile: [] for percentile in PERCENTILES})
    """Latency by percentile, of requests sent one at a time."""
    per_second: list[float] = field(default_factory=list)
    """Requests a second, with many in flight."""
    core_us: list[float] = field(default_factory=list)
    """CPU time of the relay for one request in microseconds, with many in flight."""
    events_per_second: list[float] = field(default_factory=list)
    """Events of streams a second, with many in flight."""
    resident_mb: list[tuple[int, float]] = field(default_factory=list)
    """(requests answered so far, resident megabytes)."""

    def add_latencies(self, seconds: Sequence[float]) -> None:
        """Adds the percentiles of one round."""
        for percentile, values in self.ms.items():
            values.append(float(np.percentile(seconds, percentile)) * 1000)

    def added_ms(self, percentile: int, direct: "Measured") -> Spread:
        pairs = zip(self.ms[percentile], direct.ms[percentile], strict=True)
        return Spread.of([own - reference for own, reference in pairs])

    def share_of_events(self, direct: "Measured") -> Spread:
        pairs = zip(self.events_per_second, direct.events_per_second, strict=True)
        return Spread.of([own / reference for own, reference in pairs])

    def growth(self) -> float:
        """Growth of memory in kilobytes per 1,000 requests over the second half of them, when all caches are warm."""
        late = self.resident_mb[len(self.resident_mb) // 2 :]
        counts, megabytes = zip(*late, strict=True)
        return float(np.polyfit(counts, megabytes, 1)[0]) * 1024 * 1000
