"""Footprints as flat arrays: oriented rings, cleaned vertices, triangulated roofs."""

from dataclasses import dataclass

import mapbox_earcut
import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["Rings", "rings_of", "triangulate"]

SAME_POINT_M = 1e-3
SLIVER_M = 1e-3
"""Thinner triangles cannot be seen, and float32 could turn them over."""
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rings:
    """Many polygons in a row: outer rings counter-clockwise, holes clockwise, no closing vertex.

    ``ring_start`` (r + 1) cuts the vertices into rings, ``poly_start`` (p + 1) cuts the rings into
    polygons; ``owner`` (p) is the feature each polygon belongs to.
    """

    lon: Floats
    lat: Floats
    ring_start: Ints
    poly_start: Ints
    owner: Ints

    @property
    def vertex_owner(self) -> Ints:
        """Feature of each vertex, shape (n,)."""
        ring_poly = np.repeat(np.arange(len(self.owner)), np.diff(self.poly_start))
        return self.owner[np.repeat(ring_poly, np.diff(self.ring_start))]

    @property
    def following(self) -> Ints:
        """Index of the next vertex along the same ring, shape (n,)."""
        out = np.arange(1, len(self.lon) + 1)
        out[self.ring_start[1:] - 1] = self.ring_start[:-1]
        return out


def rings_of(geometries: NDArray[np.object_]) -> Rings:
    """Flatten polygons and multipolygons.

    Parameters
    ----------
    geometries : ndarray of shapely geometries, shape (n,)
        Longitude, latitude in degrees; any winding; collections keep their polygons. Vertices
        closer than a
        millimetre to the next are dropped, and so are rings that then have fewer than three.

    Returns
    -------
    Rings
    """
    parts, owner = shapely.get_parts(shapely.force_2d(geometries), return_index=True)
    parts, inner = shapely.get_parts(parts, return_index=True)  # collections of multipolygons
    owner = owner[inner]
    keep = (shapely.get_type_id(parts) == 3) & ~shapely.is_empty(parts)
    parts, owner = shapely.orient_polygons(parts[keep], exterior_cw=False), owner[keep]
    rings, ring_poly = shapely.get_rings(parts, return_index=True)
    xy, vertex_ring = shapely.get_coordinates(rings, return_index=True)
    return _assemble(xy, vertex_ring, ring_poly, owner)


def _assemble(xy: Floats, vertex_ring: Ints, ring_poly: Ints, owner: Ints) -> Rings:
    step = np.diff(xy, axis=0) * 111_320.0
    last = np.append(vertex_ring[1:] != vertex_ring[:-1], True)
    near = np.append(np.hypot(step[:, 0], step[:, 1]) < SAME_POINT_M, False)
    keep = ~last & ~near  # the closing vertex repeats the first
    count = np.bincount(vertex_ring[keep], minlength=len(ring_poly))
    outer = np.append(True, ring_poly[1:] != ring_poly[:-1])[: len(ring_poly)]
    whole = np.zeros(len(owner), dtype=bool)
    whole[ring_poly[outer]] = count[outer] >= 3  # a polygon lives as long as its outer ring
    good = (count >= 3) & whole[ring_poly]
    keep &= good[vertex_ring]
    per_poly = np.bincount(ring_poly[good], minlength=len(owner))
    return Rings(
        xy[keep, 0],
        xy[keep, 1],
        np.concatenate([[0], np.cumsum(count[good])]),
        np.concatenate([[0], np.cumsum(per_poly[whole])]),
        owner[whole].astype(np.int64),
    )


def triangulate(rings: Rings, xy: Floats) -> NDArray[np.uint32]:
    """Triangles of every polygon, counter-clockwise in the plane of ``xy``.

    Parameters
    ----------
    rings : Rings
    xy : ndarray of float64, shape (n, 2)
        The rings' vertices in local metres.

    Returns
    -------
    ndarray of uint32, shape (t, 3)
        Vertex indices; slivers without area are left out.
    """
    if not len(rings.owner):
        return np.empty((0, 3), np.uint32)
    first = rings.ring_start[rings.poly_start[:-1]]
    n_vertices = rings.ring_start[rings.poly_start[1:]] - first
    single = np.diff(rings.poly_start) == 1
    quad = single & (n_vertices == 4)
    quad[quad] = _convex(xy, first[quad])
    start = first[quad, None]
    out = [
        np.concatenate([start + np.array([0, 1, 2]), start + np.array([0, 2, 3])]).astype(np.int64)
    ]
    for i in np.flatnonzero(~quad).tolist():
        ends = (
            rings.ring_start[rings.poly_start[i] + 1 : rings.poly_start[i + 1] + 1] - first[i]
        ).astype(np.uint32)
        local = xy[first[i] : first[i] + n_vertices[i]]
        out.append(
            mapbox_earcut.triangulate_float64(local, ends).reshape(-1, 3).astype(np.int64)
            + first[i]
        )
    triangles = np.concatenate(out)
    a, b, c = xy[triangles[:, 0]], xy[triangles[:, 1]], xy[triangles[:, 2]]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    flipped = area < 0
    triangles[flipped] = triangles[flipped][:, ::-1]
    sides = np.stack([b - a, c - b, a - c])
    longest = np.linalg.norm(sides, axis=2).max(axis=0)
    return np.asarray(triangles[np.abs(area) > SLIVER_M * longest], dtype=np.uint32)


def _convex(xy: Floats, first: Ints) -> NDArray[np.bool_]:
    """Whether the four vertices from ``first`` on make a convex quadrilateral."""
    p = xy[first[:, None] + np.arange(4)]
    side = np.roll(p, -1, axis=1) - p
    after = np.roll(side, -1, axis=1)
    cross = side[..., 0] * after[..., 1] - side[..., 1] * after[..., 0]
    return np.asarray((cross > 0).all(axis=1))
