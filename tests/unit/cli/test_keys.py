"""`edge-router keys`: adds, lists and revokes access keys in a file."""

import json
from pathlib import Path

import pytest

from edge_router.controller.auth import AccessKeys, Authenticator
from tests.support.command import edge_router


def test_a_key_is_printed_once_is_accepted_and_can_be_revoked(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    limits = ("--models", "small, large", "--requests-per-minute", "60", "--tokens-per-minute", "9000", "--local-only")
    secret = edge_router("keys", "add", "phone", *limits, "--keys", str(file)).stdout.strip()
    edge_router("keys", "add", "tv", EDGE_ROUTER_KEYS=str(file))
    assert secret not in file.read_text()
    caller = Authenticator(AccessKeys(file)).authenticate([(b"x-api-key", secret.encode())])
    assert (caller.name, caller.models, caller.local_only) == ("phone", {"small", "large"}, True)

    listed = edge_router("keys", "list", "--keys", str(file), "--json")
    assert json.loads(listed.stdout) == [
        {
            "name": "phone",
            "models": ["small", "large"],
            "requests_per_minute": 60,
            "tokens_per_minute": 9000,
            "local_only": True,
        },
        {"name": "tv", "models": None, "requests_per_minute": None, "tokens_per_minute": None, "local_only": False},
    ]
    assert "phone" in edge_router("keys", "list", "--keys", str(file)).stdout

    assert edge_router("keys", "revoke", "phone", "--keys", str(file)).returncode == 0
    assert [row["name"] for row in json.loads(edge_router("keys", "list", "--keys", str(file), "--json").stdout)] == [
        "tv"
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "tv"), "tv already has a key"),
        (("add", "a b"), "name: "),
        (("add", "x", "--models", ","), "models"),
        (("revoke", "nobody"), "nobody has no key; the file holds tv"),
    ],
)
def test_an_error_changes_nothing(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    file = tmp_path / "keys.yaml"
    edge_router("keys", "add", "tv", "--keys", str(file))
    before = file.read_text()
    done = edge_router("keys", *arguments, "--keys", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert file.read_text() == before


def test_a_file_must_be_named() -> None:
    done = edge_router("keys", "list", EDGE_ROUTER_KEYS="")
    assert done.returncode == 2
    assert "--keys" in done.stderr
