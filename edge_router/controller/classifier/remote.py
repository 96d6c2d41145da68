"""Who can classify: a router-server over V2, several of them, or the network in this process. All give the same
decisions."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Protocol

from edge_router.contract import INPUT, POLICIES, PROMPT_ROUTER_ENSEMBLE, ensemble
from edge_router.controller.classifier.decision import Decisions, decisions
from edge_router.errors import RequestError
from edge_router.tensors import Tensors, text_tensor
from edge_router.v2.client import Client, ReplyError

Labels = Mapping[str, Sequence[str]]
"""Of each policy, in the network's order."""


class Classifier(Protocol):
    async def labels(self) -> Labels:
        """What `classify` chooses among. Raises what `classify` raises."""
        ...

    async def classify(self, text: str, labels: Labels) -> Decisions:
        """Raises RequestError for a text nobody can classify, UnavailableError for no answer, ReplyError for a wrong
        one."""
        ...


class InProcessClassifier(Classifier, Protocol):
    """In this process: what has begun goes on when nobody waits for it any more."""

    seconds: float
    """That a run takes, of the longer ones of late."""

    def submit(self, text: str, labels: Labels) -> "Future[Decisions]":
        """What `classify` returns, as a run that can be cancelled until it begins. Raises RequestError."""
        ...


class RemoteClassifier:
    """One router-server: Triton or the light one."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def labels(self) -> Labels:
        return {policy: await self._client.labels(ensemble(policy)) for policy in POLICIES}

    async def classify(self, text: str, labels: Labels) -> Decisions:
        request = prompt(text)
        try:
            outputs = await self._client.infer(PROMPT_ROUTER_ENSEMBLE, request)
        except RequestError as error:
            # What is asked is right; a server that refuses it has lost its model, and no client is to blame.
            raise ReplyError(f"{PROMPT_ROUTER_ENSEMBLE}: the server refuses to classify") from error
        except ReplyError as error:  # whose message may hold what the server said, which may be the prompt
            raise ReplyError(f"{PROMPT_ROUTER_ENSEMBLE}: the server's answer is not V2") from error
        return read(outputs, labels)


def prompt(text: str) -> Tensors:
    """`text` as the request of an ensemble. Raises RequestError when it is not valid Unicode."""
    try:
        return {INPUT: text_tensor([text.encode()])}
    except UnicodeEncodeError as error:
        raise RequestError(
            f"the prompt holds a lone surrogate at character {error.start}; send valid Unicode"
        ) from None


def read(outputs: Tensors, labels: Labels) -> Decisions:
    """The decisions in an ensemble's answer. Raises ReplyError where they are not what `labels` promise."""
    try:
        return decisions(outputs, labels)
    except (KeyError, ValueError) as error:
        raise ReplyError(f"{PROMPT_ROUTER_ENSEMBLE}: the answer is not what the labels promise") from error
