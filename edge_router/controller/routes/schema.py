"""The JSON schema of `routes.yaml`, by which an editor completes and checks it."""

import json

from edge_router.controller.routes.routes import Routes

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> str:
    return json.dumps({"$schema": DIALECT, **Routes.model_json_schema(), "title": "routes.yaml"}, indent=2)
