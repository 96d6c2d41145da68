"""The section `rules` of `routes.yaml`, and the conditions of a rule."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self, TypeAlias, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER
from edge_router.controller.config.section import ConfigSection, Range, Share
from edge_router.validation import PATTERN_WORDS, Place

Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Sequence[Day] = get_args(Day)
MINUTES_OF_A_DAY = 24 * 60


def _clock(value: object) -> object:
    """YAML reads 22:00 without quotes as the number 1320."""
    if isinstance(value, int) and 0 <= value < MINUTES_OF_A_DAY:
        return f"{value // 60:02}:{value % 60:02}"
    return value


Clock: TypeAlias = Annotated[
    str,
    Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", json_schema_extra={PATTERN_WORDS: 'must be a time of day: "22:00"'}),
    BeforeValidator(_clock),
]


class Hours(ConfigSection):
    """Hours of the day, from `from` up to but not including `to`, on some days of the week. If `to` is earlier than
    `from`, the hours go past midnight and belong to the day on which they begin. If both are equal: all day."""

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


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _lower_case(headers: "Mapping[str, Names]") -> "Mapping[str, Names]":
    return {name.lower(): patterns for name, patterns in headers.items()}


Names: TypeAlias = Annotated[Sequence[str], Field(min_length=1), BeforeValidator(_listed)]
"""One name or several, of which one must match."""


SHORT_FORMS: Mapping[str, tuple[str, str]] = {
    "task": ("labels", TASK_ROUTER),
    "complexity": ("score", COMPLEXITY_ROUTER),
    "dimensions": ("probabilities", COMPLEXITY_ROUTER),
}
"""The general condition and the policy that a short form stands for."""


class Conditions(ConfigSection):
    """Conditions that must all hold."""

    model: Names | None = None
    """patterns for the model asked for: gpt-4*"""
    header: Annotated[Mapping[str, Names], AfterValidator(_lower_case)] | None = None
    """patterns for values, by header: {x-team: research*}"""
    tools: bool | None = None
    """the request offers tools"""
    images: bool | None = None
    """the request holds images"""
    response_format: bool | None = None
    """the request asks for an answer format such as JSON"""
    background_task: bool | None = None
    """a chat UI asks on its own behalf: for a title, tags"""
    tokens: Range | None = None
    """estimated tokens of the whole request"""
    time: Hours | None = None
    """hours of this machine's clock"""
    upstream: Mapping[str, Literal["up", "down"]] | None = None
    """state of upstreams, by name"""

    labels: Mapping[str, Names] | None = None
    """labels by policy: {demand_router: large}"""
    score: Mapping[str, Share] | None = None
    """score by policy"""
    probabilities: Mapping[str, Mapping[str, Share]] | None = None
    """probability of each label, by policy"""
    task: Names | None = None
    """short for labels: {task_router: ...}"""
    complexity: Share | None = None
    """short for score: {complexity_router: ...}"""
    dimensions: Mapping[str, Share] | None = None
    """short for probabilities: {complexity_router: ...}"""
    confidence: Share | None = None
    """probability of the label of the policy asked for"""
    margin: Share | None = None
    """that probability minus the next label's"""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        for short, (general, policy) in SHORT_FORMS.items():
            if getattr(self, short) is not None and policy in (getattr(self, general) or {}):
                raise ValueError(f"{short} is short for {general}.{policy}; give one of the two")
        return self

    @cached_property
    def decisions(self) -> "DecisionConditions":
        """The conditions on decisions in their general form."""
        return DecisionConditions(
            **{
                general: {**(getattr(self, general) or {}), **self._short_for(general)}
                for general in (field.name for field in fields(DecisionConditions))
            }
        )

    def references(self) -> Iterator[tuple[Place, str, Sequence[str]]]:
        """(place below `when`, policy, labels of the policy) for each condition on a decision."""
        for general, conditions in vars(self.decisions).items():
            for policy, wanted in conditions.items():
                short = next((name for name, form in SHORT_FORMS.items() if form == (general, policy)), None)
                place = (general, policy) if short is None or getattr(self, short) is None else (short,)
                yield place, policy, () if general == "score" else tuple(wanted)

    def _short_for(self, general: str) -> dict[str, Any]:
        return {
            policy: getattr(self, short)
            for short, (form, policy) in SHORT_FORMS.items()
            if form == general and getattr(self, short) is not None
        }

    def __str__(self) -> str:
        """The conditions in words, for `edge-router explain` and `check`."""
        return " and ".join(_words(self)) or "anything"


@dataclass(frozen=True)
class DecisionConditions:
    """A rule's conditions on decisions, by policy: labels, score, probability of each label."""

    labels: Mapping[str, Sequence[str]]
    score: Mapping[str, Share]
    probabilities: Mapping[str, Mapping[str, Share]]


class RuleConfig(ConfigSection):
    """If all conditions of `when` hold, the request goes to `to`, stays local, or both."""

    name: str | None = Field(None, min_length=1)
    """shown in headers and metrics"""
    when: Conditions = Conditions()
    to: str | None = None
    """an upstream, fallback or split"""
    local_only: bool = False
    """the request must stay on this device or the local network"""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.to is None and not self.local_only:
            raise ValueError("has no effect; give `to`, or `local_only: true`")
        return self


def _words(when: Conditions) -> Iterator[str]:
    for name in type(when).model_fields:
        wanted = getattr(when, name)
        if isinstance(wanted, bool):
            yield f"{'' if wanted else 'no '}{name}"
        elif isinstance(wanted, Mapping):
            yield from (f"{name} {text}" for key, value in wanted.items() for text in _entry(key, value))
        elif wanted is not None:
            yield f"{name} {_either(wanted)}"


def _entry(key: str, value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (f"{key} {text}" for label, share in value.items() for text in _entry(label, share))
    else:
        yield f"{key} {_either(value)}"


def _either(wanted: object) -> str:
    return str(wanted) if isinstance(wanted, str) or not isinstance(wanted, Sequence) else " or ".join(wanted)
