"""The steps of `prompt_router_ensemble`: one pass of a network for each version of it that a policy is pinned to."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge_router.contract import INPUT, LABEL, OUTPUT, PROBABILITIES, SCORE, output_prefix
from edge_router.repository.policies import Policy, policies
from edge_router.repository.repository import Repository


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


def scheduling(repository: Repository, pins: Mapping[str, int], outputs: Collection[str]) -> str:
    """As in config.pbtxt. `pins`: version by policy. `outputs`: what the ensemble gives; a decision's tensors beyond
    these are left out. Policies that run the same version of the same network share a pass."""
    passes: dict[tuple[str, str, int], list[Policy]] = {}
    for name, policy in policies(repository).items():
        passes.setdefault((policy.preprocessing, policy.network, pins[name]), []).append(policy)
    steps: list[Step] = []
    for (_, _, version), sharing in passes.items():
        steps += _pass(repository, version, sharing, outputs, prefix=f"{sharing[0].name}_" if steps else "")
    return f"ensemble_scheduling {{\n{''.join(map(str, steps))}}}\n"


def _pass(
    repository: Repository, version: int, sharing: Sequence[Policy], outputs: Collection[str], prefix: str
) -> list[Step]:
    """`sharing`: policies of one network. `prefix` tells the tensors between the steps from those of another pass."""
    preprocessing, network = sharing[0].preprocessing, sharing[0].network
    decided_by = [name for policy in sharing for name in _inputs(repository, policy.postprocessing)]

    def between(names: Iterable[str]) -> dict[str, str]:
        return {name: INPUT if name == INPUT else f"{prefix}{name}" for name in names}

    def made(model: str, needed: Collection[str]) -> dict[str, str]:
        return between(tensor.name for tensor in repository.config(model).output if tensor.name in needed)

    return [
        Step(
            preprocessing,
            version,
            between(_inputs(repository, preprocessing)),
            made(preprocessing, [*_inputs(repository, network), *decided_by]),
        ),
        Step(network, version, between(_inputs(repository, network)), made(network, decided_by)),
        *(
            Step(
                policy.postprocessing,
                version,
                between(_inputs(repository, policy.postprocessing)),
                _decision(output_prefix(policy.name), outputs),
            )
            for policy in sharing
        ),
    ]


def _inputs(repository: Repository, model: str) -> list[str]:
    return [tensor.name for tensor in repository.config(model).input]


def _decision(prefix: str, outputs: Collection[str]) -> dict[str, str]:
    names = {OUTPUT: prefix} | {name: f"{prefix}_{name}" for name in (LABEL, PROBABILITIES, SCORE)}
    return {theirs: ours for theirs, ours in names.items() if ours in outputs}
