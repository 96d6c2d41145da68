"""Who classifies: a router-server over V2, or the pipeline in this process. Both give the same decisions."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from edge_router.contract import INPUT, POLICIES, PROMPT_ROUTER_ENSEMBLE, ensemble
from edge_router.controller.classification.decision import Decisions, decisions
from edge_router.errors import RequestError
from edge_router.tensors import Tensors, text_tensor
from edge_router.v2.client import InferenceClient, ReplyError

Labels = Mapping[str, Sequence[str]]
"""Of each policy, in the network's order."""


class Classifier(Protocol):
    async def labels(self) -> Labels:
        """Asked once, when the classifier first answers. Raises what `classify` raises."""
        ...

    async def classify(self, text: str, labels: Labels) -> Decisions:
        """Raises RequestError for a text nobody can classify, UnavailableError for no answer, ReplyError for a wrong
        one."""
        ...


class RemoteClassifier:
    """A router-server: Triton or the light one."""

    def __init__(self, client: InferenceClient) -> None:
        self._client = client

    async def labels(self) -> Labels:
        return {policy: await self._client.labels(ensemble(policy)) for policy in POLICIES}

    async def classify(self, text: str, labels: Labels) -> Decisions:
        request = prompt(text)
        try:
            return decisions(await self._client.infer(PROMPT_ROUTER_ENSEMBLE, request), labels)
        except (RequestError, KeyError, ValueError) as error:
            # What is asked is right; a server that refuses it has lost its model, and no client is to blame.
            raise ReplyError(f"{PROMPT_ROUTER_ENSEMBLE}: the server does not answer as its labels promise") from error


def prompt(text: str) -> Tensors:
    """`text` as the request of an ensemble. Raises RequestError when it is not valid Unicode."""
    try:
        return {INPUT: text_tensor([text.encode()])}
    except UnicodeEncodeError as error:
        raise RequestError(
            f"the prompt holds a lone surrogate at character {error.start}; send valid Unicode"
        ) from None
