"""The policies of a repository are found in its files."""

import shutil
from pathlib import Path

import pytest

from edge_router.contract import COMPLEXITY_ROUTER, INPUT, PROMPT_ROUTER_ENSEMBLE, TASK_ROUTER, ensemble, postprocessing
from edge_router.errors import RepositoryError
from edge_router.pipeline import Pipeline, ensembles, smoke_test
from edge_router.repository import Repository, pins
from edge_router.repository.integrity import problems
from edge_router.repository.policies import labels, policies
from edge_router.tensors import text_tensor
from tests.support.shipped import preprocessing
from tests.support.third_policy import CODE, POLICY, add_policy
from tests.support.versions import ROOT, two_versions


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Three policies in two versions, the first pinned."""
    repository = two_versions(tmp_path)
    add_policy(repository)
    model = repository / postprocessing(POLICY)
    shutil.copytree(model / "1", model / "2")
    return repository


def edit(repository: Path, model: str, old: str, new: str) -> None:
    file = repository / model / "config.pbtxt"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_the_policies_have_the_order_of_the_ensembles_outputs(repository: Path) -> None:
    found = policies(Repository(repository))
    assert list(found) == [TASK_ROUTER, COMPLEXITY_ROUTER, POLICY]
    for name, policy in found.items():
        assert policy.models == [preprocessing(TASK_ROUTER), TASK_ROUTER, postprocessing(name)]
    assert found[POLICY].ensembles == [ensemble(POLICY)]
    assert set(found[COMPLEXITY_ROUTER].ensembles) == {
        ensemble(COMPLEXITY_ROUTER),
        preprocessing(COMPLEXITY_ROUTER),
        COMPLEXITY_ROUTER,
    }
    assert labels(Repository(repository))[POLICY] == ["small", "large"]
    assert problems(Repository(repository), []) == []


def test_a_repository_without_a_policy_is_served(repository: Path) -> None:
    for model in (ensemble(COMPLEXITY_ROUTER), postprocessing(COMPLEXITY_ROUTER)):
        shutil.rmtree(repository / model)
    file = repository / PROMPT_ROUTER_ENSEMBLE / "config.pbtxt"
    head, _, tail = file.read_text().partition('  step {\n    model_name: "postprocessing_complexity_router"')
    tail = tail[tail.index("  step {") :]
    file.write_text("".join(line for line in head.splitlines(keepends=True) if "COMPLEXITY" not in line) + tail)
    opened = Repository(repository)
    assert list(policies(opened)) == [TASK_ROUTER, POLICY]
    smoke_test(opened)
    assert list(Pipeline.load(opened, ensembles(opened)).policy_labels()) == [TASK_ROUTER, POLICY]


@pytest.mark.parametrize(
    "versions", [(1, 1, 2), (2, 1, 1), (2, 1, 2), (1, 2, 2), (2, 2, 2)], ids=lambda each: "".join(map(str, each))
)
def test_pins_of_every_policy_can_be_changed_and_reverted_to_the_byte(
    repository: Path, versions: tuple[int, ...]
) -> None:
    before = {file: file.read_text() for file in repository.rglob("config.pbtxt")}
    wanted = dict(zip((TASK_ROUTER, COMPLEXITY_ROUTER, POLICY), versions, strict=True))
    pins.move(Repository(repository), [], wanted)
    moved = Repository(repository)
    assert pins.read(moved) == wanted
    smoke_test(moved)
    steps = moved.composing(PROMPT_ROUTER_ENSEMBLE)
    assert steps.count(TASK_ROUTER) == len(set(versions))  # a pass for each version, shared
    pins.move(moved, [], dict.fromkeys(wanted, 1))
    assert {file: file.read_text() for file in repository.rglob("config.pbtxt")} == before


def test_policies_of_two_networks_have_a_pass_each(repository: Path) -> None:
    """A real folder in the place of the second name."""
    shutil.rmtree(repository / COMPLEXITY_ROUTER)
    shutil.copytree(repository / TASK_ROUTER, repository / COMPLEXITY_ROUTER, symlinks=True)
    edit(repository, COMPLEXITY_ROUTER, 'name: "task_router"', 'name: "complexity_router"')
    opened = Repository(repository)
    assert policies(opened)[COMPLEXITY_ROUTER].network == COMPLEXITY_ROUTER
    with pytest.raises(RepositoryError, match="not one pass for each version"):  # the shared step is still there
        pins.preview(opened, pins.read(opened))
    file = repository / PROMPT_ROUTER_ENSEMBLE / "config.pbtxt"
    text = file.read_text()
    own = "complexity_router_"
    step = text.index('  step {\n    model_name: "postprocessing_complexity_router"')
    last = text.index("  step {", step + 1)
    first = text[text.index("  step {") : text.index('  step {\n    model_name: "postprocessing_task_router"')]
    for tensor in ("preprocessed_input_ids", "preprocessed_attention_mask", "logits"):
        first = first.replace(f'value: "{tensor}"', f'value: "{own}{tensor}"')
    first = first.replace('model_name: "task_router"', 'model_name: "complexity_router"')
    complexity = text[step:last].replace('value: "logits"', f'value: "{own}logits"')
    file.write_text(text[:step] + text[last:].removesuffix("}\n") + first + complexity + "}\n")
    moved = pins.preview(Repository(repository), {TASK_ROUTER: 1, COMPLEXITY_ROUTER: 2, POLICY: 1})
    smoke_test(moved)
    assert moved.versions(TASK_ROUTER) == [1]
    assert moved.versions(COMPLEXITY_ROUTER) == [2]


def test_policies_that_share_an_ensemble_must_have_equal_pins(repository: Path) -> None:
    for old, new in (
        ('"preprocessing_task_router"', '"preprocessing_complexity_router"'),
        ('"task_router"', '"complexity_router"'),
    ):
        edit(repository, ensemble(POLICY), old, new)
    opened = Repository(repository)
    assert pins.read(pins.preview(opened, {TASK_ROUTER: 1, COMPLEXITY_ROUTER: 2, POLICY: 2}))[POLICY] == 2
    message = "complexity_router and demand_router share it .* pin them to the same version"
    with pytest.raises(RepositoryError, match=message):
        pins.preview(opened, {TASK_ROUTER: 1, COMPLEXITY_ROUTER: 2, POLICY: 1})


@pytest.mark.parametrize(
    ("model", "old", "new", "message"),
    [
        (
            PROMPT_ROUTER_ENSEMBLE,
            "DEMAND",
            "NEED",
            "lacks the outputs of demand_router: DEMAND, DEMAND_LABEL, DEMAND_PROB",
        ),
        (
            PROMPT_ROUTER_ENSEMBLE,
            "DEMAND",
            "Demand",
            "lacks the outputs of demand_router: DEMAND, DEMAND_LABEL, DEMAND_PROB",
        ),
        (
            PROMPT_ROUTER_ENSEMBLE,
            'key: "OUTPUT" value: "DEMAND"',
            'key: "OUTPUT" value: "X"',
            "DEMAND is made by no step; it must be the OUTPUT",
        ),
        (ensemble(POLICY), postprocessing(POLICY), postprocessing(TASK_ROUTER), "and postprocessing_demand_router, in"),
        (PROMPT_ROUTER_ENSEMBLE, "_PROBABILITIES", "_SHARES", "lacks the outputs of task_router"),
    ],
)
def test_files_that_do_not_make_a_policy_are_refused(
    repository: Path, model: str, old: str, new: str, message: str
) -> None:
    edit(repository, model, old, new)
    with pytest.raises(RepositoryError, match=message):
        policies(Repository(repository))


def test_a_policy_without_its_ensemble_is_refused(repository: Path) -> None:
    shutil.rmtree(repository / ensemble(POLICY))
    with pytest.raises(RepositoryError, match="decides for demand_router, so demand_router_ensemble is needed"):
        policies(Repository(repository))


def test_an_ensemble_that_is_a_step_of_itself_is_refused(repository: Path) -> None:
    edit(repository, COMPLEXITY_ROUTER, 'model_name: "task_router"', 'model_name: "complexity_router"')
    with pytest.raises(RepositoryError, match="complexity_router: the ensemble is a step of itself"):
        policies(Repository(repository))


def test_an_unused_postprocessing_is_a_problem(repository: Path) -> None:
    shutil.copy(
        ROOT / "model_repository" / PROMPT_ROUTER_ENSEMBLE / "config.pbtxt", repository / PROMPT_ROUTER_ENSEMBLE
    )
    assert list(policies(Repository(repository))) == [TASK_ROUTER, COMPLEXITY_ROUTER]
    [sentence] = problems(Repository(repository), [])
    assert "does not run postprocessing_demand_router" in sentence


def test_labels_are_those_of_the_pinned_version(repository: Path) -> None:
    (repository / postprocessing(POLICY) / "2" / "labels.txt").write_text("no\nyes\n")
    assert labels(pins.preview(Repository(repository), {TASK_ROUTER: 1, COMPLEXITY_ROUTER: 1, POLICY: 2}))[POLICY] == [
        "no",
        "yes",
    ]


def test_every_policy_has_one_pass_of_the_network(repository: Path) -> None:
    opened = Repository(repository)
    outputs = Pipeline.load(opened, ensembles(opened)).infer(
        PROMPT_ROUTER_ENSEMBLE, {INPUT: text_tensor([CODE.encode()])}
    )
    assert outputs["DEMAND_LABEL"].item() == b"large"
    assert opened.composing(PROMPT_ROUTER_ENSEMBLE).count(TASK_ROUTER) == 1
