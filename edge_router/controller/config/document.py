"""A YAML file that knows the line of each key, for error messages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ValidationError

from edge_router.controller.config.renamed_keys import KeyRenaming
from edge_router.errors import ConfigError
from edge_router.validation import Place, Problem, dotted, problems

SECRET = "api_key"
"""Key of a secret. A message repeats no word below this key that could be part of the secret."""


@dataclass(frozen=True)
class ConfigDocument:
    """`content`: the file as plain Python values."""

    file: Path
    content: Any
    _root: yaml.Node | None
    _old_keys: Mapping[Place, str] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Raises ConfigError with file and line: for what is not YAML, for a key that occurs twice in one mapping, and
        for an alias that contains itself."""
        try:
            text = file.read_text(encoding="utf-8")
            root = yaml.compose(text, yaml.SafeLoader)
            content = yaml.safe_load(text)
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{file}: not UTF-8 at byte {error.start}") from None
        except yaml.YAMLError as error:
            raise ConfigError(_syntax_problem(file, error)) from None
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{file}: cannot be read as YAML ({type(error).__name__})") from None
        document = cls(file, content, root)
        if found := [*_node_problems(root, (), frozenset(), set())]:
            raise document.error(found)
        return document

    def with_new_keys(self) -> Self:
        """The same document under the new names of renamed keys; messages keep the names that the file has. Raises
        ConfigError where the old and the new name are both there."""
        renaming = KeyRenaming(self.content)
        if renaming.conflicts:
            raise self.error(renaming.conflicts)
        return replace(self, content=renaming.content, _old_keys=renaming.old_keys)

    @property
    def deprecations(self) -> Sequence[str]:
        """A notice for each old key, in the order of the file."""
        keys = sorted((self.line(place), dotted(self._place_in_file(place)), place[-1]) for place in self._old_keys)
        return [f"{self.file}:{line}: {old}: deprecated; rename it to {new}" for line, old, new in keys]

    def validation_error(self, error: ValidationError, model: type[BaseModel]) -> ConfigError:
        """A ConfigError with one line for each problem that `model` found."""
        return self.error(problems(error, model))

    def error(self, found: Iterable[Problem]) -> ConfigError:
        """A ConfigError with one line for each problem, in the order of the file."""
        lines = sorted((self.line(place), _label(self._place_in_file(place)), problem) for place, problem in found)
        return ConfigError("\n".join(f"{self.file}:{line}: {label}{problem}" for line, label, problem in lines))

    def line(self, place: Place) -> int:
        """The line of a key; for a key that is missing, the line of the mapping that lacks it."""
        node, line = self._root, 1
        for part in self._place_in_file(place):
            found = _child(node, part)
            if found is None:
                break
            key, node = found
            line = key.start_mark.line + 1
        return line

    def _place_in_file(self, place: Place) -> Place:
        return tuple(self._old_keys.get(place[: depth + 1], part) for depth, part in enumerate(place))


def _syntax_problem(file: Path, error: yaml.YAMLError) -> str:
    """Leaves out the excerpt that PyYAML adds: it may hold a secret."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark and error.problem:
        grammar = isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError)
        problem = error.problem if grammar else error.problem.partition("'")[0].rstrip()
        return f"{file}:{error.problem_mark.line + 1}: {problem}"
    return f"{file}: not YAML; it contains a character that YAML does not allow"


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """(node that starts the entry, node of its value); both are the same in a list."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def _node_problems(
    node: yaml.Node | None, place: Place, parents: frozenset[int], visited: set[int]
) -> Iterator[Problem]:
    """Keys that occur twice in a mapping, of which PyYAML would silently use the last, and aliases that contain
    themselves. `parents` and `visited` hold nodes by identity."""
    if id(node) in parents:
        yield place, "contains itself"
    if node is None or id(node) in visited:
        return
    visited.add(id(node))
    parents |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        first_line: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in first_line:
                yield (*place, key.value), f"occurs again on line {line}; remove one"
            first_line.setdefault(str(key.value), line)
            yield from _node_problems(value, (*place, str(key.value)), parents, visited)
    elif isinstance(node, yaml.SequenceNode):
        for at, value in enumerate(node.value):
            yield from _node_problems(value, (*place, at), parents, visited)


def _label(place: Place) -> str:
    """`place` as a message shows it, without what may be a secret in the wrong position."""
    if SECRET in place:
        end = place.index(SECRET) + 1
        place = place[:end] + tuple(part for part in place[end:] if str(part).isalpha() and str(part).islower())
    return f"{dotted(place)}: " if place else ""
