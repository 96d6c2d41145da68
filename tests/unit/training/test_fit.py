"""The loss of several heads, and a trained version by files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from edge_router.contract import COMPLEXITY_ROUTER, DECISION_FILE, LABELS_FILE, TASK_ROUTER, TOKENIZER_FILE
from edge_router.errors import ConfigError
from edge_router.repository import Repository
from edge_router.stages.decide import Decide, DecisionRules
from edge_router.training import version
from edge_router.training.batches import NONE, Batch
from edge_router.training.data import Example
from edge_router.training.fit import LOGIT_OF_NONE, batch_loss
from edge_router.training.measure import measure
from edge_router.training.recipe import HeadRecipe, Recipe
from tests.support.shipped import preprocessing

ROOT = Path(__file__).parents[3]
RECIPE = Recipe.read(ROOT / "training" / "recipe.yaml")
DEMAND = HeadRecipe(labels=["small", "large"], weight=2)


def batch(*targets: list[int]) -> Batch:
    return Batch(torch.zeros(0), torch.zeros(0), torch.tensor(targets))


def cross_entropy(logits: Tensor, targets: list[int]) -> Tensor:
    return nn.functional.cross_entropy(logits, torch.tensor(targets), label_smoothing=RECIPE.label_smoothing)


def test_a_row_without_a_label_lowers_the_logits_of_a_head_with_none_weight() -> None:
    logits = torch.randn(3, 19, generator=torch.Generator().manual_seed(1))
    task, complexity = logits.split([12, 7], dim=1)
    found = batch_loss(logits, batch([0, NONE], [3, 1], [11, NONE]), RECIPE)
    wider = nn.functional.pad(complexity, (0, 1), value=LOGIT_OF_NONE)
    each = torch.stack([cross_entropy(wider[at : at + 1], [target]) for at, target in enumerate([7, 1, 7])])
    weights = torch.tensor([0.6, 1.0, 0.6])
    assert found == pytest.approx(float(cross_entropy(task, [0, 3, 11]) + (each * weights).sum() / weights.sum()))


def test_a_row_without_a_label_is_ignored_by_a_head_without_none_weight() -> None:
    recipe = RECIPE.model_copy(update={"heads": {"demand_router": DEMAND}})
    logits = torch.tensor([[1.0, 2.0], [5.0, -5.0]])
    assert batch_loss(logits, batch([1], [NONE]), recipe) == pytest.approx(2 * float(cross_entropy(logits[:1], [1])))
    assert batch_loss(logits, batch([NONE], [NONE]), recipe) == 0


def test_a_version_has_the_heads_of_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = ROOT / "model_repository" / preprocessing(TASK_ROUTER) / "1" / TOKENIZER_FILE
    monkeypatch.setattr(version, "tokenizer", lambda recipe: Tokenizer.from_file(str(shipped)))
    recipe = RECIPE.model_copy(update={"heads": {**RECIPE.heads, "demand_router": DEMAND}})
    version.write(tmp_path, recipe, dict.fromkeys(recipe.heads, 1.5))
    for policy, head in recipe.heads.items():
        rules = DecisionRules.read(tmp_path / policy / DECISION_FILE)
        assert rules.labels == head.labels == (tmp_path / policy / LABELS_FILE).read_text().splitlines()
        assert [(each.name, each.size, each.none) for each in rules.heads] == [
            (TASK_ROUTER, 12, None),
            (COMPLEXITY_ROUTER, 7, LOGIT_OF_NONE),
            ("demand_router", 2, None),
        ]
    assert json.loads((tmp_path / "demand_router" / DECISION_FILE).read_text())["score"] == "confidence"


def test_a_head_of_no_policy_is_refused_before_training() -> None:
    recipe = RECIPE.model_copy(update={"heads": {"demand_router": DEMAND}})
    with pytest.raises(ConfigError, match=r"heads\.demand_router .*task_router, complexity_router"):
        version.check(recipe, Repository(ROOT / "model_repository"))


def test_a_policy_is_measured_on_the_rows_that_have_its_label() -> None:
    """A label without a share of the score asks nothing of an LLM."""
    rules = DecisionRules.of(
        {
            "heads": [{"name": "demand_router", "size": 2, "none": 0.0}],
            "classes": [
                {"label": label, "head": "demand_router", "index": at} for at, label in enumerate(DEMAND.labels)
            ],
            "score": {"large": 1.0},
        }
    )
    examples = [Example("a", {"demand": "large"}), Example("b", {"demand": None}), Example("c", {"demand": "small"})]
    logits = np.array([[0, 4], [-4, -4], [0, 4]], dtype=np.float32)
    head = DEMAND.model_copy(update={"score": {"large": 1.0}, "none_weight": 0.5})
    found = measure("demand_router", Decide(rules), logits, examples, head)
    assert (found.agreement.n, found.agreement.accuracy, found.separation) == (2, 0.5, 1.0)
    without = head.model_copy(update={"none_weight": None})
    assert measure("demand_router", Decide(rules), logits, examples, without).separation is None
