"""A repository's models, loaded on demand with everything they need."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

from edge_router import stages
from edge_router.contract import NETWORK_FILE, OUTPUT
from edge_router.errors import NotFoundError, RepositoryError, RequestError
from edge_router.pipeline.ensemble import Ensemble, Step, waves
from edge_router.pipeline.signature import Signature
from edge_router.repository import LATEST, Repository, config
from edge_router.repository.schema import ModelConfig, ModelInstanceGroup
from edge_router.stages import Answer, Graph, Stage
from edge_router.tensors import Tensors

Watch: TypeAlias = Callable[[Signature, int, Stage], Stage]
"""(signature, version, stage) -> the stage as it is to run, for who counts or times it."""


@dataclass(frozen=True)
class Served:
    """One version of a model, ready to run."""

    model: str
    version: int
    config: ModelConfig
    signature: Signature
    labels: Mapping[str, Sequence[str]]
    """Class names of the outputs that have them; of an ensemble, those of the composing output behind it."""
    stage: Stage

    def run(self, requests: Sequence[Tensors]) -> list[Answer]:
        """One answer a request, in order; a wrong request is answered with its error and disturbs no other."""
        wrong = _wrong(self.signature, requests)
        answers = iter(self.stage.run([request for index, request in enumerate(requests) if index not in wrong]))
        return [wrong.get(index) or next(answers) for index in range(len(requests))]


class Pipeline:
    """Answers what Triton would answer from the same repository, by the same stages."""

    def __init__(self, repository: Repository, watch: Watch, kept: Mapping[bytes, Stage]) -> None:
        self.repository = repository
        self._watch = watch
        self._kept = kept
        self._stages: dict[bytes, Stage] = {}
        self._served: dict[str, dict[int, Served]] = {}
        self._loading: set[tuple[str, int]] = set()

    @classmethod
    def load(
        cls,
        repository: Repository,
        models: Sequence[str],
        *,
        watch: Watch = lambda signature, version, stage: stage,
        instead_of: Self | None = None,
    ) -> Self:
        """Loads `models` in every version that their policies serve, and what they are composed of, each once.

        `instead_of`: a pipeline over an earlier state of the repository; what has not changed since is taken over, not
        loaded again. Raises RepositoryError when a model cannot be served, NotFoundError when there is none of that
        name.
        """
        pipeline = cls(repository, watch, instead_of._stages if instead_of else {})
        for model in models:
            for version in repository.versions(model) or [LATEST]:
                pipeline._load(model, version)
        return pipeline

    @property
    def served(self) -> list[Served]:
        """By model, the oldest version first."""
        return [versions[version] for _, versions in sorted(self._served.items()) for version in sorted(versions)]

    def versions(self, model: str) -> list[Served]:
        """The oldest first. Raises NotFoundError when the model is not loaded."""
        found = self._served.get(model)
        if not found:
            raise NotFoundError(f"model {model!r} is not loaded")
        return [found[version] for version in sorted(found)]

    def find(self, model: str, version: int = LATEST) -> Served:
        """Raises NotFoundError when the version is not loaded."""
        found = self.versions(model)
        for served in found[::-1]:
            if version in (LATEST, served.version):
                return served
        names = ", ".join(str(served.version) for served in found)
        raise NotFoundError(f"model {model!r} serves no version {version}; it serves {names}")

    def infer(self, model: str, request: Tensors) -> Tensors:
        """The outputs of one request. Raises RequestError when the request is wrong, NotFoundError when the model is
        not loaded."""
        [answer] = self.find(model).run([request])
        if isinstance(answer, RequestError):
            raise answer
        return answer

    def labels(self, model: str) -> Sequence[str]:
        """Class names of OUTPUT in its order."""
        return self.find(model).labels[OUTPUT]

    def _load(self, model: str, pin: int) -> Served:
        version = self.repository.version(model, pin)
        if (model, version) in self._loading:
            raise RepositoryError(f"{model}: the ensemble is a step of itself; remove the circle")
        versions = self._served.setdefault(model, {})
        if version not in versions:
            self._loading.add((model, version))
            versions[version] = self._opened(model, version)
            self._loading.remove((model, version))
        return versions[version]

    def _opened(self, model: str, version: int) -> Served:
        found = self.repository.config(model)
        signature = Signature.of(model, found)
        if not found.HasField("ensemble_scheduling"):
            stage = self._stage(model, version, found, signature)
            labels: dict[str, Sequence[str]] = {
                output: self.repository.labels(model, output) for output in signature.outputs
            }
        else:
            composing = [self._load(step.model_name, step.model_version) for step in found.ensemble_scheduling.step]
            stage = _ensemble(signature, found, composing)
            labels = _labels_behind(found, composing)
        named = {output: names for output, names in labels.items() if names}
        return Served(model, version, found, signature, named, self._watch(signature, version, stage))

    def _stage(self, model: str, version: int, found: ModelConfig, signature: Signature) -> Stage:
        state = self.repository.state(model, version)
        folder = self.repository.version_folder(model, version)
        self._stages[state] = self._kept.get(state) or _loaded(folder, found, signature)
        return self._stages[state]


def _loaded(folder: Path, found: ModelConfig, signature: Signature) -> Stage:
    parameters = config.parameters(found)
    stages.refuse_idle_gpu(signature.model, parameters, on_gpu=_on_gpu(found))
    match found.backend or found.platform:
        case "python":
            return stages.load(folder, parameters)
        case "onnxruntime" | "onnxruntime_onnx":
            file = folder / (found.default_model_filename or NETWORK_FILE)
            return Graph.load(file, parameters, list(signature.inputs), list(signature.outputs))
        case other:
            raise RepositoryError(
                f"{signature.model}: backend {other!r} is not served here; "
                'this server runs ensembles, this package\'s Python models and ONNX files (backend: "onnxruntime")'
            )


def _on_gpu(found: ModelConfig) -> bool:
    return any(group.kind == ModelInstanceGroup.KIND_GPU for group in found.instance_group)


def _ensemble(signature: Signature, found: ModelConfig, composing: Sequence[Served]) -> Ensemble:
    steps = [
        Step(served.model, served.stage, dict(step.input_map), dict(step.output_map))
        for served, step in zip(composing, found.ensemble_scheduling.step, strict=True)
    ]
    order = waves(signature.model, found, {served.model: served.signature for served in composing})
    return Ensemble(signature, [[steps[at] for at in wave] for wave in order])


def _labels_behind(found: ModelConfig, composing: Sequence[Served]) -> dict[str, Sequence[str]]:
    return {
        ours: served.labels[theirs]
        for served, step in zip(composing, found.ensemble_scheduling.step, strict=True)
        for theirs, ours in step.output_map.items()
        if theirs in served.labels
    }


def _wrong(signature: Signature, requests: Sequence[Tensors]) -> dict[int, RequestError]:
    wrong = {}
    for index, request in enumerate(requests):
        try:
            signature.check(request)
        except RequestError as error:
            wrong[index] = error
    return wrong
