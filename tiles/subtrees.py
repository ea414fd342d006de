"""Binary subtrees of implicit quadtrees: which tiles and contents there are.

3D Tiles 1.1, implicit tiling, §subtrees: a header, a JSON chunk, a binary chunk. Only availability is
written; clients that read no subtree metadata lose nothing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.membership import morton

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["LEVELS", "Subtree", "read_subtree", "write_subtrees"]

LEVELS = 5
"""Levels one subtree holds."""
TILES = (4**LEVELS - 1) // 3
MAGIC = 0x74627573
Cell = tuple[int, int, int]
Bits = NDArray[np.bool_]


def write_subtrees(contents: Iterable[Cell], write: Callable[[Cell, bytes], None]) -> int:
    """Write the subtrees of one implicit tileset.

    Parameters
    ----------
    contents : iterable of (level, x, y)
        Cells with a content, counted from the implicit root; at least one.
    write : callable
        Takes the root cell of a subtree and its bytes.

    Returns
    -------
    int
        ``availableLevels`` of the implicit root.
    """
    full = set(contents)
    tiles = {(c[0] - k, c[1] >> k, c[2] >> k) for c in full for k in range(c[0] + 1)}
    roots = sorted(c for c in tiles if c[0] % LEVELS == 0)
    for root in roots:
        write(root, _subtree(root, tiles, full))
    return max(c[0] for c in tiles) + 1


def _below(root: Cell, cells: set[Cell], depth: int) -> list[tuple[int, int, int]]:
    """Cells at most ``depth`` levels below a root, counted from it."""
    level, x, y = root
    out = []
    for cell in cells:
        k = cell[0] - level
        if 0 <= k <= depth and (cell[1] >> k, cell[2] >> k) == (x, y):
            out.append((k, cell[1] - (x << k), cell[2] - (y << k)))
    return out


def _places(cells: list[Cell]) -> NDArray[np.int64]:
    """Bit of each cell: levels one after another, Morton order in each."""
    level, x, y = np.array(cells, dtype=np.int64).reshape(-1, 3).T
    return (4**level - 1) // 3 + morton(x, y)


def _subtree(root: Cell, tiles: set[Cell], full: set[Cell]) -> bytes:
    below = _below(root, tiles, LEVELS)
    own = [c for c in below if c[0] < LEVELS]
    deeper = [c for c in below if c[0] == LEVELS]
    held = _below(root, full, LEVELS - 1)
    parts: list[bytes] = []
    document: dict[str, Any] = {"buffers": [], "bufferViews": []}
    document["tileAvailability"] = _bits(_places(own), TILES, document, parts)
    document["contentAvailability"] = [_bits(_places(held), TILES, document, parts)]
    document["childSubtreeAvailability"] = _bits(
        _places(deeper) - TILES, 4**LEVELS, document, parts
    )
    binary = b"".join(parts)
    if binary:
        document["buffers"] = [{"byteLength": len(binary)}]
    else:
        del document["buffers"], document["bufferViews"]
    text = orjson.dumps(document)
    text += b" " * (-len(text) % 8)
    return struct.pack("<IIQQ", MAGIC, 1, len(text), len(binary)) + text + binary


def _bits(
    places: NDArray[np.int64], size: int, document: dict[str, Any], parts: list[bytes]
) -> dict[str, int]:
    """Availability as a constant where all or none are there, else as a bit stream."""
    if len(places) in (0, size):
        return {"constant": int(len(places) == size)}
    bits = np.zeros(size, dtype=bool)
    bits[places] = True
    data = np.packbits(bits, bitorder="little").tobytes()
    start = sum(map(len, parts))
    document["bufferViews"].append({"buffer": 0, "byteOffset": start, "byteLength": len(data)})
    parts.append(data + b"\0" * (-len(data) % 8))
    return {"bitstream": len(document["bufferViews"]) - 1, "availableCount": len(places)}


@dataclass(frozen=True, slots=True)
class Subtree:
    """What a subtree says: cells counted from its root."""

    tiles: list[Cell]
    contents: list[Cell]
    children: list[Cell]


def read_subtree(blob: bytes, levels: int) -> Subtree:
    """Read a subtree.

    Parameters
    ----------
    blob : bytes
    levels : int
        ``subtreeLevels`` of the tileset.

    Raises
    ------
    ValueError
        If it is none, or says more than it holds.
    """
    if len(blob) < 24:
        raise ValueError(f"{len(blob)} bytes are no subtree")
    magic, version, text, binary = struct.unpack_from("<IIQQ", blob)
    if magic != MAGIC or version != 1 or 24 + text + binary != len(blob) or text % 8:
        raise ValueError(f"header {magic:#x}, version {version}, chunks of {text} and {binary}")
    document = orjson.loads(blob[24 : 24 + text])
    data = blob[24 + text :]
    n = (4**levels - 1) // 3

    def cells(said: dict[str, int], first: int, size: int) -> list[Cell]:
        if "constant" in said:
            bits = np.full(size, bool(said["constant"]))
        else:
            view = document["bufferViews"][said["bitstream"]]
            raw = data[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
            if len(raw) != (size + 7) // 8:
                raise ValueError(f"{len(raw)} bytes for {size} bits")
            bits = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[:size] > 0
            if int(bits.sum()) != said.get("availableCount", int(bits.sum())):
                raise ValueError(f"availableCount {said['availableCount']}, {int(bits.sum())} bits")
        return [_cell(int(i) + first) for i in np.flatnonzero(bits)]

    return Subtree(
        cells(document["tileAvailability"], 0, n),
        cells(document["contentAvailability"][0], 0, n),
        cells(document["childSubtreeAvailability"], n, 4**levels),
    )


def _cell(place: int) -> Cell:
    """Inverse of :func:`_places` for one bit."""
    level = 0
    while place >= 4**level:
        place -= 4**level
        level += 1
    x = sum((place >> (2 * i) & 1) << i for i in range(level))
    y = sum((place >> (2 * i + 1) & 1) << i for i in range(level))
    return level, x, y
