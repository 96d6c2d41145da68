"""The accepted differences between the light server and Triton 24.10, with reasons. Any other one fails the test."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.stack.differential import calls, exchange


@dataclass(frozen=True)
class Difference:
    """An accepted difference."""

    reason: str
    holds: Callable[[str, Any, Any], bool]
    """True if it explains a case: (name of the case, Triton's reply, the light server's reply)."""


def named(*names: str) -> Callable[[str, Any, Any], bool]:
    """Accepts named cases that the light server refuses with 400, 404 or 415."""
    return lambda case, triton, ours: case in names and ours.status in (400, 404, 415)


def refused(*names: str) -> Callable[[str, Any, Any], bool]:
    return lambda case, triton, ours: case in names and ours.code == "INVALID_ARGUMENT"


OVER_HTTP: Sequence[Difference] = (
    Difference(
        "Triton answers wrong JSON and wrong types with 500; the light server answers 400",
        lambda case, triton, ours: triton.status == 500 and ours.status == 400,
    ),
    Difference(
        "Triton ignores a field of the wrong type, a duplicate key, or a number that it cannot read; "
        "the light server refuses them",
        named(
            "outputs: parameters a list", "parameters is a number", "parameters is a text", "parameters is a list",
            "parameters is a flag", "shape [9223372036854775808, 1]", "body: key twice", "body: a BOM",
            "header length a text", "header length empty", "header length hexadecimal",
        ),
    ),
    Difference(
        "Triton accepts a body whose encoding differs from its header",
        named("content-encoding: not compressed", "content-encoding: gzip called deflate"),
    ),
    Difference(
        "an unsupported encoding is answered 415, as in HTTP; Triton answers 501",
        lambda case, triton, ours: triton.status == 501 and ours.status == 415,
    ),
    Difference(
        "names of encodings are case-insensitive, as in HTTP",
        lambda case, triton, ours: case == "content-encoding: upper case" and ours.status == 200,
    ),
    Difference(
        "a path may be percent-encoded, as in HTTP",
        lambda case, triton, ours: case == "GET /v2/models/task%5Frouter" and ours.status == 200,
    ),
    Difference("shared memory is not supported, so a region is a wrong request, not a missing region",
               named("shared memory", "outputs: shared memory")),
    Difference(
        "the server has another name and fewer extensions: no sequences, shared memory, tracing, logging",
        lambda case, triton, ours: case == "GET /v2?x=1"
        and set(ours.content["extensions"]) <= set(triton.content["extensions"]),
    ),
    Difference(
        "a configuration is shown as it was read; Triton adds its scheduling defaults",
        lambda case, triton, ours: case.endswith("/config") and _configuration(triton) == _configuration(ours),
    ),
)  # fmt: skip

OVER_GRPC: Sequence[Difference] = (
    Difference(
        "Triton answers a shape of no rows, or of impossibly many, without a batch axis",
        refused(*(f"{raw}shape {shape}" for raw in ("", "raw ") for shape in ([0, 1], [2**62, 1]))),
    ),
    Difference("Triton ignores contents that belong to no input", refused("two raw for one input")),
)

SHOWN_ALIKE = ("name", "platform", "backend", "version_policy", "max_batch_size", "input", "output", "parameters",
               "dynamic_batching")  # fmt: skip


def allowed(differences: Sequence[Difference], case: str, triton: Any, ours: Any) -> Difference | None:
    return next((each for each in differences if each.holds(case, triton, ours)), None)


def _configuration(reply: exchange.Reply | calls.Reply) -> Any:
    return {key: reply.content.get(key) for key in SHOWN_ALIKE}
