"""What was measured, for people: a table, the ratios that count, a plot."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from rich.table import Table

from benchmarks.classifier.variants import BATCH, BLUEPRINT, FLOOR, LENGTHS, REFERENCE, SERVED, SHORT, VARIANTS

Figures: TypeAlias = Mapping[str, Mapping[str, Any]]
"""By variant: the fields of `Measured`, as JSON has them."""


def ratios(found: Figures, name: str) -> dict[str, float]:
    """How many times faster than the reference, by tokens."""
    theirs, ours = found[REFERENCE]["p50_ms"], found[name]["p50_ms"]
    return {tokens: theirs[tokens] / ours[tokens] for tokens in theirs}


def summary(found: Figures) -> str:
    faster = ratios(found, SERVED)
    served = found[SERVED]["p50_ms"]
    twice = found[BLUEPRINT]["p50_ms"][str(SHORT)] / served[str(SHORT)]
    floor = served[str(SHORT)] / found[FLOOR]["p50_ms"][str(SHORT)]
    told = ", ".join(f"{ratio:.3g}x at {tokens}" for tokens, ratio in faster.items())
    return (
        f"lean int8 against TorchScript padded to 512: {told} tokens\n"
        f"both policies on one network against two padded models, {SHORT} tokens: {twice:.3g}x\n"
        f"lean int8 against its products alone, {SHORT} tokens: {floor:.2f}x\n"
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
