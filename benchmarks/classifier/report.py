"""Reports of the classifier benchmark: a table, a summary of ratios, a plot."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from rich.table import Table

from benchmarks.classifier.variants import BATCH, BLUEPRINT, FLOOR, LENGTHS, REFERENCE, SERVED, SHORT, VARIANTS

Figures: TypeAlias = Mapping[str, Mapping[str, Any]]
"""The fields of `Measured` as JSON, by variant."""


def ratios(figures: Figures, name: str) -> dict[str, float]:
    """The speed of a variant relative to the reference, by tokens: 2 = twice as fast."""
    reference, own = figures[REFERENCE]["p50_ms"], figures[name]["p50_ms"]
    return {tokens: reference[tokens] / own[tokens] for tokens in reference}


def summary(found: Figures) -> str:
    faster = ratios(found, SERVED)
    served = found[SERVED]["p50_ms"]
    twice = found[BLUEPRINT]["p50_ms"][str(SHORT)] / served[str(SHORT)]
    floor = served[str(SHORT)] / found[FLOOR]["p50_ms"][str(SHORT)]
    by_length = ", ".join(f"{ratio:.3g}x at {tokens}" for tokens, ratio in faster.items())
    return (
        f"speed of lean int8 relative to TorchScript padded to 512: {by_length} tokens\n"
        f"speed of one network for both policies relative to two padded models, {SHORT} tokens: {twice:.3g}x\n"
        f"time of lean int8 relative to its matrix products alone, {SHORT} tokens: {floor:.2f}x\n"
    )


def rows(found: Figures) -> Iterator[list[str]]:
    for name, each in found.items():
        times = [f"{each['p50_ms'][str(tokens)]:.1f}" for tokens in LENGTHS]
        sizes = [
            f"{each[key]:.0f}"
            for key in ("loaded_mb", "short_mb", "end_mb", "disk_mb", "per_second", "per_second_batched")
        ]
        faster = f"{ratios(found, name)[str(SHORT)]:.1f}"
        yield [VARIANTS[name].title, *times, faster, f"{each['load_s']:.2f}", *sizes]


HEADER = [
    *("", *map(str, LENGTHS), f"times faster at {SHORT}", "load s"),
    *(
        "MB loaded",
        "MB after short prompts",
        "MB at the end",
        "MB on disk",
        f"prompts/s at {SHORT}",
        f"in runs of {BATCH}",
    ),
]


def as_table(found: Figures) -> Table:
    table = Table(*HEADER, box=None, pad_edge=False, title="p50 ms by tokens")
    for row in rows(found):
        table.add_row(*row)
    return table


def as_markdown(found: Figures) -> str:
    lines = [HEADER, ["---"] + ["---:"] * (len(HEADER) - 1), *rows(found)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + f"\n{summary(found)}"


def draw(found: Figures, file: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for name, each in found.items():
        times = [each["p50_ms"][str(tokens)] for tokens in LENGTHS]
        width, style = (2.5 if name == SERVED else 1.2), (":" if name in (FLOOR, BLUEPRINT) else "-")
        axes.plot(LENGTHS, times, "o", label=VARIANTS[name].title, linewidth=width, linestyle=style)
    axes.set(xscale="log", yscale="log", xlabel="tokens of the prompt", ylabel="milliseconds, median")
    axes.set_xticks(LENGTHS, map(str, LENGTHS))
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(file, dpi=110)
