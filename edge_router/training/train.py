"""The flow of a training run, top to bottom: prompts, network, export, calibration, version, report."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import Progress

from edge_router.contract import POLICIES, postprocessing
from edge_router.conversion.format_selection import run
from edge_router.conversion.rules import LABELS
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
    """`measured`: by number format ("fp32", "int8") and policy. `agreement`: share of equal decisions of the two, by
    policy."""

    title: str
    examples: int
    measured: Mapping[str, Mapping[str, Measured]]
    agreement: Mapping[str, float]


def train(corpus: Corpus, recipe: Recipe, repository: Path, progress: Progress) -> Result:
    """Fine-tunes on all of train and writes a version into `repository`; the result is that of dev."""
    network = _fit(corpus.train, recipe, progress)
    with tempfile.TemporaryDirectory() as scratch:
        built = Path(scratch)
        result = _finish(network, corpus.dev, corpus.dev, recipe, built, "dev", progress)
        for folder in built.glob("*/1"):
            shutil.copytree(folder, repository / folder.parent.name / "1", dirs_exist_ok=True)
    version.report(repository, recipe, result.agreement, result.examples)
    return result


def hold_out(corpus: Corpus, recipe: Recipe, progress: Progress) -> Result:
    """Fine-tunes without the held-out sources and measures on them: what prompts of other sources will see. Writes
    nothing."""
    rest, held = split(corpus.train, recipe.held_out)
    network = _fit(rest, recipe, progress)
    with tempfile.TemporaryDirectory() as scratch:
        return _finish(
            network, split(corpus.dev, recipe.held_out)[0], held, recipe, Path(scratch), "held-out sources", progress
        )


def _fit(examples: Sequence[Example], recipe: Recipe, progress: Progress) -> Network:
    tokenize = Tokenize(TokenizerJson(version.tokenizer(recipe)), recipe.max_tokens)
    return fit(examples, tokenize, [LABELS[policy] for policy in POLICIES], recipe, progress, "training")


def _finish(
    network: Network,
    calibration: Sequence[Example],
    examples: Sequence[Example],
    recipe: Recipe,
    built: Path,
    title: str,
    progress: Progress,
) -> Result:
    """Exports, calibrates on `calibration` as int8 (what is served), measures both formats on `examples`."""
    tokenize = Tokenize(TokenizerJson(version.tokenizer(recipe)), recipe.max_tokens)
    with tempfile.TemporaryDirectory() as scratch:
        export(network, Path(scratch))
        float_logits = _logits(Path(scratch), tokenize, examples, "measuring fp32", progress)
    export_int8(network, version.network_folder(built))
    int8 = version.network_folder(built)
    temperatures = _temperatures(_logits(int8, tokenize, calibration, "calibrating", progress), calibration)
    version.write(built, recipe, LABELS, temperatures)
    by_format = {"fp32": float_logits, "int8": _logits(int8, tokenize, examples, "measuring int8", progress)}
    deciders = {policy: Decide.load(built / postprocessing(policy) / str(version.VERSION), {}) for policy in POLICIES}
    measured = {
        name: {
            policy: measure(policy, deciders[policy], found, examples, LABELS[policy], recipe.score)
            for policy in POLICIES
        }
        for name, found in by_format.items()
    }
    equal = {
        policy: float(np.mean(np.equal(*(found[:, part].argmax(axis=1) for found in by_format.values()))))
        for policy, part in _parts().items()
    }
    return Result(title, len(examples), measured, equal)


def _logits(folder: Path, tokenize: Tokenize, examples: Sequence[Example], title: str, progress: Progress) -> Array:
    """FP32 [examples, logits] of the network in `folder`."""
    return run(folder, [np.array(tokenize.ids(each.prompt), dtype=np.int64) for each in examples], title, progress)


def _parts() -> dict[str, slice]:
    """Where each policy's head lies in the logits."""
    ends = np.cumsum([len(LABELS[policy]) for policy in POLICIES]).tolist()
    return {policy: slice(end - len(LABELS[policy]), end) for policy, end in zip(POLICIES, ends, strict=True)}


def _temperatures(found: Array, examples: Sequence[Example]) -> dict[str, float]:
    temperatures = {}
    for policy, part in _parts().items():
        wanted = [example.label(policy) for example in examples]
        rows = [at for at, label in enumerate(wanted) if label is not None]
        targets = np.array([LABELS[policy].index(label) for label in wanted if label is not None])
        temperatures[policy] = temperature(found[rows, part], targets)
    return temperatures
