"""Which requests are authenticated, by which header, and until when."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_router.controller.auth import AccessKeys, Authenticator, KeyFile
from edge_router.controller.caller import Caller
from edge_router.errors import LimitedError, UnauthorizedError
from tests.unit.controller.auth.conftest import OTHER, SECRET, key

PHONE = Caller("phone", frozenset({"small"}), local_only=True)


def bearer(secret: str, scheme: str = "Bearer") -> tuple[bytes, bytes]:
    return b"authorization", f"{scheme} {secret}".encode()


def x_api_key(secret: str) -> tuple[bytes, bytes]:
    return b"x-api-key", secret.encode()


@pytest.fixture
def access(file: Path) -> Authenticator:
    return Authenticator(AccessKeys(file))


def test_without_keys_every_request_is_accepted() -> None:
    assert Authenticator(None).authenticate([bearer(SECRET)]) == Caller()


@pytest.mark.parametrize(
    "headers",
    [
        [bearer(SECRET)],
        [bearer(SECRET, "bearer")],
        [x_api_key(SECRET)],
        [bearer(SECRET), x_api_key(SECRET)],
        [(b"host", b"x"), bearer(SECRET), (b"accept", b"*/*")],
    ],
)
def test_a_key_is_found_in_either_header(access: Authenticator, headers: list[tuple[bytes, bytes]]) -> None:
    assert access.authenticate(headers) == PHONE


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [bearer("")],
        [x_api_key("")],
        [bearer(SECRET[:-1])],
        [bearer(SECRET + "s")],
        [bearer(SECRET.upper())],
        [bearer(f" {SECRET}")],
        [bearer(f"{SECRET}\r\nx-api-key: {SECRET}")],
        [bearer(SECRET, "Basic")],
        [(b"authorization", SECRET.encode())],
        [(b"authorization", f"Bearer\t{SECRET}".encode())],
        [bearer(SECRET), bearer(SECRET)],
        [bearer(SECRET), bearer(OTHER)],
        [x_api_key(SECRET), x_api_key(SECRET)],
        [bearer(SECRET), x_api_key(OTHER)],
        [bearer(SECRET), x_api_key("")],
        [bearer(SECRET, "Basic"), x_api_key(SECRET)],
        [(b"cookie", f"key={SECRET}".encode())],
        [(b"proxy-authorization", f"Bearer {SECRET}".encode())],
        [bearer("k" * 65_536)],
        [bearer("' OR '1'='1")],
        [bearer("\N{KEY}")],
        [(b"authorization", b"Bearer \xff\xfe\x00")],
    ],
)
def test_everything_else_is_refused_in_the_same_words(
    access: Authenticator, headers: list[tuple[bytes, bytes]]
) -> None:
    with pytest.raises(UnauthorizedError) as refused:
        access.authenticate(headers)
    with pytest.raises(UnauthorizedError) as without:
        access.authenticate([])
    assert str(refused.value) == str(without.value)


def test_a_change_of_the_file_is_reloaded_without_a_restart(access: Authenticator, file: Path) -> None:
    assert access.authenticate([bearer(OTHER)]).name == "tv"
    KeyFile(keys=[key("tablet", OTHER, models=["large"])]).write(file)
    assert access.authenticate([bearer(OTHER)]) == Caller("tablet", frozenset({"large"}))
    with pytest.raises(UnauthorizedError):
        access.authenticate([bearer(SECRET)])


@pytest.mark.parametrize("text", ["keys: [{name: x}]", None])
def test_a_bad_or_missing_file_changes_nothing_and_is_logged_once(
    access: Authenticator, file: Path, text: str | None
) -> None:
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    with capture_logs() as logs:
        assert access.authenticate([bearer(SECRET)]) == PHONE
        assert access.authenticate([bearer(SECRET)]) == PHONE
    assert [line["event"] for line in logs] == ["access keys not reloaded"]
    with pytest.raises(UnauthorizedError):
        access.authenticate([])


def test_requests_are_limited_by_key(file: Path) -> None:
    KeyFile(keys=[key("phone", SECRET, requests_per_minute=2), key("tv", OTHER)]).write(file)
    access = Authenticator(AccessKeys(file))
    for _ in range(2):
        access.authenticate([bearer(SECRET)])
    with pytest.raises(LimitedError, match="2 requests a minute") as limited:
        access.authenticate([bearer(SECRET)])
    assert limited.value.retry_after is not None
    assert 0 < limited.value.retry_after <= 60
    access.authenticate([bearer(OTHER)])


def test_tokens_are_limited_once_they_are_used_even_by_a_single_answer(file: Path) -> None:
    KeyFile(keys=[key("phone", SECRET, tokens_per_minute=100), key("tv", OTHER)]).write(file)
    access = Authenticator(AccessKeys(file))
    caller = access.authenticate([bearer(SECRET)])
    access.count_tokens(caller, 99)
    access.authenticate([bearer(SECRET)])
    access.count_tokens(caller, 5000)
    with pytest.raises(LimitedError, match="100 tokens a minute") as limited:
        access.authenticate([bearer(SECRET)])
    assert limited.value.retry_after is not None
    assert 0 < limited.value.retry_after <= 60
    access.authenticate([bearer(OTHER)])


def test_a_refused_request_does_not_count(file: Path) -> None:
    KeyFile(keys=[key("phone", SECRET, requests_per_minute=1, tokens_per_minute=1)]).write(file)
    access = Authenticator(AccessKeys(file))
    for _ in range(3):
        with pytest.raises(UnauthorizedError):
            access.authenticate([bearer(SECRET), x_api_key(OTHER)])
    access.authenticate([bearer(SECRET)])


def test_an_answer_to_a_revoked_key_does_not_count(access: Authenticator, file: Path) -> None:
    caller = access.authenticate([bearer(SECRET)])
    KeyFile().write(file)
    with pytest.raises(UnauthorizedError):
        access.authenticate([bearer(SECRET)])
    access.count_tokens(caller, 10)
    Authenticator(None).count_tokens(Caller(), 10)
