"""The prompts for an import: some to measure the formats on, others for calibration."""

import gzip
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edge_router.errors import ConfigError

DATA = Path(__file__).parents[2] / "training" / "data"
TRAIN_FILE, DEV_FILE = "router_prompts_train.jsonl.gz", "router_prompts_dev.jsonl.gz"
CALIBRATION = 256
SEED = 0


@dataclass(frozen=True)
class Prompts:
    """Two disjoint samples of prompts."""

    measured: Sequence[str]
    calibration: Sequence[str]

    @classmethod
    def read(cls, file: Path | None, count: int) -> Self:
        """Samples `count` prompts to measure on and `CALIBRATION` prompts to calibrate with.

        Without `file` they come from the checkout's training data: dev to measure, train to calibrate. Raises
        ConfigError when there are too few.
        """
        if file is not None:
            prompts = _sample(file, count + CALIBRATION)
            return cls(prompts[:count], prompts[count:])
        if not (DATA / DEV_FILE).is_file():
            raise ConfigError(
                "this installation has no prompts to measure on; give --prompts FILE with JSON lines that have a prompt"
            )
        return cls(_sample(DATA / DEV_FILE, count), _sample(DATA / TRAIN_FILE, CALIBRATION))


def _sample(file: Path, count: int) -> list[str]:
    prompts = read(file)
    if len(prompts) < count:
        raise ConfigError(f"{file}: holds {len(prompts)} prompts; give --prompts FILE with at least {count}")
    return random.Random(SEED).sample(prompts, count)


def read(file: Path) -> list[str]:
    """The `prompt` of every row. Raises ConfigError naming the line."""
    return [_prompt(file, number, line) for number, line in lines(file)]


def lines(file: Path) -> list[tuple[int, str]]:
    """The non-empty lines with their numbers from 1; a file that ends in .gz is decompressed. Raises ConfigError."""
    try:
        content = file.read_bytes()
        text = (gzip.decompress(content) if file.suffix == ".gz" else content).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {getattr(error, 'strerror', None) or error}") from error
    return [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _prompt(file: Path, number: int, line: str) -> str:
    try:
        return str(json.loads(line)["prompt"])
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{file}, line {number}: is not a JSON object with a prompt") from error
