"""Content-Encoding in both directions."""

import gzip
import zlib

import pytest

from edge_router.asgi.body import BodyTooLargeError
from edge_router.errors import RequestError
from edge_router.server.compression import compress, decompress, negotiate_encoding


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_data_decompresses_to_the_original(encoding: str) -> None:
    assert decompress(compress(b"hello", encoding), encoding, 10) == b"hello"


def test_a_decompression_bomb_is_refused_at_the_limit() -> None:
    with pytest.raises(BodyTooLargeError):
        decompress(gzip.compress(b" " * 10_000_000), "gzip", 1000)


@pytest.mark.parametrize("body", [b"", b"hello", zlib.compress(b"hello"), gzip.compress(b"hello" * 100)[:-9]])
def test_damaged_data_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError, match="gzip"):
        decompress(body, "gzip", 1000)


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("", None), ("identity", None), ("br", None), ("gzip", "gzip"), ("deflate", "deflate"), ("gzip;q=0", None),
        ("gzip;q=0.1, deflate;q=0.9", "deflate"), ("GZIP", "gzip"), ("gzip;q=x", None), (";;,,", None),
    ],
)  # fmt: skip
def test_accept_encoding_chooses_the_heaviest_offered_encoding(header: str, encoding: str | None) -> None:
    assert negotiate_encoding(header) == encoding
