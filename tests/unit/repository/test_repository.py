from pathlib import Path

import pytest

from edge_router.errors import NotFoundError, RepositoryError
from edge_router.repository import Repository


def write(root: Path, model: str, config: str = "", versions: tuple[str, ...] = ("1",)) -> None:
    for version in versions:
        (root / model / version).mkdir(parents=True)
    (root / model / "config.pbtxt").write_text(config)


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ("", [10]),
        ("version_policy { latest { num_versions: 2 } }", [3, 10]),
        ("version_policy { all { } }", [2, 3, 10]),
        ("version_policy { specific { versions: [ 2, 7 ] } }", [2]),
    ],
)
def test_the_version_policy_decides_which_versions_are_served(policy: str, served: list[int], tmp_path: Path) -> None:
    write(tmp_path, "m", policy, ("2", "3", "10", "04", "notes"))
    assert Repository(tmp_path).versions("m") == served


def test_a_pin_that_is_not_served_is_named(tmp_path: Path) -> None:
    write(tmp_path, "m")
    repository = Repository(tmp_path)
    assert repository.version("m") == 1
    with pytest.raises(NotFoundError, match="no version 2; it serves 1"):
        repository.version("m", 2)


def test_a_misspelt_field_is_refused_with_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, "m", "max_batch_size: 8\nmax_bach_size: 8\n")
    with pytest.raises(RepositoryError, match=r"m/config\.pbtxt.*2:1.*max_bach_size"):
        Repository(tmp_path)


def test_a_name_that_is_not_the_folders_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "m", 'name: "n"')
    with pytest.raises(RepositoryError, match="'n' in folder 'm'"):
        Repository(tmp_path)


def test_an_override_replaces_the_whole_file(tmp_path: Path) -> None:
    write(tmp_path / "base", "m", 'backend: "python" max_batch_size: 8')
    write(tmp_path / "layer", "m", "max_batch_size: 4")
    config = Repository(tmp_path / "base", tmp_path / "layer").config("m")
    assert (config.max_batch_size, config.backend) == (4, "")


def test_an_override_of_an_unknown_model_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "base", "m")
    write(tmp_path / "layer", "typo")
    with pytest.raises(RepositoryError, match="typo"):
        Repository(tmp_path / "base", tmp_path / "layer")


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="not a model repository"):
        Repository(tmp_path)


def test_an_unknown_model_is_named_with_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path, "m")
    with pytest.raises(NotFoundError, match=r"'x' is not in .*; it holds m"):
        Repository(tmp_path).config("x")
