"""The name of one request, in the client's reply, the upstream's request, the log and the trace."""

import random
import re
from collections.abc import Mapping

from edge_router.contract import REQUEST_ID_HEADER

_TAKEN = re.compile(r"[!-~]{1,128}")
"""What may stand in a header and in a line of a log."""


def request_id(headers: Mapping[str, str]) -> str:
    """The client's own where it is one short printable word of ASCII, else a new one. `headers` in lower case."""
    given = headers.get(REQUEST_ID_HEADER)
    return given if given is not None and _TAKEN.fullmatch(given) else f"{random.getrandbits(128):032x}"
