"""Compressed answers: what a client takes best, and an ETag of its own for every encoding.

Answers that come with a Content-Encoding already (tiles from their folder) and those sent in pieces (files, the live
stream) pass as they are. The rest is compressed as it leaves: zstd or gzip at their quickest, Brotli for those who take
nothing else. RFC 9110 §8.8.3: a strong ETag names bytes, so each encoding has its own (``"…-zst"``).
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import brotli
import zstandard
from anyio import to_thread
from isal import igzip
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Encodings", "asked", "at_once", "chosen", "weights"]

Headers = list[tuple[bytes, bytes]]

LEAST: Final = 500
"""Bytes below which an answer is sent as it is."""
MOST: Final = 32 << 20
TAGGED: Final = 64 << 10
"""Bytes up to which an answer without an ETag is given one."""
IN_PLACE: Final = 256 << 10
"""Bytes up to which an answer is compressed on the event loop: under a millisecond."""
LEVEL: Final = 1
SUFFIX: Final[Mapping[str, bytes]] = {"zstd": b"-zst", "gzip": b"-gz", "br": b"-br"}
TEXTS: Final = (b"text/", b"application/json", b"application/geo+json", b"application/problem+json",
                b"application/xml", b"application/vnd.oai", b"application/vnd.mapbox-vector-tile",
                b"application/schema+json", b"application/openapi", b"application/x-parquet",
                b"application/wasm", b"image/svg", b"model/gltf", b"application/octet-stream")  # fmt: skip
ENDLESS: Final = b"text/event-stream"


def weights(header: str) -> dict[str, float]:
    """Weight of each coding of an Accept-Encoding header; what cannot be read counts as not taken.

    Examples
    --------
    >>> weights("gzip;q=0.5, br, *;q=0")
    {'gzip': 0.5, 'br': 1.0, '*': 0.0}
    """
    found: dict[str, float] = {}
    for part in header[:1000].split(","):
        coding, *more = part.split(";")
        weight = 1.0
        for given in more:
            name, _, value = given.partition("=")
            if name.strip().lower() == "q":
                try:
                    weight = min(max(float(value), 0.0), 1.0)
                except ValueError:
                    weight = 0.0
        if coding.strip():
            found[coding.strip().lower()] = weight if weight == weight else 0.0
    return found


@lru_cache(512)
def chosen(header: str) -> str | None:
    """The coding to answer in, None for none; of equal weights zstd, then gzip, then br.

    Examples
    --------
    >>> chosen("gzip, deflate, br, zstd"), chosen("br;q=1, gzip;q=0.8"), chosen("*"), chosen("zstd;q=0")
    ('zstd', 'br', 'zstd', None)
    >>> chosen("identity, gzip;q=0.5") is None
    True
    """
    if not header:
        return None
    given = weights(header)
    other = given.get("*", 0.0)
    best, most = None, 0.0
    for coding in SUFFIX:
        weight = (
            given.get("gzip", given.get("x-gzip", other))
            if coding == "gzip"
            else given.get(coding, other)
        )
        if weight > most:
            best, most = coding, weight
    return None if given.get("identity", 0.0) > most else best


_zstd: Final = zstandard.ZstdCompressor(level=LEVEL)


def _packed(coding: str, body: bytes) -> bytes:
    if coding == "zstd":
        # A compressor is not shared by threads; large bodies are compressed in one.
        own = _zstd if len(body) <= IN_PLACE else zstandard.ZstdCompressor(level=LEVEL)
        return own.compress(body)
    if coding == "gzip":
        return bytes(igzip.compress(body, LEVEL, mtime=0))
    return bytes(brotli.compress(body, quality=LEVEL))


class Encodings:
    """ASGI middleware that compresses what leaves in one piece."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Compress the answer in what the client takes."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        coding, known, scope["headers"] = asked(scope["headers"])
        answer = _Answer(send, coding, known, scope["method"] in ("GET", "HEAD"))
        await self.app(scope, receive, answer.send)


def asked(headers: Headers) -> tuple[str | None, bytes, Headers]:
    """The coding a request is answered in, its If-None-Match, and its headers for who answers without a coding.

    Those name, beside the tags of compressed answers, the tags that the answers have before.
    """
    takes, known = b"", b""
    for name, value in headers:
        if name == b"accept-encoding":
            takes = value
        elif name == b"if-none-match":
            known = value
    coding = chosen(takes.decode("latin-1")) if takes else None
    if coding is not None and SUFFIX[coding] in known:
        headers = [
            (n, _with_plain(v, SUFFIX[coding]) if n == b"if-none-match" else v) for n, v in headers
        ]
    return coding, known, headers


def _with_plain(given: bytes, suffix: bytes) -> bytes:
    """The tags of an If-None-Match header, and those of the answers before they are compressed."""
    mark = suffix + b'"'
    tags = [tag.strip() for tag in given.split(b",")]
    return b", ".join([*tags, *(tag[: -len(mark)] + b'"' for tag in tags if tag.endswith(mark))])


def at_once(
    head: Message, body: bytes, coding: str | None, known: bytes, reads: bool = True
) -> bytes | memoryview | None:
    """The body of a whole answer to a GET (not ``reads``: a POST) as it leaves, its head changed accordingly.

    None where packing it takes longer.
    """
    if coding is not None and len(body) > IN_PLACE:
        return None
    message: Message = {"type": "http.response.body", "body": body}
    answer = _Answer(_nowhere, coding, known, reads)
    message = answer.before(head, message)
    if head["status"] != 304 and answer.fits(head, message):
        message = answer.after(head, message, _packed(coding, body) if coding else body)
    found: bytes | memoryview = message["body"]
    return found


async def _nowhere(_message: Message) -> None:
    """Nobody listens."""


class _Answer:
    """One answer on its way out; its head waits for the first piece of the body."""

    __slots__ = ("_coding", "_head", "_known", "_reads", "_send")

    def __init__(self, send: Send, coding: str | None, known: bytes, reads: bool) -> None:
        self._send, self._coding, self._known, self._reads = send, coding, known, reads
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        """A message of the answer."""
        if message["type"] == "http.response.start":
            self._head = message
            return
        head, self._head = self._head, None
        if head is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        message = self.before(head, message)
        if head["status"] != 304 and self.fits(head, message):
            body = message["body"]
            if self._coding is None:
                packed = body
            elif len(body) <= IN_PLACE:
                packed = _packed(self._coding, body)
            else:
                packed = await to_thread.run_sync(_packed, self._coding, body)
            message = self.after(head, message, packed)
        await self._send(head)
        await self._send(message)

    def before(self, head: Message, message: Message) -> Message:
        """The answer tagged, and 304 where the client has it."""
        if self._reads and head["status"] == 200:
            message = self._tagged(head, message)
        if head["status"] == 304:
            head["headers"] = self._unchanged(head["headers"])
        return message

    def _tagged(self, head: Message, message: Message) -> Message:
        """A small answer without an ETag gets the hash of its bytes, unless it is not to be kept; 304 where it is known."""
        body = message.get("body", b"")
        if message.get("more_body", False) or not 0 < len(body) <= TAGGED:
            return message
        for name, value in head["headers"]:
            if name == b"etag" or (name == b"cache-control" and b"no-store" in value):
                return message
        tag = b'"' + blake2b(body, digest_size=12).hexdigest().encode() + b'"'
        headers = [*head["headers"], (b"etag", tag)]
        mark = b"" if self._coding is None else SUFFIX[self._coding]
        tags = {part.strip().removeprefix(b"W/") for part in self._known.split(b",")}
        if tags.isdisjoint((tag, tag[:-1] + mark + b'"')):
            head["headers"] = headers
            return message
        head["status"] = 304
        head["headers"] = [
            (n, v) for n, v in headers if n not in (b"content-length", b"content-type")
        ]
        return {"type": "http.response.body", "body": b""}

    def fits(self, head: Message, message: Message) -> bool:
        """Whether it is compressed for who takes that."""
        body = message.get("body", b"")
        if message.get("more_body", False) or not LEAST <= len(body) <= MOST:
            return False
        media = b""
        for name, value in head["headers"]:
            if name == b"content-encoding" or name == b"content-range":
                return False
            if name == b"content-type":
                media = value
        return media.startswith(TEXTS) and not media.startswith(ENDLESS)

    def after(self, head: Message, message: Message, packed: bytes) -> Message:
        """The answer with its body packed, where that made it smaller."""
        if self._coding is None or len(packed) >= len(message["body"]):
            head["headers"] = _varying(head["headers"])
            return message
        headers: list[Any] = []
        for name, value in _varying(head["headers"]):
            if name == b"content-length":
                headers.append((name, str(len(packed)).encode()))
            elif name == b"etag" and value.endswith(b'"'):
                headers.append((name, value[:-1] + SUFFIX[self._coding] + b'"'))
            elif name != b"accept-ranges":
                headers.append((name, value))
        headers.append((b"content-encoding", self._coding.encode()))
        head["headers"] = headers
        return {"type": "http.response.body", "body": packed}

    def _unchanged(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Headers of a 304: the ETag is that of the answer the client has."""
        if self._coding is None:
            return _varying(headers)
        suffix = SUFFIX[self._coding]
        told = []
        for name, value in headers:
            coded = value[:-1] + suffix + b'"' if name == b"etag" else value
            own = name == b"etag" and value not in self._known and coded in self._known
            told.append((name, coded if own else value))
        return _varying(told)


def _varying(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Headers that say the answer depends on Accept-Encoding."""
    for at, (name, value) in enumerate(headers):
        if name == b"vary":
            if b"accept-encoding" in value.lower() or value == b"*":
                return headers
            return [*headers[:at], (name, value + b", Accept-Encoding"), *headers[at + 1 :]]
    return [*headers, (b"vary", b"Accept-Encoding")]
