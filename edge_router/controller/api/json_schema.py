"""Building blocks of the requests' JSON schemas, for `/openapi.json`."""

from collections.abc import Mapping
from typing import Any

from edge_router.contract import ROUTER_FIELD, STRATEGY_MANUAL, STRATEGY_TRITON

Schema = Mapping[str, Any]

STRING: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
INTEGER: Schema = {"type": "integer"}
OBJECT: Schema = {"type": "object"}
OBJECTS: Schema = {"type": "array", "items": OBJECT}
STRINGS: Schema = {"type": "array", "items": STRING}
STRING_OR_STRINGS: Schema = {"oneOf": [STRING, STRINGS]}
ROUTER: Mapping[str, Schema] = {
    ROUTER_FIELD: {
        "type": "object",
        "required": ["policy"],
        "properties": {
            "policy": STRING,
            "routing_strategy": {"enum": [STRATEGY_TRITON, STRATEGY_MANUAL]},
            "model": {"type": "string", "description": "a label of the policy; needed by the strategy manual"},
        },
    }
}
"""The old contract's field."""


def request_schema(required: tuple[str, ...] = ("model",), **properties: Schema) -> Schema:
    """Schema of a request: the fields that the router reads. All others pass through."""
    return {
        "type": "object",
        "required": required,
        "properties": {"model": STRING, **properties},
        "additionalProperties": True,
    }
