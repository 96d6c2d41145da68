"""Asynchronous clients of a V2 server (Triton or the light server): their interface, and the client over HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import aiohttp
import msgspec
from yarl import URL

from edge_router.contract import INPUT, OUTPUT
from edge_router.errors import RequestError, RouterError, UnavailableError
from edge_router.tensors import Array, Tensors, text_tensor
from edge_router.v2.request import encode_request
from edge_router.v2.response import decode_response

HEADER_LENGTH = "Inference-Header-Content-Length"
UNCOMPRESSED = {"Content-Type": "application/octet-stream", "Accept-Encoding": "identity"}
"""Compressing a few hundred bytes costs more than sending them."""
ALL_CLASSES = 1024
"""Class count requested from the classification extension; a server returns as many classes as there are."""
EMPTY_PROMPT: Tensors = {INPUT: text_tensor([b""])}


class _Tensor(msgspec.Struct):
    name: str


class _Metadata(msgspec.Struct):
    """A model's metadata, as far as it is read."""

    outputs: list[_Tensor]


class ResponseError(RouterError):
    """The server's response is not V2."""


class Client(Protocol):
    """A client of one V2 server. It sets no timeouts: wrap a call in `asyncio.timeout`."""

    url: str
    """The server's URL, as configured."""

    async def infer(self, model: str, inputs: Tensors) -> Tensors:
        """Runs `model` and returns all of its outputs.

        Raises RequestError when the server refuses the request, UnavailableError when it fails or does not answer,
        ResponseError when its response is not V2.
        """
        ...

    async def outputs(self, model: str) -> list[str]:
        """The names of the model's outputs in the order of its configuration. Raises what `infer` raises."""
        ...

    async def labels(self, model: str, outputs: Sequence[str] = (OUTPUT,)) -> dict[str, list[str]]:
        """The class names of each of `outputs` in order, by one request of the classification extension.

        Raises ResponseError when an output has no labels, and what `infer` raises.
        """
        ...

    async def ready(self) -> None:
        """Returns if the server is ready. Raises UnavailableError if it is not."""
        ...

    async def close(self) -> None:
        """Releases the client's own connections."""
        ...


class InferenceClient:
    """A `Client` over HTTP. Requests and responses are in V2's binary form."""

    def __init__(self, url: str, session: aiohttp.ClientSession, ip: str | None = None) -> None:
        """`url`: of the server, without `/v2`. `ip`: the address to connect to, if the host of `url` has several. The
        caller closes the session."""
        configured = URL(url.rstrip("/"))
        self.url = str(configured)
        self._base = configured if ip is None else configured.with_host(ip)
        self._host = {} if ip is None else {"Host": configured.raw_authority}
        self._server_hostname = configured.raw_host if configured.scheme == "https" else None
        self._session = session

    async def infer(self, model: str, inputs: Tensors) -> Tensors:
        return await self._infer(model, inputs, outputs=[])

    async def outputs(self, model: str) -> list[str]:
        status, content, _ = await self._call("GET", f"/v2/models/{model}", None, self._host)
        self._check(model, status)
        try:
            return [tensor.name for tensor in msgspec.json.decode(content, type=_Metadata).outputs]
        except (msgspec.DecodeError, RecursionError) as error:
            raise ResponseError(f"{model}: not V2 metadata: {error}") from error

    async def labels(self, model: str, outputs: Sequence[str] = (OUTPUT,)) -> dict[str, list[str]]:
        parameters = {"classification": ALL_CLASSES, "binary_data": True}
        requested = [{"name": output, "parameters": parameters} for output in outputs]
        found = await self._infer(model, EMPTY_PROMPT, requested)
        return {output: class_names(model, output, found.get(output)) for output in outputs}

    async def ready(self) -> None:
        status, _, _ = await self._call("GET", "/v2/health/ready", None, self._host)
        if status != 200:
            raise UnavailableError(f"{self.url} is not ready: {status}")

    async def close(self) -> None:
        """Does nothing: the connections belong to the caller's session."""

    async def _infer(self, model: str, inputs: Tensors, outputs: Sequence[Mapping[str, Any]]) -> Tensors:
        body, header_length = encode_request(inputs, outputs)
        headers = {HEADER_LENGTH: str(header_length), **UNCOMPRESSED, **self._host}
        status, content, length = await self._call("POST", f"/v2/models/{model}/infer", body, headers)
        self._check(model, status)
        return _decoded(model, content, str(len(content)) if length is None else length)

    def _check(self, model: str, status: int) -> None:
        if status >= 500:
            raise UnavailableError(f"{self.url}: {model} answered {status}")
        if status != 200:
            raise RequestError(f"{self.url}: {model} refused the request with {status}")

    async def _call(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes, str | None]:
        """Status, body, and the server's Inference-Header-Content-Length."""
        try:
            try:
                return await self._once(method, path, body, headers)
            except aiohttp.ServerDisconnectedError:  # the server closed an idle connection as this request used it
                return await self._once(method, path, body, headers)
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(f"{self.url} does not answer: {type(error).__name__}") from error

    async def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes, str | None]:
        async with self._session.request(
            method,
            self._base.joinpath(path.removeprefix("/")),
            data=body,
            headers=headers,
            allow_redirects=False,
            server_hostname=self._server_hostname,
        ) as response:
            return response.status, await response.read(), response.headers.get(HEADER_LENGTH)


def class_names(model: str, output: str, classes: Array | None) -> list[str]:
    """The labels in order of their index, from the classification extension's "value:index:label".

    Raises ResponseError when there are none.
    """
    try:
        parts = [] if classes is None else [value.decode().split(":", 2) for value in classes.reshape(-1)]
        labels = [label for _, label in sorted((int(index), label) for _, index, label in parts)]
    except (AttributeError, ValueError) as error:
        raise ResponseError(f"{model}: the classes of {output} have no labels; give it a label_filename") from error
    if not labels:
        raise ResponseError(f"{model}: {output} has no labels; give it a label_filename")
    return labels


def _decoded(model: str, content: bytes, header_length: str) -> Tensors:
    try:
        return decode_response(content, int(header_length))
    except (ValueError, OverflowError) as error:
        raise ResponseError(f"{model}: {error}") from error
