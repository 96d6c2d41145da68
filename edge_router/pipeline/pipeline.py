"""A repository's models, loaded on demand with everything they need."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from edge_router import stages
from edge_router.contract import OUTPUT
from edge_router.errors import NotFoundError, RepositoryError, RequestError
from edge_router.pipeline.ensemble import Ensemble, Step, ordered
from edge_router.pipeline.signature import Signature
from edge_router.repository import LATEST, Repository, config
from edge_router.stages import Answer, Stage
from edge_router.tensors import Tensors


class Served(NamedTuple):
    """What answers for a model's name: its newest version."""

    signature: Signature
    stage: Stage


class Pipeline:
    """Answers what Triton would answer from the same repository, by the same stages."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._stages: dict[tuple[str, int], Stage] = {}
        self._served: dict[str, Served] = {}
        self._loading: set[tuple[str, int]] = set()

    @classmethod
    def load(cls, repository: Repository, models: Sequence[str]) -> Self:
        """Loads `models` and what they are composed of, each model version once.

        Raises RepositoryError when a model cannot be served, NotFoundError when there is none of that name.
        """
        pipeline = cls(repository)
        for model in models:
            pipeline._load(model, LATEST)
        return pipeline

    def infer(self, model: str, request: Tensors) -> Tensors:
        """The outputs of one request. Raises RequestError when the request is wrong, NotFoundError when the model is
        not loaded."""
        [answer] = self.run(model, [request])
        if isinstance(answer, RequestError):
            raise answer
        return answer

    def run(self, model: str, requests: Sequence[Tensors]) -> list[Answer]:
        """One answer a request, in order; a wrong request is answered with its error and disturbs no other."""
        served = self._served.get(model)
        if served is None:
            raise NotFoundError(f"model {model!r} is not loaded")
        wrong = _wrong(served.signature, requests)
        answers = iter(served.stage.run([request for index, request in enumerate(requests) if index not in wrong]))
        return [wrong.get(index) or next(answers) for index in range(len(requests))]

    def labels(self, model: str, output: str = OUTPUT) -> list[str]:
        """Class names of `output` in its order; of an ensemble, those of the composing output behind it."""
        for step in self._repository.config(model).ensemble_scheduling.step:
            for theirs, ours in step.output_map.items():
                if ours == output:
                    return self.labels(step.model_name, theirs)
        return self._repository.labels(model, output)

    def _signature(self, model: str) -> Signature:
        return Signature.of(model, self._repository.config(model))

    def _load(self, model: str, pin: int) -> Stage:
        version = self._repository.version(model, pin)
        key = (model, version)
        if key in self._loading:
            raise RepositoryError(f"{model}: the ensemble is a step of itself; remove the circle")
        if key not in self._stages:
            self._loading.add(key)
            is_ensemble = self._repository.config(model).HasField("ensemble_scheduling")
            self._stages[key] = self._ensemble(model) if is_ensemble else self._stage(model, version)
            self._loading.remove(key)
            if version == self._repository.version(model):
                self._served[model] = Served(self._signature(model), self._stages[key])
        return self._stages[key]

    def _stage(self, model: str, version: int) -> Stage:
        parameters = config.parameters(self._repository.config(model))
        return stages.load(self._repository.version_folder(model, version), parameters)

    def _ensemble(self, model: str) -> Stage:
        found = self._repository.config(model)
        composing = [
            Step(
                step.model_name,
                self._load(step.model_name, step.model_version),
                dict(step.input_map),
                dict(step.output_map),
            )
            for step in found.ensemble_scheduling.step
        ]
        order = ordered(model, found, {step.model: self._signature(step.model) for step in composing})
        return Ensemble(self._signature(model), [composing[at] for at in order])


def _wrong(signature: Signature, requests: Sequence[Tensors]) -> dict[int, RequestError]:
    wrong = {}
    for index, request in enumerate(requests):
        try:
            signature.check(request)
        except RequestError as error:
            wrong[index] = error
    return wrong
