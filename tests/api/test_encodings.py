"""Compressed answers and their ETags, against the decoders of other libraries."""

import gzip
import zlib

import brotli
import httpx
import pytest
import zstandard

from api.standing.encodings import chosen

ITEMS = "/collections/buildings/items?limit=40"
DECODE = {
    "zstd": lambda data: zstandard.ZstdDecompressor().decompress(data),
    "gzip": gzip.decompress,
    "br": brotli.decompress,
}


def raw(address, path, **headers):
    """The bytes as they came, not decoded."""
    with (
        httpx.Client(base_url=address) as client,
        client.stream(
            "GET", path, headers={n.replace("_", "-"): v for n, v in headers.items()}
        ) as found,
    ):
        return found, b"".join(found.iter_raw())


@pytest.mark.parametrize(
    ("asked", "coding"),
    [("gzip", "gzip"), ("zstd", "zstd"), ("br", "br"), ("gzip, deflate, br, zstd", "zstd"), ("zstd;q=0.1, br;q=0.9", "br"),
     ("gzip;q=0, *", "zstd"), ("x-gzip", "gzip"), ("identity", None), ("", None), ("gzip;q=0", None), ("*;q=0", None), ("gzip;q=abc", None)],
)  # fmt: skip
def test_the_client_says_what_it_takes(address, asked, coding):
    assert chosen(asked) == coding
    found, data = raw(address, ITEMS, accept_encoding=asked)
    assert found.headers.get("content-encoding") == coding
    assert int(found.headers["content-length"]) == len(data)
    assert "Accept-Encoding" in found.headers["vary"]
    plain = DECODE[coding](data) if coding else data
    assert plain.startswith(b'{"type":"FeatureCollection"')
    assert coding is None or len(data) < len(plain) / 4


@pytest.mark.parametrize(
    "path",
    [
        "/mvt/buildings/14/13380/6738",
        "/tiles/buildings/0.glb",
        "/page/index.html",
        "/collections",
        "/api",
        "/city",
    ],
)
def test_every_encoding_has_an_etag_of_its_own_and_is_known_again(address, path):
    tags = {}
    for coding in ("identity", "gzip", "zstd", "br"):
        found, _ = raw(address, path, accept_encoding=coding)
        assert found.status_code == 200, path
        again, body = raw(
            address, path, accept_encoding=coding, if_none_match=f'"x", {found.headers["etag"]}'
        )
        assert (again.status_code, body, again.headers["etag"]) == (304, b"", found.headers["etag"])
        assert "Accept-Encoding" in again.headers["vary"]
        tags[coding, found.headers.get("content-encoding")] = found.headers["etag"]
    encodings = {given: tag for (_, given), tag in tags.items()}
    assert len(set(encodings.values())) == len(encodings)
    if "gzip" in encodings:
        other, _ = raw(address, path, accept_encoding="zstd", if_none_match=encodings["gzip"])
        assert other.status_code == 200


def test_ranges_are_of_the_file_itself(address):
    found, data = raw(
        address, "/tiles/buildings/0.glb", accept_encoding="gzip, zstd", range="bytes=4-9"
    )
    assert (found.status_code, data) == (206, bytes(range(6)))
    assert "content-encoding" not in found.headers


def test_the_live_stream_and_small_answers_are_sent_as_they_are(address):
    found, _ = raw(address, "/conformance?f=json", accept_encoding="identity")
    assert "content-encoding" not in found.headers
    with (
        httpx.Client(base_url=address) as client,
        client.stream("GET", "/live", headers={"accept-encoding": "gzip, zstd"}) as stream,
    ):
        assert "content-encoding" not in stream.headers
        assert next(stream.iter_raw()).startswith(b"retry:")
    small, data = raw(address, "/address/parse?q=a", accept_encoding="gzip")
    assert "content-encoding" not in small.headers
    assert len(data) < 500
    assert zlib.crc32(data)
