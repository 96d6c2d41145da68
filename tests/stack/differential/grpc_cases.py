"""The gRPC calls of the comparison, by name."""

import struct
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from tritonclient.grpc import service_pb2 as v2

from edge_router.contract import ATTENTION_MASK, INPUT, INPUT_IDS, LOGITS
from tests.stack.differential.calls import Call
from tests.stack.differential.http_cases import DECIDE, NETWORK, PROMPT, PROMPTS, ROW, TASK, floats, strings
from tests.stack.differential.repository import EXTRA
from tests.support.shipped import MODELS

Case: TypeAlias = tuple[str, Call]
Tensor: TypeAlias = Any
FOUR = struct.pack("<4q", 2, 5, 9, 3)
ONES = struct.pack("<4q", 1, 1, 1, 1)


def tensor(name: str, datatype: str, shape: list[int], **contents: Any) -> Tensor:
    described = v2.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape)
    if contents:
        described.contents.CopyFrom(v2.InferTensorContents(**contents))
    return described


def text(*prompts: str) -> Tensor:
    return tensor(INPUT, "BYTES", [len(prompts), 1], bytes_contents=[prompt.encode() for prompt in prompts])


def output(name: str, classification: int = 0) -> Tensor:
    asked = v2.ModelInferRequest.InferRequestedOutputTensor(name=name)
    if classification:
        asked.parameters["classification"].int64_param = classification
    return asked


def request(model: str, *inputs: Tensor, version: str = "", raw: tuple[bytes, ...] = (), **fields: Any) -> Any:
    return v2.ModelInferRequest(
        model_name=model, model_version=version, inputs=inputs, raw_input_contents=raw, **fields
    )


def infer(model: str, *inputs: Tensor, **fields: Any) -> Call:
    return Call("ModelInfer", [request(model, *inputs, **fields)])


def described() -> Iterator[Case]:
    yield "live", Call("ServerLive", [v2.ServerLiveRequest()])
    yield "ready", Call("ServerReady", [v2.ServerReadyRequest()])
    for model, version in (*((model, "") for model in (*MODELS, *EXTRA)), ("every_version", "2"), ("newest_two", "1"),
                           (TASK, "1"), (TASK, "2"), (TASK, "x"), (TASK, "-1"), ("nobody", ""), ("", "")):  # fmt: skip
        where = f"{model or 'no model'} version {version or 'newest'}"
        yield f"{where}: ready", Call("ModelReady", [v2.ModelReadyRequest(name=model, version=version)])
        yield f"{where}: metadata", Call("ModelMetadata", [v2.ModelMetadataRequest(name=model, version=version)])
    for model, version in (("nobody", ""), ("nobody", "1"), (TASK, "2"), (TASK, "x")):
        where = f"{model} version {version or 'newest'}"
        yield f"{where}: config", Call("ModelConfig", [v2.ModelConfigRequest(name=model, version=version)])
        yield f"{where}: statistics", Call("ModelStatistics", [v2.ModelStatisticsRequest(name=model, version=version)])
    for ready in (True, False):
        yield f"index, ready {ready}", Call("RepositoryIndex", [v2.RepositoryIndexRequest(ready=ready)])
    for model in (TASK, "nobody"):
        yield f"load {model}", Call("RepositoryModelLoad", [v2.RepositoryModelLoadRequest(model_name=model)])
        yield f"unload {model}", Call("RepositoryModelUnload", [v2.RepositoryModelUnloadRequest(model_name=model)])


def answered() -> Iterator[Case]:
    logits = tensor(LOGITS, "FP32", [1, len(ROW)], fp32_contents=ROW)
    raw_logits = tensor(LOGITS, "FP32", [1, len(ROW)])
    ids, mask = tensor(INPUT_IDS, "INT64", [1, 4]), tensor(ATTENTION_MASK, "INT64", [1, 4])
    for model in MODELS:
        if model.endswith("_ensemble") or model.startswith("preprocessing"):
            yield f"{model}: contents", infer(model, text(PROMPT))
            yield f"{model}: raw", infer(model, tensor(INPUT, "BYTES", [1, 1]), raw=(strings(PROMPT.encode()),))
    for model in (DECIDE, *EXTRA):
        yield f"{model}: contents", infer(model, logits)
        yield f"{model}: raw", infer(model, raw_logits, raw=(floats(*ROW),))
    yield "network: raw", infer(NETWORK, ids, mask, raw=(FOUR, ONES))
    yield (
        "network: contents",
        infer(
            NETWORK,
            tensor(INPUT_IDS, "INT64", [1, 4], int64_contents=[2, 5, 9, 3]),
            tensor(ATTENTION_MASK, "INT64", [1, 4], int64_contents=[1, 1, 1, 1]),
        ),
    )
    for rows in range(1, 9):
        yield f"batch of {rows}", infer("prompt_router_ensemble", text(*PROMPTS[:rows]))
    yield "id", infer(TASK, text(PROMPT), id="abc")
    yield "one output", infer(DECIDE, logits, outputs=[output("SCORE")])
    yield "two outputs", infer(DECIDE, logits, outputs=[output("SCORE"), output("LABEL")])
    yield "classification", infer(DECIDE, logits, outputs=[output("OUTPUT", 3)])
    yield "classification beyond the classes", infer(TASK, text(*PROMPTS[:2]), outputs=[output("OUTPUT", 100)])
    yield "version", infer("every_version", logits, version="2")
    first, second = request(TASK, text(PROMPT), id="1"), request(TASK, text(PROMPTS[1]), id="2")
    yield "stream", Call("ModelStreamInfer", [first, second])
    yield "stream with a wrong request", Call("ModelStreamInfer", [first, request("nobody", text(PROMPT)), second])
    yield "stream with a wrong input", Call("ModelStreamInfer", [request(TASK, text(*[PROMPT] * 9)), second])
    yield "empty stream", Call("ModelStreamInfer", [])


def wrong() -> Iterator[Case]:
    good = text(PROMPT)
    logits = tensor(LOGITS, "FP32", [1, len(ROW)], fp32_contents=ROW)
    plain = tensor(INPUT, "BYTES", [1, 1])
    data = strings(PROMPT.encode())
    yield "unknown model", infer("nobody", good)
    yield "no model", infer("", good)
    yield "unknown version", infer(TASK, good, version="2")
    yield "no version", infer(TASK, good, version="x")
    yield "no input", infer(TASK)
    yield "unknown input", infer(TASK, tensor("NOBODY", "BYTES", [1, 1], bytes_contents=[b"a"]))
    yield "an input more", infer(TASK, good, tensor("MORE", "BYTES", [1, 1], bytes_contents=[b"a"]))
    yield "an input twice", infer(TASK, good, good)
    yield "unknown output", infer(TASK, good, outputs=[output("NOBODY")])
    yield "an output twice", infer(TASK, good, outputs=[output("OUTPUT"), output("OUTPUT")])
    yield "nine rows", infer(TASK, text(*[PROMPT] * 9))
    for datatype in ("INT64", "FP32", "", "STRING", "bytes"):
        yield f"datatype {datatype!r}", infer(TASK, tensor(INPUT, datatype, [1, 1], bytes_contents=[b"a"]))
    for shape in ([1], [], [1, 1, 1], [2, 1], [0, 1], [-1, 1], [1, 2], [2**62, 1]):
        yield f"shape {shape}", infer(TASK, tensor(INPUT, "BYTES", shape, bytes_contents=[b"a"]))
        yield f"raw shape {shape}", infer(TASK, tensor(INPUT, "BYTES", shape), raw=(strings(b"a"),))
    yield "no contents", infer(TASK, plain)
    yield "contents of another type", infer(TASK, tensor(INPUT, "BYTES", [1, 1], int64_contents=[1]))
    yield "contents and raw", infer(TASK, good, raw=(data,))
    yield "two raw for one input", infer(TASK, plain, raw=(data, data))
    yield (
        "one raw for two inputs",
        infer(NETWORK, tensor(INPUT_IDS, "INT64", [1, 4]), tensor(ATTENTION_MASK, "INT64", [1, 4]), raw=(FOUR,)),
    )
    yield "raw too short", infer(DECIDE, tensor(LOGITS, "FP32", [1, len(ROW)]), raw=(floats(*ROW)[:-1],))
    yield "raw too long", infer(DECIDE, tensor(LOGITS, "FP32", [1, len(ROW)]), raw=(floats(*ROW, 1.0),))
    yield "raw string cut off", infer(TASK, plain, raw=(data[:-1],))
    yield "raw string of 4 GB", infer(TASK, plain, raw=(b"\xff\xff\xff\xffabc",))
    yield "raw, two strings for one", infer(TASK, plain, raw=(strings(b"a", b"b"),))
    yield "raw nothing", infer(TASK, plain, raw=(b"",))
    yield "not UTF-8", infer(TASK, tensor(INPUT, "BYTES", [1, 1], bytes_contents=[b"\xff\xfe"]))
    yield "wrong width", infer(DECIDE, tensor(LOGITS, "FP32", [1, 5], fp32_contents=ROW[:5]))
    yield "NaN", infer(DECIDE, tensor(LOGITS, "FP32", [1, len(ROW)], fp32_contents=[float("nan"), *ROW[1:]]))
    yield "classification negative", infer(DECIDE, logits, outputs=[output("OUTPUT", -1)])
    yield "too few contents", infer(DECIDE, tensor(LOGITS, "FP32", [1, len(ROW)], fp32_contents=ROW[1:]))


CASES: Mapping[str, Call] = dict(case for group in (described, answered, wrong) for case in group())
