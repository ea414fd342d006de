"""Mapbox Vector Tile 2.1 of one layer, whole arrays at a time.

Everything in a feature message is a varint, so features are built as ragged arrays of integers and
turned into bytes once.

Source: https://github.com/mapbox/vector-tile-spec/tree/master/2.1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from tiles import varints

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Objects = NDArray[np.object_]

__all__ = ["EXTENT", "Tags", "encode_layer", "layer_message", "sized", "value_message"]

EXTENT = 4096
POINT, LINE, POLYGON = 1, 2, 3
_KINDS = np.array([POINT, LINE, LINE, POLYGON, POINT, LINE, POLYGON, 0])
"""MVT type by shapely's geometry type."""

_TYPES = {0x38: "Boolean", 0x30: "Number", 0x19: "Number"}
"""TileJSON's name of a value's type by the key its message begins with."""

Value = str | float | int | bool


@dataclass(frozen=True, slots=True)
class Tags:
    """Attributes of n features, encoded once for all tiles.

    ``codes`` (n, keys) numbers the values, −1 where absent; ``blobs`` has each value as bytes.
    """

    keys: list[str]
    codes: Ints
    blobs: list[bytes]

    @classmethod
    def of(cls, columns: dict[str, list[Value | None]]) -> Tags:
        """Number and encode the values of some columns of equal length."""
        number: dict[tuple[type, Value], int] = {}
        codes = [
            [-1 if v is None else number.setdefault((type(v), v), len(number)) for v in values]
            for values in columns.values()
        ]
        table = np.array(codes, dtype=np.int64).T
        return cls(list(columns), table, [value_message(v) for _, v in number])

    def take(self, rows: Ints) -> Tags:
        """The attributes of some features."""
        return Tags(self.keys, self.codes[rows], self.blobs)

    def only(self, keys: frozenset[str]) -> Tags:
        """Some of the keys."""
        at = [i for i, key in enumerate(self.keys) if key in keys]
        return Tags([self.keys[i] for i in at], self.codes[:, at], self.blobs)

    def fields(self) -> dict[str, str]:
        """Type of each key as TileJSON has it; a key of several types is a String."""
        kind = np.array([_TYPES.get(blob[2], "String") for blob in self.blobs] or ["String"])
        out = {}
        for key, codes in zip(self.keys, self.codes.T, strict=True):
            found = np.unique(kind[codes[codes >= 0]])
            out[key] = str(found[0]) if len(found) == 1 else "String"
        return out


def encode_layer(name: str, ids: Ints, geometry: Objects, tags: Tags) -> bytes:
    """One tile with one layer.

    Parameters
    ----------
    name : str
    ids : ndarray of int64, shape (n,)
        Below 2⁵³.
    geometry : ndarray of shapely geometries, shape (n,)
        Tile units: 0–4096 from the west and from the **south** (the encoder turns y), already
        clipped; points, lines, polygons or their multis.
    tags : Tags

    Returns
    -------
    bytes
        Empty where nothing is left after rounding to tile units.
    """
    kinds = _KINDS[np.maximum(shapely.get_type_id(geometry), 0)]
    order = np.argsort(kinds, kind="stable")
    ids, geometry, tags, kinds = ids[order], geometry[order], tags.take(order), kinds[order]
    done = [_commands(geometry[kinds == k], k) for k in (0, POINT, LINE, POLYGON)]
    commands, count = (np.concatenate([d[i] for d in done]) for i in (0, 1))
    keep = count > 0
    if not keep.any():
        return b""
    tag_values, tag_count, table = _tags(tags.take(np.flatnonzero(keep)))
    pair = commands, count[keep]
    return _layer(name, ids[keep], kinds[keep], pair, (tag_values, tag_count), table)


def _layer(
    name: str, ids: Ints, kinds: Ints, commands: tuple[Ints, Ints], tags: tuple[Ints, Ints],
    table: bytes,
) -> bytes:  # fmt: skip
    n = len(ids)
    one = np.ones(n, dtype=np.int64)

    def part(key: int, values: Ints, count: Ints) -> list[tuple[Ints, Ints]]:
        ends = np.concatenate([[0], np.cumsum(varints.lengths(values))])
        stop = np.cumsum(count)
        size = ends[stop] - ends[stop - count]
        return [(one * key, one), (size, one), (values, count)]

    parts = [(one * 0x08, one), (ids, one), *part(0x12, *tags), (one * 0x18, one), (kinds, one)]
    body, count = varints.interleave([*parts, *part(0x22, *commands)], n)
    features, _ = varints.interleave(part(0x12, body, count), n)
    return layer_message(name, varints.encode(features), [], table)


def layer_message(name: str, features: bytes, keys: list[str], values: bytes) -> bytes:
    """A layer of encoded features and values; the keys come before the values."""
    table = b"".join([sized(0x1A, key.encode()) for key in keys]) + values
    head, tail = sized(0x0A, name.encode()), b"\x28" + varints.encode(np.array([EXTENT]))
    return sized(0x1A, head + features + table + tail + b"\x78\x02")


def sized(key: int, message: bytes, length: int = -1) -> bytes:
    """A length-delimited field; its beginning alone where the message of a ``length`` follows."""
    size, head = max(len(message), length), bytearray([key])
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    head.append(size)
    return bytes(head) + message


def value_message(value: Value) -> bytes:
    """A value as a layer holds it."""
    if isinstance(value, bool):
        return sized(0x22, b"\x38" + bytes([value]))
    if isinstance(value, int) and -64 <= value < 64:
        return bytes((0x22, 2, 0x30, value << 1 if value >= 0 else ~(value << 1)))
    if isinstance(value, int):
        return sized(0x22, b"\x30" + varints.encode(varints.zigzag(np.array([value]))))
    if isinstance(value, float):
        return sized(0x22, b"\x19" + struct.pack("<d", value))
    text = value.encode()
    if len(text) < 126:
        return bytes((0x22, len(text) + 2, 0x0A, len(text))) + text
    return sized(0x22, sized(0x0A, text))


def _tags(tags: Tags) -> tuple[Ints, Ints, bytes]:
    """(key and value numbers per feature, how many per feature, key and value tables).

    Keys and values are numbered by what these features have, so a tile's bytes depend on nothing else.
    """
    present = tags.codes >= 0
    used, first, local = np.unique(tags.codes.T[present.T], return_index=True, return_inverse=True)
    rank = np.empty(len(used), np.int64)
    rank[np.argsort(first)] = np.arange(len(used))
    value = np.zeros(present.shape[::-1], np.int64)
    value[present.T] = rank[local]
    has = np.any(present, axis=0)
    key = np.broadcast_to(np.cumsum(has) - 1, present.shape)
    pairs = np.stack([key[present], value.T[present]], axis=1)
    keys = b"".join(
        sized(0x1A, k.encode()) for k, h in zip(tags.keys, has.tolist(), strict=True) if h
    )
    table = keys + b"".join([tags.blobs[i] for i in used[np.argsort(first)].tolist()])
    return pairs.ravel().astype(np.int64), present.sum(axis=1) * 2, table


def _commands(geometry: Objects, kind: int) -> tuple[Ints, Ints]:
    """Commands of features of one kind in a row, and how many integers each has (0: vanished)."""
    n = len(geometry)
    if not n or not kind:
        return np.empty(0, np.int64), np.zeros(n, np.int64)
    if kind == POINT:
        return _points(geometry)
    parts, feature = shapely.get_parts(geometry, return_index=True)
    if kind == POLYGON:
        parts, of = shapely.get_rings(
            shapely.orient_polygons(parts, exterior_cw=True), return_index=True
        )
        polygon, feature = of, feature[of]
        return _paths(parts, feature, polygon, n, closed=True)
    return _paths(parts, feature, np.arange(len(parts)), n, closed=False)


def _points(geometry: Objects) -> tuple[Ints, Ints]:
    raw, of = shapely.get_coordinates(geometry, return_index=True)
    xy = _integers(raw)
    delta = np.diff(xy, axis=0, prepend=0)
    begins = np.append(True, of[1:] != of[:-1])[: len(of)]
    delta[begins] = xy[begins]
    count = np.bincount(of, minlength=len(geometry))
    has = (count > 0).astype(np.int64)
    values, total = varints.interleave(
        [((count << 3 | 1)[count > 0], has), (varints.zigzag(delta).ravel(), 2 * count)],
        len(geometry),
    )
    return values, total


def _integers(xy: NDArray[np.float64]) -> Ints:
    out = np.rint(xy).astype(np.int64)
    out[:, 1] = EXTENT - out[:, 1]
    return out


def _paths(
    parts: Objects, feature: Ints, polygon: Ints, n: int, *, closed: bool
) -> tuple[Ints, Ints]:
    """Commands of lines or rings; points that fall together and parts that vanish are dropped."""
    raw, part = shapely.get_coordinates(parts, return_index=True)
    xy = _integers(raw)
    again = np.append(False, (part[1:] == part[:-1]) & (xy[1:] == xy[:-1]).all(axis=1))
    if closed:  # the closing point is the command's business
        again |= np.append(part[1:] != part[:-1], True)
    again[: len(xy)] &= True
    xy, part = xy[~again], part[~again]
    if closed and len(xy):  # a ring whose last point fell onto its first
        first, last = _ends(part)
        drop = last[(xy[first] == xy[last]).all(axis=1) & (last > first)]
        keep = np.ones(len(xy), dtype=bool)
        keep[drop] = False
        xy, part = xy[keep], part[keep]
    count = np.bincount(part, minlength=len(parts))
    good = count >= (3 if closed else 2)
    if closed and len(xy):
        good &= np.abs(_twice_area(xy, part, len(parts))) > 0
        outer = np.append(True, polygon[1:] != polygon[:-1])[: len(polygon)]
        good &= good[outer][np.cumsum(outer) - 1]  # holes go with their outer ring
    keep = good[part]
    xy, part = xy[keep], part[keep]
    if not len(xy):
        return np.empty(0, np.int64), np.zeros(n, np.int64)
    return _path_commands(xy, part, feature, n, closed=closed)


def _ends(part: Ints) -> tuple[Ints, Ints]:
    first = np.flatnonzero(np.append(True, part[1:] != part[:-1]))
    return first, np.append(first[1:], len(part)) - 1


def _twice_area(xy: Ints, part: Ints, n: int) -> NDArray[np.float64]:
    first, last = _ends(part)
    after = np.arange(1, len(xy) + 1)
    after[last] = first
    cross = xy[:, 0] * xy[after, 1] - xy[after, 0] * xy[:, 1]
    return np.bincount(part, cross.astype(np.float64), minlength=n).astype(np.float64)


def _path_commands(
    xy: Ints, part: Ints, feature: Ints, n: int, *, closed: bool
) -> tuple[Ints, Ints]:
    first, last = _ends(part)
    delta = np.diff(xy, axis=0, prepend=0)
    of = feature[part]
    begins = np.append(True, of[1:] != of[:-1])
    delta[begins] = xy[begins]  # the cursor starts anew with each feature
    numbers = varints.zigzag(delta).reshape(-1, 2)
    size = last - first + 1
    one = np.ones(len(first), dtype=np.int64)
    rest = np.ones(len(xy), dtype=bool)
    rest[first] = False
    columns = [
        (one * 9, one), (numbers[first].ravel(), 2 * one), ((size - 1) << 3 | 2, one),
        (numbers[rest].ravel(), 2 * (size - 1)),
    ]  # fmt: skip
    if closed:
        columns.append((one * 15, one))
    values, per_part = varints.interleave(columns, len(first))
    total = np.bincount(feature[part[first]], per_part, minlength=n)
    return values, total.astype(np.int64)
