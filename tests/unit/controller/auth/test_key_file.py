"""The file of the access keys."""

import stat
from pathlib import Path

import pytest

from edge_router.controller.auth import AccessKeyConfig, KeyFile, digest, new_secret
from edge_router.errors import ConfigError

DIGEST = "0" * 64


def test_what_is_written_is_what_is_read_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    kept = KeyFile(
        keys=[AccessKeyConfig(name="phone", sha256=DIGEST, models=["small"], tokens_per_minute=5, local_only=True)]
    )
    kept.write(file)
    assert KeyFile.read(file) == kept
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere/keys\.yaml: cannot be written"):
        KeyFile().write(tmp_path / "nowhere" / "keys.yaml")


def test_every_key_is_another_and_fits_into_a_header() -> None:
    keys = {new_secret() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("er-") and len(key) == 3 + 43 and key.isascii() and key.isprintable() for key in keys)
    assert len(digest(b"er-x")) == 32


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[", "not YAML"),
        ("\xff", "not YAML"),
        ("- a", "must be a mapping; its keys: keys"),
        ("key: []", "key: no such key; did you mean keys"),
        ("keys: [{name: a}]", "keys.0.sha256: is missing"),
        ("keys: [{name: a, sha256: secret}]", "keys.0.sha256: "),
        (f"keys: [{{name: '', sha256: '{DIGEST}'}}]", "keys.0.name: "),
        (f"keys: [{{name: 'a b', sha256: '{DIGEST}'}}]", "keys.0.name: "),
        (f"keys: [{{name: a, sha256: '{DIGEST}', models: []}}]", "keys.0.models: "),
        (f"keys: [{{name: a, sha256: '{DIGEST}', tokens_per_minute: 0}}]", "keys.0.tokens_per_minute: "),
        (f"keys: [{{name: a, sha256: '{DIGEST}'}}, {{name: a, sha256: '{'1' * 64}'}}]", "keys.1.name: a occurs twice"),
        (f"keys: [{{name: a, sha256: '{DIGEST}'}}, {{name: b, sha256: '{DIGEST}'}}]", "keys.1.sha256: occurs twice"),
    ],
)
def test_a_wrong_file_is_refused_by_file_and_key(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "keys.yaml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=f"^{file}: .*{problem}") as caught:
        KeyFile.read(file)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"keys\.yaml: No such file"):
        KeyFile.read(tmp_path / "keys.yaml")
