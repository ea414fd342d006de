"""A collection ready to be drawn: shapes on the grid of each zoom, by tile, and attributes as tiles hold them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tiles.mvt_clip import BUFFER, crossing_commands
from tiles.mvt_coded import Coded, coded
from tiles.mvt_encode import EXTENT
from tiles.mvt_features import commands, encode
from tiles.mvt_level import Level, level_of
from tiles.mvt_values import values_of
from tiles.source import column, texts
from tiles.wkb import Shapes, buffers, shapes_of, spans

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MOST_KEYS", "STYLE", "Ready", "feature_ids", "plain", "project", "ready_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Objects = NDArray[np.object_]

STYLE = frozenset((
    "eid", "class", "name", "usage", "road_class", "highway", "width_m", "height_m", "floors",
    "material", "status", "diameter_mm", "kind", "type", "level",
))  # fmt: skip
"""What tiles above the last zoom carry: enough to draw, name and pick a thing."""
MOST_KEYS, LONGEST = 48, 256
"""At the last zoom a thing carries all its plain attributes, the first 48 by name, no text beyond 256 characters."""
MAX_LATITUDE = 85.05112877980659
NEIGHBOURS = 14
"""Zoom by whose tiles things stand in memory, so that those of a tile are beside each other."""


@dataclass(frozen=True, slots=True)
class _Zoom:
    """A zoom: its shapes, and the features of each tile in the order they are written.

    ``tile`` (t) is column << 32 | row from the south, ascending; ``start`` (t + 1) cuts ``row``; ``whole`` tells
    which lie wholly in the tile and its buffer.
    """

    level: Level
    tile: Ints
    start: Ints
    row: NDArray[np.int32]
    whole: NDArray[np.bool_]

    @property
    def nbytes(self) -> int:
        return self.level.nbytes + sum(
            a.nbytes for a in (self.tile, self.start, self.row, self.whole)
        )

    def features(self, x: int, y: int) -> tuple[Ints, NDArray[np.bool_]]:
        """Rows of a tile (column, row from the south), and which of them are whole."""
        key = x << 32 | y
        k = int(np.searchsorted(self.tile, key))
        if k == len(self.tile) or self.tile[k] != key:
            return np.empty(0, np.int64), np.empty(0, np.bool_)
        here = slice(int(self.start[k]), int(self.start[k + 1]))
        return self.row[here].astype(np.int64), self.whole[here]


class Ready:
    """The things of one collection that can be drawn; safe to use from any thread.

    Parameters
    ----------
    collection : str
        Name of the layer inside the tiles.
    last : int
        The last zoom, which is not simplified and carries all attributes.
    ids : ndarray of int64, shape (n,)
        :func:`feature_ids`.
    rank : ndarray of int64, shape (n,)
        Place of each thing among all by ``eid``: the order within a tile.
    shapes : Shapes
        Web Mercator, 0–1 from the west and from the **south**.
    values : Coded
    degrees : tuple of float
        West, south, east, north of all.
    """

    def __init__(
        self, collection: str, last: int, ids: Ints, rank: Ints, shapes: Shapes, values: Coded,
        degrees: tuple[float, float, float, float],
    ) -> None:  # fmt: skip
        self.collection, self.last, self.degrees = collection, last, degrees
        self._ids, self._rank, self._shapes = ids, rank, shapes
        self._values, self._style = values, values.only(STYLE)
        self._zooms: dict[int, _Zoom] = {}
        self._making = threading.Lock()

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, those of the zooms asked for so far included."""
        shapes = self._shapes
        fixed = sum(a.nbytes for a in (self._ids, self._rank, shapes.x, shapes.y, shapes.first))
        return fixed + self._values.nbytes + sum(z.nbytes for z in list(self._zooms.values()))

    @property
    def zooms(self) -> frozenset[int]:
        """Zooms that are in memory."""
        return frozenset(self._zooms)

    def tile(self, z: int, x: int, y: int, shown: NDArray[np.bool_] | None = None) -> bytes:
        """One tile (row from the north); empty where nothing is.

        Parameters
        ----------
        z, x, y : int
        shown : ndarray of bool, optional
            Which of :meth:`eids` are drawn; all by default.
        """
        zoom = self._zoom(z)
        south = 2**z - 1 - y
        rows, whole = zoom.features(x, south)
        if shown is not None:
            rows, whole = rows[shown], whole[shown]
        return self._drawn(zoom, z, (x, south), rows, whole) if len(rows) else b""

    def eids(self, z: int, x: int, y: int) -> pa.Array:
        """Identifiers of the things of a tile, in the order they are drawn."""
        rows, _ = self._zoom(z).features(x, 2**z - 1 - y)
        return pa.array([m[4:].decode() for m in self._values.values_at(0, rows)], pa.string())

    def tiles(self, z: int) -> Iterator[tuple[int, int, bytes]]:
        """All tiles of a zoom that have anything: column, row from the north, bytes."""
        zoom = self._zoom(z)
        for key, a, b in zip(
            zoom.tile.tolist(), zoom.start[:-1].tolist(), zoom.start[1:].tolist(), strict=True
        ):
            x, south = key >> 32, key & 0xFFFFFFFF
            rows = zoom.row[a:b].astype(np.int64)
            blob = self._drawn(zoom, z, (x, south), rows, zoom.whole[a:b])
            if blob:
                yield x, 2**z - 1 - south, blob

    def boxes(self, eid: Objects) -> Floats:
        """Boxes (west, south, east, north, degrees) of some things where they are here, in no order; shape (k, 4)."""
        rows = np.flatnonzero(np.isin(self._ids, feature_ids(eid)))
        found = self._shapes
        near = replace(found, first=found.first[rows], last=found.last[rows], kind=found.kind[rows])
        low, high = spans(near)
        lat = [np.rad2deg(np.arctan(np.sinh(np.pi * (2.0 * y - 1.0)))) for y in (low[1], high[1])]
        return np.column_stack([low[0] * 360 - 180, lat[0], high[0] * 360 - 180, lat[1]])

    def forget(self, z: int) -> None:
        """Let go of a zoom; it is made again when it is asked for."""
        self._zooms.pop(z, None)

    def fields(self) -> dict[str, str]:
        """Type of each key as TileJSON has it; a key of several types is a String."""
        return self._values.fields()

    def _zoom(self, z: int) -> _Zoom:
        found = self._zooms.get(z)
        if found is None:
            with self._making:
                found = self._zooms.get(z) or _zoom_of(self._shapes, self._rank, z, z < self.last)
                self._zooms[z] = found
        return found

    def _drawn(
        self, zoom: _Zoom, z: int, place: tuple[int, int], rows: Ints, whole: NDArray[np.bool_]
    ) -> bytes:
        x0, y0 = place[0] * EXTENT, place[1] * EXTENT
        level = zoom.level
        if whole.all():
            geometry, at = commands(level, rows, x0, y0)
            begin, end = at[:-1], at[1:]
        else:
            crossing = ~whole
            geometry, at = commands(level, rows[whole], x0, y0)
            begin, end = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
            begin[whole], end[whole] = at[:-1], at[1:]
            cut, begin[crossing], end[crossing] = crossing_commands(level, rows[crossing], x0, y0)
            begin[crossing] += len(geometry)
            end[crossing] += len(geometry)
            geometry = np.concatenate([geometry, cut])
        some = end > begin
        if not some.all():
            rows, begin, end = rows[some], begin[some], end[some]
        if not len(rows):
            return b""
        values = self._values if z == self.last else self._style
        return encode(
            self.collection, self._ids[rows], level.kind[rows], (geometry, begin, end), values, rows
        )


def _zoom_of(shapes: Shapes, rank: Ints, z: int, simplify: bool) -> _Zoom:
    level = level_of(shapes, 2.0**z * EXTENT, simplify=simplify)
    bounds = level.bounds()
    feature, x, y = _pairs(bounds, z)
    order = np.lexsort((rank[feature], level.kind[feature], y, x))
    feature, tile = feature[order], (x << 32 | y)[order]
    near, corner = bounds[feature], np.stack([x, y], axis=1)[order] * EXTENT
    inside = (near[:, :2] >= corner - BUFFER) & (near[:, 2:] <= corner + EXTENT + BUFFER)
    whole = np.asarray(inside.all(axis=1))
    first = np.flatnonzero(np.append(True, np.diff(tile) != 0))[: len(tile)]
    return _Zoom(
        level, tile[first], np.append(first, len(tile)), feature.astype(np.int32), whole
    )  # fmt: skip


def _pairs(bounds: Ints, z: int) -> tuple[Ints, Ints, Ints]:
    """(feature, column, row from south) of every tile a feature's box touches."""
    alive = np.flatnonzero(bounds[:, 0] <= bounds[:, 2])
    last = 2**z - 1
    low = np.clip((bounds[alive, :2] - BUFFER - 1) // EXTENT, 0, last)
    high = np.clip((bounds[alive, 2:] + BUFFER) // EXTENT, 0, last)
    span = high - low + 1
    n = span.prod(axis=1)
    of = np.repeat(np.arange(len(alive)), n)
    k = np.arange(len(of)) - np.repeat(np.cumsum(n) - n, n)
    return alive[of], low[of, 0] + k % span[of, 0], low[of, 1] + k // span[of, 0]


def feature_ids(eid: Objects) -> Ints:
    """Numeric id of each eid: its last 52 bits where it is a UUID, which are random in UUIDv7.

    Parameters
    ----------
    eid : ndarray of str, shape (n,)

    Returns
    -------
    ndarray of int64, shape (n,)
        Below 2⁵², so that JavaScript keeps it; the property ``eid`` stays the truth.

    Examples
    --------
    >>> feature_ids(np.array(["01890000-0000-7000-8000-00000000002a"], dtype=object)).tolist()
    [42]
    """
    return np.array([int(e.replace("-", "")[-13:] or "0", 16) for e in eid.tolist()], np.int64)


def project(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Web Mercator, 0–1 from the west and from the south, of degrees; beyond ±85.05° the rim."""
    phi = np.deg2rad(np.clip(lat, -MAX_LATITUDE, MAX_LATITUDE))
    return lon / 360.0 + 0.5, 0.5 + np.arcsinh(np.tan(phi)) / (2 * np.pi)


def plain(value: Any) -> Any:  # noqa: ANN401 - a value of a JSON document
    """A value as a tile holds it, None where it cannot."""
    if isinstance(value, str):
        return value if value and len(value) <= LONGEST else None
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else float(value)
    return value + 0.0 if isinstance(value, float) else None


def ready_of(
    table: pa.Table, collection: str, last: int, *, every: bool = True
) -> tuple[Ready | None, list[str]]:
    """Make the things of a table ready to be drawn.

    Parameters
    ----------
    table : pyarrow.Table
        Schema :data:`tiles.source.FLAT`.
    collection : str
    last : int
        The last zoom.
    every : bool
        Whether all attributes are read, or only what tiles above the last zoom carry.

    Returns
    -------
    Ready or None
        None where nothing of it can be drawn.
    list of str
        What was left out.
    """
    if not table.num_rows:
        return None, []
    shapes = shapes_of(column(table, "wkb"))
    low, high = spans(shapes)
    good = (shapes.kind > 0) & np.isfinite(low).all(axis=0) & np.isfinite(high).all(axis=0)
    notes = [] if good.all() else [f"{collection}: {int((~good).sum())} without geometry, left out"]
    if not good.any():
        return None, notes
    rows = np.flatnonzero(good)
    degrees = (*low[:, rows].min(axis=1).tolist(), *high[:, rows].max(axis=1).tolist())
    table = table.take(rows)
    by_eid = _order(table)
    rank = np.empty(len(by_eid), np.int64)
    rank[by_eid] = np.arange(len(by_eid))
    x, y = project(*((low + high)[:, rows] / 2))
    across = 2**NEIGHBOURS
    order = np.lexsort((rank, (x * across).astype(np.int64), (y * across).astype(np.int64)))
    table = table.take(order)
    shapes = shapes_of(column(table, "wkb"))
    values = coded(values_of(table, None if every else STYLE, MOST_KEYS, LONGEST, plain))
    x, y = project(shapes.x, shapes.y)
    ids = feature_ids(texts(table, "eid"))
    placed = replace(shapes, x=x, y=y)
    return Ready(collection, last, ids, rank[order], placed, values, degrees), notes


def _order(table: pa.Table) -> NDArray[np.intp]:
    """Rows by eid, equal ones as they come."""
    data, start = buffers(column(table, "eid").cast(pa.large_string()).cast(pa.large_binary()))
    size = np.diff(start)
    if (size == size[0]).all() and size[0]:
        block = data[start[0] : start[-1]]
        return np.argsort(block.view(f"S{size[0]}"), kind="stable")
    return np.argsort(texts(table, "eid"), kind="stable")
