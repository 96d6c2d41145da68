"""What routing looks at beside the request itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from edge_router.controller.caller import Caller


@dataclass(frozen=True)
class RequestContext:
    """`headers`: the client's, names in lower case. `up`: whether an upstream is there, by name. `now`: by this
    machine's clock and zone."""

    headers: Mapping[str, str]
    caller: Caller
    up: Callable[[str], bool]
    now: datetime
