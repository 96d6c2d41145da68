"""The conditions of a rule, compiled into tests. Tests that need a classification run last.

A test returns None if its condition holds, else the mismatch in words. A mismatch never quotes the client.
"""

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from edge_router.contract import short_name
from edge_router.controller.classifier import Decisions
from edge_router.controller.config import Conditions, Hours, Range
from edge_router.controller.routing.evaluation import Evaluation

UNCLASSIFIED = "no classifier answered"
FLAGS: Mapping[str, tuple[str, str]] = {
    "tools": ("the request offers no tools", "the request offers tools"),
    "images": ("the request holds no images", "the request holds images"),
    "response_format": ("the request asks for no answer format", "the request asks for an answer format"),
    "background_task": ("the request is the user's own", "the request is a chat UI's background task"),
}
"""Two mismatches for each feature: of a request without it, and of a request with it."""

Test: TypeAlias = Callable[[Evaluation], str | None]
DecisionTest: TypeAlias = Callable[[Decisions, Evaluation], str | None]


class CompiledConditions:
    """The tests of one rule's conditions."""

    def __init__(self, conditions: Conditions) -> None:
        self._tests: Sequence[Test] = [*_tests(conditions)]
        self._decision_tests: Sequence[DecisionTest] = [*_decision_tests(conditions)]

    async def mismatch(self, evaluation: Evaluation) -> str | None:
        """The first mismatch; None if all conditions hold.

        Classifies the prompt only if a condition needs it and all other tests have passed. Raises RequestError.
        """
        for test in self._tests:
            if mismatch := test(evaluation):
                return mismatch
        if not self._decision_tests:
            return None
        decisions = await evaluation.classify()
        if decisions is None:
            return UNCLASSIFIED
        mismatches = (test(decisions, evaluation) for test in self._decision_tests)
        return next(filter(None, mismatches), None)


def _tests(conditions: Conditions) -> Iterator[Test]:
    if conditions.model is not None:
        yield partial(_model, _pattern(conditions.model), conditions.model)
    for name, patterns in (conditions.header or {}).items():
        yield partial(_header, name, _pattern(patterns))
    for name, state in (conditions.upstream or {}).items():
        yield partial(_upstream, name, state)
    if conditions.time is not None:
        yield partial(_time, conditions.time)
    for name in FLAGS:
        if (wanted := getattr(conditions, name)) is not None:
            yield partial(_flag, name, wanted)
    if conditions.tokens is not None:
        yield partial(_tokens, conditions.tokens)


def _decision_tests(conditions: Conditions) -> Iterator[DecisionTest]:
    for policy, labels in conditions.decisions.labels.items():
        yield partial(_label, policy, labels)
    for policy, wanted in conditions.decisions.score.items():
        yield partial(_score, policy, wanted)
    for policy, shares in conditions.decisions.probabilities.items():
        yield partial(_probabilities, policy, shares)
    if conditions.confidence is not None:
        yield partial(_confidence, conditions.confidence)
    if conditions.margin is not None:
        yield partial(_margin, conditions.margin)


def _model(pattern: re.Pattern[str], patterns: Sequence[str], evaluation: Evaluation) -> str | None:
    matches = pattern.match(evaluation.request.hint.model or "")
    return None if matches else f"the requested model is not {' or '.join(patterns)}"


def _header(name: str, pattern: re.Pattern[str], evaluation: Evaluation) -> str | None:
    value = evaluation.context.headers.get(name)
    if value is None:
        return f"there is no header {name}"
    return None if pattern.match(value) else f"the header {name} has another value"


def _upstream(name: str, wanted: str, evaluation: Evaluation) -> str | None:
    state = "up" if evaluation.context.is_up(name) else "down"
    return None if state == wanted else f"{name} is {state}"


def _time(hours: Hours, evaluation: Evaluation) -> str | None:
    now = evaluation.context.now
    return None if now in hours else f"{now:%a %H:%M} is not {hours}"


def _flag(name: str, wanted: bool, evaluation: Evaluation) -> str | None:
    value: bool = getattr(evaluation.features, name)
    return None if value is wanted else FLAGS[name][value]


def _tokens(wanted: Range, evaluation: Evaluation) -> str | None:
    tokens = evaluation.features.tokens
    return None if tokens in wanted else f"{tokens} tokens are not {wanted}"


def _label(policy: str, labels: Sequence[str], decisions: Decisions, evaluation: Evaluation) -> str | None:
    label = decisions[policy].label
    return None if label in labels else f"the {short_name(policy)} is {label}"


def _score(policy: str, wanted: Range, decisions: Decisions, evaluation: Evaluation) -> str | None:
    return _number(f"the {short_name(policy)} score", decisions[policy].score, wanted)


def _probabilities(
    policy: str, wanted: Mapping[str, Range], decisions: Decisions, evaluation: Evaluation
) -> str | None:
    shares = decisions[policy].probabilities
    mismatches = (_number(label, shares.get(label), share) for label, share in wanted.items())
    return next(filter(None, mismatches), None)


def _confidence(wanted: Range, decisions: Decisions, evaluation: Evaluation) -> str | None:
    return _number("the confidence", decisions[evaluation.policy].confidence, wanted)


def _margin(wanted: Range, decisions: Decisions, evaluation: Evaluation) -> str | None:
    return _number("the margin", decisions[evaluation.policy].margin, wanted)


def _number(name: str, number: float | None, wanted: Range) -> str | None:
    if number is None:
        return f"there is no number for {name}"
    return None if number in wanted else f"{name} is {number:.3g}, not {wanted}"


def _pattern(patterns: Sequence[str]) -> re.Pattern[str]:
    """Matches a whole value with any of the patterns, ignoring case."""
    return re.compile("|".join(map(fnmatch.translate, patterns)), re.IGNORECASE)
