"""PROVIDER_OPTIONS: a device's own options as data, and what is said about wrong ones."""

import json
from typing import Any

import pytest

from edge_router.errors import RepositoryError
from edge_router.stages.parameters import Parameters, engine_settings

NPU = "OpenVINOExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"


def options(**parameters: Any) -> Any:
    """`provider_options` of a model with these parameters; what is not text is given as JSON."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    return engine_settings("task_router", texts).provider_options


def test_options_of_a_provider_pass_as_text() -> None:
    given = {NPU: {"device_type": "NPU", "num_of_threads": 4, "disable_dynamic_shapes": True}}
    assert options(PROVIDERS=NPU, PROVIDER_OPTIONS=given) == {
        NPU: {"device_type": "NPU", "num_of_threads": "4", "disable_dynamic_shapes": "True"}
    }
    assert options(PROVIDERS=NPU) == options() == {}


def test_a_cache_of_tensorrt_is_two_of_its_options() -> None:
    cached = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": "/cache"}
    assert options(PROVIDERS=TENSORRT, TENSORRT_CACHE="/cache") == {TENSORRT: cached}
    given = {TENSORRT: {"trt_engine_cache_path": "/other", "trt_fp16_enable": "1"}}
    assert options(PROVIDERS=TENSORRT, TENSORRT_CACHE="/cache", PROVIDER_OPTIONS=given) == {
        TENSORRT: {**cached, "trt_engine_cache_path": "/other", "trt_fp16_enable": "1"}
    }
    assert options(PROVIDERS="CUDAExecutionProvider", TENSORRT_CACHE="/cache") == {}


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        (
            {"PROVIDER_OPTIONS": "device_type=NPU"},
            "is not JSON (Expecting value: line 1 column 1 (char 0)); set a JSON",
        ),
        ({"PROVIDER_OPTIONS": "[]"}, "is []; set a JSON object such as"),
        ({"PROVIDER_OPTIONS": f'{{"{NPU}": "NPU"}}'}, '"NPU"}; set a JSON object such as'),
        (
            {"PROVIDERS": f"{NPU}, CPUExecutionProvider", "PROVIDER_OPTIONS": '{"OpenVino": {}}'},
            f"names OpenVino, but PROVIDERS is {NPU},CPUExecutionProvider; add the provider to PROVIDERS",
        ),
        (
            {"PROVIDERS": NPU, "PROVIDER_OPTIONS": f'{{"{NPU}": {{"load_config": {{"NPU": null}}}}}}'},
            f'load_config of {NPU} is {{"NPU": null}}; set text, a number, true or false',
        ),
    ],
    ids=["not JSON", "no object", "no options", "unknown provider", "nested"],
)
def test_wrong_options_are_refused_by_the_parameters_name(parameters: Parameters, problem: str) -> None:
    with pytest.raises(RepositoryError) as raised:
        engine_settings("task_router", parameters)
    assert str(raised.value).startswith("task_router: parameter PROVIDER_OPTIONS")
    assert problem in str(raised.value)
