"""`edge-router train`: trains the starter network."""

from pathlib import Path
from typing import Annotated

import typer

from edge_router.errors import ConfigError
from edge_router.settings import model_repository


def train(
    data: Annotated[Path, typer.Option(help="Folder of the labelled prompts.")] = Path("training/data"),
    recipe: Annotated[Path, typer.Option(help="File with the hyperparameters.")] = Path("training/recipe.yaml"),
    report: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("training/report"),
    out: Annotated[Path | None, typer.Option(help="Model repository for the new version.", show_default=False)] = None,
    held_out: Annotated[
        bool,
        typer.Option("--held-out", help="Measure on sources left out of the training; write no version."),
    ] = False,
) -> None:
    """Fine-tune the network, export and calibrate it, and write it as a version. Needs the extra `train`."""
    try:
        from edge_router.training import report as reports
        from edge_router.training.data import Corpus
        from edge_router.training.recipe import Recipe
        from edge_router.training.train import hold_out
        from edge_router.training.train import train as run
    except ImportError as error:
        raise ConfigError(f"{error.name} is missing: pip install 'edge-llm-router[train]'") from error
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    hyperparameters = Recipe.read(recipe)
    corpus = Corpus.read(data)
    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        result = (
            hold_out(corpus, hyperparameters, progress)
            if held_out
            else run(corpus, hyperparameters, out or model_repository(), progress)
        )
    reports.write(result, report)
    typer.echo(reports.as_markdown(result))
