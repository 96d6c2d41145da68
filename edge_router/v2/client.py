"""Asynchronous clients of a V2 server, Triton or the light one: what each can be asked, and the one over HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import aiohttp
from yarl import URL

from edge_router.contract import INPUT, OUTPUT
from edge_router.errors import RequestError, RouterError, UnavailableError
from edge_router.tensors import Array, Tensors, text_tensor
from edge_router.v2.reply import decode_reply
from edge_router.v2.request import encode_request

HEADER_LENGTH = "Inference-Header-Content-Length"
PLAIN = {"Content-Type": "application/octet-stream", "Accept-Encoding": "identity"}
"""Compressing a few hundred bytes costs more than sending them."""
MANY_CLASSES = 1024
"""Asked of the classification extension to get every class; a server gives as many as there are."""
NO_TEXT: Tensors = {INPUT: text_tensor([b""])}


class ReplyError(RouterError):
    """The server answered something that is not V2."""


class Client(Protocol):
    """Timeouts are the caller's: wrap a call in `asyncio.timeout`."""

    url: str
    """Of the server, as configured."""

    async def infer(self, model: str, inputs: Tensors) -> Tensors:
        """Every output of `model`.

        Raises RequestError where the server refuses the request, UnavailableError where it fails or does not answer,
        ReplyError for an answer that is not V2.
        """
        ...

    async def labels(self, model: str, output: str = OUTPUT) -> list[str]:
        """Class names of `output` in its order, asked through the classification extension.

        Raises ReplyError where the output has none, else what `infer` raises.
        """
        ...

    async def ready(self) -> None:
        """Returns when the server says that it is ready. Raises UnavailableError."""
        ...

    async def close(self) -> None:
        """Lets go of what is this client's own."""
        ...


class InferenceClient:
    """Over HTTP. Requests and replies travel in V2's binary form."""

    def __init__(self, url: str, session: aiohttp.ClientSession, ip: str | None = None) -> None:
        """`url`: of the server, without `/v2`. `ip`: the address to connect to, where the host of `url` stands for
        several. The session stays the caller's."""
        named = URL(url.rstrip("/"))
        self.url = str(named)
        self._base = named if ip is None else named.with_host(ip)
        self._host = {} if ip is None else {"Host": named.raw_authority}
        self._server_hostname = named.raw_host if named.scheme == "https" else None
        self._session = session

    async def infer(self, model: str, inputs: Tensors) -> Tensors:
        return await self._infer(model, inputs, outputs=[])

    async def labels(self, model: str, output: str = OUTPUT) -> list[str]:
        asked = [{"name": output, "parameters": {"classification": MANY_CLASSES, "binary_data": True}}]
        return class_names(model, output, (await self._infer(model, NO_TEXT, asked)).get(output))

    async def ready(self) -> None:
        status, _, _ = await self._call("GET", "/v2/health/ready", None, self._host)
        if status != 200:
            raise UnavailableError(f"{self.url} is not ready: {status}")

    async def close(self) -> None:
        """Nothing here is this client's own."""

    async def _infer(self, model: str, inputs: Tensors, outputs: Sequence[Mapping[str, Any]]) -> Tensors:
        body, header_length = encode_request(inputs, outputs)
        headers = {HEADER_LENGTH: str(header_length), **PLAIN, **self._host}
        status, content, length = await self._call("POST", f"/v2/models/{model}/infer", body, headers)
        if status >= 500:
            raise UnavailableError(f"{self.url}: {model} answered {status}")
        if status != 200:
            raise RequestError(f"{self.url}: {model} refused the request with {status}")
        return _decoded(model, content, str(len(content)) if length is None else length)

    async def _call(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes, str | None]:
        """Status, content, length of its JSON part as the server says it."""
        try:
            try:
                return await self._once(method, path, body, headers)
            except aiohttp.ServerDisconnectedError:  # an idle connection that the server closed as it was taken
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
        ) as reply:
            return reply.status, await reply.read(), reply.headers.get(HEADER_LENGTH)


def class_names(model: str, output: str, classes: Array | None) -> list[str]:
    """Labels by index, from the classification extension's "value:index:label". Raises ReplyError where `classes` are
    none."""
    try:
        found = [] if classes is None else [value.decode().split(":", 2) for value in classes.reshape(-1)]
        labels = [label for _, label in sorted((int(index), label) for _, index, label in found)]
    except (AttributeError, ValueError) as error:
        raise ReplyError(f"{model}: the classes of {output} are no labels; give it a label_filename") from error
    if not labels:
        raise ReplyError(f"{model}: {output} has no labels; give it a label_filename")
    return labels


def _decoded(model: str, content: bytes, header_length: str) -> Tensors:
    try:
        return decode_reply(content, int(header_length))
    except (ValueError, OverflowError) as error:
        raise ReplyError(f"{model}: {error}") from error
