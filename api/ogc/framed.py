"""Answers whose headers are the same but for their tag and length."""

from functools import lru_cache
from typing import Any

from starlette.responses import Response

from api.ogc.envelope import VARY

__all__ = ["Framed", "framed_heads"]

Heads = tuple[tuple[bytes, bytes], ...]


@lru_cache(256)
def framed_heads(language: str, uri: str) -> Heads:
    """What stands before the ETag of items in a language and a coordinate system."""
    headers = {
        "content-language": language,
        "vary": VARY,
        "cache-control": "no-cache",
        "content-crs": f"<{uri}>",
    }
    return tuple((name.encode(), value.encode("latin-1")) for name, value in headers.items())


class Framed(Response):
    """An answer in pieces, which are not joined before they must be.

    Parameters
    ----------
    status : int
        200, or 304 without pieces.
    static : sequence of headers
        Those before the tag.
    tag : str
    media : str, optional
    pieces : sequence of bytes
    """

    def __init__(
        self,
        status: int,
        static: Heads,
        tag: str,
        media: str = "",
        pieces: tuple[bytes | memoryview, ...] = (),
    ) -> None:
        self.status_code, self.static, self.tag = status, static, tag.encode()
        self.media, self.pieces = media.encode(), pieces
        self.size = sum(map(len, pieces))
        self.background = None

    @property
    def body(self) -> bytes:  # type: ignore[override]  # joined when it is looked at
        """All pieces."""
        return b"".join(self.pieces)

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:  # type: ignore[override]  # made when they are looked at
        """As the base class makes them."""
        headers: list[Any] = [*self.static, (b"etag", self.tag)]
        if self.media:
            length = str(self.size).encode()
            headers += [(b"content-length", length), (b"content-type", self.media)]
        return headers
