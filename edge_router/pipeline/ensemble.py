"""An ensemble: steps joined by tensor maps. It is a stage itself, so ensembles nest."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from edge_router.errors import RepositoryError, RequestError
from edge_router.pipeline.signature import Signature, TensorType
from edge_router.repository.schema import ModelConfig, ModelEnsembling
from edge_router.stages import Answer, Stage
from edge_router.tensors import Array, Tensors

_THREADS = ThreadPoolExecutor(thread_name_prefix="step")
"""Started when an ensemble first has two steps to run at once."""


@dataclass(frozen=True)
class Step:
    """Maps name a composing model's tensor first, the ensemble's tensor second, as in config.pbtxt."""

    model: str
    stage: Stage
    input_map: Mapping[str, str]
    output_map: Mapping[str, str]


class Ensemble:
    """Every request goes through the steps together; one that fails in a step is answered with that step's error and
    goes no further."""

    def __init__(self, signature: Signature, waves: Sequence[Sequence[Step]]) -> None:
        """`waves`: steps that run at once, in an order in which each finds its inputs made."""
        self._signature = signature
        self._waves = waves

    def run(self, requests: Sequence[Tensors]) -> list[Answer]:
        known: list[dict[str, Array]] = [dict(request) for request in requests]
        failed: dict[int, RequestError] = {}
        for wave in self._waves:
            alive = [index for index in range(len(requests)) if index not in failed]
            calls = [partial(step.stage.run, _mapped(step, [known[index] for index in alive])) for step in wave]
            for step, answers in zip(wave, _at_once(calls), strict=True):
                for index, answer in zip(alive, answers, strict=True):
                    if isinstance(answer, RequestError):
                        failed.setdefault(index, answer)
                    else:
                        known[index] |= {ours: answer[theirs] for theirs, ours in step.output_map.items()}
        return [
            failed.get(index) or {name: found[name] for name in self._signature.outputs}
            for index, found in enumerate(known)
        ]


def waves(model: str, config: ModelConfig, signatures: Mapping[str, Signature]) -> list[list[int]]:
    """Indices of the ensemble's steps, those that can run at once side by side.

    `signatures`: of every composing model. Raises RepositoryError where the steps do not connect: a tensor that nobody
    makes or that two make, a map that names no tensor of the model, a data type or shape that changes along a tensor.
    """
    own = Signature.of(model, config)
    made = dict(own.inputs)
    waiting = list(range(len(config.ensemble_scheduling.step)))
    found: list[list[int]] = []
    while waiting:
        ready = [at for at in waiting if set(config.ensemble_scheduling.step[at].input_map.values()) <= set(made)]
        if not ready:
            names = ", ".join(config.ensemble_scheduling.step[at].model_name for at in waiting)
            raise RepositoryError(f"{model}: no step makes the input of {names}; check the tensor names of the maps")
        for at in ready:
            step = config.ensemble_scheduling.step[at]
            _connect(f"{model}, step {step.model_name}", step, signatures[step.model_name], made)
            waiting.remove(at)
        found.append(ready)
    for name, wanted in own.outputs.items():
        if made.get(name) != wanted:
            raise RepositoryError(f"{model}: output {name} is {wanted}, but the steps make {made.get(name)}")
    return found


def _connect(where: str, step: ModelEnsembling.Step, signature: Signature, made: dict[str, TensorType]) -> None:
    if set(step.input_map) != set(signature.inputs):
        raise RepositoryError(
            f"{where}: input_map names {', '.join(step.input_map)}; the model takes {', '.join(signature.inputs)}"
        )
    for theirs, ours in step.input_map.items():
        if made[ours] != signature.inputs[theirs]:
            raise RepositoryError(f"{where}: {ours} is {made[ours]}, but {theirs} takes {signature.inputs[theirs]}")
    for theirs, ours in step.output_map.items():
        if theirs not in signature.outputs:
            raise RepositoryError(f"{where}: output_map names {theirs}; the model gives {', '.join(signature.outputs)}")
        if ours in made:
            raise RepositoryError(f"{where}: {ours} is made twice")
        made[ours] = signature.outputs[theirs]


def _mapped(step: Step, known: Sequence[Tensors]) -> list[Tensors]:
    return [{theirs: tensors[ours] for theirs, ours in step.input_map.items()} for tensors in known]


def _at_once(calls: Sequence[Callable[[], list[Answer]]]) -> list[list[Answer]]:
    """The last call runs here, and so does any that no thread has begun by then: nested ensembles never wait for a
    thread that waits for them."""
    *others, last = calls
    begun = [_THREADS.submit(call) for call in others]
    answers = last()
    return [*(call() if each.cancel() else each.result() for call, each in zip(others, begun, strict=True)), answers]
