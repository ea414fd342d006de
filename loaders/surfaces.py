"""Geometry types shapely cannot hold (arcs, surface patches), read from WKB into plain ones.

Arcs become chords of at most four degrees; TIN, triangles and polyhedral surfaces become
multipolygons;
measures are dropped; heights are kept (along an arc: interpolated).
"""

import struct
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["plain_geometry"]

ARC_STEP = np.deg2rad(4.0)
FloatArray = NDArray[np.float64]


def _arc(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    """Points from a through b to c on their circle, a left out, shape (k, dims)."""
    (ax, ay), (bx, by), (cx, cy) = a[:2], b[:2], c[:2]
    if np.allclose(a[:2], c[:2]):  # a full circle: b lies opposite
        centre = (a[:2] + b[:2]) / 2
        start, sweep = np.arctan2(ay - centre[1], ax - centre[0]), 2 * np.pi
    else:
        d = 2 * ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
        if abs(d) < 1e-12 * max(1.0, np.abs(np.concatenate([a[:2], c[:2]])).max()):
            return np.stack([b, c])
        ab, ac = (bx - ax) ** 2 + (by - ay) ** 2, (cx - ax) ** 2 + (cy - ay) ** 2
        centre = np.array(
            [ax + ((cy - ay) * ab - (by - ay) * ac) / d, ay + ((bx - ax) * ac - (cx - ax) * ab) / d]
        )
        start = np.arctan2(ay - centre[1], ax - centre[0])
        end = np.arctan2(cy - centre[1], cx - centre[0])
        sweep = (end - start) % (2 * np.pi) if d > 0 else -((start - end) % (2 * np.pi))
    n = max(2, int(np.ceil(abs(sweep) / ARC_STEP)))
    t = np.arange(1, n + 1) / n
    radius = np.hypot(ax - centre[0], ay - centre[1])
    out = np.empty((n, len(a)))
    out[:, 0] = centre[0] + radius * np.cos(start + sweep * t)
    out[:, 1] = centre[1] + radius * np.sin(start + sweep * t)
    if len(a) > 2:
        out[:, 2] = a[2] + (c[2] - a[2]) * t
    out[-1] = c
    return out


class _Reader:
    """Recursive reader of ISO WKB; ValueError where the bytes make no sense."""

    def __init__(self, wkb: bytes) -> None:
        self.data = wkb
        self.at = 0

    def _u32(self, order: str) -> int:
        if self.at + 4 > len(self.data):
            raise ValueError("WKB ends too early")
        value: int = struct.unpack_from(order + "I", self.data, self.at)[0]
        self.at += 4
        return value

    def _points(self, order: str, count: int, extra: int) -> FloatArray:
        width = 2 + (extra in (1000, 3000)) + (extra in (2000, 3000))
        if self.at + count * width * 8 > len(self.data):
            raise ValueError("WKB ends too early")
        values = np.frombuffer(self.data, order + "f8", count * width, self.at).reshape(
            count, width
        )
        self.at += count * width * 8
        return values[:, : 3 if extra in (1000, 3000) else 2].astype(np.float64)

    def geometry(self, depth: int = 0) -> Any:  # noqa: ANN401 (geometry or coordinates)
        """Curves come out as coordinates, everything else as geometry."""
        if depth > 12 or self.at >= len(self.data):
            raise ValueError("WKB nested too deeply or cut short")
        order = "<" if self.data[self.at] else ">"
        self.at += 1
        code = self._u32(order)
        base, extra = code % 1000, code - code % 1000
        if base == 1:
            return shapely.Point(self._points(order, 1, extra)[0])
        if base in (2, 8):
            points = self._points(order, self._u32(order), extra)
            return points if base == 2 else _strung(points)
        if base in (3, 17):
            return _polygon(
                [self._points(order, self._u32(order), extra) for _ in range(self._u32(order))]
            )
        if base not in (4, 5, 6, 7, 9, 10, 11, 12, 15, 16):
            raise ValueError(f"WKB type {code}")
        children = [self.geometry(depth + 1) for _ in range(self._u32(order))]
        return _joined(base, children)


def _strung(points: FloatArray) -> FloatArray:
    parts = [points[:1], *(_arc(*points[i : i + 3]) for i in range(0, len(points) - 2, 2))]
    return np.concatenate(parts)


def _polygon(rings: list[FloatArray]) -> shapely.Polygon:
    closed = [
        r if len(r) and np.array_equal(r[0], r[-1]) else np.concatenate([r, r[:1]])
        for r in rings
        if len(r)
    ]
    return shapely.Polygon(closed[0], closed[1:]) if closed else shapely.Polygon()


def _joined(base: int, children: list[Any]) -> Any:  # noqa: ANN401 (geometry or coordinates)
    if base == 9:  # compound curve: parts share their end points
        curves = [c for c in children if isinstance(c, np.ndarray)]
        return (
            np.concatenate([curves[0], *(c[1:] for c in curves[1:])])
            if curves
            else np.zeros((0, 2))
        )
    if base == 10:
        return _polygon([c for c in children if isinstance(c, np.ndarray)])
    parts: list[Any] = [shapely.LineString(c) if isinstance(c, np.ndarray) else c for c in children]
    parts = [p for g in parts for p in (g.geoms if hasattr(g, "geoms") else [g])]
    kinds = {p.geom_type for p in parts}
    if kinds == {"Polygon"}:
        return shapely.MultiPolygon(parts)
    if kinds == {"LineString"}:
        return shapely.MultiLineString(parts)
    if kinds == {"Point"}:
        return shapely.MultiPoint(parts)
    return shapely.GeometryCollection(parts)


def plain_geometry(wkb: bytes) -> shapely.Geometry | None:
    """Geometry of any ISO WKB type in the plain types points, lines, polygons and collections of them.

    Parameters
    ----------
    wkb : bytes
        ISO WKB, also with CircularString, CompoundCurve, CurvePolygon, MultiCurve, MultiSurface,
        PolyhedralSurface, TIN, Triangle.

    Returns
    -------
    shapely.Geometry or None
        None where the bytes cannot be read. Open rings are closed.

    Examples
    --------
    >>> plain_geometry(bytes.fromhex("0111000000" + "01000000" + "03000000" + "00" * 48)).geom_type
    'Polygon'
    """
    try:
        found = _Reader(wkb).geometry()
        return shapely.LineString(found) if isinstance(found, np.ndarray) else found
    except (ValueError, struct.error, IndexError, shapely.errors.GEOSException):
        return None
