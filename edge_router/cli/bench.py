"""`edge-router bench`: measures the time and the memory of a classification on this machine."""

from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from edge_router.cli.options import JsonOption, OverridesOption, RepositoryOption, open_pipeline, print_json
from edge_router.contract import INPUT, INPUT_IDS, PROMPT_ROUTER_ENSEMBLE
from edge_router.pipeline import Pipeline
from edge_router.repository.policies import policies
from edge_router.stopwatch import memory, timed
from edge_router.tensors import Tensors, text_tensor

LENGTHS = (16, 32, 64, 128)
WORD = "the "


def bench(
    calls: Annotated[int, typer.Option(min=10, help="Calls to measure for each prompt length.")] = 300,
    json: JsonOption = False,
    repository: RepositoryOption = None,
    overrides: OverridesOption = None,
) -> None:
    """Measure the time and the memory of a classification in this process, from prompt text to decisions."""
    before = memory()
    pipeline = open_pipeline(repository, overrides)
    lengths = track(LENGTHS, "measuring", transient=True, console=Console(stderr=True))
    rows = [measure(pipeline, tokens, calls) for tokens in lengths]
    result = {"prompts": rows, "rss_mb": round(memory(), 1), "rss_before_loading_mb": round(before, 1)}
    if json:
        print_json(result)
        return
    table = Table("tokens", "p50 ms", "p95 ms", "prompts/s", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(row[key]) for key in ("tokens", "p50_ms", "p95_ms", "per_second")))
    console = Console()
    console.print(table)
    console.print(
        f"memory: {result['rss_mb']} MB, of which {result['rss_before_loading_mb']} MB before the repository was loaded"
    )


def measure(pipeline: Pipeline, tokens: int, calls: int) -> dict[str, float]:
    request = prompt_of(pipeline, tokens)
    times = timed(lambda: pipeline.infer(PROMPT_ROUTER_ENSEMBLE, request), calls) * 1000
    p50, p95 = np.percentile(times, [50, 95])
    return {
        "tokens": tokens,
        "p50_ms": round(float(p50), 2),
        "p95_ms": round(float(p95), 2),
        "per_second": round(1000 / float(times.mean())),
    }


def prompt_of(pipeline: Pipeline, tokens: int) -> Tensors:
    """A prompt of `tokens` tokens, or of as many as the tokenizer keeps if that is fewer."""
    preprocessing = next(iter(policies(pipeline.repository).values())).preprocessing
    words = tokens
    while True:
        request = {INPUT: text_tensor([(WORD * words).encode()])}
        if words == 0 or pipeline.infer(preprocessing, request)[INPUT_IDS].shape[1] <= tokens:
            return request
        words -= 1
