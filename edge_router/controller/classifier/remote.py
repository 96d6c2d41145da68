"""A router-server as a classifier, over the V2 inference protocol."""

from edge_router.contract import PROMPT_ROUTER_ENSEMBLE, output_prefix, policies
from edge_router.controller.classifier.classification import Labels
from edge_router.controller.classifier.decision import Decisions
from edge_router.controller.classifier.ensemble import ensemble_decisions, ensemble_request
from edge_router.errors import RequestError
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
