"""A router-server whose faults a test chooses, over HTTP and gRPC."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
from aiohttp import web

from edge_router.contract import COMPLEXITY_ROUTER, PROMPT_ROUTER_ENSEMBLE, TASK_ROUTER, output_prefix
from edge_router.server.grpc_tensors import write_outputs
from edge_router.tensors import Array, text_tensor
from edge_router.v2.client import HEADER_LENGTH
from edge_router.v2.generated import generated_module
from edge_router.v2.response import InferResponse, encode_response

v2 = generated_module("service_pb2")

LABELS = {TASK_ROUTER: ["Chatbot", "Code", "Zoé"], COMPLEXITY_ROUTER: ["Reasoning", "Creativity"]}
CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}


def numbers(*values: float) -> Array:
    return np.array([values], np.float32)


def decisions() -> dict[str, Array]:
    return {
        "TASK": numbers(0, 1, 0),
        "TASK_LABEL": text_tensor([b"Code"]),
        "TASK_PROBABILITIES": numbers(0.125, 0.75, 0.125),
        "COMPLEXITY": numbers(1, 0),
        "COMPLEXITY_LABEL": text_tensor([b"Reasoning"]),
        "COMPLEXITY_PROBABILITIES": numbers(0.75, 0.25),
        "COMPLEXITY_SCORE": numbers(0.25),
    }


@dataclass
class RouterServer:
    """`refusal`: HTTP status of every reply. `answering`: replies wait for it. `body`: sent in place of decisions."""

    protocol: str
    port: int
    ip: str = "127.0.0.1"
    refusal: int | None = None
    body: bytes | None = None
    decisions: dict[str, Array] = field(default_factory=decisions)
    labels: dict[str, list[str]] = field(default_factory=lambda: dict(LABELS))
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    """Number of classifications, including those of health checks."""
    waiting: int = 0
    running: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    def __post_init__(self) -> None:
        self.answering.set()

    @property
    def url(self) -> str:
        return f"http://router-server:{self.port}"

    async def start(self) -> None:
        await (self._start_http() if self.protocol == "http" else self._start_grpc())

    async def stop(self) -> None:
        """Stops at once and cuts every connection."""
        await self.running.aclose()

    async def _until_answering(self) -> None:
        self.waiting += 1
        try:
            await self.answering.wait()
        finally:
            self.waiting -= 1

    async def _outputs(self, *, classes: bool) -> dict[str, Array]:
        await self._until_answering()
        if classes:
            return {output_prefix(policy): _classes(labels) for policy, labels in self.labels.items()}
        self.asked += 1
        return self.decisions

    @property
    def _output_names(self) -> list[str]:
        prefixes = map(output_prefix, self.labels)
        return [f"{prefix}{suffix}" for prefix in prefixes for suffix in ("", "_LABEL", "_PROBABILITIES")]

    async def _start_http(self) -> None:
        application = web.Application()
        application.router.add_get("/v2/health/ready", self._http_ready)
        application.router.add_get(f"/v2/models/{PROMPT_ROUTER_ENSEMBLE}", self._http_metadata)
        application.router.add_post(f"/v2/models/{PROMPT_ROUTER_ENSEMBLE}/infer", self._http_infer)
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0)
        self.running.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, self.ip, self.port).start()

        async def cut() -> None:
            for site in list(runner.sites):
                await site.stop()
            for connection in runner.server.connections if runner.server else ():
                if connection.transport:
                    connection.transport.abort()

        self.running.push_async_callback(cut)

    async def _http_ready(self, request: web.Request) -> web.Response:
        return web.Response(status=self.refusal if self.refusal == 503 else 200)

    async def _http_metadata(self, request: web.Request) -> web.Response:
        await self._until_answering()
        if self.refusal:
            return web.Response(status=self.refusal)
        if self.body is not None:
            return web.Response(body=self.body)
        return web.json_response({"outputs": [{"name": name} for name in self._output_names]})

    async def _http_infer(self, request: web.Request) -> web.Response:
        asked = await request.read()
        outputs = await self._outputs(classes=b"classification" in asked)
        if self.refusal:
            return web.Response(status=self.refusal)
        if self.body is not None:
            return web.Response(body=self.body)
        content, length = encode_response(InferResponse(PROMPT_ROUTER_ENSEMBLE, 1, outputs, binary=frozenset(outputs)))
        return web.Response(body=content, headers={HEADER_LENGTH: str(length)})

    async def _start_grpc(self) -> None:
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        handlers = {
            "ServerReady": grpc.unary_unary_rpc_method_handler(self._grpc_ready),
            "ModelMetadata": grpc.unary_unary_rpc_method_handler(self._grpc_metadata),
            "ModelInfer": grpc.unary_unary_rpc_method_handler(self._grpc_infer, v2.ModelInferRequest.FromString),
        }
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers)]
        )
        assert server.add_insecure_port(f"{self.ip}:{self.port}") == self.port
        self.running.push_async_callback(server.stop, None)
        await server.start()

    async def _grpc_ready(self, request: bytes, context: Any) -> bytes:
        answer: bytes = v2.ServerReadyResponse(ready=self.refusal != 503).SerializeToString()
        return answer

    async def _grpc_metadata(self, request: bytes, context: Any) -> bytes:
        await self._until_answering()
        if self.refusal:
            await context.abort(CODES[self.refusal], "refused")
        if self.body is not None:
            return self.body
        answer = v2.ModelMetadataResponse(name=PROMPT_ROUTER_ENSEMBLE)
        for name in self._output_names:
            answer.outputs.add(name=name)
        content: bytes = answer.SerializeToString()
        return content

    async def _grpc_infer(self, request: Any, context: Any) -> bytes:
        outputs = await self._outputs(classes=len(request.outputs) > 0)
        if self.refusal:
            await context.abort(CODES[self.refusal], "refused")
        if self.body is not None:
            return self.body
        answer = v2.ModelInferResponse(model_name=request.model_name)
        write_outputs(answer, outputs)
        content: bytes = answer.SerializeToString()
        return content


def _classes(labels: Sequence[str]) -> Array:
    return text_tensor([f"0.0:{at}:{label}".encode() for at, label in enumerate(labels)])
