"""Health check, `python -m edge_router.health [URL]`: exits with 0 when a real inference of a prompt succeeds.

It uses the standard library only, because nothing else is installed beside Triton.
"""

import json
import sys
from urllib.request import Request, urlopen

from edge_router.contract import INPUT, PROMPT_ROUTER_ENSEMBLE, ROUTER_SERVER_HTTP_PORT


def check(url: str) -> None:
    """Sends one prompt. Raises OSError when the server does not classify it."""
    inputs = [{"name": INPUT, "datatype": "BYTES", "shape": [1, 1], "data": ["healthy?"]}]
    body = json.dumps({"inputs": inputs}).encode()
    with urlopen(Request(f"{url}/v2/models/{PROMPT_ROUTER_ENSEMBLE}/infer", body), timeout=4) as response:
        response.read()


if __name__ == "__main__":
    try:
        check(sys.argv[1] if len(sys.argv) > 1 else f"http://127.0.0.1:{ROUTER_SERVER_HTTP_PORT}")
    except OSError as error:
        sys.exit(f"the inference failed: {error}")
