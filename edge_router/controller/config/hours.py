"""The `time` of a condition: hours of the day on days of the week, by this machine's clock."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field

from edge_router.controller.config.section import ConfigSection

Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Sequence[Day] = get_args(Day)
MINUTES_OF_A_DAY = 24 * 60


def _clock(value: object) -> object:
    """YAML reads 22:00 without quotes as the number 1320."""
    if isinstance(value, int) and 0 <= value < MINUTES_OF_A_DAY:
        return f"{value // 60:02}:{value % 60:02}"
    return value


Clock: TypeAlias = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$"), BeforeValidator(_clock)]


class Hours(ConfigSection):
    """From `from` on, and before `to`. Where `to` comes before `from` they go on after midnight, and still belong to
    the day on which they began. Equal: all day."""

    start: Clock = Field("00:00", alias="from")
    end: Clock = Field("00:00", alias="to")
    days: Sequence[Day] = Field(DAYS, min_length=1)

    def __contains__(self, now: datetime) -> bool:
        start, end, at = time.fromisoformat(self.start), time.fromisoformat(self.end), now.time()
        if start < end:
            began_today = inside = start <= at < end
        else:
            began_today = at >= start
            inside = began_today or at < end
        day = now if began_today else now - timedelta(days=1)
        return inside and DAYS[day.weekday()] in self.days

    def __str__(self) -> str:
        days = "" if self.days == DAYS else f" on {', '.join(self.days)}"
        return f"{self.start} to {self.end}{days}"
