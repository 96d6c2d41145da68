"""The figures of one system, and what follows from them beside those of no relay at all."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Spread:
    """Of a figure over the rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(float(np.median(values)), min(values), max(values))


@dataclass
class Measured:
    """A value a round, in lists of the same length."""

    ms: dict[int, list[float]] = field(default_factory=lambda: {percentile: [] for percentile in PERCENTILES})
    """By percentile: of requests one after the other."""
    per_second: list[float] = field(default_factory=list)
    """Requests, many at a time."""
    core_us: list[float] = field(default_factory=list)
    """Of the relay's core, a request, with as many at a time."""
    events_per_second: list[float] = field(default_factory=list)
    """Of streams, as many at a time."""
    resident_mb: list[tuple[int, float]] = field(default_factory=list)
    """(requests answered, megabytes), from the first answer on."""

    def take_times(self, seconds: Sequence[float]) -> None:
        for percentile, values in self.ms.items():
            values.append(float(np.percentile(seconds, percentile)) * 1000)

    def added_ms(self, percentile: int, direct: "Measured") -> Spread:
        pairs = zip(self.ms[percentile], direct.ms[percentile], strict=True)
        return Spread.of([ours - theirs for ours, theirs in pairs])

    def share_of_events(self, direct: "Measured") -> Spread:
        pairs = zip(self.events_per_second, direct.events_per_second, strict=True)
        return Spread.of([ours / theirs for ours, theirs in pairs])

    def growth(self) -> float:
        """Kilobytes per 1,000 requests over the second half of them: what is still growing when all caches are warm."""
        late = self.resident_mb[len(self.resident_mb) // 2 :]
        counts, megabytes = zip(*late, strict=True)
        return float(np.polyfit(counts, megabytes, 1)[0]) * 1024 * 1000
