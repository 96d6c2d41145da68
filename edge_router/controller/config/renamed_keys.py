"""Renamed keys of `routes.yaml`. The old names still work; a deprecation notice gives the new name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_router.validation import Place, Problem

RENAMED: Mapping[str, str] = {
    "helpers": "background_tasks",
    "rules.*.when.helper": "background_task",
    "rules.*.when.link": "upstream",
    "policies.*.rules.*.when.helper": "background_task",
    "policies.*.rules.*.when.link": "upstream",
}
"""The new name, by the place of the old one; a star matches any key or position."""


@dataclass
class KeyRenaming:
    """A file's content with the new names of its keys."""

    content: Any
    old_keys: dict[Place, str] = field(default_factory=dict)
    """the key that the file has, by the key's new place"""
    conflicts: list[Problem] = field(default_factory=list)
    """old keys beside their new names"""

    def __post_init__(self) -> None:
        for pattern, new in RENAMED.items():
            *parents, old = pattern.split(".")
            self.content = self._renamed(self.content, parents, old, new, ())

    def _renamed(self, content: Any, parents: list[str], old: str, new: str, place: Place) -> Any:
        """A copy of `content` with the new key. Only the parents of the key are copied."""
        if parents:
            changed = {
                key: self._renamed(child, parents[1:], old, new, (*place, key))
                for key, child in _children(content, parents[0])
            }
            if isinstance(content, list):
                return list(changed.values())
            return {**content, **changed} if changed else content
        if not isinstance(content, dict) or old not in content:
            return content
        if new in content:
            self.conflicts.append(((*place, old), f"is the old name of {new}, which is there too; remove {old}"))
            return content
        self.old_keys[*place, new] = old
        return {new if key == old else key: value for key, value in content.items()}


def _children(content: Any, part: str) -> Iterator[tuple[Any, Any]]:
    if isinstance(content, list) and part == "*":
        yield from enumerate(content)
    elif isinstance(content, dict):
        yield from content.items() if part == "*" else ((key, content[key]) for key in (part,) if key in content)
