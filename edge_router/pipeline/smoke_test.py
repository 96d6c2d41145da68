"""Whether a repository can be served: the ensembles are loaded and a prompt goes through each."""

from edge_router.contract import INPUT, POLICIES, PROMPT_ROUTER_ENSEMBLE, ensemble
from edge_router.pipeline.pipeline import Pipeline
from edge_router.repository import Repository
from edge_router.tensors import text_tensor

ENSEMBLES = (PROMPT_ROUTER_ENSEMBLE, *map(ensemble, POLICIES))
PROMPT = b"Summarise the plot of Hamlet in three sentences."


def smoke_test(repository: Repository) -> None:
    """Raises RepositoryError or NotFoundError when something cannot be loaded, RequestError when the prompt is
    refused."""
    pipeline = Pipeline.load(repository, ENSEMBLES)
    for model in ENSEMBLES:
        pipeline.infer(model, {INPUT: text_tensor([PROMPT])})
