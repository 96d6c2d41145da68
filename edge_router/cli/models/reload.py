"""`edge-router models reload`: makes a running server load its repository again."""

from typing import Annotated, Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import msgspec
import typer
from rich.progress import track

from edge_router.contract import ROUTER_SERVER_HTTP_PORT
from edge_router.errors import RequestError, UnavailableError

LOAD_SECONDS = 120


def reload_models(
    models: Annotated[list[str] | None, typer.Argument(help="Models to load; all by default.")] = None,
    url: Annotated[str, typer.Option(help="URL of the server.")] = f"http://127.0.0.1:{ROUTER_SERVER_HTTP_PORT}",
) -> None:
    """Make a running server load its models again from disk, without losing a request. The server must run with
    --model-control explicit."""
    names = models or sorted({entry["name"] for entry in _post(f"{url}/v2/repository/index")})
    for name in track(names, "loading", transient=True):
        _post(f"{url}/v2/repository/models/{quote(name, safe='')}/load")
    typer.echo(f"loaded {len(names)} models from disk")


def _post(url: str) -> Any:
    """The response to an empty POST. Raises UnavailableError if there is none, RequestError if the server refuses."""
    try:
        with urlopen(Request(url, b"", {"Content-Type": "application/json"}), timeout=LOAD_SECONDS) as response:
            return msgspec.json.decode(response.read() or b"null")
    except HTTPError as error:
        raise RequestError(f"{url} answered {error.code}: {_reason(error.read())}") from error
    except OSError as error:
        raise UnavailableError(f"{url} does not answer: {getattr(error, 'reason', error)}") from error


def _reason(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["error"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return "it gives no reason"
