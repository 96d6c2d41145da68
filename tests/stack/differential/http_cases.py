"""The HTTP requests of the comparison, by name: from the protocol and its extensions, and common errors of clients."""

import gzip
import json
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from edge_router.contract import ATTENTION_MASK, INPUT, INPUT_IDS, LOGITS
from tests.stack.differential.exchange import HEADER_LENGTH, Request
from tests.stack.differential.repository import EXTRA, WIDTH
from tests.support.shipped import MODELS

Case: TypeAlias = tuple[str, Request]

TASK = "task_router_ensemble"
PROMPT = "Write a Python function that reverses a linked list."
PROMPTS = (PROMPT, "hi there, how are you today?", "", "👩‍👩‍👧‍👦", "Переведи: доброе утро", "a", "a\x00b", "x" * 3000)
ROW = [round(0.37 * at - 3, 2) for at in range(WIDTH)]
DECIDE = "postprocessing_task_router"
NETWORK = "task_router"
DROP: Any = object()
"""A value that removes the field."""


def text(*prompts: str) -> dict[str, Any]:
    return {"name": INPUT, "datatype": "BYTES", "shape": [len(prompts), 1], "data": list(prompts)}


def logits(*rows: Sequence[Any]) -> dict[str, Any]:
    return {
        "name": LOGITS,
        "datatype": "FP32",
        "shape": [len(rows), len(rows[0])],
        "data": [v for r in rows for v in r],
    }


def ids(values: Sequence[Any] = (2, 5, 9, 3), mask: Sequence[Any] = (1, 1, 1, 1)) -> list[dict[str, Any]]:
    shape = [1, len(values)]
    return [
        {"name": INPUT_IDS, "datatype": "INT64", "shape": shape, "data": list(values)},
        {"name": ATTENTION_MASK, "datatype": "INT64", "shape": [1, len(mask)], "data": list(mask)},
    ]


def but(tensor: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
    return {name: value for name, value in {**tensor, **changed}.items() if value is not DROP}


def infer(model: str, *inputs: Any, version: str = "", headers: Mapping[str, str] | None = None, **top: Any) -> Request:
    return post(model, json.dumps({"inputs": list(inputs), **top}).encode(), version, headers)


def post(model: str, body: bytes, version: str = "", headers: Mapping[str, str] | None = None) -> Request:
    part = f"/versions/{version}" if version else ""
    return Request("POST", f"/v2/models/{model}{part}/infer", body, headers or {})


def binary(
    model: str,
    inputs: Sequence[tuple[Mapping[str, Any], bytes]],
    length: str | None = None,
    tail: bytes = b"",
    **top: Any,
) -> Request:
    described = [{"parameters": {"binary_data_size": len(data)}, **but(tensor, data=DROP)} for tensor, data in inputs]
    header = json.dumps({"inputs": described, **top}).encode()
    body = header + b"".join(data for _, data in inputs) + tail
    return post(model, body, headers={HEADER_LENGTH: str(len(header)) if length is None else length})


def strings(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def described() -> Iterator[Case]:
    """Metadata of the server and its models."""
    for path in ("/v2/health/live", "/v2/health/ready"):
        yield path, Request("GET", path)
    for model in (*MODELS, *EXTRA):
        yield f"{model}: metadata", Request("GET", f"/v2/models/{model}")
        yield f"{model}: ready", Request("GET", f"/v2/models/{model}/ready")
    for model, version in (
        ("every_version", "1"), ("every_version", "3"), ("newest_two", "1"), ("newest_two", "2"),
        ("first_and_third", "2"), ("first_and_third", "3"), (TASK, "1"), (TASK, "2"), (TASK, "0"), (TASK, "-1"),
        (TASK, "01"), (TASK, "x"), (TASK, "1.0"), (TASK, "9" * 30), ("nobody", "1"),
    ):  # fmt: skip
        for verb in ("", "/ready", "/config", "/stats"):
            path = f"/v2/models/{model}/versions/{version}{verb}"
            yield f"GET {path}", Request("GET", path)
    for path in (
        "/", "/v2/", "/v1", "/v2/health", "/v2/health/alive", "/v2/models", "/v2/models/", "/v2/models/nobody",
        "/v2/models/nobody/ready", "/v2/models/nobody/config", "/v2/models/nobody/stats", f"/v2/models/{TASK}/",
        f"/v2/models/{TASK}/other", f"/v2/models/{TASK}/versions", f"/v2/models/{TASK}/versions/", f"//v2/models/{TASK}",
        f"/v2//models/{TASK}", "/v2/models/..%2f..%2fetc", "/v2/models/task%5Frouter", "/v2/models/%00", "/v2/models/%ff",
        "/v2/repository", "/v2/repository/index", "/V2", "/v2?x=1", f"/v2/models/{TASK}?x=1", "/v2/models/..",
    ):  # fmt: skip
        yield f"GET {path}", Request("GET", path)
    for method, path in (
        ("POST", "/v2"), ("POST", "/v2/health/live"), ("PUT", f"/v2/models/{TASK}/infer"), ("GET", f"/v2/models/{TASK}/infer"),
        ("DELETE", f"/v2/models/{TASK}"), ("POST", f"/v2/models/{TASK}"), ("POST", f"/v2/models/{TASK}/ready"),
        ("POST", f"/v2/models/{TASK}/config"), ("POST", f"/v2/models/{TASK}/stats"),
    ):  # fmt: skip
        yield f"{method} {path}", Request(method, path)


def controlled() -> Iterator[Case]:
    """The repository extension in control mode none."""
    for name, body in (("nothing", b""), ("ready", b'{"ready": true}'), ("not ready", b'{"ready": false}'), ("empty", b"{}"),
                       ("more", b'{"more": 1}'), ("text", b'{"ready": "yes"}'), ("no JSON", b"{")):  # fmt: skip
        yield f"index: {name}", Request("POST", "/v2/repository/index", body)
    for verb in ("load", "unload"):
        for model in (TASK, "nobody"):
            yield f"{verb} {model}", Request("POST", f"/v2/repository/models/{model}/{verb}")
        yield f"GET {verb}", Request("GET", f"/v2/repository/models/{TASK}/{verb}")


def answered() -> Iterator[Case]:
    """Valid requests in every encoding and size."""
    for model in MODELS:
        if model.endswith("_ensemble") or model.startswith("preprocessing"):
            yield f"{model}: JSON", infer(model, text(PROMPT))
            yield f"{model}: binary", binary(model, [(text(PROMPT), strings(PROMPT.encode()))])
            yield f"{model}: raw", post(model, PROMPT.encode(), headers={HEADER_LENGTH: "0"})
    for model in (NETWORK, "complexity_router"):
        yield f"{model}: JSON", infer(model, *ids())
        parts = struct.pack("<4q", 2, 5, 9, 3), struct.pack("<4q", 1, 1, 1, 1)
        yield f"{model}: binary", binary(model, [*zip(ids(), parts, strict=True)])
        yield f"{model}: inputs the other way round", infer(model, *ids()[::-1])
        yield f"{model}: padded", infer(model, *ids((2, 5, 9, 3, 0, 0), (1, 1, 1, 1, 0, 0)))
    for model in (DECIDE, "postprocessing_complexity_router", *EXTRA):
        yield f"{model}: JSON", infer(model, logits(ROW))
        yield f"{model}: binary", binary(model, [(logits(ROW), floats(*ROW))])
        yield f"{model}: raw", post(model, floats(*ROW), headers={HEADER_LENGTH: "0"})
        yield f"{model}: batch of 8", infer(model, logits(*[[v * at for v in ROW] for at in range(8)]))
    for rows in range(1, 9):
        yield f"batch of {rows}", infer("prompt_router_ensemble", text(*PROMPTS[:rows]))
        data = strings(*(prompt.encode() for prompt in PROMPTS[:rows]))
        yield f"binary batch of {rows}", binary("prompt_router_ensemble", [(text(*PROMPTS[:rows]), data)])
    for name, prompt in (("100 kB", "word " * 20_000), ("1 MB", "w" * 1_000_000), ("NUL", "\x00"), ("newlines", "\r\n\t"),
                         ("escapes", '"\\/\b\f'), ("right to left", "שלום עולם"), ("astral", "𝄞" * 50)):  # fmt: skip
        yield f"text: {name}", infer(TASK, text(prompt))
        yield f"binary text: {name}", binary(TASK, [(text(prompt), strings(prompt.encode()))])
    for model, version in (("every_version", "1"), ("every_version", "2"), ("every_version", "3"), ("newest_two", "2"),
                           ("newest_two", "3"), ("first_and_third", "1"), ("first_and_third", "3")):  # fmt: skip
        yield f"{model} version {version}", infer(model, logits(ROW), version=version)


def forms() -> Iterator[Case]:
    """Requests for outputs in all forms."""
    for name, outputs in {
        "one of four": [{"name": "LABEL"}],
        "two, the other way round": [{"name": "SCORE"}, {"name": "OUTPUT"}],
        "binary": [{"name": "OUTPUT", "parameters": {"binary_data": True}}],
        "binary and JSON": [{"name": "OUTPUT", "parameters": {"binary_data": True}}, {"name": "LABEL"}],
        "binary text": [{"name": "LABEL", "parameters": {"binary_data": True}}],
        "JSON on purpose": [{"name": "OUTPUT", "parameters": {"binary_data": False}}],
        "none": [],
        "unknown": [{"name": "NOBODY"}],
        "twice": [{"name": "SCORE"}, {"name": "SCORE"}],
        "no name": [{}],
        "name a number": [{"name": 7}],
        "unknown field": [{"name": "SCORE", "more": 1}],
        "unknown parameter": [{"name": "SCORE", "parameters": {"more": 1}}],
        "binary_data text": [{"name": "SCORE", "parameters": {"binary_data": "yes"}}],
        "binary_data a number": [{"name": "SCORE", "parameters": {"binary_data": 1}}],
        "parameters a list": [{"name": "SCORE", "parameters": []}],
        "a text": ["SCORE"],
        "shared memory": [{"name": "SCORE", "parameters": {"shared_memory_region": "x", "shared_memory_byte_size": 4}}],
    }.items():
        yield f"outputs: {name}", infer(DECIDE, logits(ROW), outputs=outputs)
    for name, outputs in (("an object", {}), ("null", None), ("a text alone", "SCORE"), ("a number", 7)):
        yield f"outputs: {name}", infer(DECIDE, logits(ROW), outputs=outputs)
    for flag in (True, False, 1, "yes", None):
        yield f"binary_data_output {flag!r}", infer(DECIDE, logits(ROW), parameters={"binary_data_output": flag})
    both = [{"name": "OUTPUT", "parameters": {"binary_data": False}}, {"name": "SCORE"}]
    yield (
        "binary_data_output, one output not",
        infer(DECIDE, logits(ROW), parameters={"binary_data_output": True}, outputs=both),
    )
    for name, request_id in (("text", "abc"), ("empty", ""), ("long", "i" * 2000), ("unicode", "ü✓"), ("number", 7),
                             ("null", None), ("list", [])):  # fmt: skip
        yield f"id: {name}", infer(TASK, text(PROMPT), id=request_id)
    for name, parameters in (("timeout", {"timeout": 5_000_000}), ("priority", {"priority": 1}), ("unknown", {"mine": "x"}),
                             ("unknown number", {"mine": 7}), ("unknown float", {"mine": 0.5}), ("unknown flag", {"mine": True}),
                             ("nested", {"mine": {}}), ("null", {"mine": None}), ("list", {"mine": [1]}),
                             ("empty", {}), ("timeout text", {"timeout": "soon"}), ("timeout negative", {"timeout": -1})):  # fmt: skip
        yield f"parameters: {name}", infer(TASK, text(PROMPT), parameters=parameters)
    for name, accept in (("gzip", "gzip"), ("deflate", "deflate"), ("both", "gzip, deflate"), ("weighted", "gzip;q=0.1, deflate"),
                         ("identity", "identity"), ("any", "*"), ("unknown", "br"), ("empty", "")):  # fmt: skip
        yield f"accept-encoding: {name}", infer(TASK, text(PROMPT), headers={"Accept-Encoding": accept})
        yield f"accept-encoding, binary: {name}", Request(
            "POST", f"/v2/models/{DECIDE}/infer",
            json.dumps({"inputs": [logits(ROW)], "parameters": {"binary_data_output": True}}).encode(),
            {"Accept-Encoding": accept},
        )  # fmt: skip


def classified() -> Iterator[Case]:
    """The classification extension."""
    mixed = [0.5, 0.5, -1, 0.5, *ROW[4:]]
    for count in (0, 1, 2, 3, 12, 13, 1000, 2**31, -1, "1", 1.5, True, None):
        outputs = [{"name": "OUTPUT", "parameters": {"classification": count}}]
        yield f"classification {count!r}", infer(TASK, text(PROMPT), outputs=outputs)
    for output in ("OUTPUT", "PROBABILITIES", "SCORE"):  # of LABEL, which is text, Triton 24.10 dies
        for form in (False, True):
            outputs = [{"name": output, "parameters": {"classification": 3, "binary_data": form}}]
            yield f"classification of {output}, binary {form}", infer(DECIDE, logits(ROW, mixed), outputs=outputs)
    for model, output in (("prompt_router_ensemble", "TASK"), ("prompt_router_ensemble", "COMPLEXITY"),
                          ("prompt_router_ensemble", "TASK_PROBABILITIES")):  # fmt: skip
        outputs = [{"name": output, "parameters": {"classification": 2}}]
        yield f"classification of {model} {output}", infer(model, text(*PROMPTS[:3]), outputs=outputs)
    yield (
        "classification through branches",
        infer("branches", logits(ROW, mixed), outputs=[{"name": "CLASS", "parameters": {"classification": 2}}]),
    )
    outputs = [{"name": "logits", "parameters": {"classification": 4}}]
    yield "classification of logits", infer(NETWORK, *ids(), outputs=outputs)
    outputs = [{"name": INPUT_IDS, "parameters": {"classification": 2}}]
    yield "classification of token ids", infer("preprocessing_task_router", text("hello"), outputs=outputs)


def wrong() -> Iterator[Case]:
    """Inputs that do not fit the model."""
    good = text(PROMPT)
    for field in ("name", "datatype", "shape", "data", "parameters", "more"):
        for kind, value in (("missing", DROP), ("null", None), ("a number", 7), ("a text", "x"), ("a list", []),
                            ("an object", {}), ("a flag", True)):  # fmt: skip
            yield f"{field} is {kind}", infer(TASK, but(good, **{field: value}))
    for datatype in ("INT64", "FP32", "UINT8", "BOOL", "bytes", "STRING", "BF16", "TYPE_STRING", ""):
        yield f"datatype {datatype!r}", infer(TASK, but(good, datatype=datatype))
    for shape in ([1], [1, 1, 1], [], [2, 1], [1, 2], [0, 1], [1, 0], [-1, 1], [1, -1], [9, 1], [2**31, 1], [2**63, 1],
                  [2**64, 1], [1.0, 1], [1.5, 1], ["1", 1], [None, 1], [[1], 1], [2**32, 2**32]):  # fmt: skip
        yield f"shape {shape}", infer(TASK, but(good, shape=shape))
    yield "nine rows", infer(TASK, text(*[PROMPT] * 9))
    yield "no rows", infer(TASK, but(good, shape=[0, 1], data=[]))
    for name, data in {
        "nested": [[PROMPT]], "deeply nested": [[[[PROMPT]]]], "a number": [7], "a float": [0.5], "a flag": [True],
        "null": [None], "an object": [{}], "two for one": ["a", "b"], "none for one": [], "ragged": [["a"], []],
        "text and number": ["a", 7],
    }.items():  # fmt: skip
        yield f"data: {name}", infer(TASK, but(good, data=data))
    for name, data in {
        "integers": [1] * WIDTH, "a flag": [True, *ROW[1:]], "a text": ["1", *ROW[1:]], "null": [None, *ROW[1:]],
        "too few": ROW[1:], "too many": [*ROW, 1], "huge": [1e300, *ROW[1:]], "tiny": [1e-300, *ROW[1:]],
        "an integer beyond 64 bits": [2**70, *ROW[1:]], "nested": [ROW], "nested deeply": [[[[v]] for v in ROW]],
    }.items():  # fmt: skip
        yield f"floats: {name}", infer(DECIDE, but(logits(ROW), data=data))
    integers: dict[str, list[Any]] = {
        "a float": [2.0, 5, 9, 3], "a fraction": [2.5, 5, 9, 3], "a text": ["2", 5, 9, 3], "a flag": [True, 5, 9, 3],
        "negative": [-2, 5, 9, 3], "beyond 63 bits": [2**63, 5, 9, 3], "beyond 64 bits": [2**64, 5, 9, 3],
        "beyond the vocabulary": [10**6, 5, 9, 3],
    }  # fmt: skip
    for name, values in integers.items():
        yield f"integers: {name}", infer(NETWORK, *ids(values))
    yield "mask shorter", infer(NETWORK, *ids(mask=(1, 1)))
    yield "mask of zeros", infer(NETWORK, *ids(mask=(0, 0, 0, 0)))
    yield "mask with a hole", infer(NETWORK, *ids(mask=(1, 0, 1, 1)))
    yield "no mask", infer(NETWORK, ids()[0])
    yield "no tokens", infer(NETWORK, *ids((), ()))
    yield "600 tokens", infer(NETWORK, *ids([5] * 600, [1] * 600))
    yield "wrong width", infer(DECIDE, logits(ROW[:5]))
    yield "width 0", infer(DECIDE, but(logits(ROW), shape=[1, 0], data=[]))
    yield "an input more", infer(TASK, good, but(good, name="MORE"))
    yield "an input twice", infer(TASK, good, good)
    yield "another input", infer(TASK, but(good, name="input"))
    yield (
        "shared memory",
        infer(TASK, but(good, data=DROP, parameters={"shared_memory_region": "x", "shared_memory_byte_size": 8})),
    )
    for model, version in (("nobody", ""), ("nobody", "1"), (TASK, "2"), (TASK, "0"), (TASK, "x"), (TASK, "-1"),
                           ("newest_two", "1"), ("first_and_third", "2")):  # fmt: skip
        yield f"infer {model} version {version or 'newest'}", infer(model, good, version=version)


def malformed() -> Iterator[Case]:
    """Bodies that are no request."""
    whole = json.dumps({"inputs": [text(PROMPT)]})
    for name, body in {
        "cut off": whole[:40], "no JSON": "hello", "a list": "[]", "null": "null", "a number": "7", "a text": '"x"',
        "an empty object": "{}", "inputs null": '{"inputs": null}', "inputs an object": '{"inputs": {}}',
        "inputs empty": '{"inputs": []}', "inputs of text": '{"inputs": ["x"]}', "inputs of null": '{"inputs": [null]}',
        "trailing": whole + "x", "trailing object": whole + "{}", "spaces around": f"  {whole}\n ", "comment": whole + "//",
        "NaN": whole.replace('"BYTES"', "NaN"), "a BOM": "\ufeff" + whole, "single quotes": whole.replace('"', "'"),
        "deep": "[" * 5000 + "]" * 5000, "deep in data": whole.replace(json.dumps([PROMPT]), "[" * 500 + "]" * 500),
        "key twice": whole[:-1] + ', "inputs": []}', "control character": whole.replace("Write", "Wri\x01te"),
        "lone surrogate": whole.replace("Write", "\\ud800"), "surrogate pair": whole.replace("Write", "\\ud83d\\ude42"),
        "NUL": whole.replace("Write", "\\u0000"), "bad escape": whole.replace("Write", "\\x41"),
        "top field unknown": whole[:-1] + ', "more": 1}',
    }.items():  # fmt: skip
        yield f"body: {name}", post(TASK, body.encode())
    yield "body: not UTF-8", post(TASK, whole.replace("Write", "W").encode().replace(b"W", b"\xff"))
    yield "body: UTF-16", post(TASK, whole.encode("utf-16"))
    yield "body: nothing", post(TASK, b"")
    yield "body: zeros", post(TASK, b"\0" * 100)
    for name, value in (("Infinity", "Infinity"), ("NaN", "NaN"), ("-Infinity", "-Infinity"), ("1e400", "1e400")):
        body = json.dumps({"inputs": [logits(ROW)]}).replace(json.dumps(ROW[0]), value, 1)
        yield f"floats: {name}", post(DECIDE, body.encode())


def binary_data() -> Iterator[Case]:
    """The binary extension, and what can be wrong with it."""
    data = strings(PROMPT.encode())
    right = text(PROMPT)
    for name, size in (("too small", len(data) - 1), ("too large", len(data) + 1), ("zero", 0), ("negative", -1),
                       ("text", "x"), ("a float", 1.5), ("huge", 2**40), ("null", None)):  # fmt: skip
        yield f"binary_data_size {name}", binary(TASK, [(but(right, parameters={"binary_data_size": size}), data)])
    for name, sent in {
        "a length beyond the data": struct.pack("<I", 1000) + b"abc", "a length of 4 GB": b"\xff\xff\xff\xff" + b"abc",
        "a cut length": b"\x01\x00", "two for one": strings(b"a", b"b"), "left-over bytes": data + b"\0\0",
        "nothing": b"", "not UTF-8": strings(b"\xff\xfe"), "NUL": strings(b"a\0b"), "empty text": strings(b""),
        "a surrogate": strings(b"\xed\xa0\x80"),
    }.items():  # fmt: skip
        yield f"strings: {name}", binary(TASK, [(right, sent)])
    yield "fewer strings than rows", binary(TASK, [(text("a", "b"), strings(b"a"))])
    yield "bytes that nobody announced", binary(TASK, [(right, data)], tail=b"more")
    yield "data and binary data", binary(TASK, [(but(right, datatype="BYTES"), data)], tail=b"")
    for name, length in (("too large", "100000"), ("negative", "-1"), ("a text", "x"), ("a float", "1.5"), ("empty", ""),
                         ("too small", "10"), ("with spaces", " 10 "), ("beyond 64 bits", "9" * 30), ("hexadecimal", "0x10"),
                         ("signed", "+10")):  # fmt: skip
        yield f"header length {name}", binary(TASK, [(right, data)], length)
    for name, sent in (("odd", floats(*ROW)[:-1]), ("too few", floats(*ROW[1:])), ("too many", floats(*ROW, 1.0)),
                       ("NaN", floats(float("nan"), *ROW[1:])), ("infinite", floats(float("inf"), *ROW[1:]))):  # fmt: skip
        yield f"binary floats: {name}", binary(DECIDE, [(logits(ROW), sent)])
    one, other = ids()
    four = struct.pack("<4q", 1, 1, 1, 1)
    yield (
        "one input binary, one JSON",
        post(
            NETWORK,
            (
                header := json.dumps(
                    {"inputs": [but(one, data=DROP, parameters={"binary_data_size": 32}), other]}
                ).encode()
            )
            + struct.pack("<4q", 2, 5, 9, 3),
            headers={HEADER_LENGTH: str(len(header))},
        ),
    )
    yield "raw to a model of two inputs", post(NETWORK, four, headers={HEADER_LENGTH: "0"})
    yield "raw floats, odd", post(DECIDE, floats(*ROW)[:-1], headers={HEADER_LENGTH: "0"})
    yield "raw, nothing", post(DECIDE, b"", headers={HEADER_LENGTH: "0"})
    yield "raw, not UTF-8", post(TASK, b"\xff\xfe", headers={HEADER_LENGTH: "0"})


def encoded() -> Iterator[Case]:
    """Compressed bodies."""
    whole = json.dumps({"inputs": [text(PROMPT)]}).encode()
    for name, body, encoding in (
        ("gzip", gzip.compress(whole), "gzip"), ("deflate", zlib.compress(whole), "deflate"), ("identity", whole, "identity"),
        ("unknown", whole, "br"), ("two", gzip.compress(whole), "gzip, gzip"), ("not compressed", whole, "gzip"),
        ("cut off", gzip.compress(whole)[:-20], "gzip"), ("upper case", gzip.compress(whole), "GZIP"),
        ("gzip called deflate", gzip.compress(whole), "deflate"), ("empty", b"", "gzip"),
    ):  # fmt: skip
        yield f"content-encoding: {name}", post(TASK, body, headers={"Content-Encoding": encoding})
    header = json.dumps(
        {"inputs": [but(text(PROMPT), data=DROP, parameters={"binary_data_size": len(PROMPT) + 4})]}
    ).encode()
    yield (
        "content-encoding: binary data in gzip",
        post(
            TASK,
            gzip.compress(header + strings(PROMPT.encode())),
            headers={"Content-Encoding": "gzip", HEADER_LENGTH: str(len(header))},
        ),
    )
    for kind in ("text/plain", "application/json; charset=latin-1", "application/octet-stream", ""):
        yield f"content-type {kind!r}", post(TASK, whole, headers={"Content-Type": kind})


GROUPS = (described, controlled, answered, forms, classified, wrong, malformed, binary_data, encoded)
CASES: Mapping[str, Request] = dict(case for group in GROUPS for case in group())
