"""The caller of a request: name and rights of its access key."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """`name`: that of the access key; None if no keys are in use. `models`: names of upstreams or models that the
    caller may use; None for all. `local_only`: its requests must stay on this device or the local network."""

    name: str | None = None
    models: AbstractSet[str] | None = None
    local_only: bool = False

    def may_use(self, upstream: str, model: str) -> bool:
        return self.models is None or upstream in self.models or model in self.models
