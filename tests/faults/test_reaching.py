"""Faults in the connection to an upstream: its name, its port, its certificate."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from edge_router.controller.upstream.connector import UpstreamConnector
from tests.faults.conftest import Start
from tests.faults.test_before_the_first_byte import ask, is_error, is_good
from tests.faults.upstream import FaultyUpstream, serving
from tests.support.ports import free_ports


class GivenResolver(AbstractResolver):
    """Finds a name after `seconds`, or not at all."""

    def __init__(self, seconds: float, found: bool) -> None:
        self._seconds = seconds
        self._found = found

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        await asyncio.sleep(self._seconds)
        if not self._found:
            raise OSError(None, "Name or service not known")
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


async def test_a_port_where_nothing_listens(start: Start, other: FaultyUpstream) -> None:
    [port] = free_ports(1)
    unused = {"url": f"http://127.0.0.1:{port}/v1"}
    _, client = await start({"first": unused})
    answer, content = await ask(client)
    assert (answer.status, is_error(answer, content)) == (502, True)
    _, client = await start({"first": unused, "second": other})
    answer, content = await ask(client)
    assert (answer.status, is_good(content, False)) == (200, True)


async def test_a_port_that_accepts_no_connection(start: Start) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for each in (first, second):  # as many as the kernel queues; later ones get no answer
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        _, client = await start({"first": {"url": f"http://127.0.0.1:{full.getsockname()[1]}/v1"}})
        answer, content = await ask(client)
    assert (answer.status, is_error(answer, content)) == (504, True)


@pytest.mark.parametrize(("seconds", "found", "status"), [(0, False, 502), (30, True, 504), (0, True, 200)])
async def test_a_name(start: Start, upstream: FaultyUpstream, seconds: float, found: bool, status: int) -> None:
    connector = UpstreamConnector(resolver=GivenResolver(seconds, found))
    _, client = await start({"first": {"url": f"http://llm.example:{upstream.port}/v1"}}, connector)
    answer, content = await ask(client)
    assert answer.status == status
    assert is_good(content, False) if status == 200 else is_error(answer, content)


Sign = Callable[..., ssl.SSLContext]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate authority that the controller trusts in these tests."""
    folder = tmp_path_factory.mktemp("tls")
    openssl(folder, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=authority -days 2")
    return folder


@pytest.fixture
def sign(authority: Path, tmp_path: Path) -> Sign:
    """An upstream's TLS with a certificate for `name`, valid until `until`, signed by the authority or by itself."""

    def sign(name: str = "localhost", until: str = "20990101000000Z", own: bool = False) -> ssl.SSLContext:
        subject = f"-subj /CN={name} -addext subjectAltName=DNS:{name} -addext basicConstraints=CA:FALSE"
        if own:
            openssl(tmp_path, f"req -x509 -newkey rsa:2048 -nodes -keyout key -out pem {subject} -days 2")
        else:
            openssl(tmp_path, f"req -newkey rsa:2048 -nodes -keyout key -out csr {subject}")
            (tmp_path / "index").touch()
            (tmp_path / "ca.cnf").write_text(
                "[ca]\ndefault_ca = d\n[d]\ndatabase = index\nnew_certs_dir = .\nrand_serial = yes\n"
                "default_md = sha256\npolicy = p\ncopy_extensions = copyall\n[p]\ncommonName = supplied\n"
            )
            signing = f"-keyfile {authority}/ca.key -cert {authority}/ca.pem"
            dates = f"-startdate 20200101000000Z -enddate {until}"
            openssl(tmp_path, f"ca -batch -notext -config ca.cnf {signing} -in csr -out pem {dates}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "pem", tmp_path / "key")
        return context

    return sign


@pytest.mark.parametrize(
    ("certificate", "status"),
    [({}, 200), ({"name": "other.example"}, 502), ({"until": "20200201000000Z"}, 502), ({"own": True}, 502)],
    ids=["good", "wrong name", "expired", "self-signed"],
)
async def test_a_certificate(
    start: Start, authority: Path, sign: Sign, other: FaultyUpstream, certificate: dict[str, Any], status: int
) -> None:
    trust = ssl.create_default_context(cafile=str(authority / "ca.pem"))
    async with serving(FaultyUpstream(), sign(**certificate)) as upstream:
        first = {"url": f"https://localhost:{upstream.port}/v1"}
        connector = UpstreamConnector(ssl=trust, resolver=GivenResolver(0, True))
        _, client = await start({"first": first}, connector)
        answer, content = await ask(client)
        assert answer.status == status
        assert len(upstream.requests) == (1 if status == 200 else 0)
        assert is_good(content, False) if status == 200 else b"certificate" in content


def openssl(folder: Path, arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)
