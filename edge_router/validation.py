"""Pydantic's validation errors as places and plain words. Input is never repeated: it may hold a key."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

Place: TypeAlias = tuple[str | int, ...]
"""Position of a value: keys and list positions, outermost first."""
Problem: TypeAlias = tuple[Place, str]

PATTERN_WORDS = "patternErrorMessage"
"""Key of a field's JSON schema that says in words what its pattern accepts; YAML editors show it too."""

WORDS: Mapping[str, str] = {
    "missing": "is missing",
    "string_type": "must be text; write it in quotes",
    "string_too_short": "needs {min_length} or more characters",
    "string_too_long": "may have {max_length} characters at most",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "url_type": "must be an address such as http://127.0.0.1:11434/v1",
    "url_parsing": "must be an address such as http://127.0.0.1:11434/v1",
    "url_scheme": "must begin with http:// or https://",
    "path_type": "must be the path of a file or folder",
    "list_type": "must be a list: [A, B]",
    "sequence_str": "must be a list: [A, B]",
    "is_instance_of": "must be a list: [A, B]",
    "too_short": "needs {min_length} or more entries",
    "too_long": "may have {max_length} entries at most",
    "dict_type": "must be a mapping: {{KEY: VALUE}}",
    "mapping_type": "must be a mapping: {{KEY: VALUE}}",
}
"""Messages by pydantic's type of error. Names in braces come from the error's context."""


class ConfigProblems(ValueError):
    """Parts that are valid one by one and do not fit together. `problems`: what is wrong, by place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(f"{dotted(place)}: {problem}" for place, problem in self.problems))


def problems(error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    """Every place where `model` found something wrong, and what is wrong there."""
    for detail in error.errors(include_url=False, include_input=False):
        place, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
        cause = context.get("error")
        if isinstance(cause, ConfigProblems):
            yield from cause.problems
        elif cause is not None and kind in ("value_error", "assertion_error"):
            yield place, str(cause)
        elif kind == "extra_forbidden":
            yield place, f"no such key; {suggestion(str(place[-1]), _keys(model, place[:-1]))}"
        elif kind == "model_type":
            yield place, f"must be a mapping; its keys: {', '.join(_keys(model, place))}"
        elif kind == "string_pattern_mismatch":
            yield place, _pattern_words(model, place) or detail["msg"]
        else:
            yield place, WORDS[kind].format(**context) if kind in WORDS else detail["msg"]


def in_one_line(error: ValidationError, model: type[BaseModel]) -> str:
    return "; ".join(f"{dotted(place)}: {problem}" if place else problem for place, problem in problems(error, model))


def dotted(place: Place) -> str:
    return ".".join(map(str, place))


def suggestion(name: str, known: Iterable[str]) -> str:
    """Suggests a known name in place of `name`, which is unknown."""
    names = list(known)
    if close := difflib.get_close_matches(name, names, 1, 0.7):
        return f"did you mean {close[0]}?"
    return f"there are {', '.join(names)}" if names else "there are none"


def _keys(model: type[BaseModel], place: Place) -> list[str]:
    """The keys that the mapping at `place` may have."""
    return [key for schema in _schemas(model, place) for key in schema.get("properties", ())]


def _pattern_words(model: type[BaseModel], place: Place) -> str | None:
    return next((schema[PATTERN_WORDS] for schema in _schemas(model, place) if PATTERN_WORDS in schema), None)


def _schemas(model: type[BaseModel], place: Place) -> list[Mapping[str, Any]]:
    """JSON schemas that hold for the value at `place`, references resolved."""
    root = model.model_json_schema()
    found = [*_alternatives(root, root)]
    for part in place:
        below = [schema[kind] for schema in found for kind in ("items", "additionalProperties") if kind in schema]
        below += [schema["properties"][part] for schema in found if part in schema.get("properties", ())]
        found = [alternative for schema in below for alternative in _alternatives(root, schema)]
    return found


def _alternatives(root: Mapping[str, Any], schema: Any) -> Iterator[Mapping[str, Any]]:
    """`schema` and the schemas of its `anyOf`."""
    if not isinstance(schema, Mapping):
        return
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    yield schema
    for alternative in schema.get("anyOf", ()):
        yield from _alternatives(root, alternative)
