"""Implicit tiling: which tiles and contents are there, by the subtrees (3D Tiles 1.1, implicit tiling)."""

import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.tileset.members import Members, inside

__all__ = ["Available", "available"]

MOST_SUBTREES = 200_000
Available = tuple[int, int, int, int]
"""Level, x, y, z of a tile."""


def available(
    members: Members, base: str, tile: dict[str, Any], missing: list[str]
) -> Iterator[tuple[Available, bool]]:
    """Tiles that are there, each with whether it has content; subtrees that are not there go to ``missing``.

    Parameters
    ----------
    members : Members
    base : str
        Name of the document.
    tile : dict
        With ``implicitTiling``.
    missing : list of str
    """
    tiling = tile["implicitTiling"]
    octree = str(tiling.get("subdivisionScheme", "QUADTREE")).upper() == "OCTREE"
    depth = int(tiling["subtreeLevels"])
    levels = int(tiling.get("availableLevels", 0) or tiling.get("maximumLevel", 0) + 1)
    if not (1 <= depth <= 12 and 1 <= levels <= 32):
        raise ValueError(f"implicit tiling of {levels} levels in subtrees of {depth}")
    branch = 8 if octree else 4
    waiting: list[Available] = [(0, 0, 0, 0)]
    seen = 0
    while waiting and seen < MOST_SUBTREES:
        root = waiting.pop()
        seen += 1
        uri = str(tiling["subtrees"]["uri"])
        for key, value in zip(("{level}", "{x}", "{y}", "{z}"), root, strict=True):
            uri = uri.replace(key, str(value))
        name = inside(base, uri)
        if name is None or not members.exists(name):
            missing.append(uri)
            continue
        document, binary = _parsed(members, name)
        total = (branch**depth - 1) // (branch - 1)
        tiles = _bits(members, name, document, binary, document["tileAvailability"], total)
        contents = np.zeros(total, bool)
        content = document.get("contentAvailability")
        for one in content if isinstance(content, list) else [content] if content else []:
            contents |= _bits(members, name, document, binary, one, total)
        start = 0
        for level in range(depth):
            n = branch**level
            for k in np.flatnonzero(tiles[start : start + n]):
                yield _placed(root, level, int(k), octree), bool(contents[start + k])
            start += n
        if root[0] + depth < levels:
            children = _bits(members, name, document, binary, document["childSubtreeAvailability"], branch**depth)  # fmt: skip
            waiting += [_placed(root, depth, int(k), octree) for k in np.flatnonzero(children)]


def _parsed(members: Members, name: str) -> tuple[dict[str, Any], bytes]:
    with members.open(name) as file:
        data = file.read(1 << 28)
    if data[:4] != b"subt":
        document: dict[str, Any] = json.loads(data)
        return document, b""
    json_length, bin_length = struct.unpack_from("<QQ", data, 8)
    document = json.loads(data[24 : 24 + json_length])
    return document, data[24 + json_length : 24 + json_length + bin_length]


def _bits(
    members: Members,
    name: str,
    document: dict[str, Any],
    binary: bytes,
    availability: dict[str, Any],
    n: int,
) -> NDArray[np.bool_]:
    if "constant" in availability:
        return np.full(n, bool(availability["constant"]))
    view = document["bufferViews"][availability.get("bitstream", availability.get("bufferView"))]
    buffer = document["buffers"][view.get("buffer", 0)]
    data = binary
    if "uri" in buffer:
        outside = inside(name, str(buffer["uri"]))
        if outside is None or not members.exists(outside):
            raise ValueError(f"{name}: its buffer {buffer['uri']!r} is not there")
        with members.open(outside) as file:
            data = file.read(1 << 28)
    start = int(view.get("byteOffset", 0))
    raw = np.frombuffer(data[start : start + int(view["byteLength"])], np.uint8)
    bits = np.unpackbits(raw, bitorder="little").astype(bool)
    if len(bits) < n:
        raise ValueError(f"{name}: its availability is too short")
    return bits[:n]


def _placed(root: Available, level: int, k: int, octree: bool) -> Available:
    """Global place of the k-th tile (Morton order) of a level of a subtree."""
    width = 3 if octree else 2
    offsets = [0, 0, 0]
    for bit in range(level):
        for axis in range(width):
            offsets[axis] |= (k >> (bit * width + axis) & 1) << bit
    return (
        root[0] + level,
        (root[1] << level) + offsets[0],
        (root[2] << level) + offsets[1],
        (root[3] << level) + offsets[2],
    )
