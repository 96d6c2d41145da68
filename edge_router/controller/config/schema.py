"""The JSON schema of `routes.yaml`, by which an editor completes and checks it."""

import json

from edge_router.controller.config.router_config import RouterConfig

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> str:
    return json.dumps({"$schema": DIALECT, **RouterConfig.model_json_schema(), "title": "routes.yaml"}, indent=2)
