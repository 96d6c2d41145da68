"""Runs an ensemble: steps connected by tensor maps. An ensemble is itself a stage, so ensembles can be nested."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from edge_router.errors import RepositoryError, RequestError
from edge_router.pipeline.signature import Signature, TensorType
from edge_router.repository.schema import ModelConfig, ModelEnsembling
from edge_router.stages import Stage, StageResult
from edge_router.tensors import Array, Tensors

_THREADS = ThreadPoolExecutor(thread_name_prefix="step")
"""Runs steps concurrently; starts no thread before an ensemble has two steps to run at once."""


@dataclass(frozen=True)
class LoadedStep:
    """A step of an ensemble with its loaded model. As in config.pbtxt, the maps go from the model's tensor names to the
    ensemble's."""

    model: str
    stage: Stage
    input_map: Mapping[str, str]
    output_map: Mapping[str, str]


class Ensemble:
    """An ensemble of loaded steps. All requests of a batch pass each step together; a request that fails in a step gets
    that step's error and skips the rest."""

    def __init__(self, signature: Signature, waves: Sequence[Sequence[LoadedStep]]) -> None:
        """`waves`: groups of steps in the order of execution; the steps of a group run concurrently."""
        self._signature = signature
        self._waves = waves

    def run(self, requests: Sequence[Tensors]) -> list[StageResult]:
        known: list[dict[str, Array]] = [dict(request) for request in requests]
        failed: dict[int, RequestError] = {}
        for wave in self._waves:
            active = [index for index in range(len(requests)) if index not in failed]
            calls = [partial(step.stage.run, _step_inputs(step, [known[index] for index in active])) for step in wave]
            for step, results in zip(wave, _run_concurrently(calls), strict=True):
                for index, result in zip(active, results, strict=True):
                    if isinstance(result, RequestError):
                        failed.setdefault(index, result)
                    else:
                        known[index] |= {outer: result[inner] for inner, outer in step.output_map.items()}
        return [
            failed.get(index) or {name: tensors[name] for name in self._signature.outputs}
            for index, tensors in enumerate(known)
        ]


def schedule(model: str, config: ModelConfig, signatures: Mapping[str, Signature]) -> list[list[int]]:
    """Groups the ensemble's steps, by index, in the order of execution; the steps of a group can run concurrently.

    `signatures`: of every composing model. Raises RepositoryError when the steps do not connect: no step or two steps
    make a tensor, a map names a tensor that the model does not have, a tensor's data type or shape differs between its
    ends.
    """
    own = Signature.of(model, config)
    made = dict(own.inputs)
    waiting = list(range(len(config.ensemble_scheduling.step)))
    waves: list[list[int]] = []
    while waiting:
        ready = [at for at in waiting if set(config.ensemble_scheduling.step[at].input_map.values()) <= set(made)]
        if not ready:
            names = ", ".join(config.ensemble_scheduling.step[at].model_name for at in waiting)
            raise RepositoryError(f"{model}: no step makes the input of {names}; check the tensor names in the maps")
        for at in ready:
            step = config.ensemble_scheduling.step[at]
            _connect(f"{model}, step {step.model_name}", step, signatures[step.model_name], made)
            waiting.remove(at)
        waves.append(ready)
    for name, declared in own.outputs.items():
        if made.get(name) != declared:
            raise RepositoryError(f"{model}: output {name} is {declared}, but the steps make {made.get(name)}")
    return waves


def _connect(where: str, step: ModelEnsembling.Step, signature: Signature, made: dict[str, TensorType]) -> None:
    """Checks a step's maps and adds its outputs to `made`, the tensors that exist before it."""
    if set(step.input_map) != set(signature.inputs):
        raise RepositoryError(
            f"{where}: input_map names {', '.join(step.input_map)}; the model takes {', '.join(signature.inputs)}"
        )
    for inner, outer in step.input_map.items():
        if made[outer] != signature.inputs[inner]:
            raise RepositoryError(f"{where}: {outer} is {made[outer]}, but {inner} takes {signature.inputs[inner]}")
    for inner, outer in step.output_map.items():
        if inner not in signature.outputs:
            raise RepositoryError(f"{where}: output_map names {inner}; the model gives {', '.join(signature.outputs)}")
        if outer in made:
            raise RepositoryError(f"{where}: {outer} is made twice")
        made[outer] = signature.outputs[inner]


def _step_inputs(step: LoadedStep, known: Sequence[Tensors]) -> list[Tensors]:
    return [{inner: tensors[outer] for inner, outer in step.input_map.items()} for tensors in known]


def _run_concurrently(calls: Sequence[Callable[[], list[StageResult]]]) -> list[list[StageResult]]:
    """Runs the last call on this thread, and then every call that no pool thread has started. So a nested ensemble
    cannot wait for a pool thread that waits for it."""
    *others, last = calls
    submitted = [_THREADS.submit(call) for call in others]
    results = last()
    return [
        *(call() if future.cancel() else future.result() for call, future in zip(others, submitted, strict=True)),
        results,
    ]
