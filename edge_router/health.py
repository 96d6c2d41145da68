"""`python -m edge_router.health [URL]`: exit 0 when a real inference succeeds, from prompt to both decisions.

Standard library only: it runs beside Triton, where nothing else is installed.
"""

import json
import sys
from urllib.request import Request, urlopen

from edge_router.contract import INPUT, PROMPT_ROUTER_ENSEMBLE, ROUTER_SERVER_HTTP_PORT


def check(url: str) -> None:
    """Raises OSError when the server cannot answer."""
    inputs = [{"name": INPUT, "datatype": "BYTES", "shape": [1, 1], "data": ["healthy?"]}]
    body = json.dumps({"inputs": inputs}).encode()
    with urlopen(Request(f"{url}/v2/models/{PROMPT_ROUTER_ENSEMBLE}/infer", body), timeout=4) as reply:
        reply.read()


if __name__ == "__main__":
    try:
        check(sys.argv[1] if len(sys.argv) > 1 else f"http://127.0.0.1:{ROUTER_SERVER_HTTP_PORT}")
    except OSError as error:
        sys.exit(f"no inference: {error}")
