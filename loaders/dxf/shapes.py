"""Geometry of one DXF entity, in world coordinates of the drawing.

Curves (arcs, circles, ellipses, splines, bulges) become chords that stay within ``TOLERANCE`` drawing
units of the curve, or within 1/100,000 of its size where that is more. A closed line is an area.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import shapely
from ezdxf import disassemble, path
from ezdxf.entities.dxfentity import DXFEntity
from numpy.typing import NDArray

__all__ = ["TEXTS", "TOLERANCE", "collected", "shape_of", "text_of"]

TOLERANCE = 0.01
"""Drawing units (metres in surveyed drawings)."""
RELATIVE = 1e-5
TEXTS = frozenset({"TEXT", "MTEXT", "ATTRIB", "ATTDEF"})
_LINES = frozenset(
    {"LINE", "LWPOLYLINE", "POLYLINE", "ARC", "CIRCLE", "ELLIPSE", "SPLINE", "HELIX"}
)
_FACES = frozenset({"SOLID", "TRACE", "3DFACE"})
NOT_DRAWN = {
    "3DSOLID": "an ACIS solid, whose shape only its own modeller can compute",
    "BODY": "an ACIS body, whose shape only its own modeller can compute",
    "REGION": "an ACIS region, whose shape only its own modeller can compute",
    "SURFACE": "an ACIS surface, whose shape only its own modeller can compute",
    "IMAGE": "a picture in the drawing; load the picture itself as a raster",
    "WIPEOUT": "a mask that hides what lies below; no thing",
    "XLINE": "a line without end",
    "RAY": "a line without end",
    "ACAD_PROXY_ENTITY": "an object of another program without a shape of its own",
    "OLE2FRAME": "a document embedded in the drawing",
    "VIEWPORT": "a window of the paper; no thing",
}
"""Entity types without geometry, and what they are."""


def text_of(entity: Any) -> str:  # noqa: ANN401 -- ezdxf's entities have no common text interface
    """Plain text of a text entity, formatting codes removed."""
    return str(
        entity.plain_text() if hasattr(entity, "plain_text") else entity.dxf.get("text", "")
    ).strip()


def shape_of(entity: Any) -> shapely.Geometry | None:  # noqa: ANN401 -- any graphic entity
    """Geometry of an entity that is no block reference; None for a type without one.

    Raises
    ------
    ValueError, TypeError, AttributeError, ZeroDivisionError, IndexError, KeyError
        Where the entity makes no sense.
    """
    kind = entity.dxftype()
    if kind == "POINT":
        return shapely.Point(entity.dxf.location.xyz)
    if kind in TEXTS:
        place = entity.dxf.insert
        return shapely.Point((place if kind == "MTEXT" else entity.ocs().to_wcs(place)).xyz)
    if kind == "POLYLINE" and (entity.is_poly_face_mesh or entity.is_polygon_mesh):
        return _mesh(entity)
    if kind in _LINES:
        return _line(entity)
    if kind in _FACES:
        return _face(entity)
    if kind in ("HATCH", "MPOLYGON"):
        return _filled(entity)
    return _mesh(entity) if kind == "MESH" else None


def _flat(outline: path.Path) -> NDArray[np.float64]:
    """Vertices of a path, shape (n, 3); z left in."""
    if not outline.has_curves:
        return np.array([v.xyz for v in outline.control_vertices()], dtype=np.float64).reshape(
            -1, 3
        )
    control = np.array([v.xyz for v in outline.control_vertices()], dtype=np.float64)
    if not np.isfinite(control).all():
        return control
    size = float(np.ptp(control, axis=0).max())
    points = outline.flattening(max(TOLERANCE, RELATIVE * size), segments=8)
    return np.array([v.xyz for v in points], dtype=np.float64)


def _plain(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without heights where all are zero: the drawing is flat."""
    return points if np.any(points[:, 2]) else points[:, :2]


def _line(entity: Any) -> shapely.Geometry | None:  # noqa: ANN401
    outline = path.make_path(entity)
    points = _plain(_flat(outline))
    points = (
        points[np.r_[True, np.any(np.diff(points, axis=0) != 0, axis=1)]] if len(points) else points
    )
    if len(points) == 0:
        return None
    if len(points) == 1:
        return shapely.Point(points[0])
    whole = bool(getattr(entity, "closed", False) or getattr(entity, "is_closed", False))
    round_trip = np.allclose(points[0], points[-1], rtol=0, atol=1e-9)
    if (whole or round_trip) and len(points) >= (4 if round_trip else 3):
        ring = np.concatenate([points[:-1] if round_trip else points, points[:1]])
        return shapely.Polygon(ring)
    return shapely.LineString(points)


def _face(entity: Any) -> shapely.Geometry:  # noqa: ANN401
    corners = np.array([v.xyz for v in entity.wcs_vertices()], dtype=np.float64)
    distinct = corners[np.r_[True, np.any(np.diff(corners, axis=0) != 0, axis=1)]]
    if len(distinct) > 1 and np.array_equal(distinct[0], distinct[-1]):
        distinct = distinct[:-1]
    points = _plain(distinct)
    if len(points) == 1:
        return shapely.Point(points[0])
    return shapely.LineString(points) if len(points) == 2 else shapely.Polygon(points)


def _mesh(entity: DXFEntity) -> shapely.Geometry | None:
    primitive = disassemble.make_primitive(entity)
    mesh = primitive.mesh
    if mesh is None:
        return None
    faces = [[mesh.vertices[i].xyz for i in face] for face in mesh.faces if len(face) > 2]
    return shapely.MultiPolygon([shapely.Polygon(face) for face in faces]) if faces else None


def _filled(entity: Any) -> shapely.Geometry | None:  # noqa: ANN401
    """Rings of a hatch by how deep each lies in the others: even depths are areas, odd ones their holes."""
    outlines = [_plain(_flat(p)) for p in path.from_hatch(entity)]
    rings = [shapely.Polygon(r) for r in outlines if len(r) > 2]
    if not rings:
        return None
    firsts = [shapely.Point(r.exterior.coords[0]) for r in rings]
    inside = np.array(
        [[a is not b and b.contains(p) for b in rings] for a, p in zip(rings, firsts, strict=True)]
    )
    depth = inside.sum(axis=1)
    parts = []
    for i in np.flatnonzero(depth % 2 == 0):
        holes = [rings[j].exterior for j in np.flatnonzero(inside[:, i] & (depth == depth[i] + 1))]
        parts.append(shapely.Polygon(rings[i].exterior, holes))
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def collected(shapes: Sequence[shapely.Geometry]) -> shapely.Geometry | None:
    """Several shapes as one: a multi-geometry of their type, else a collection; None for none."""
    parts = [p for s in shapes for p in _parts(s)]
    if len(parts) < 2:
        return parts[0] if parts else None
    kinds = {type(p).__name__ for p in parts}
    whole: dict[str, Any] = {
        "Point": shapely.MultiPoint,
        "LineString": shapely.MultiLineString,
        "Polygon": shapely.MultiPolygon,
    }
    make = whole[kinds.pop()] if len(kinds) == 1 else shapely.GeometryCollection
    joined: shapely.Geometry = make(parts)
    return joined


def _parts(shape: shapely.Geometry) -> Iterable[shapely.Geometry]:
    return shape.geoms if hasattr(shape, "geoms") else [shape]
