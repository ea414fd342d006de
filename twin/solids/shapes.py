"""Many solids as a few arrays: points, pipes, prisms and meshes in metres of one frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from twin.errors import InvalidRequestError

__all__ = ["LINE", "MESH", "POINT", "PRISM", "Columns", "Solids"]

POINT, LINE, PRISM, MESH = 0, 1, 2, 3
Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Columns = tuple[NDArray[np.int8], Array, Array, Array, Ints, Ints, Array]
"""What compiled code takes: kind, radius, low, high, piece, at, xyz."""

_POLYGONAL: Final = (3, 6)


@dataclass(frozen=True, slots=True)
class Solids:
    """Solids, column-wise.

    Parameters
    ----------
    kind : ndarray of int8, shape (n,)
        :data:`POINT`, :data:`LINE`, :data:`PRISM` or :data:`MESH`.
    radius : ndarray of float64, shape (n,)
        Metres around points and lines; 0 elsewhere.
    low, high : ndarray of float64, shape (n,)
        Foot and roof of prisms, metres; lowest and highest of the others.
    piece : ndarray of int64, shape (n + 1,)
        Where the pieces of each begin: lines, rings of a prism, the one run of triangles of a mesh.
    at : ndarray of int64, shape (p + 1,)
        Where the points of each piece begin. Rings are closed; triangles stand three points each.
    xyz : ndarray of float64, shape (m, 3)
        Metres; z of rings is not used.
    """

    kind: NDArray[np.int8]
    radius: Array
    low: Array
    high: Array
    piece: Ints
    at: Ints
    xyz: Array

    def __len__(self) -> int:
        """How many."""
        return len(self.kind)

    @property
    def columns(self) -> Columns:
        """The arrays as compiled code takes them."""
        return self.kind, self.radius, self.low, self.high, self.piece, self.at, self.xyz

    @classmethod
    def none(cls) -> "Solids":
        """No solids."""
        zero = np.zeros(0)
        one = np.zeros(1, np.int64)
        return cls(np.zeros(0, np.int8), zero, zero, zero, one, one, np.zeros((0, 3)))

    @classmethod
    def points(cls, xyz: ArrayLike, radius: ArrayLike = 0.0) -> "Solids":
        """Points (n, 3), or balls of a radius."""
        at = np.ascontiguousarray(np.asarray(xyz, np.float64).reshape(-1, 3))
        n = len(at)
        r = np.broadcast_to(np.asarray(radius, np.float64), n).copy()
        index = np.arange(n + 1, dtype=np.int64)
        kind = np.full(n, POINT, np.int8)
        return cls(kind, r, at[:, 2] - r, at[:, 2] + r, index, index, at)

    @classmethod
    def lines(cls, shapes: NDArray[np.object_], radius: ArrayLike = 0.0) -> "Solids":
        """Pipes of a radius along lines with heights (shapely LineString or MultiLineString Z, metres)."""
        n = len(shapes)
        parts, of = shapely.get_parts(shapes, return_index=True)
        xyz, part = shapely.get_coordinates(parts, include_z=True, return_index=True)
        r = np.broadcast_to(np.asarray(radius, np.float64), n).copy()
        at, piece = _starts(part, len(parts)), _starts(of, n)
        owner = of[part] if len(part) else np.zeros(0, np.int64)
        low, high = _extremes(xyz[:, 2], owner, n)
        kind = np.full(n, LINE, np.int8)
        return cls(kind, r, low - r, high + r, piece, at, np.ascontiguousarray(xyz))

    @classmethod
    def prisms(cls, shapes: NDArray[np.object_], low: ArrayLike, high: ArrayLike) -> "Solids":
        """Footprints (shapely Polygon, holes allowed, metres) from ``low`` to ``high``.

        Raises
        ------
        InvalidRequestError
            If a shape is no polygon, or a roof lies below its foot.
        """
        n = len(shapes)
        if n and not (shapely.get_type_id(shapes) == 3).all():
            raise InvalidRequestError("a prism stands on one polygon; take the parts of others")
        bottom = np.broadcast_to(np.asarray(low, np.float64), n).copy()
        top = np.broadcast_to(np.asarray(high, np.float64), n).copy()
        if (top < bottom).any():
            raise InvalidRequestError("a prism has its roof above its foot")
        rings, of = shapely.get_rings(shapes, return_index=True)
        xy, ring = shapely.get_coordinates(rings, return_index=True)
        xyz = np.zeros((len(xy), 3))
        xyz[:, :2] = xy
        kind = np.full(n, PRISM, np.int8)
        return cls(kind, np.zeros(n), bottom, top, _starts(of, n), _starts(ring, len(rings)), xyz)

    @classmethod
    def walls(cls, shapes: NDArray[np.object_], low: ArrayLike, high: ArrayLike) -> "Solids":
        """Upright faces over lines (shapely LineString, metres) from ``low`` to ``high``: prisms without an inside.

        Their ring runs there and back; :meth:`footprints` has none for them.

        Examples
        --------
        >>> wall = Solids.walls(shapely.linestrings([[[0, 0], [4, 0], [4, 3]]]), 2.0, 5.0)
        >>> wall.xyz[:, :2].tolist()
        [[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [4.0, 0.0], [0.0, 0.0]]
        """
        n = len(shapes)
        xy, line = shapely.get_coordinates(shapes, return_index=True)
        first = _starts(line, n)
        last = first[1:] - 1
        at = np.append(0, np.cumsum(2 * np.diff(first) - 1)).astype(np.int64)
        of = np.repeat(np.arange(n), np.diff(at))
        turn = (at[:-1] + last - first[:-1])[of]  # where the ring is at the end of the line
        xyz = np.zeros((len(of), 3))
        xyz[:, :2] = xy[last[of] - np.abs(np.arange(len(of)) - turn)]
        bottom, top = (np.broadcast_to(np.asarray(z, np.float64), n).copy() for z in (low, high))
        kind = np.full(n, PRISM, np.int8)
        return cls(kind, np.zeros(n), bottom, top, np.arange(n + 1, dtype=np.int64), at, xyz)

    @classmethod
    def meshes(cls, triangles: Sequence[Array]) -> "Solids":
        """Surfaces of triangles, one array of shape (t, 3, 3) each, metres. What a mesh encloses is not part of it."""
        n = len(triangles)
        xyz = np.concatenate([np.asarray(t, np.float64).reshape(-1, 3) for t in triangles] or [np.zeros((0, 3))])  # fmt: skip
        count = np.array([len(t) * 3 for t in triangles], np.int64)
        at = np.append(0, np.cumsum(count)).astype(np.int64)
        low, high = _extremes(xyz[:, 2], np.repeat(np.arange(n), count), n)
        kind = np.full(n, MESH, np.int8)
        return cls(kind, np.zeros(n), low, high, np.arange(n + 1, dtype=np.int64), at, xyz)

    @classmethod
    def joined(cls, parts: Sequence["Solids"]) -> "Solids":
        """Solids of several, in their order."""
        kept = [part for part in parts if len(part)] or [cls.none()]
        if len(kept) == 1:
            return kept[0]
        pieces = np.cumsum([0, *(part.piece[-1] for part in kept)])
        points = np.cumsum([0, *(part.at[-1] for part in kept)])
        zero = np.zeros(1, np.int64)
        return cls(
            np.concatenate([p.kind for p in kept]),
            np.concatenate([p.radius for p in kept]),
            np.concatenate([p.low for p in kept]),
            np.concatenate([p.high for p in kept]),
            np.concatenate([zero, *(p.piece[1:] + k for p, k in zip(kept, pieces, strict=False))]),
            np.concatenate([zero, *(p.at[1:] + k for p, k in zip(kept, points, strict=False))]),
            np.concatenate([p.xyz for p in kept]),
        )

    def take(self, rows: ArrayLike) -> "Solids":
        """Some of them, in the order of ``rows`` (k,)."""
        index = np.asarray(rows, np.int64)
        pieces = _ranges(self.piece[index], self.piece[index + 1])
        points = _ranges(self.at[pieces], self.at[pieces + 1])
        piece = np.append(0, np.cumsum(self.piece[index + 1] - self.piece[index]))
        at = np.append(0, np.cumsum(self.at[pieces + 1] - self.at[pieces]))
        return Solids(
            self.kind[index], self.radius[index], self.low[index], self.high[index],
            piece.astype(np.int64), at.astype(np.int64), self.xyz[points],
        )  # fmt: skip

    def footprints(self, rows: ArrayLike) -> NDArray[np.object_]:
        """Polygons (metres) that some prisms stand on, shape (k,)."""
        some = self.take(rows)
        points = np.repeat(np.arange(len(some.at) - 1), np.diff(some.at))
        rings = shapely.linearrings(some.xyz[:, :2], indices=points)
        return np.asarray(
            shapely.polygons(
                np.asarray(rings), indices=np.repeat(np.arange(len(some)), np.diff(some.piece))
            )
        )

    def boxes(self) -> Array:
        """xmin, ymin, zmin, xmax, ymax, zmax of each, shape (n, 6), metres."""
        n = len(self)
        owner = np.repeat(np.arange(n), np.diff(self.at[self.piece]))
        out = np.empty((n, 6))
        for axis in range(2):
            low, high = _extremes(self.xyz[:, axis], owner, n)
            out[:, axis], out[:, axis + 3] = low - self.radius, high + self.radius
        out[:, 2], out[:, 5] = self.low, self.high
        return out


def _starts(owner: Ints, n: int) -> Ints:
    """Where the run of each of ``n`` owners begins in a sorted list of owners, shape (n + 1,)."""
    return np.searchsorted(owner, np.arange(n + 1)).astype(np.int64)


def _ranges(first: Ints, last: Ints) -> Ints:
    """All indices of the ranges ``first[i]:last[i]``, one after the other."""
    count = last - first
    before = np.cumsum(count) - count
    out: Ints = np.arange(int(count.sum()), dtype=np.int64) + np.repeat(first - before, count)
    return out


def _extremes(values: Array, owner: Ints, n: int) -> tuple[Array, Array]:
    """Least and greatest value of each of ``n`` owners (sorted); NaN where one has none."""
    low, high = np.full(n, np.nan), np.full(n, np.nan)
    if len(values):
        begin = np.flatnonzero(np.diff(owner, prepend=-1))
        low[owner[begin]] = np.minimum.reduceat(values, begin)
        high[owner[begin]] = np.maximum.reduceat(values, begin)
    return low, high
