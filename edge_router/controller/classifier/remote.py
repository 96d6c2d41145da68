"""A router-server as a classifier: V2 requests and replies as decisions."""

from edge_router.contract import INPUT, PROMPT_ROUTER_ENSEMBLE, output_prefix, policies
from edge_router.controller.classifier.classification import Labels
from edge_router.controller.classifier.decision import Decisions, read_decisions
from edge_router.errors import RequestError
from edge_router.tensors import Tensors, text_tensor
from edge_router.v2.client import Client, ResponseError


class RemoteClassifier:
    """One router-server, Triton or the light server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def labels(self) -> Labels:
        found = policies(await self._client.outputs(PROMPT_ROUTER_ENSEMBLE))
        if not found:
            raise ResponseError(f"{PROMPT_ROUTER_ENSEMBLE}: has no output that is a policy's decision")
        labels = await self._client.labels(PROMPT_ROUTER_ENSEMBLE, [output_prefix(policy) for policy in found])
        return {policy: labels[output_prefix(policy)] for policy in found}

    async def classify(self, text: str, labels: Labels) -> Decisions:
        request = ensemble_request(text)
        try:
            outputs = await self._client.infer(PROMPT_ROUTER_ENSEMBLE, request)
        except RequestError as error:
            # The request is valid, so the server has lost its model. The client must not get a 400 for that.
            raise ResponseError(f"{PROMPT_ROUTER_ENSEMBLE}: the server refuses to classify") from error
        except ResponseError as error:
            # The original message may quote the server's reply, and that may hold the prompt.
            raise ResponseError(f"{PROMPT_ROUTER_ENSEMBLE}: the server's answer is not V2") from error
        return ensemble_decisions(outputs, labels)


def ensemble_request(text: str) -> Tensors:
    """The input tensors that classify `text`. Raises RequestError when it is not valid Unicode."""
    try:
        return {INPUT: text_tensor([text.encode()])}
    except UnicodeEncodeError as error:
        raise RequestError(
            f"the prompt holds a lone surrogate at character {error.start}; send valid Unicode"
        ) from None


def ensemble_decisions(outputs: Tensors, labels: Labels) -> Decisions:
    """The decisions in an ensemble's output tensors. Raises ResponseError when they do not match `labels`."""
    try:
        return read_decisions(outputs, labels)
    except (KeyError, ValueError) as error:
        raise ResponseError(f"{PROMPT_ROUTER_ENSEMBLE}: the answer does not match the server's labels") from error
