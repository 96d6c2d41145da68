"""Validation errors in plain words, by place, without the input."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, ValidationError

from edge_router.validation import PATTERN_WORDS, ConfigProblems, dotted, in_one_line, problems


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str | None = Field(None, pattern="^[a-z]+$", json_schema_extra={PATTERN_WORDS: "must be small letters"})
    count: int = Field(1, gt=0, le=9)
    share: float = Field(0.5, ge=0, lt=1)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str = Field("a", min_length=1, max_length=3)
    url: HttpUrl | None = None
    file: Path | None = None
    on: bool = False
    kind: Literal["small", "large"] = "small"
    names: Sequence[str] = Field(("a",), min_length=1)
    pairs: Sequence[str] = Field(("a", "b"), min_length=2)
    parts: Mapping[str, Inner] = {}
    inner: Inner = Inner()


def found(content: Mapping[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        Outer.model_validate(content)
    return [f"{dotted(place)}: {problem}" for place, problem in problems(refused.value, Outer)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"name": False}, "name: must be text; write it in quotes"),
        ({"name": ""}, "name: needs 1 or more characters"),
        ({"name": "abcd"}, "name: may have 3 characters at most"),
        ({"url": "127.0.0.1:1/v1"}, "url: must be an address such as http://127.0.0.1:11434/v1"),
        ({"url": "ftp://h/v1"}, "url: must begin with http:// or https://"),
        ({"url": "/v1"}, "url: must be an address such as http://127.0.0.1:11434/v1"),
        ({"url": 1}, "url: must be an address such as http://127.0.0.1:11434/v1"),
        ({"file": 1}, "file: must be the path of a file or folder"),
        ({"on": "perhaps"}, "on: must be true or false"),
        ({"on": []}, "on: must be true or false"),
        ({"kind": "medium"}, "kind: must be 'small' or 'large'"),
        ({"names": "a"}, "names: must be a list: [A, B]"),
        ({"names": 1}, "names: must be a list: [A, B]"),
        ({"names": []}, "names: needs 1 or more entries"),
        ({"pairs": ["a"]}, "pairs: needs 2 or more entries"),
        ({"parts": ["a"]}, "parts: must be a mapping: {KEY: VALUE}"),
        ({"parts": {"x": "a"}}, "parts.x: must be a mapping; its keys: code, count, share"),
        ({"parts": {"x": {"code": "A"}}}, "parts.x.code: must be small letters"),
        ({"inner": {"coed": "a"}}, "inner.coed: no such key; did you mean code?"),
        ({"inner": {"zzz": "a"}}, "inner.zzz: no such key; there are code, count, share"),
        ({"inner": {"count": "many"}}, "inner.count: must be a whole number"),
        ({"inner": {"count": 1.5}}, "inner.count: must be a whole number"),
        ({"inner": {"count": 0}}, "inner.count: must be more than 0"),
        ({"inner": {"count": 10}}, "inner.count: must be at most 9"),
        ({"inner": {"share": "half"}}, "inner.share: must be a number"),
        ({"inner": {"share": []}}, "inner.share: must be a number"),
        ({"inner": {"share": -1}}, "inner.share: must be at least 0"),
        ({"inner": {"share": 1}}, "inner.share: must be less than 1"),
    ],
)
def test_an_error_is_in_plain_words(content: Mapping[str, Any], problem: str) -> None:
    assert found(content) == [problem]


def test_all_errors_are_named_and_no_input_is_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        Outer.model_validate({"name": ["secret"], "kind": "secret", "inner": "secret"})
    assert in_one_line(refused.value, Outer) == (
        "name: must be text; write it in quotes; kind: must be 'small' or 'large'; "
        "inner: must be a mapping; its keys: code, count, share"
    )


def test_problems_of_a_validator_keep_their_places() -> None:
    error = ConfigProblems([(("a", 0), "is odd"), (("b",), "is even")])
    assert str(error) == "a.0: is odd\nb: is even"
