import gzip
import json
from pathlib import Path

import pytest

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER
from edge_router.errors import ConfigError
from edge_router.training.data import Corpus, Example, draw, read, split
from edge_router.training.recipe import Recipe

ROOT = Path(__file__).parents[3]
RECIPE = Recipe.read(ROOT / "training" / "recipe.yaml")


def rows(source: str, count: int) -> list[Example]:
    return [Example(f"{source} {number}", {"task": "Chatbot", "complexity": None}, source) for number in range(count)]


def test_every_shipped_prompt_reads_and_its_labels_are_known() -> None:
    corpus = Corpus.read(ROOT / "training" / "data")
    complexity, task = RECIPE.heads[COMPLEXITY_ROUTER], RECIPE.heads[TASK_ROUTER]
    found = {example.label(COMPLEXITY_ROUTER) for example in corpus.train} - {None}
    assert found == set(complexity.score or ()) == set(complexity.labels)
    assert {example.label(TASK_ROUTER) for example in corpus.train} == set(task.labels)
    assert {example.label(TASK_ROUTER) for example in corpus.dev} == set(task.labels)
    assert len(task.labels) == 12


def test_no_dev_prompt_is_in_the_training_data() -> None:
    corpus = Corpus.read(ROOT / "training" / "data")
    assert {example.prompt for example in corpus.train} & {example.prompt for example in corpus.dev} == set()


def test_a_gzip_file_is_read_like_a_plain_one(tmp_path: Path) -> None:
    text = json.dumps({"prompt": "a\u2028b", "task": "Chatbot", "complexity": None}) + "\n"
    (tmp_path / "a.jsonl").write_text(text)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    assert (
        read(tmp_path / "a.jsonl")
        == read(tmp_path / "a.jsonl.gz")
        == [Example("a\u2028b", {"task": "Chatbot", "complexity": None})]
    )


def test_a_row_without_a_task_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"prompt": "x", "task": "Chatbot"}\n{"prompt": "x"}\n')
    with pytest.raises(ConfigError, match=r"a\.jsonl, line 2"):
        read(tmp_path / "a.jsonl")


@pytest.mark.parametrize("row", ["[]", '{"prompt": "x", "task": 5}', '{"task": "Chatbot"}'])
def test_a_row_that_holds_no_prompt_or_label_is_named_by_its_line(row: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f"{row}\n")
    with pytest.raises(ConfigError, match=r"a\.jsonl, line 1"):
        read(tmp_path / "a.jsonl")


def test_a_row_carries_the_labels_of_any_policy(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"prompt": "x", "demand": "large", "source": "mine"}\n')
    [example] = read(tmp_path / "a.jsonl")
    assert (example.label("demand_router"), example.label(TASK_ROUTER)) == ("large", None)


def test_derived_rows_are_held_out_with_their_source() -> None:
    examples = [*rows("svamp", 1), *rows("constrained:svamp", 1), *rows("fewshot-svamp", 1), *rows("gsm8k", 1)]
    kept, held = split(examples, ["svamp"])
    assert [example.source for example in kept] == ["gsm8k"]
    assert len(held) == 3


def test_rows_per_source_are_limited_and_epochs_are_reproducible() -> None:
    corpus = [*rows("large", 5000), *rows("template-x", 5000), *rows("authored-x", 10)]
    drawn = draw(corpus, RECIPE, 0)
    counts = {source: sum(e.source == source for e in drawn) for source in ("large", "template-x", "authored-x")}
    assert counts == {
        "large": RECIPE.rows_per_source,
        "template-x": RECIPE.rows_per_template_source,
        "authored-x": 10 * RECIPE.authored_repeats,
    }
    assert drawn == draw(corpus, RECIPE, 0) != draw(corpus, RECIPE, 1)


@pytest.mark.parametrize(("key", "value"), [("epochs", 0), ("epoch", 3), ("dropout", 1.0), ("seed", None)])
def test_a_wrong_recipe_is_refused_by_its_key(key: str, value: object, tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(json.dumps(RECIPE.model_dump() | {key: value}))
    with pytest.raises(ConfigError, match=rf"recipe\.yaml: {key}: "):
        Recipe.read(file)
