"""Contents as they travel: gzip, which every client takes.

Deflate makes one code table for each of its blocks. A content is a header, streams of packed numbers
and texts, which share few byte values; flushed at their borders, each gets tables of its own, and the
whole is about a twentieth smaller.
"""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING

import orjson
from isal import isal_zlib

if TYPE_CHECKING:
    from tiles.features import Write

__all__ = ["pack", "with_packed"]

GZIP_WINDOW = 31
"""Window bits that ask for a gzip header."""
FLUSH_FROM = 1024
"""Parts shorter than this go with the one before: a border costs some bytes."""


def pack(content: bytes, level: int = 1) -> bytes:
    """Compress a content for the wire or for a static host.

    Parameters
    ----------
    content : bytes
        A ``.glb`` (cut at its views) or anything else (one piece).
    level : int
        0 (fast) to 3 of ISA-L.

    Returns
    -------
    bytes
        A gzip file without name and time. The same content gives the same bytes with the same
        version of ISA-L on the same kind of processor; what must not change with them, an ETag, is
        taken from the plain content.
    """
    stream = isal_zlib.compressobj(level, isal_zlib.DEFLATED, GZIP_WINDOW)
    out = []
    borders = _borders(content)
    for a, b in itertools.pairwise(borders):
        out.append(stream.compress(content[a:b]))
        if b < len(content):
            out.append(stream.flush(isal_zlib.Z_SYNC_FLUSH))
    out.append(stream.flush())
    return b"".join(out)


def with_packed(write: Write) -> Write:
    """A way of writing that puts a compressed twin, ``….glb.gz``, beside every content."""

    def both(name: str, data: bytes) -> None:
        write(name, data)
        if name.endswith(".glb"):
            write(f"{name}.gz", pack(data))

    return both


def _borders(content: bytes) -> list[int]:
    """Where the pieces of a content begin, and its end."""
    whole = [0, len(content)]
    if content[:4] != b"glTF" or len(content) < 28:
        return whole
    size = struct.unpack_from("<I", content, 12)[0]
    try:
        views = orjson.loads(content[20 : 20 + size]).get("bufferViews", [])
    except (orjson.JSONDecodeError, AttributeError):
        return whole
    starts = [28 + size]
    for view in views:
        place = view.get("extensions", {}).get("EXT_meshopt_compression", view)
        starts.append(28 + size + place.get("byteOffset", 0))
    borders = [0]
    for start in sorted(starts):
        if start - borders[-1] >= FLUSH_FROM and len(content) - start >= FLUSH_FROM:
            borders.append(start)
    return [*borders, len(content)]
