"""A YAML file that knows on which line each of its keys stands."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ValidationError

from edge_router.controller.config.problems import ConfigProblems, Place, dotted, suggestion
from edge_router.errors import ConfigError

SECRET = "api_key"
"""Below this key nothing is repeated but words that are surely none of the key's."""


@dataclass(frozen=True)
class ConfigDocument:
    file: Path
    content: Any
    _root: yaml.Node | None

    @classmethod
    def read(cls, file: Path) -> Self:
        """Raises ConfigError naming file and line, also for a key that stands twice in one mapping, and for
        what holds itself."""
        try:
            text = file.read_text(encoding="utf-8")
            root = yaml.compose(text, yaml.SafeLoader)
            content = yaml.safe_load(text)
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{file}: not UTF-8 at byte {error.start}") from None
        except yaml.YAMLError as error:
            raise ConfigError(_syntax(file, error)) from None
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{file}: cannot be read as YAML ({type(error).__name__})") from None
        document = cls(file, content, root)
        if faults := [*_faults(root, (), frozenset(), set())]:
            raise document.refused(faults)
        return document

    def refusal(self, error: ValidationError, model: type[BaseModel]) -> ConfigError:
        """What `model` finds wrong, one problem a line."""
        return self.refused(_problems(error, model))

    def refused(self, problems: Iterable[tuple[Place, str]]) -> ConfigError:
        lines = sorted((self.line(place), place, problem) for place, problem in problems)
        return ConfigError("\n".join(f"{self.file}:{line}: {_shown(place)}{problem}" for line, place, problem in lines))

    def line(self, place: Place) -> int:
        """Of the key; where it is missing, of what it is missing in."""
        node, line = self._root, 1
        for part in place:
            found = _below(node, part)
            if found is None:
                break
            key, node = found
            line = key.start_mark.line + 1
        return line


def _syntax(file: Path, error: yaml.YAMLError) -> str:
    """Without what PyYAML would show of the file: it may hold a key."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark and error.problem:
        grammar = isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError)
        problem = error.problem if grammar else error.problem.partition("'")[0].rstrip()
        return f"{file}:{error.problem_mark.line + 1}: {problem}"
    return f"{file}: not YAML; it holds a character that no text does"


def _below(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """(where it begins, what it is)."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def _faults(node: yaml.Node | None, place: Place, above: frozenset[int], seen: set[int]) -> Iterator[tuple[Place, str]]:
    """Keys that stand in a mapping more than once, of which YAML's readers would take the last, and what holds itself
    by an alias. `above`, `seen`: nodes, by identity."""
    if id(node) in above:
        yield place, "holds itself"
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    above |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in first:
                yield (*place, key.value), f"stands here on line {line} again; remove one"
            first.setdefault(str(key.value), line)
            yield from _faults(value, (*place, str(key.value)), above, seen)
    elif isinstance(node, yaml.SequenceNode):
        for at, value in enumerate(node.value):
            yield from _faults(value, (*place, at), above, seen)


def _problems(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Place, str]]:
    for problem in error.errors(include_url=False):
        place = problem["loc"]
        cause = problem.get("ctx", {}).get("error")
        if isinstance(cause, ConfigProblems):
            yield from cause.problems
        elif problem["type"] == "extra_forbidden":
            yield place, f"no such key; {suggestion(str(place[-1]), _keys(model.model_json_schema(), place[:-1]))}"
        elif problem["type"] == "missing":
            yield place, "is missing"
        elif problem["type"] == "model_type":
            yield place, f"must have keys of its own: {', '.join(_keys(model.model_json_schema(), place))}"
        elif cause is not None:
            yield place, str(cause)
        else:
            yield place, problem["msg"]


def _keys(schema: Mapping[str, Any], place: Place) -> list[str]:
    """The keys that there are at `place`."""
    ways = [schema]
    for part in place:
        below = [way for found in ways for way in _ways(schema, found)]
        ways = [found[kind] for found in below for kind in ("items", "additionalProperties") if kind in found]
        ways += [found["properties"][part] for found in below if part in found.get("properties", ())]
    return [key for found in ways for way in _ways(schema, found) for key in way.get("properties", ())]


def _ways(schema: Mapping[str, Any], found: Any) -> Iterator[Mapping[str, Any]]:
    """What a part of a schema may be, without references."""
    if not isinstance(found, Mapping):
        return
    if "$ref" in found:
        found = schema["$defs"][found["$ref"].rpartition("/")[2]]
    yield found
    for alternative in found.get("anyOf", ()):
        yield from _ways(schema, alternative)


def _shown(place: Place) -> str:
    """`place`, but for what may be a key that was put where its source should be named."""
    if SECRET in place:
        end = place.index(SECRET) + 1
        place = place[:end] + tuple(part for part in place[end:] if str(part).isalpha() and str(part).islower())
    return f"{dotted(place)}: " if place else ""
