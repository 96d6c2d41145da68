"""Translates the `config.yaml` of NVIDIA's LLM router blueprint into the content of a `routes.yaml`."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Annotated, Any, Self, TypeAlias

from pydantic import Field, HttpUrl, SecretStr, ValidationError, model_validator

from edge_router.contract import AUTO_MODEL
from edge_router.controller.config.document import ConfigDocument
from edge_router.controller.config.section import ConfigSection
from edge_router.controller.config.upstreams import ApiKeyConfig
from edge_router.validation import ConfigProblems, Place

VARIABLE = re.compile(r"\$\{([^{}]+)\}")
KEY_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""An API key that consists of one variable alone."""
KEY = "api_key"

Text: TypeAlias = Annotated[str, Field(min_length=1)]


class LegacyLlm(ConfigSection):
    """The LLM for one label. `name`: the label. `api_base`: the URL before `/v1`."""

    name: Text
    api_base: HttpUrl
    api_key: SecretStr | None = None
    model: Text

    @property
    def url(self) -> str:
        return f"{str(self.api_base).rstrip('/').removesuffix('/v1')}/v1"

    @property
    def key(self) -> ApiKeyConfig | None:
        text = self.api_key.get_secret_value() if self.api_key else ""
        if variable := KEY_VARIABLE.fullmatch(text):
            return ApiKeyConfig(env=variable[1])
        return ApiKeyConfig.literal(text) if text else None


class LegacyPolicy(ConfigSection):
    """One policy: `url` of its classifier, and an LLM for each label."""

    name: Text
    url: HttpUrl
    llms: Sequence[LegacyLlm] = Field(min_length=1)


class LegacyConfig(ConfigSection):
    """A whole `config.yaml`."""

    policies: Sequence[LegacyPolicy] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if problems := [*self._problems()]:
            raise ConfigProblems(problems)
        return self

    def _problems(self) -> Iterator[tuple[Place, str]]:
        policies = Counter(policy.name for policy in self.policies)
        for at, policy in enumerate(self.policies):
            if policies[policy.name] > 1:
                yield ("policies", at, "name"), f"{policy.name} occurs more than once; remove one"
            labels = Counter(llm.name for llm in policy.llms)
            for llm_at, llm in enumerate(policy.llms):
                if labels[llm.name] > 1:
                    yield ("policies", at, "llms", llm_at, "name"), f"{llm.name} occurs more than once; remove one"


def is_legacy(content: object) -> bool:
    return isinstance(content, dict) and isinstance(content.get("policies"), list)


def translate(document: ConfigDocument) -> dict[str, Any]:
    """The content of a `routes.yaml` with the same meaning. The first LLM of each policy becomes the policy's default,
    which the old router did not have. Raises ConfigError with file, line and key."""
    problems: list[tuple[Place, str]] = []
    content = _with_variables(document.content, (), problems)
    if problems:
        raise document.error(problems)
    try:
        config = LegacyConfig.model_validate(content)
    except ValidationError as error:
        raise document.validation_error(error, LegacyConfig) from None
    names = _names(config)
    policies = {
        policy.name: {
            "routes": {llm.name: names[_identity(llm)] for llm in policy.llms},
            "default": names[_identity(policy.llms[0])],
        }
        for policy in config.policies
    }
    first = config.policies[0].name
    return {
        "upstreams": {
            names[_identity(llm)]: {"url": llm.url, "model": llm.model, "api_key": llm.key}
            for policy in config.policies
            for llm in policy.llms
        },
        "default": policies[first]["default"],
        "auto": first,
        "policies": policies,
        "classifier": {"urls": list(dict.fromkeys(_server(policy.url) for policy in config.policies))},
    }


def _with_variables(content: Any, place: Place, problems: list[tuple[Place, str]]) -> Any:
    """`content` with each ${VARIABLE} replaced by its value. An API key that is one variable alone stays, because
    `ApiKeyConfig` reads it."""
    if isinstance(content, dict):
        return {key: _with_variables(value, (*place, key), problems) for key, value in content.items()}
    if isinstance(content, list):
        return [_with_variables(value, (*place, at), problems) for at, value in enumerate(content)]
    if not isinstance(content, str) or (place[-1] == KEY and KEY_VARIABLE.fullmatch(content)):
        return content
    unset = {name for name in VARIABLE.findall(content) if name not in os.environ}
    problems += [(place, f"environment variable {name} is not set") for name in sorted(unset)]
    return content if unset else VARIABLE.sub(lambda variable: os.environ[variable[1]], content)


def _identity(llm: LegacyLlm) -> tuple[object, ...]:
    """Equal for LLMs that become the same upstream."""
    return llm.model, llm.url, llm.api_key


def _names(config: LegacyConfig) -> dict[tuple[object, ...], str]:
    """The name of each upstream: its model, with a number if another upstream has that name."""
    names: dict[tuple[object, ...], str] = {}
    used = {AUTO_MODEL, *(policy.name for policy in config.policies)}
    for llm in (llm for policy in config.policies for llm in policy.llms):
        if _identity(llm) not in names:
            numbered = (f"{llm.model} {number}" for number in count(2))
            name = llm.model if llm.model not in used else next(name for name in numbered if name not in used)
            names[_identity(llm)] = name
            used.add(name)
    return names


def _server(url: HttpUrl) -> str:
    return f"{url.scheme}://{url.host}:{url.port}"
