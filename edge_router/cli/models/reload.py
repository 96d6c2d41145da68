"""`edge-router models reload`: what a running server takes from its repository."""

from typing import Annotated, Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import orjson
import typer
from rich.progress import track

from edge_router.contract import ROUTER_SERVER_HTTP_PORT
from edge_router.errors import RequestError, UnavailableError

LOAD_SECONDS = 120


def reload_models(
    models: Annotated[list[str] | None, typer.Argument(help="All that the server knows, without any.")] = None,
    url: Annotated[str, typer.Option(help="Of the server.")] = f"http://127.0.0.1:{ROUTER_SERVER_HTTP_PORT}",
) -> None:
    """Have a running server take its repository anew, without losing a request. It must run in model control mode
    explicit."""
    names = models or sorted({entry["name"] for entry in _asked(f"{url}/v2/repository/index")})
    for name in track(names, "loading", transient=True):
        _asked(f"{url}/v2/repository/models/{quote(name, safe='')}/load")
    typer.echo(f"{len(names)} models are loaded as they are on disk")


def _asked(url: str) -> Any:
    """The answer to an empty POST. Raises UnavailableError for no answer, RequestError for a refusal."""
    try:
        with urlopen(Request(url, b"", {"Content-Type": "application/json"}), timeout=LOAD_SECONDS) as reply:
            return orjson.loads(reply.read() or b"null")
    except HTTPError as error:
        raise RequestError(f"{url} answered {error.code}: {_reason(error.read())}") from error
    except OSError as error:
        raise UnavailableError(f"{url} does not answer: {getattr(error, 'reason', error)}") from error


def _reason(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "it does not say why"
