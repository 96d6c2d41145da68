"""Runs a training: fits the network, exports and calibrates it, writes the version and its report."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import Progress

from edge_router.conversion.format_selection import run
from edge_router.repository import Repository
from edge_router.stages.decide import Decide
from edge_router.stages.tokenize import Tokenize
from edge_router.stages.vocabulary import TokenizerJson
from edge_router.tensors import Array
from edge_router.training import version
from edge_router.training.calibrate import temperature
from edge_router.training.data import Corpus, Example, split
from edge_router.training.export import export, export_int8
from edge_router.training.fit import fit
from edge_router.training.measure import Measured, measure
from edge_router.training.network import Network
from edge_router.training.recipe import Recipe


@dataclass(frozen=True)
class Result:
    """Result of a training. `measured`: by number format ("fp32", "int8") and policy. `agreement`: share of equal
    decisions of both formats, by policy."""

    title: str
    examples: int
    measured: Mapping[str, Mapping[str, Measured]]
    agreement: Mapping[str, float]


def train(corpus: Corpus, recipe: Recipe, repository: Path, progress: Progress) -> Result:
    """Fine-tunes on all of train and writes a version into `repository`; the result is measured on dev."""
    opened = Repository(repository)
    version.check(recipe, opened)
    network = _fit(corpus.train, recipe, progress)
    with tempfile.TemporaryDirectory() as scratch:
        built = Path(scratch)
        result = _finish(network, corpus.dev, corpus.dev, recipe, built, "dev", progress)
        version.enter(built, recipe, opened)
    version.report(recipe, opened, result.agreement, result.examples)
    return result


def hold_out(corpus: Corpus, recipe: Recipe, progress: Progress) -> Result:
    """Fine-tunes without the held-out sources and measures on them, to estimate the accuracy on unseen sources. Writes
    no version."""
    rest, held = split(corpus.train, recipe.held_out)
    network = _fit(rest, recipe, progress)
    with tempfile.TemporaryDirectory() as scratch:
        return _finish(
            network, split(corpus.dev, recipe.held_out)[0], held, recipe, Path(scratch), "held-out sources", progress
        )


def _fit(examples: Sequence[Example], recipe: Recipe, progress: Progress) -> Network:
    tokenize = Tokenize(TokenizerJson(version.tokenizer(recipe)), recipe.max_tokens)
    return fit(examples, tokenize, recipe, progress, "training")


def _finish(
    network: Network,
    calibration: Sequence[Example],
    examples: Sequence[Example],
    recipe: Recipe,
    built: Path,
    title: str,
    progress: Progress,
) -> Result:
    """Exports both formats, calibrates int8 on `calibration`, and measures both on `examples`."""
    tokenize = Tokenize(TokenizerJson(version.tokenizer(recipe)), recipe.max_tokens)
    with tempfile.TemporaryDirectory() as scratch:
        export(network, Path(scratch))
        float_logits = _logits(Path(scratch), tokenize, examples, "measuring fp32", progress)
    int8 = built / version.NETWORK_FOLDER
    int8.mkdir()
    export_int8(network, int8)
    temperatures = _temperatures(_logits(int8, tokenize, calibration, "calibrating", progress), calibration, recipe)
    version.write(built, recipe, temperatures)
    by_format = {"fp32": float_logits, "int8": _logits(int8, tokenize, examples, "measuring int8", progress)}
    deciders = {policy: Decide.load(built / policy, {}) for policy in recipe.heads}
    measured = {
        name: {
            policy: measure(policy, deciders[policy], found, examples, head) for policy, head in recipe.heads.items()
        }
        for name, found in by_format.items()
    }
    equal = {
        policy: float(np.mean(np.equal(*(found[:, part].argmax(axis=1) for found in by_format.values()))))
        for policy, part in _parts(recipe).items()
    }
    return Result(title, len(examples), measured, equal)


def _logits(folder: Path, tokenize: Tokenize, examples: Sequence[Example], title: str, progress: Progress) -> Array:
    """The logits FP32 [examples, logits] of the network in `folder`."""
    return run(folder, [np.array(tokenize.ids(each.prompt), dtype=np.int64) for each in examples], title, progress)


def _parts(recipe: Recipe) -> dict[str, slice]:
    """The part of the logits that belongs to each policy's head."""
    parts, end = {}, 0
    for policy, head in recipe.heads.items():
        parts[policy] = slice(end, end := end + len(head.labels))
    return parts


def _temperatures(found: Array, examples: Sequence[Example], recipe: Recipe) -> dict[str, float]:
    temperatures = {}
    for policy, part in _parts(recipe).items():
        wanted = [example.label(policy) for example in examples]
        rows = [at for at, label in enumerate(wanted) if label is not None]
        labels = recipe.heads[policy].labels
        targets = np.array([labels.index(label) for label in wanted if label is not None])
        temperatures[policy] = temperature(found[rows, part], targets)
    return temperatures
