"""What routing knows about a request besides its body."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from edge_router.controller.caller import Caller


@dataclass(frozen=True)
class RequestContext:
    """`headers`: the client's, with names in lower case. `is_up`: the health of an upstream, by name. `now`: this
    machine's clock and time zone."""

    headers: Mapping[str, str]
    caller: Caller
    is_up: Callable[[str], bool]
    now: datetime
