"""An asynchronous client of a V2 server: Triton or the light one."""

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp

from edge_router.contract import INPUT, OUTPUT
from edge_router.errors import RequestError, RouterError, UnavailableError
from edge_router.tensors import Tensors, text_tensor
from edge_router.v2.reply import decode_reply
from edge_router.v2.request import encode_request

HEADER_LENGTH = "Inference-Header-Content-Length"
PLAIN = {"Content-Type": "application/octet-stream", "Accept-Encoding": "identity"}
"""Compressing a few hundred bytes costs more than sending them."""
MANY_CLASSES = 1024
"""Asked of the classification extension to get every class; a server gives as many as there are."""


class ReplyError(RouterError):
    """The server answered something that is not V2."""


class InferenceClient:
    """Requests and replies travel in V2's binary form. Timeouts are the caller's: wrap a call in `asyncio.timeout`."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        """`url`: of the server, without `/v2`. The session stays the caller's."""
        self._url = url.rstrip("/")
        self._session = session

    async def infer(self, model: str, inputs: Tensors) -> Tensors:
        """Every output of `model`.

        Raises RequestError for a 4xx, UnavailableError for a 5xx or no answer, ReplyError for an answer that is not V2.
        """
        return await self._infer(model, inputs, outputs=[])

    async def labels(self, model: str, output: str = OUTPUT) -> list[str]:
        """Class names of `output` in its order, asked through the classification extension ("value:index:label").

        Raises ReplyError where the output has none, else what `infer` raises.
        """
        asked = [{"name": output, "parameters": {"classification": MANY_CLASSES, "binary_data": True}}]
        answer = await self._infer(model, {INPUT: text_tensor([b""])}, asked)
        try:
            classes = [value.decode().split(":", 2) for value in answer[output].reshape(-1)]
            return [label for _, label in sorted((int(index), label) for _, index, label in classes)]
        except (KeyError, AttributeError, ValueError) as error:
            raise ReplyError(f"{model}: {output} has no labels; give it a label_filename") from error

    async def _infer(self, model: str, inputs: Tensors, outputs: Sequence[Mapping[str, Any]]) -> Tensors:
        body, header_length = encode_request(inputs, outputs)
        headers = {HEADER_LENGTH: str(header_length), **PLAIN}
        try:
            async with self._session.post(f"{self._url}/v2/models/{model}/infer", data=body, headers=headers) as reply:
                content = await reply.read()
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(f"{self._url} does not answer: {type(error).__name__}") from error
        if reply.status >= 500:
            raise UnavailableError(f"{self._url}: {model} answered {reply.status}")
        if reply.status != 200:
            raise RequestError(f"{self._url}: {model} refused the request with {reply.status}")
        return _decoded(model, content, reply.headers.get(HEADER_LENGTH, str(len(content))))


def _decoded(model: str, content: bytes, header_length: str) -> Tensors:
    try:
        return decode_reply(content, int(header_length))
    except ValueError as error:
        raise ReplyError(f"{model}: {error}") from error
