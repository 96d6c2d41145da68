"""Prompts that an import measures on: some for the gate, others for calibration, never the same."""

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
    measured: Sequence[str]
    calibration: Sequence[str]

    @classmethod
    def read(cls, file: Path | None, count: int) -> Self:
        """Draws `count` prompts to measure on and `CALIBRATION` to calibrate with.

        Without `file` they come from a checkout's training data: dev to measure, train to calibrate. Raises ConfigError
        when there are too few.
        """
        if file is not None:
            drawn = _draw(file, count + CALIBRATION)
            return cls(drawn[:count], drawn[count:])
        if not (DATA / DEV_FILE).is_file():
            raise ConfigError("prompts to measure on are not installed; give --prompts FILE, JSON lines with prompt")
        return cls(_draw(DATA / DEV_FILE, count), _draw(DATA / TRAIN_FILE, CALIBRATION))


def _draw(file: Path, count: int) -> list[str]:
    found = read(file)
    if len(found) < count:
        raise ConfigError(f"{file}: {len(found)} prompts; {count} are needed to tell how a network decides (--prompts)")
    return random.Random(SEED).sample(found, count)


def read(file: Path) -> list[str]:
    """The `prompt` of every row. Raises ConfigError naming the line."""
    return [_prompt(file, number, line) for number, line in lines(file)]


def lines(file: Path) -> list[tuple[int, str]]:
    """Those with something on them, numbered from 1; gzip by the name's ending. Raises ConfigError."""
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
        raise ConfigError(f"{file}, line {number}: needs JSON with prompt") from error
