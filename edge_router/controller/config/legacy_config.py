"""The `config.yaml` of NVIDIA's LLM router blueprint, read as the `routes.yaml` that it means."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Annotated, Any, Self, TypeAlias

from pydantic import Field, HttpUrl, SecretStr, ValidationError, model_validator

from edge_router.contract import AUTO_MODEL, POLICIES
from edge_router.controller.config.document import ConfigDocument
from edge_router.controller.config.section import ConfigSection
from edge_router.controller.config.upstreams import ApiKeyConfig
from edge_router.validation import ConfigProblems, Place, suggestion

VARIABLE = re.compile(r"\$\{([^{}]+)\}")
KEY_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""Of a key that is nothing else."""
KEY = "api_key"

Text: TypeAlias = Annotated[str, Field(min_length=1)]


class LegacyLlm(ConfigSection):
    """`name` is the label that it answers; `api_base` is what stands before `/v1`."""

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
    name: Text
    url: HttpUrl
    llms: Sequence[LegacyLlm] = Field(min_length=1)


class LegacyConfig(ConfigSection):
    policies: Sequence[LegacyPolicy] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if problems := [*self._problems()]:
            raise ConfigProblems(problems)
        return self

    def _problems(self) -> Iterator[tuple[Place, str]]:
        policies = Counter(policy.name for policy in self.policies)
        for at, policy in enumerate(self.policies):
            if policy.name not in POLICIES:
                yield (
                    ("policies", at, "name"),
                    f"no classifier answers for {policy.name}; {suggestion(policy.name, POLICIES)}",
                )
            if policies[policy.name] > 1:
                yield ("policies", at, "name"), f"{policy.name} stands here more than once"
            labels = Counter(llm.name for llm in policy.llms)
            for llm_at, llm in enumerate(policy.llms):
                if labels[llm.name] > 1:
                    yield ("policies", at, "llms", llm_at, "name"), f"{llm.name} stands here more than once"


def is_legacy(content: object) -> bool:
    return isinstance(content, dict) and isinstance(content.get("policies"), list)


def translated(document: ConfigDocument) -> dict[str, Any]:
    """What `Routes` is validated from. The first LLM of a policy is its default, which the old router did not have.

    Raises ConfigError naming file, line and key.
    """
    problems: list[tuple[Place, str]] = []
    content = _resolved(document.content, (), problems)
    if problems:
        raise document.error(problems)
    try:
        config = LegacyConfig.model_validate(content)
    except ValidationError as error:
        raise document.validation_error(error, LegacyConfig) from None
    names = _names(config)
    policies = {
        policy.name: {
            "routes": {llm.name: names[_same(llm)] for llm in policy.llms},
            "default": names[_same(policy.llms[0])],
        }
        for policy in config.policies
    }
    first = config.policies[0].name
    return {
        "upstreams": {
            names[_same(llm)]: {"url": llm.url, "model": llm.model, "api_key": llm.key}
            for policy in config.policies
            for llm in policy.llms
        },
        "default": policies[first]["default"],
        "auto": first,
        "policies": policies,
        "classifier": {"urls": list(dict.fromkeys(_server(policy.url) for policy in config.policies))},
    }


def _resolved(content: Any, place: Place, problems: list[tuple[Place, str]]) -> Any:
    """`content` with the environment's values in the place of ${VARIABLE}; a key that is nothing but that is read
    later, from where it says."""
    if isinstance(content, dict):
        return {key: _resolved(value, (*place, key), problems) for key, value in content.items()}
    if isinstance(content, list):
        return [_resolved(value, (*place, at), problems) for at, value in enumerate(content)]
    if not isinstance(content, str) or (place[-1] == KEY and KEY_VARIABLE.fullmatch(content)):
        return content
    unset = {name for name in VARIABLE.findall(content) if name not in os.environ}
    problems += [(place, f"the variable {name} is not set") for name in sorted(unset)]
    return content if unset else VARIABLE.sub(lambda variable: os.environ[variable[1]], content)


def _same(llm: LegacyLlm) -> tuple[object, ...]:
    """What makes two of them one upstream."""
    return llm.model, llm.url, llm.api_key


def _names(config: LegacyConfig) -> dict[tuple[object, ...], str]:
    """Each upstream's name: its model's, numbered where another has it already."""
    names: dict[tuple[object, ...], str] = {}
    taken = {AUTO_MODEL, *POLICIES}
    for llm in (llm for policy in config.policies for llm in policy.llms):
        if _same(llm) not in names:
            numbered = (f"{llm.model} {number}" for number in count(2))
            name = llm.model if llm.model not in taken else next(name for name in numbered if name not in taken)
            names[_same(llm)] = name
            taken.add(name)
    return names


def _server(url: HttpUrl) -> str:
    return f"{url.scheme}://{url.host}:{url.port}"
