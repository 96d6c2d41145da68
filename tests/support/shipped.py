"""The contents of the shipped repository. The package discovers them; tests state them."""

from edge_router.contract import (
    COMPLEXITY_ROUTER,
    PROMPT_ROUTER_ENSEMBLE,
    TASK_ROUTER,
    ensemble,
    postprocessing,
)


def preprocessing(policy: str) -> str:
    return f"preprocessing_{policy}"


POLICIES = (TASK_ROUTER, COMPLEXITY_ROUTER)
MODELS = (
    *(
        name
        for policy in POLICIES
        for name in (preprocessing(policy), policy, postprocessing(policy), ensemble(policy))
    ),
    PROMPT_ROUTER_ENSEMBLE,
)
"""The nine models."""
