"""gRPC calls and their replies in a form that can be compared between two servers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc import service_pb2 as v2
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from edge_router.v2.data import decode

TIMEOUT = 30


@dataclass(frozen=True)
class Call:
    """A call. `messages`: one, or all messages of a stream."""

    name: str
    messages: Sequence[Any]


@dataclass(frozen=True)
class Reply:
    """The reply to a call. `code`: gRPC's status; `content`: one entry for each response."""

    code: str
    content: Any


def call(channel: grpc.Channel, asked: Call) -> Reply:
    method = getattr(GRPCInferenceServiceStub(channel), asked.name)
    try:
        if asked.name == "ModelStreamInfer":
            return Reply("OK", [_streamed(answer) for answer in method(iter(asked.messages), timeout=TIMEOUT)])
        return Reply("OK", [_content(method(asked.messages[0], timeout=TIMEOUT))])
    except grpc.RpcError as error:
        return Reply(error.code().name, None)


def _streamed(answer: Any) -> Any:
    return "an error" if answer.error_message else _content(answer.infer_response)


def _content(answer: Any) -> Any:
    if not isinstance(answer, v2.ModelInferResponse):
        return MessageToDict(answer, preserving_proto_field_name=True)
    outputs = zip(answer.outputs, answer.raw_output_contents, strict=True)
    return {
        "model": (answer.model_name, answer.model_version, answer.id),
        "parameters": {name: MessageToDict(value) for name, value in answer.parameters.items()},
        "outputs": {
            output.name: (output.datatype, list(output.shape), decode(output.datatype, output.shape, raw).tolist())
            for output, raw in outputs
        },
    }
