"""The files of the layers: a layer changes how a model runs on a device, not its names, types or versions."""

from pathlib import Path

import pytest

from edge_router import contract, stages
from edge_router.contract import LAYER_PARAMETER, PAD_TO_TOKENS_PARAMETER, STAGE_PARAMETER, TASK_ROUTER
from edge_router.pipeline.signature import Signature
from edge_router.repository import Repository, config
from edge_router.repository.schema import ModelConfig, ModelInstanceGroup
from edge_router.stages.parameters import engine_settings, length_buckets
from tests.support.shipped import MODELS, preprocessing

ROOT = Path(__file__).parents[2]
REPOSITORY = ROOT / "model_repository"
OVERRIDES = ROOT / "overrides"
FILES = sorted(OVERRIDES.glob("*/*/config.pbtxt"))
LAYERS = sorted({file.parts[-3] for file in FILES})
BASE = Repository(REPOSITORY)
PARAMETERS = {value for name, value in vars(contract).items() if name.endswith("_PARAMETER")}

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: "-".join(file.parts[-3:-1]))


def layered(file: Path) -> tuple[str, ModelConfig]:
    """The model and its configuration, read as by the light server."""
    model = file.parent.name
    return model, Repository(REPOSITORY, file.parents[1]).config(model)


def test_there_is_a_layer_for_each_device() -> None:
    assert LAYERS == ["cpu", "cpu-torchscript", "gpu", "jetson", "jetson-gpu", "libtorch"]


def test_a_layer_holds_only_files_that_replace_others() -> None:
    stray = [
        file
        for file in OVERRIDES.rglob("*")
        if file.is_file() and not (REPOSITORY / Path(*file.relative_to(OVERRIDES).parts[1:])).exists()
    ]
    assert stray == []


@each_file
def test_a_layer_keeps_names_types_and_versions(file: Path) -> None:
    model, found = layered(file)
    ours, theirs = Signature.of(model, BASE.config(model)), Signature.of(model, found)
    assert theirs.max_batch_size == ours.max_batch_size
    for before, after in ((ours.inputs, theirs.inputs), (ours.outputs, theirs.outputs)):
        assert list(after) == list(before)
        assert all(before[name].accepts(kind.datatype, kind.shape) for name, kind in after.items())
    assert found.version_policy == BASE.config(model).version_policy


@each_file
def test_a_layer_names_itself_in_its_parameter(file: Path) -> None:
    """Triton shows this parameter in a model's configuration; nothing else there tells which layer is active."""
    _, found = layered(file)
    assert config.parameters(found)[LAYER_PARAMETER] == file.parts[-3]


@each_file
def test_a_python_model_keeps_its_stage_and_can_read_its_parameters(file: Path) -> None:
    model, found = layered(file)
    parameters = config.parameters(found)
    assert set(parameters) <= PARAMETERS, "Triton passes over a misspelt one"
    if found.backend == "python":
        assert parameters[STAGE_PARAMETER] == config.parameters(BASE.config(model))[STAGE_PARAMETER]
        assert engine_settings(model, parameters).providers
        length_buckets(model, parameters)


@pytest.mark.parametrize("layer", [None, *LAYERS])
def test_every_model_has_an_instance_group(layer: str | None) -> None:
    """Without one, Triton puts a Python model on the GPU if there is one."""
    repository = Repository(REPOSITORY, OVERRIDES / layer if layer else None)
    for model in MODELS:
        found = repository.config(model)
        if found.HasField("ensemble_scheduling"):
            continue
        [group] = found.instance_group
        assert group.count == 1
        on_gpu = group.kind == ModelInstanceGroup.KIND_GPU
        assert on_gpu == (model == TASK_ROUTER and layer in ("gpu", "libtorch"))
        assert on_gpu or group.kind == ModelInstanceGroup.KIND_CPU
        if found.backend == "python":
            stages.refuse_idle_gpu(model, config.parameters(found), on_gpu=on_gpu)


@each_file
def test_only_python_models_allow_ragged_batches(file: Path) -> None:
    """Triton's other backends would receive rows of different lengths as one long row."""
    model, found = layered(file)
    if model == TASK_ROUTER:
        assert {tensor.allow_ragged_batch for tensor in found.input} == {found.backend == "python"}


def test_nvidias_trace_gets_the_length_it_was_traced_with() -> None:
    repository = Repository(REPOSITORY, OVERRIDES / "libtorch")
    before, network = repository.config(preprocessing(TASK_ROUTER)), repository.config(TASK_ROUTER)
    assert network.platform == "pytorch_libtorch"
    assert [tensor.name for tensor in network.input] == [contract.INPUT_IDS, contract.ATTENTION_MASK]
    tensors = [*before.output, *network.input]
    assert {tuple(tensor.dims) for tensor in tensors} == {(512,)}
    assert config.parameters(before)[PAD_TO_TOKENS_PARAMETER] == "512"
