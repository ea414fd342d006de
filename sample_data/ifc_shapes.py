"""Solids, face sets and surface styles for the IFC writers: metres in, the file's unit out."""

from collections.abc import Iterable, Sequence

import ifcopenshell
import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Entity", "Faces", "Point", "ShapeWriter", "loft", "rectangle", "tube"]

Entity = ifcopenshell.entity_instance
Point = tuple[float, float, float]
Ring = Sequence[tuple[float, float]]
Faces = tuple[NDArray[np.float64], list[list[int]]]
"""Vertices (n, 3) in metres and polygons of 0-based indices, counter-clockwise from outside."""


def rectangle(x: float, y: float, width: float, height: float) -> list[tuple[float, float]]:
    """Corners of a rectangle, counter-clockwise, open (4 points, metres)."""
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def loft(sections: ArrayLike) -> Faces:
    """Closed skin over cross sections that all have the same number of corners.

    Parameters
    ----------
    sections : array_like of float, shape (k, m, 3)
        k sections of m corners, metres, all turning the same way.

    Returns
    -------
    tuple
        Vertices (k*m, 3), and quadrilaterals plus two caps that face outwards.
    """
    rings = np.asarray(sections, dtype=float)
    count, corners = rings.shape[:2]
    if _volume(rings) < 0:
        rings = rings[:, ::-1]
    faces = [
        [a + i, a + (i + 1) % corners, a + corners + (i + 1) % corners, a + corners + i]
        for a in range(0, (count - 1) * corners, corners)
        for i in range(corners)
    ]
    faces.append(list(range(corners - 1, -1, -1)))
    faces.append(list(range((count - 1) * corners, count * corners)))
    return rings.reshape(-1, 3), faces


def _volume(rings: NDArray[np.float64]) -> float:
    """Sign tells whether the sections turn counter-clockwise seen against the way they run."""
    first = rings[0] - rings[0].mean(axis=0)
    normal = np.cross(first, np.roll(first, -1, axis=0)).sum(axis=0)
    return float(normal @ (rings[1].mean(axis=0) - rings[0].mean(axis=0)))


def tube(start: ArrayLike, end: ArrayLike, radius: float, corners: int = 6) -> Faces:
    """Prism of ``corners`` sides around a straight axis (metres), closed."""
    a, b = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    along = (b - a) / np.linalg.norm(b - a)
    aside = np.cross(along, (0.0, 0.0, 1.0) if abs(along[2]) < 0.99 else (1.0, 0.0, 0.0))
    aside /= np.linalg.norm(aside)
    angles = np.arange(corners) * 2 * np.pi / corners
    ring = radius * (
        np.outer(np.cos(angles), aside) + np.outer(np.sin(angles), np.cross(along, aside))
    )
    return loft([ring + a, ring + b])


class ShapeWriter:
    """Writes geometry into one IFC file.

    Parameters
    ----------
    file : ifcopenshell.file
        Where the entities go.
    units_per_metre : float
        1 for a model in metres, 1000 for one in millimetres.
    """

    def __init__(self, file: ifcopenshell.file, units_per_metre: float) -> None:
        self.file = file
        self.units_per_metre = units_per_metre
        self._directions: dict[tuple[float, ...], Entity] = {}
        self._styles: dict[str, Entity] = {}
        self.origin = self.point((0.0, 0.0, 0.0))

    def length(self, metres: float) -> float:
        """Metres in the file's unit, rounded to a hundredth of a millimetre."""
        return round(float(metres) * self.units_per_metre, 5 if self.units_per_metre == 1 else 2)

    def point(self, xyz: Iterable[float]) -> Entity:
        """IfcCartesianPoint from metres (2D or 3D)."""
        return self.file.create_entity("IfcCartesianPoint", [self.length(v) for v in xyz])

    def direction(self, *ratios: float) -> Entity:
        """IfcDirection, one per distinct value."""
        key = tuple(round(float(v), 12) + 0.0 for v in ratios)
        if key not in self._directions:
            self._directions[key] = self.file.create_entity("IfcDirection", list(key))
        return self._directions[key]

    def axes(
        self,
        at: Iterable[float] = (0.0, 0.0, 0.0),
        axis: Point | None = None,
        ref: Point | None = None,
    ) -> Entity:
        """IfcAxis2Placement3D at metres; ``axis`` is local z and ``ref`` local x."""
        if axis is None and ref is not None:
            axis = (0.0, 0.0, 1.0)
        location = tuple(at)
        return self.file.create_entity(
            "IfcAxis2Placement3D",
            self.point(location) if any(location) else self.origin,
            self.direction(*axis) if axis else None,
            self.direction(*ref) if ref else None,
        )

    def turned(self, at: Iterable[float], degrees: float) -> Entity:
        """Axes turned counter-clockwise about the vertical."""
        angle = np.deg2rad(degrees)
        return self.axes(at, ref=(np.cos(angle), np.sin(angle), 0.0) if degrees else None)

    def style(
        self,
        name: str,
        rgb: tuple[float, float, float],
        transparency: float = 0.0,
        gloss: float = 0.2,
    ) -> str:
        """Declare a surface style (RGB 0–1, transparency 0–1) and return its name."""
        colour = self.file.create_entity("IfcColourRgb", None, *rgb)
        shine = self.file.create_entity("IfcNormalisedRatioMeasure", gloss)
        rendering = self.file.create_entity(
            "IfcSurfaceStyleRendering",
            SurfaceColour=colour,
            Transparency=transparency,
            SpecularColour=shine,
            ReflectanceMethod="GLASS" if transparency else "MATT",
        )
        self._styles[name] = self.file.create_entity("IfcSurfaceStyle", name, "BOTH", [rendering])
        return name

    def styled(self, item: Entity, style: str) -> Entity:
        """Give a representation item its style."""
        self.file.create_entity("IfcStyledItem", item, [self._styles[style]])
        return item

    def _profile(self, ring: Ring, holes: Sequence[Ring]) -> Entity:
        curves = []
        for points in (ring, *holes):
            corners = [self.point(p) for p in points]
            curves.append(self.file.create_entity("IfcPolyline", [*corners, corners[0]]))
        if holes:
            return self.file.create_entity(
                "IfcArbitraryProfileDefWithVoids", "AREA", None, curves[0], curves[1:]
            )
        return self.file.create_entity("IfcArbitraryClosedProfileDef", "AREA", None, curves[0])

    def prism(
        self,
        ring: Ring,
        height: float,
        style: str,
        *,
        base: float = 0.0,
        holes: Sequence[Ring] = (),
    ) -> Entity:
        """Plan outline (metres, x/y, open ring) raised from ``base`` by ``height``."""
        solid = self.file.create_entity(
            "IfcExtrudedAreaSolid",
            self._profile(ring, holes),
            self.axes((0.0, 0.0, base)),
            self.direction(0, 0, 1),
            self.length(height),
        )
        return self.styled(solid, style)

    def panel(
        self,
        ring: Ring,
        thickness: float,
        style: str,
        *,
        front: float = 0.0,
        holes: Sequence[Ring] = (),
    ) -> Entity:
        """Elevation outline (metres, x/z) with the face at y = ``front``, extruded towards +y."""
        solid = self.file.create_entity(
            "IfcExtrudedAreaSolid",
            self._profile(ring, holes),
            self.axes((0.0, front + thickness, 0.0), axis=(0.0, -1.0, 0.0), ref=(1.0, 0.0, 0.0)),
            self.direction(0, 0, 1),
            self.length(thickness),
        )
        return self.styled(solid, style)

    def box(self, low: Point, size: Point, style: str) -> Entity:
        """Box from its lowest corner and its size, metres."""
        ring = rectangle(low[0], low[1], size[0], size[1])
        return self.prism(ring, size[2], style, base=low[2])

    def face_set(self, shape: Faces, style: str, *, closed: bool = True) -> Entity:
        """IfcPolygonalFaceSet from vertices in metres and 0-based polygons."""
        vertices, polygons = shape
        digits = 5 if self.units_per_metre == 1 else 2
        table = np.round(vertices * self.units_per_metre, digits) + 0.0
        points = self.file.create_entity("IfcCartesianPointList3D", table.tolist())
        faces = [
            self.file.create_entity("IfcIndexedPolygonalFace", [i + 1 for i in polygon])
            for polygon in polygons
        ]
        return self.styled(
            self.file.create_entity("IfcPolygonalFaceSet", points, closed, faces, None), style
        )
