"""Loads a repository's models with everything that they need, and runs them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

from edge_router import stages
from edge_router.contract import (
    NETWORK_FILE,
    OUTPUT,
    PROMPT_ROUTER_ENSEMBLE,
    output_prefix,
    policies,
    postprocessing,
)
from edge_router.errors import NotFoundError, RepositoryError, RequestError
from edge_router.pipeline.ensemble import Ensemble, LoadedStep, schedule
from edge_router.pipeline.signature import Signature
from edge_router.repository import LATEST, Repository, config
from edge_router.repository.schema import ModelConfig, ModelInstanceGroup
from edge_router.stages import OnnxModel, Stage, StageResult
from edge_router.tensors import Tensors

WrapStage: TypeAlias = Callable[[Signature, int, Stage], Stage]
"""(signature, version, stage) -> the stage to run instead, for counting and timing."""


@dataclass(frozen=True)
class ServedModel:
    """One version of a model, ready to run."""

    model: str
    version: int
    config: ModelConfig
    signature: Signature
    labels: Mapping[str, Sequence[str]]
    """Class names by output; an ensemble's output has those of the composing model that makes it."""
    stage: Stage

    def run(self, requests: Sequence[Tensors]) -> list[StageResult]:
        """One result for each request, in order; a wrong request gets its error and does not affect the others."""
        wrong = _wrong(self.signature, requests)
        results = iter(self.stage.run([request for index, request in enumerate(requests) if index not in wrong]))
        return [wrong.get(index) or next(results) for index in range(len(requests))]


class Pipeline:
    """The loaded models of a repository; gives the same results as Triton, by the same stages."""

    def __init__(self, repository: Repository, wrap: WrapStage, reusable: Mapping[bytes, Stage]) -> None:
        """`reusable`: stages of an earlier pipeline by `Repository.state`."""
        self.repository = repository
        self._wrap = wrap
        self._reusable = reusable
        self._stages: dict[bytes, Stage] = {}
        self._served: dict[str, dict[int, ServedModel]] = {}
        self._loading: set[tuple[str, int]] = set()

    @classmethod
    def load(
        cls,
        repository: Repository,
        models: Sequence[str],
        *,
        wrap: WrapStage = lambda signature, version, stage: stage,
        previous: Self | None = None,
    ) -> Self:
        """Loads `models` in every version that their version policies serve, with their composing models, each once.

        `previous`: a pipeline over an earlier state of the repository; stages that have not changed since are reused.
        Raises RepositoryError when a model cannot be served, NotFoundError when there is no model of that name.
        """
        pipeline = cls(repository, wrap, previous._stages if previous else {})
        for model in models:
            for version in repository.versions(model) or [LATEST]:
                pipeline._load(model, version)
        return pipeline

    @property
    def served(self) -> list[ServedModel]:
        """All loaded versions, by model name, oldest version first."""
        return [versions[version] for _, versions in sorted(self._served.items()) for version in sorted(versions)]

    def versions(self, model: str) -> list[ServedModel]:
        """The loaded versions of a model, oldest first. Raises NotFoundError when the model is not loaded."""
        versions = self._served.get(model)
        if not versions:
            raise NotFoundError(f"model {model!r} is not loaded")
        return [versions[version] for version in sorted(versions)]

    def find(self, model: str, version: int = LATEST) -> ServedModel:
        """A loaded version of a model. Raises NotFoundError when it is not loaded."""
        versions = self.versions(model)
        for served in versions[::-1]:
            if version in (LATEST, served.version):
                return served
        names = ", ".join(str(served.version) for served in versions)
        raise NotFoundError(f"model {model!r} serves no version {version}; it serves {names}")

    def infer(self, model: str, request: Tensors) -> Tensors:
        """The outputs of one request. Raises RequestError when the request is wrong, NotFoundError when the model is
        not loaded."""
        [result] = self.find(model).run([request])
        if isinstance(result, RequestError):
            raise result
        return result

    def labels(self, model: str) -> Sequence[str]:
        """The class names of OUTPUT, in its order."""
        return self.find(model).labels[OUTPUT]

    def policy_labels(self) -> dict[str, Sequence[str]]:
        """The labels of each policy that `prompt_router_ensemble` decides for, in the order of its OUTPUT.

        Raises NotFoundError when the ensemble is not loaded, RepositoryError when a policy has no labels.
        """
        served = self.find(PROMPT_ROUTER_ENSEMBLE)
        prefixes = {policy: output_prefix(policy) for policy in policies(served.signature.outputs)}
        for policy, prefix in prefixes.items():
            if prefix not in served.labels:
                raise RepositoryError(f"{postprocessing(policy)}: {OUTPUT} has no labels; add a label_filename")
        return {policy: served.labels[prefix] for policy, prefix in prefixes.items()}

    def _load(self, model: str, pin: int) -> ServedModel:
        version = self.repository.version(model, pin)
        if (model, version) in self._loading:
            raise RepositoryError(f"{model}: the ensemble is a step of itself; remove the cycle")
        versions = self._served.setdefault(model, {})
        if version not in versions:
            self._loading.add((model, version))
            versions[version] = self._open(model, version)
            self._loading.remove((model, version))
        return versions[version]

    def _open(self, model: str, version: int) -> ServedModel:
        model_config = self.repository.config(model)
        signature = Signature.of(model, model_config)
        if not model_config.HasField("ensemble_scheduling"):
            stage = self._stage(model, version, model_config, signature)
            labels: dict[str, Sequence[str]] = {
                output: self.repository.labels(model, output) for output in signature.outputs
            }
        else:
            steps = model_config.ensemble_scheduling.step
            composing = [self._load(step.model_name, step.model_version) for step in steps]
            stage = _ensemble(signature, model_config, composing)
            labels = _composing_labels(model_config, composing)
        labels = {output: names for output, names in labels.items() if names}
        return ServedModel(model, version, model_config, signature, labels, self._wrap(signature, version, stage))

    def _stage(self, model: str, version: int, model_config: ModelConfig, signature: Signature) -> Stage:
        state = self.repository.state(model, version)
        folder = self.repository.version_folder(model, version)
        self._stages[state] = self._reusable.get(state) or _load_stage(folder, model_config, signature)
        return self._stages[state]


def _load_stage(folder: Path, model_config: ModelConfig, signature: Signature) -> Stage:
    parameters = config.parameters(model_config)
    stages.refuse_idle_gpu(signature.model, parameters, on_gpu=_on_gpu(model_config))
    match model_config.backend or model_config.platform:
        case "python":
            return stages.load(folder, parameters)
        case "onnxruntime" | "onnxruntime_onnx":
            file = folder / (model_config.default_model_filename or NETWORK_FILE)
            return OnnxModel.load(file, parameters, list(signature.inputs), list(signature.outputs))
        case other:
            raise RepositoryError(
                f"{signature.model}: backend {other!r} is not supported; "
                'this server runs ensembles, this package\'s Python models and ONNX files (backend: "onnxruntime")'
            )


def _on_gpu(model_config: ModelConfig) -> bool:
    return any(group.kind == ModelInstanceGroup.KIND_GPU for group in model_config.instance_group)


def _ensemble(signature: Signature, model_config: ModelConfig, composing: Sequence[ServedModel]) -> Ensemble:
    steps = [
        LoadedStep(served.model, served.stage, dict(step.input_map), dict(step.output_map))
        for served, step in zip(composing, model_config.ensemble_scheduling.step, strict=True)
    ]
    waves = schedule(signature.model, model_config, {served.model: served.signature for served in composing})
    return Ensemble(signature, [[steps[at] for at in wave] for wave in waves])


def _composing_labels(model_config: ModelConfig, composing: Sequence[ServedModel]) -> dict[str, Sequence[str]]:
    """Class names of an ensemble's outputs: those of the composing model's outputs that make them."""
    return {
        outer: served.labels[inner]
        for served, step in zip(composing, model_config.ensemble_scheduling.step, strict=True)
        for inner, outer in step.output_map.items()
        if inner in served.labels
    }


def _wrong(signature: Signature, requests: Sequence[Tensors]) -> dict[int, RequestError]:
    """The errors of the wrong requests by index."""
    wrong = {}
    for index, request in enumerate(requests):
        try:
            signature.check(request)
        except RequestError as error:
            wrong[index] = error
    return wrong
