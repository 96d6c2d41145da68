"""Reads and checks the parameters of a model's config.pbtxt."""

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import TypeAlias

from edge_router.contract import (
    LENGTH_BUCKETS_PARAMETER,
    NETWORK_FILE,
    NETWORK_PARAMETER,
    PROVIDER_OPTIONS_PARAMETER,
    PROVIDERS_PARAMETER,
    TENSORRT_CACHE_PARAMETER,
    THREADS_PARAMETER,
)
from edge_router.engines.settings import CPU, TENSORRT, EngineSettings
from edge_router.errors import RepositoryError

Parameters: TypeAlias = Mapping[str, str]


def count(model: str, parameters: Parameters, key: str, *, default: int, least: int) -> int:
    """The parameter as a number. Raises RepositoryError when it is not a whole number of at least `least`."""
    value = parameters.get(key, str(default))
    if not value.isdecimal() or int(value) < least:
        raise RepositoryError(f"{model}: parameter {key} is {value!r}; set a whole number of at least {least}")
    return int(value)


def length_buckets(model: str, parameters: Parameters) -> list[int]:
    """The lengths in tokens that rows are padded to, ascending; an empty list = rows are not padded.

    Raises RepositoryError when they are not whole numbers in ascending order.
    """
    value = parameters.get(LENGTH_BUCKETS_PARAMETER, "")
    parts = value.replace(" ", "").split(",") if value else []
    buckets = [int(part) for part in parts if part.isdecimal()]
    if len(buckets) < len(parts) or buckets != sorted({0, *buckets})[1:]:
        raise RepositoryError(
            f"{model}: parameter {LENGTH_BUCKETS_PARAMETER} is {value!r}; set ascending lengths in tokens: 16,32,64"
        )
    return buckets


def engine_settings(model: str, parameters: Parameters) -> EngineSettings:
    """The engine's settings from the parameters NETWORK, THREADS, PROVIDERS (comma separated, first choice first),
    PROVIDER_OPTIONS and TENSORRT_CACHE. Raises RepositoryError naming the parameter that is wrong."""
    network = parameters.get(NETWORK_PARAMETER, NETWORK_FILE)
    if PurePath(network).name != network:
        raise RepositoryError(
            f"{model}: parameter {NETWORK_PARAMETER} is {network!r}; set the name of a file in the version folder"
        )
    return EngineSettings(
        network=network,
        threads=count(model, parameters, THREADS_PARAMETER, default=0, least=0),
        providers=_providers(parameters),
        provider_options=_provider_options(model, parameters),
    )


def refuse_idle_gpu(model: str, parameters: Parameters, *, on_gpu: bool) -> None:
    """Raises RepositoryError when the model's instances are on a GPU and its network runs on the CPU."""
    if on_gpu and _providers(parameters)[0] == CPU:
        raise RepositoryError(
            f"{model}: instance_group says KIND_GPU, but {PROVIDERS_PARAMETER} is {CPU}; "
            f"set KIND_CPU, or set {PROVIDERS_PARAMETER} to the GPU's execution provider"
        )


def _provider_options(model: str, parameters: Parameters) -> dict[str, dict[str, str]]:
    """PROVIDER_OPTIONS as text, and the options that TENSORRT_CACHE is short for."""
    providers = _providers(parameters)
    named = f"{model}: parameter {PROVIDER_OPTIONS_PARAMETER}"
    given = _objects(named, parameters.get(PROVIDER_OPTIONS_PARAMETER, "{}"))
    if unused := sorted(given.keys() - providers):
        raise RepositoryError(
            f"{named} names {', '.join(unused)}, but {PROVIDERS_PARAMETER} is {','.join(providers)}; "
            f"add the provider to {PROVIDERS_PARAMETER} or remove its options"
        )
    for provider, options in given.items():
        for option, value in options.items():
            if not isinstance(value, str | int | float):
                raise RepositoryError(
                    f"{named}: {option} of {provider} is {json.dumps(value)}; set text, a number, true or false"
                )
    found = {provider: {name: str(value) for name, value in options.items()} for provider, options in given.items()}
    folder = parameters.get(TENSORRT_CACHE_PARAMETER, "")
    if folder and TENSORRT in providers:
        cached = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": folder}
        found[TENSORRT] = cached | found.get(TENSORRT, {})
    return found


def _objects(named: str, text: str) -> dict[str, dict[str, object]]:
    """Read a JSON object of objects."""
    form = 'set a JSON object such as {"OpenVINOExecutionProvider": {"device_type": "NPU"}}'
    try:
        given = json.loads(text)
    except ValueError as error:
        raise RepositoryError(f"{named} is not JSON ({error}); {form}") from None
    if not isinstance(given, dict) or not all(isinstance(options, dict) for options in given.values()):
        raise RepositoryError(f"{named} is {text}; {form}")
    return given


def _providers(parameters: Parameters) -> list[str]:
    return parameters.get(PROVIDERS_PARAMETER, CPU).replace(" ", "").split(",")
