"""The steps of `prompt_router_ensemble`: one pass of the network for each version that a policy is pinned to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from edge_router.contract import (
    ATTENTION_MASK,
    DECISION_PREFIX,
    INPUT,
    INPUT_IDS,
    LABEL,
    LOGITS,
    OUTPUT,
    POLICIES,
    PROBABILITIES,
    SCORE,
    TASK_ROUTER,
    postprocessing,
    preprocessing,
)


@dataclass(frozen=True)
class Step:
    """Maps name the model's tensor first, the ensemble's second."""

    model: str
    version: int
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]

    def __str__(self) -> str:
        """As in config.pbtxt."""
        return "\n".join(
            (
                "  step {",
                f'    model_name: "{self.model}"',
                f"    model_version: {self.version}",
                *(f'    input_map {{ key: "{theirs}" value: "{ours}" }}' for theirs, ours in self.inputs.items()),
                *(f'    output_map {{ key: "{theirs}" value: "{ours}" }}' for theirs, ours in self.outputs.items()),
                "  }\n",
            )
        )


def scheduling(pins: Mapping[str, int], outputs: Collection[str]) -> str:
    """As in config.pbtxt. `pins`: version by policy. `outputs`: what the ensemble gives; a decision's tensors beyond
    these are left out."""
    steps: list[Step] = []
    for version in dict.fromkeys(pins[policy] for policy in POLICIES):
        policies = [policy for policy in POLICIES if pins[policy] == version]
        steps += _pass(version, policies, outputs, prefix=f"{policies[0]}_" if steps else "")
    return f"ensemble_scheduling {{\n{''.join(map(str, steps))}}}\n"


def _pass(version: int, policies: Sequence[str], outputs: Collection[str], prefix: str) -> list[Step]:
    """`prefix` tells the tensors between the steps from those of another pass."""
    ids, mask, logits = f"{prefix}{INPUT_IDS}", f"{prefix}{ATTENTION_MASK}", f"{prefix}{LOGITS}"
    between = {INPUT_IDS: ids, ATTENTION_MASK: mask}
    return [
        Step(preprocessing(TASK_ROUTER), version, {INPUT: INPUT}, between),
        Step(TASK_ROUTER, version, between, {LOGITS: logits}),
        *(
            Step(postprocessing(policy), version, {LOGITS: logits}, _decision(DECISION_PREFIX[policy], outputs))
            for policy in policies
        ),
    ]


def _decision(prefix: str, outputs: Collection[str]) -> dict[str, str]:
    names = {OUTPUT: prefix} | {name: f"{prefix}_{name}" for name in (LABEL, PROBABILITIES, SCORE)}
    return {theirs: ours for theirs, ours in names.items() if ours in outputs}
