"""Who asks."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """The holder of an access key. `name` is None where no keys are kept. `models`: what it may reach, by upstream or
    model name; None for all. `local_only`: its prompts must not leave the box."""

    name: str | None = None
    models: AbstractSet[str] | None = None
    local_only: bool = False

    def may_use(self, upstream: str, model: str) -> bool:
        return self.models is None or upstream in self.models or model in self.models
