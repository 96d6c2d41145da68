"""Draws a confusion matrix. Needs the extra `pictures`."""

from pathlib import Path

import numpy as np

from edge_router.errors import ConfigError
from edge_router.training.metrics import Agreement


def draw(agreement: Agreement, file: Path, title: str) -> None:
    """Draws true labels as rows, predicted ones as columns; the colour is the share of the row.

    Raises ConfigError without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("pictures need matplotlib: pip install 'edge-llm-router[pictures]'") from error
    counts = agreement.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 3 + 0.55 * len(agreement.labels)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(agreement.labels))
    axes.set_xticks(places, agreement.labels, rotation=45, ha="right")
    axes.set_yticks(places, agreement.labels)
    axes.set(xlabel="predicted", ylabel="true", title=f"{title}: macro-F1 {agreement.macro_f1:.3f}, n {agreement.n}")
    for true in places:
        for predicted in places:
            if counts[true, predicted]:
                colour = "white" if shares[true, predicted] > 0.5 else "black"
                axes.text(predicted, true, str(counts[true, predicted]), ha="center", va="center", color=colour, size=8)
    figure.savefig(file, dpi=110)
