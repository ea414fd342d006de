"""Boundaries of CityJSON geometries: faces with rings and semantics, triangles, footprints."""

from dataclasses import dataclass
from typing import Any

import mapbox_earcut
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from loaders.meshing import Mesh, shaded

__all__ = ["COLORS", "Faces", "faces_of", "footprint_of", "triangulate"]

FloatArray = NDArray[np.float64]
_DEPTH = {
    "MultiSurface": 1,
    "CompositeSurface": 1,
    "Solid": 2,
    "MultiSolid": 3,
    "CompositeSolid": 3,
}
"""Nesting above a surface (a list of rings)."""
COLORS = {
    "RoofSurface": (178, 92, 74, 255),
    "WallSurface": (226, 216, 198, 255),
    "GroundSurface": (140, 136, 128, 255),
    "OuterFloorSurface": (165, 160, 150, 255),
    "OuterCeilingSurface": (205, 198, 186, 255),
    "ClosureSurface": (210, 210, 210, 120),
    "Window": (120, 160, 190, 150),
    "Door": (120, 84, 58, 255),
    "WaterSurface": (120, 170, 205, 220),
    "WaterGroundSurface": (90, 110, 120, 255),
    "TrafficArea": (150, 150, 150, 255),
    "AuxiliaryTrafficArea": (172, 172, 160, 255),
    "InteriorWallSurface": (236, 232, 224, 255),
    "FloorSurface": (190, 176, 156, 255),
    "CeilingSurface": (240, 240, 236, 255),
}
PLAIN = (217, 212, 199, 255)


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces of one geometry: rings as vertex index arrays, and the semantic type of each face."""

    rings: list[list[NDArray[np.int64]]]
    kinds: list[str | None]
    skipped: int
    lod: str


def _walk(boundaries: Any, values: Any, depth: int) -> list[tuple[Any, Any]]:  # noqa: ANN401 (JSON)
    """(surface, semantic index) pairs in order."""
    if depth == 0:
        return [(boundaries, values)]
    out: list[tuple[Any, Any]] = []
    for i, child in enumerate(boundaries if isinstance(boundaries, list) else ()):
        value = (
            values[i]
            if isinstance(values, list) and i < len(values)
            else (values if depth == 1 and isinstance(values, int) else None)
        )
        out += _walk(child, value, depth - 1)
    return out


def faces_of(geometry: dict[str, Any], n_vertices: int) -> Faces | None:
    """Faces of a surface or solid geometry; None for points, lines and what has no faces.

    Parameters
    ----------
    geometry : dict
        A CityJSON geometry object.
    n_vertices : int
        Faces that point past the vertex list, or have fewer than three corners, are skipped and
        counted.
    """
    depth = _DEPTH.get(str(geometry.get("type")))
    if depth is None:
        return None
    semantics = geometry.get("semantics")
    semantics = semantics if isinstance(semantics, dict) else {}
    surfaces = semantics.get("surfaces") or []
    rings, kinds, skipped = [], [], 0
    for surface, value in _walk(geometry.get("boundaries"), semantics.get("values"), depth):
        try:
            parts = [np.asarray(ring, dtype=np.int64) for ring in surface]
        except (TypeError, ValueError, OverflowError):
            skipped += 1
            continue
        parts = [r[:-1] if len(r) > 3 and r[0] == r[-1] else r for r in parts]
        sound = bool(parts) and all(
            r.ndim == 1 and len(r) >= 3 and r.min() >= 0 and r.max() < n_vertices for r in parts
        )
        if not sound:
            skipped += 1
            continue
        known = (
            isinstance(value, int)
            and 0 <= value < len(surfaces)
            and isinstance(surfaces[value], dict)
        )
        rings.append(parts)
        kinds.append(str(surfaces[value].get("type")) if known else None)
    return Faces(rings, kinds, skipped, str(geometry.get("lod", "")))


def _newell(points: FloatArray) -> FloatArray:
    after = np.roll(points, -1, axis=0)
    return np.asarray(np.cross(points, after).sum(axis=0), dtype=np.float64)


def _face_triangles(points: FloatArray, rings: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Triangles (m, 3) of one planar face, oriented as its outer ring."""
    outer = rings[0]
    if len(rings) == 1 and len(outer) == 3:
        return outer[None, :]
    joined = np.concatenate(rings)
    local = points[joined]
    normal = _newell(points[outer] - points[outer[0]])
    axis = int(np.argmax(np.abs(normal)))
    if normal[axis] == 0 or not np.isfinite(normal).all():
        return np.zeros((0, 3), np.int64)
    keep = [(1, 2), (2, 0), (0, 1)][axis]
    flat = np.ascontiguousarray(local[:, keep] - local[0, keep])
    ends = np.cumsum([len(r) for r in rings]).astype(np.uint32)
    triangles = mapbox_earcut.triangulate_float64(flat, ends).reshape(-1, 3)
    picked: NDArray[np.int64] = joined[triangles]
    a, b, c = (flat[triangles[:, i]] for i in range(3))
    turn = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum()
    return picked if turn * normal[axis] >= 0 else picked[:, ::-1]


def triangulate(mesh_id: str, faces: Faces, vertices: FloatArray) -> tuple[Mesh, FloatArray] | None:
    """Triangles of a geometry around an origin of its own.

    Parameters
    ----------
    mesh_id : str
        Name of the mesh.
    faces : Faces
        Of the geometry.
    vertices : ndarray of float64, shape (n, 3)
        Metres; a geographic source is brought to local metres by the caller.

    Returns
    -------
    (Mesh, ndarray of shape (3,)) or None
        Mesh in coordinates relative to the origin that is returned; None without an area.
    """
    used = (
        np.unique(np.concatenate([r for rings in faces.rings for r in rings]))
        if faces.rings
        else np.zeros(0, np.int64)
    )
    if not len(used) or not np.isfinite(vertices[used]).all():
        return None
    low, high = vertices[used].min(axis=0), vertices[used].max(axis=0)
    origin = np.round(np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]), 3)
    slot = np.zeros(len(vertices), np.int64)
    slot[used] = np.arange(len(used))
    local = vertices[used] - origin
    triangles, colors = [], []
    for rings, kind in zip(faces.rings, faces.kinds, strict=True):
        found = _face_triangles(local, [slot[r] for r in rings])
        triangles.append(found)
        colors.append(np.tile(np.array(COLORS.get(kind or "", PLAIN), np.uint8), (len(found), 1)))
    mesh = shaded(mesh_id, local, np.concatenate(triangles), np.concatenate(colors))
    return None if mesh is None else (mesh, origin)


def _plan(faces: Faces, vertices: FloatArray, chosen: list[int]) -> BaseGeometry:
    polygons = []
    for i in chosen:
        shell, *holes = [vertices[r][:, :2] for r in faces.rings[i]]
        polygons.append(shapely.Polygon(shell, holes))
    whole = (
        shapely.make_valid(np.array(polygons, dtype=object)) if polygons else np.zeros(0, object)
    )
    union = shapely.union_all(whole[shapely.area(whole) > 0]) if len(whole) else shapely.Polygon()
    parts = [p for p in shapely.get_parts(union) if p.geom_type == "Polygon"]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def footprint_of(faces: Faces, vertices: FloatArray) -> tuple[BaseGeometry, float] | None:
    """What a geometry covers on the ground.

    Parameters
    ----------
    faces : Faces
        LoD0 surfaces as they are; else the GroundSurface faces; else the nearly horizontal faces at
        the bottom; else all faces
        seen from above.
    vertices : ndarray of float64, shape (n, 3)
        Source CRS.

    Returns
    -------
    (polygon or multipolygon, lowest z) or None
        None where nothing has an area or a vertex is no number.
    """
    if not faces.rings:
        return None
    used = np.concatenate([r for rings in faces.rings for r in rings])
    if not np.isfinite(vertices[used]).all():
        return None
    lowest = float(vertices[used, 2].min())
    everything = list(range(len(faces.rings)))
    chosen = (
        everything
        if faces.lod.startswith("0")
        else [i for i, k in enumerate(faces.kinds) if k == "GroundSurface"]
    )
    if not chosen:
        chosen = [
            i
            for i in everything
            if float(np.ptp(vertices[faces.rings[i][0], 2])) < 0.01
            and float(vertices[faces.rings[i][0], 2].min()) < lowest + 0.01
        ]
    for candidates in (chosen, everything):
        plan = _plan(faces, vertices, candidates) if candidates else shapely.Polygon()
        if not plan.is_empty:
            return plan, lowest
    return None
