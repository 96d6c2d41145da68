import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.training import augment
from edge_router.training.recipe import Recipe

ALWAYS = Recipe.read(Path(__file__).parents[3] / "training" / "recipe.yaml").model_copy(update={"noise": 1.0})


@given(st.text(min_size=1).filter(str.strip), st.integers(0, 9))
def test_noise_never_empties_a_prompt_and_is_reproducible(text: str, seed: int) -> None:
    made = augment.noisy(text, ALWAYS, random.Random(seed))
    assert made.strip()
    assert made == augment.noisy(text, ALWAYS, random.Random(seed))


@pytest.mark.parametrize(
    ("kind", "text", "made"),
    [
        (augment.without_markers, "Passage: one\nQuestion: two", "one\ntwo"),
        (augment.without_fences, '"""one""" <b>', " one   "),
        (augment.without_end_mark, "What is it?", "What is it"),
        (augment.on_one_line, "one\n two", "one two"),
        (augment.first_part_last, "Summarize\na text", "a text\nSummarize"),
    ],
)
def test_each_kind_of_noise_changes_the_text(kind: augment.Kind, text: str, made: str) -> None:
    assert kind(text, random.Random(0)) == made


def test_thinning_keeps_both_special_tokens_and_the_order() -> None:
    ids = list(range(100))
    shorter = min((augment.thinned(ids, ALWAYS, random.Random(seed)) for seed in range(9)), key=len)
    assert len(shorter) < len(ids)
    assert (shorter[0], shorter[-1]) == (0, 99)
    assert shorter == sorted(shorter)
