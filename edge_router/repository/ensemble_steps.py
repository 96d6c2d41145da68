"""Writes the steps of `prompt_router_ensemble`: one pass of a network for each of its versions that a policy is pinned
to."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge_router.contract import INPUT, LABEL, OUTPUT, PROBABILITIES, SCORE, output_prefix
from edge_router.repository.policies import Policy, policies
from edge_router.repository.repository import Repository


@dataclass(frozen=True)
class EnsembleStep:
    """A step of an ensemble in config.pbtxt. The maps go from the model's tensor names to the ensemble's."""

    model: str
    version: int
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]

    def __str__(self) -> str:
        """The step in config.pbtxt."""
        return "\n".join(
            (
                "  step {",
                f'    model_name: "{self.model}"',
                f"    model_version: {self.version}",
                *(f'    input_map {{ key: "{inner}" value: "{outer}" }}' for inner, outer in self.inputs.items()),
                *(f'    output_map {{ key: "{inner}" value: "{outer}" }}' for inner, outer in self.outputs.items()),
                "  }\n",
            )
        )


def scheduling(repository: Repository, pins: Mapping[str, int], outputs: Collection[str]) -> str:
    """The `ensemble_scheduling` in config.pbtxt. `pins`: version by policy. `outputs`: the ensemble's outputs; other
    tensors of a decision are left out. Policies with the same version of the same network share a pass."""
    passes: dict[tuple[str, str, int], list[Policy]] = {}
    for name, policy in policies(repository).items():
        passes.setdefault((policy.preprocessing, policy.network, pins[name]), []).append(policy)
    steps: list[EnsembleStep] = []
    for (_, _, version), sharing in passes.items():
        steps += _pass(repository, version, sharing, outputs, prefix=f"{sharing[0].name}_" if steps else "")
    return f"ensemble_scheduling {{\n{''.join(map(str, steps))}}}\n"


def _pass(
    repository: Repository, version: int, sharing: Sequence[Policy], outputs: Collection[str], prefix: str
) -> list[EnsembleStep]:
    """The steps of one pass. `sharing`: the policies of the network; `prefix`: of the tensors between the steps, so
    that their names differ from those of another pass."""
    preprocessing, network = sharing[0].preprocessing, sharing[0].network
    postprocessing_inputs = [name for policy in sharing for name in _inputs(repository, policy.postprocessing)]

    def mapped(names: Iterable[str]) -> dict[str, str]:
        return {name: INPUT if name == INPUT else f"{prefix}{name}" for name in names}

    def outputs_of(model: str, needed: Collection[str]) -> dict[str, str]:
        return mapped(tensor.name for tensor in repository.config(model).output if tensor.name in needed)

    return [
        EnsembleStep(
            preprocessing,
            version,
            mapped(_inputs(repository, preprocessing)),
            outputs_of(preprocessing, [*_inputs(repository, network), *postprocessing_inputs]),
        ),
        EnsembleStep(
            network, version, mapped(_inputs(repository, network)), outputs_of(network, postprocessing_inputs)
        ),
        *(
            EnsembleStep(
                policy.postprocessing,
                version,
                mapped(_inputs(repository, policy.postprocessing)),
                _decision_outputs(output_prefix(policy.name), outputs),
            )
            for policy in sharing
        ),
    ]


def _inputs(repository: Repository, model: str) -> list[str]:
    return [tensor.name for tensor in repository.config(model).input]


def _decision_outputs(prefix: str, outputs: Collection[str]) -> dict[str, str]:
    names = {OUTPUT: prefix} | {name: f"{prefix}_{name}" for name in (LABEL, PROBABILITIES, SCORE)}
    return {inner: outer for inner, outer in names.items() if outer in outputs}
