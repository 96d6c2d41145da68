"""Where the light server answers otherwise than Triton 24.10, and why. Everything else is the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.stack.differential import calls, exchange


@dataclass(frozen=True)
class Difference:
    reason: str
    holds: Callable[[str, Any, Any], bool]
    """(name of the case, Triton's reply, ours)"""


def named(*names: str) -> Callable[[str, Any, Any], bool]:
    """Triton takes it, or refuses it in another way; ours is a clear refusal."""
    return lambda case, triton, ours: case in names and ours.status in (400, 404, 415)


def refused(*names: str) -> Callable[[str, Any, Any], bool]:
    return lambda case, triton, ours: case in names and ours.code == "INVALID_ARGUMENT"


OVER_HTTP: Sequence[Difference] = (
    Difference(
        "Triton calls JSON and types that are wrong its own failure, 500; whoever sent them is told 400",
        lambda case, triton, ours: triton.status == 500 and ours.status == 400,
    ),
    Difference(
        "Triton passes over a field of the wrong type, a key that stands twice, or a number it cannot read; "
        "what a client did not mean is refused before it is misunderstood",
        named(
            "outputs: parameters a list", "parameters is a number", "parameters is a text", "parameters is a list",
            "parameters is a flag", "shape [9223372036854775808, 1]", "body: key twice", "body: a BOM",
            "header length a text", "header length empty", "header length hexadecimal",
        ),
    ),
    Difference(
        "Triton takes a body that is not encoded as its header says",
        named("content-encoding: not compressed", "content-encoding: gzip called deflate"),
    ),
    Difference(
        "an encoding that is not offered is 415, as HTTP has it; Triton says 501",
        lambda case, triton, ours: triton.status == 501 and ours.status == 415,
    ),
    Difference(
        "names of encodings are alike in upper and lower case, as HTTP has it",
        lambda case, triton, ours: case == "content-encoding: upper case" and ours.status == 200,
    ),
    Difference(
        "a path may be percent-encoded, as HTTP has it",
        lambda case, triton, ours: case == "GET /v2/models/task%5Frouter" and ours.status == 200,
    ),
    Difference("shared memory is not offered, so a region is a wrong request, not one that is missing",
               named("shared memory", "outputs: shared memory")),
    Difference(
        "the server names itself and offers less: no sequences, shared memory, tracing, logging",
        lambda case, triton, ours: case == "GET /v2?x=1"
        and set(ours.content["extensions"]) <= set(triton.content["extensions"]),
    ),
    Difference(
        "a configuration is shown as it was read; Triton adds what it schedules by",
        lambda case, triton, ours: case.endswith("/config") and _configuration(triton) == _configuration(ours),
    ),
)  # fmt: skip

OVER_GRPC: Sequence[Difference] = (
    Difference(
        "Triton takes a shape of no rows, or of more than can be, for one of its own and answers without a batch axis",
        refused(*(f"{raw}shape {shape}" for raw in ("", "raw ") for shape in ([0, 1], [2**62, 1]))),
    ),
    Difference("Triton passes over contents that belong to no input", refused("two raw for one input")),
)

SHOWN_ALIKE = ("name", "platform", "backend", "version_policy", "max_batch_size", "input", "output", "parameters",
               "dynamic_batching")  # fmt: skip


def allowed(differences: Sequence[Difference], case: str, triton: Any, ours: Any) -> Difference | None:
    return next((each for each in differences if each.holds(case, triton, ours)), None)


def _configuration(reply: exchange.Reply | calls.Reply) -> Any:
    return {key: reply.content.get(key) for key in SHOWN_ALIKE}
