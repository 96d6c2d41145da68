"""The names in `routes.yaml`: each must exist, mean one thing, and lead to an upstream."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

Place: TypeAlias = tuple[str | int, ...]
"""Where something stands in the file: keys and positions, outermost first."""


class ConfigProblems(ValueError):
    """Parts of the file that are right by themselves and do not fit together. `problems`: what is wrong, by place."""

    def __init__(self, problems: Iterable[tuple[Place, str]]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(f"{dotted(place)}: {problem}" for place, problem in self.problems))


def dotted(place: Place) -> str:
    return ".".join(map(str, place))


def suggestion(name: str, there_are: Iterable[str]) -> str:
    """What to write instead of `name`, which is none of them."""
    names = list(there_are)
    if close := difflib.get_close_matches(name, names, 1, 0.7):
        return f"did you mean {close[0]}?"
    return f"there are {', '.join(names)}" if names else "there are none"


def cycles(leads: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    """(name, the way from it back to it), of each name that leads to itself by way of others."""

    def way(name: str, taken: tuple[str, ...]) -> tuple[str, ...] | None:
        if name in taken:
            return (*taken, name) if name == taken[0] else None
        ways = (way(following, (*taken, name)) for following in leads.get(name, ()))
        return next(filter(None, ways), None)

    for name in leads:
        if found := way(name, ()):
            yield name, " -> ".join(found)
