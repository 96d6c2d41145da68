"""HTTP requests and their replies in a form that can be compared between two servers."""

import http.client
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_router.v2.response import decode_response

HEADER_LENGTH = "Inference-Header-Content-Length"
TIMEOUT = 30


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """The reply to a request. `content`: the JSON; an inference also has its outputs by name."""

    status: int
    content: Any
    encoding: str | None = None


def ask(address: str, request: Request) -> Reply:
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT)
    try:
        connection.putrequest(request.method, request.path, skip_accept_encoding=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        if request.method == "POST" or request.body:
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body or None)
        answer = connection.getresponse()
        encoding = answer.headers["Content-Encoding"]
        body = _plain(answer.read(), encoding)
        return Reply(answer.status, _content(answer.status, body, answer.headers[HEADER_LENGTH]), encoding)
    finally:
        connection.close()


def _plain(body: bytes, encoding: str | None) -> bytes:
    return zlib.decompress(body, wbits=zlib.MAX_WBITS | 32) if encoding else body


def _content(status: int, body: bytes, header_length: str | None) -> Any:
    if not body:
        return None
    length = int(header_length) if header_length else len(body)
    try:
        header = json.loads(body[:length])
    except ValueError:
        return "not JSON"
    if status != 200:
        return {name: type(value).__name__ for name, value in header.items()}
    if isinstance(header, dict) and "model_stats" in header:
        return [_described(each) for each in header["model_stats"]]
    if not isinstance(header, dict) or "outputs" not in header or "model_name" not in header:
        return header
    return _inference(header, decode_response(body, length))


def _inference(header: dict[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    described = {
        output["name"]: {
            "datatype": output["datatype"],
            "shape": output["shape"],
            "binary": "parameters" in output,
            "values": outputs[output["name"]].reshape(-1).tolist(),
        }
        for output in header["outputs"]
    }
    return {**{name: value for name, value in header.items() if name != "outputs"}, "outputs": described}


def _described(statistics: dict[str, Any]) -> dict[str, Any]:
    """The names in the statistics of a model; their numbers differ between servers."""
    told = {"all": sorted(statistics), "inference_stats": sorted(statistics["inference_stats"])}
    return {"name": statistics["name"], "version": statistics["version"], **told}
