"""The conditions of a rule, each as a test of its own: cheap ones first, those that need a classification last."""

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER
from edge_router.controller.classifier.decision import Decision, Decisions
from edge_router.controller.config import Conditions, Hours, Range
from edge_router.controller.routing.evaluation import Evaluation

UNDECIDED = "nobody could classify it"
FLAGS: Mapping[str, tuple[str, str]] = {
    "tools": ("it offers no tools", "it offers tools"),
    "images": ("it holds no images", "it holds images"),
    "response_format": ("it wants the answer in no form", "it wants the answer in a form"),
    "helper": ("its user asks, not the chat UI", "the chat UI asks, not its user"),
}
"""What is said of a feature that is not there, and of one that is; by its name, which is the condition's too."""

Test: TypeAlias = Callable[[Evaluation], str | None]
"""None where the condition holds, else why not. Never says what the client sent."""
DecisionTest: TypeAlias = Callable[[Decisions, Evaluation], str | None]


class RuleMatcher:
    """All of a rule's."""

    def __init__(self, when: Conditions) -> None:
        self._tests: Sequence[Test] = [*_tests(when)]
        self._decision_tests: Sequence[DecisionTest] = [*_decision_tests(when)]

    async def mismatch(self, evaluation: Evaluation) -> str | None:
        """Why they do not hold; None where they do. Nobody is asked for a decision that would change nothing. Raises
        RequestError."""
        for test in self._tests:
            if why := test(evaluation):
                return why
        if not self._decision_tests:
            return None
        decisions = await evaluation.classify()
        if decisions is None:
            return UNDECIDED
        return next((why for test in self._decision_tests if (why := test(decisions, evaluation))), None)


def _tests(when: Conditions) -> Iterator[Test]:
    if when.model is not None:
        yield partial(_model, _pattern(when.model), when.model)
    for name, patterns in (when.header or {}).items():
        yield partial(_header, name, _pattern(patterns))
    for name, state in (when.link or {}).items():
        yield partial(_link, name, state)
    if when.time is not None:
        yield partial(_time, when.time)
    for name in FLAGS:
        if (wanted := getattr(when, name)) is not None:
            yield partial(_flag, name, wanted)
    if when.tokens is not None:
        yield partial(_tokens, when.tokens)


def _decision_tests(when: Conditions) -> Iterator[DecisionTest]:
    if when.task is not None:
        yield partial(_task, when.task)
    if when.complexity is not None:
        yield partial(_complexity, when.complexity)
    if when.dimensions is not None:
        yield partial(_dimensions, when.dimensions)
    if when.confidence is not None:
        yield partial(_confidence, when.confidence)
    if when.margin is not None:
        yield partial(_margin, when.margin)


def _model(pattern: re.Pattern[str], patterns: Sequence[str], evaluation: Evaluation) -> str | None:
    matches = pattern.match(evaluation.request.hint.model or "")
    return None if matches else f"the model asked for is not {' or '.join(patterns)}"


def _header(name: str, pattern: re.Pattern[str], evaluation: Evaluation) -> str | None:
    value = evaluation.context.headers.get(name)
    if value is None:
        return f"there is no header {name}"
    return None if pattern.match(value) else f"the header {name} says something else"


def _link(name: str, state: str, evaluation: Evaluation) -> str | None:
    found = "up" if evaluation.context.up(name) else "down"
    return None if found == state else f"{name} is {found}"


def _time(hours: Hours, evaluation: Evaluation) -> str | None:
    now = evaluation.context.now
    return None if now in hours else f"{now:%a %H:%M} is not {hours}"


def _flag(name: str, wanted: bool, evaluation: Evaluation) -> str | None:
    found: bool = getattr(evaluation.features, name)
    return None if found is wanted else FLAGS[name][found]


def _tokens(takes: Range, evaluation: Evaluation) -> str | None:
    found = evaluation.features.tokens
    return None if found in takes else f"{found} tokens are not {takes}"


def _task(labels: Sequence[str], decisions: Decisions, evaluation: Evaluation) -> str | None:
    found = decisions[TASK_ROUTER].label
    return None if found in labels else f"the task is {found}"


def _complexity(takes: Range, decisions: Decisions, evaluation: Evaluation) -> str | None:
    return _number("the score", decisions[COMPLEXITY_ROUTER].score, takes)


def _dimensions(wanted: Mapping[str, Range], decisions: Decisions, evaluation: Evaluation) -> str | None:
    found = decisions[COMPLEXITY_ROUTER].probabilities
    return next((why for label, takes in wanted.items() if (why := _number(label, found.get(label), takes))), None)


def _confidence(takes: Range, decisions: Decisions, evaluation: Evaluation) -> str | None:
    return _number("the confidence", decisions[evaluation.policy].confidence, takes)


def _margin(takes: Range, decisions: Decisions, evaluation: Evaluation) -> str | None:
    return _number("the margin", margin(decisions[evaluation.policy]), takes)


def margin(decision: Decision) -> float:
    """How much more probable the label is than the next."""
    others = (share for label, share in decision.probabilities.items() if label != decision.label)
    return decision.confidence - max(others, default=0)


def _number(what: str, found: float | None, takes: Range) -> str | None:
    if found is None:
        return f"there is no number for {what}"
    return None if found in takes else f"{what} is {found:.3g}, not {takes}"


def _pattern(patterns: Sequence[str]) -> re.Pattern[str]:
    """Of whole words, whatever their case."""
    return re.compile("|".join(map(fnmatch.translate, patterns)), re.IGNORECASE)
