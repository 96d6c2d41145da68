"""`edge-router evaluate`: compares the repository's decisions with labelled prompts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from edge_router.cli.options import JsonOption, OverridesOption, RepositoryOption, open_pipeline, print_json
from edge_router.contract import PROMPT_ROUTER_ENSEMBLE, short_name
from edge_router.controller.classifier import Decisions, ensemble_request, read_decisions
from edge_router.errors import ConfigError
from edge_router.training.data import Example, read
from edge_router.training.metrics import Agreement


def evaluate(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON lines with the prompt and, under the short name of each policy (task, complexity), its label or "
            "null. A file that ends in .gz is unpacked."
        ),
    ],
    json: JsonOption = False,
    picture: Annotated[
        Path | None,
        typer.Option(
            help="Picture of the confusion matrix; each policy gets a file with its name added. Needs the extra "
            "`pictures`.",
            show_default=False,
        ),
    ] = None,
    repository: RepositoryOption = None,
    overrides: OverridesOption = None,
) -> None:
    """Measure accuracy and macro-F1 of each policy on labelled prompts."""
    examples = read(file)
    pipeline = open_pipeline(repository, overrides)
    labels = pipeline.policy_labels()
    policies = [policy for policy in labels if any(short_name(policy) in example.labels for example in examples)]
    if not policies:
        raise ConfigError(f"{file}: no row has a label under {' or '.join(map(short_name, labels))}")
    made = [
        read_decisions(pipeline.infer(PROMPT_ROUTER_ENSEMBLE, ensemble_request(example.prompt)), labels)
        for example in track(examples, "classifying", transient=True, console=Console(stderr=True))
    ]
    agreements = {policy: agreement(policy, examples, made, labels[policy]) for policy in policies}
    if picture is not None:
        from edge_router.training.picture import draw  # matplotlib takes a second to import

        for policy, measured in agreements.items():
            draw(measured, picture.with_stem(f"{picture.stem}_{policy}"), policy)
    if json:
        print_json({policy: as_json(measured) for policy, measured in agreements.items()})
        return
    table = Table("policy", "n", "accuracy", "macro-F1", box=None, pad_edge=False)
    for policy, measured in agreements.items():
        table.add_row(policy, str(measured.n), f"{measured.accuracy:.3f}", f"{measured.macro_f1:.3f}")
    Console().print(table)


def agreement(policy: str, examples: Sequence[Example], made: Sequence[Decisions], labels: Sequence[str]) -> Agreement:
    """Agreement of the decisions `made` with the labels; rows without a label for the policy do not count.

    Raises ConfigError for a label that the network does not have.
    """
    wanted = [example.label(policy) for example in examples]
    pairs = [(true, each[policy].label) for true, each in zip(wanted, made, strict=True) if true is not None]
    try:
        return Agreement.of([true for true, _ in pairs], [predicted for _, predicted in pairs], labels)
    except ValueError as error:
        raise ConfigError(f"{policy}: {error}") from error


def as_json(measured: Agreement) -> dict[str, object]:
    return {"accuracy": measured.accuracy, "macro_f1": measured.macro_f1, "n": measured.n, "f1": measured.f1}
