"""The box of an element read from its definition, without a geometry kernel."""

import itertools
from collections.abc import Iterator
from typing import Any

import ifcopenshell.util.placement
import numpy as np
from numpy.typing import NDArray

from loaders.ifc.structure import attribute_of, is_kind

__all__ = ["defined_box"]

FloatArray = NDArray[np.float64]
DEEPEST = 60
"""Levels of nested items that are followed; deeper ones belong to a file that means no shape."""
MOST_POINTS = 2_000_000


def defined_box(element: Any, unit: float) -> tuple[FloatArray, FloatArray, FloatArray] | None:  # noqa: ANN401
    """Box of all points that define an element's body.

    Parameters
    ----------
    element : IFC entity
        With a representation.
    unit : float
        Metres in one project length unit.

    Returns
    -------
    (low, high, matrix) or None
        Corners in the element's own coordinates (metres) and its placement (4, 4); None where the
        definition holds no points. Extrusions count with their depth, cuts not at all.
    """
    shape = attribute_of(element, "Representation")
    bodies = [r for r in attribute_of(shape, "Representations") or () if r.Items]
    bodies.sort(key=lambda r: (r.RepresentationIdentifier or "") not in ("Body", "Facetation"))
    for body in bodies:
        clouds = [c for item in body.Items for c in _points(item, np.eye(4), 0)]
        clouds = [c[np.isfinite(c).all(axis=1)] for c in clouds if len(c)]
        points = np.concatenate(clouds) if clouds else np.empty((0, 3))
        if not len(points):
            continue
        low, high = points.min(axis=0) * unit, points.max(axis=0) * unit
        thin = np.maximum(0.01 - (high - low), 0.0) / 2
        return low - thin, high + thin, _placement(element, unit)
    return None


def _placement(element: Any, unit: float) -> FloatArray:  # noqa: ANN401
    try:
        matrix = ifcopenshell.util.placement.get_local_placement(element.ObjectPlacement)
    except (RuntimeError, AttributeError, TypeError, ValueError, RecursionError):
        return np.eye(4)
    out = np.array(matrix, dtype=np.float64)
    out[:3, 3] *= unit
    return out


def _axes(placement: Any) -> FloatArray:  # noqa: ANN401 (IfcAxis2Placement)
    try:
        matrix = ifcopenshell.util.placement.get_axis2placement(placement)
    except (RuntimeError, AttributeError, TypeError, ValueError):
        return np.eye(4)
    return np.array(matrix, dtype=np.float64)


def _moved(points: FloatArray, matrix: FloatArray) -> FloatArray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _points(item: Any, matrix: FloatArray, depth: int) -> Iterator[FloatArray]:  # noqa: ANN401
    """Points of an item in the element's coordinates, project units."""
    if depth > DEEPEST or item is None:
        return
    seen: set[int] = set()
    while (
        is_kind(item, "IfcBooleanResult")
        and item.id() not in seen
        and item.FirstOperand is not None
    ):
        seen.add(item.id())  # cuts may be thousands deep, or a ring
        item = item.FirstOperand
    if is_kind(item, "IfcMappedItem"):
        target = matrix @ _operator(item.MappingTarget) @ _axes(item.MappingSource.MappingOrigin)
        for inner in item.MappingSource.MappedRepresentation.Items or ():
            yield from _points(inner, target, depth + 1)
    elif is_kind(item, "IfcBoundingBox"):
        low = np.array(item.Corner.Coordinates, dtype=np.float64)
        yield _moved(np.stack([low, low + np.array([item.XDim, item.YDim, item.ZDim])]), matrix)
    elif is_kind(item, "IfcSweptAreaSolid"):
        yield from _swept(item, matrix)
    else:
        yield _moved(_cloud(item), matrix)


def _operator(target: Any) -> FloatArray:  # noqa: ANN401 (IfcCartesianTransformationOperator)
    try:
        matrix = ifcopenshell.util.placement.get_cartesiantransformationoperator3d(target)
    except (RuntimeError, AttributeError, TypeError, ValueError):
        return np.eye(4)
    return np.array(matrix, dtype=np.float64)


def _swept(item: Any, matrix: FloatArray) -> Iterator[FloatArray]:  # noqa: ANN401
    """Profile at both ends of an extrusion; profile and path of other sweeps."""
    profile = _profile(item.SweptArea)
    position = attribute_of(item, "Position")
    base = matrix @ (_axes(position) if position is not None else np.eye(4))
    yield _moved(profile, base)
    if is_kind(item, "IfcExtrudedAreaSolid"):
        way = np.zeros(3)
        ratios = item.ExtrudedDirection.DirectionRatios[:3]
        way[: len(ratios)] = ratios
        length = float(np.linalg.norm(way)) or 1.0
        yield _moved(profile + way / length * float(item.Depth), base)
        return
    for name in ("Directrix", "ReferenceSurface"):
        path = attribute_of(item, name)
        if path is not None:
            reach = float(np.abs(profile).max()) if len(profile) else 0.0
            yield _moved(np.concatenate([_cloud(path) - reach, _cloud(path) + reach]), base)


def _profile(profile: Any) -> FloatArray:  # noqa: ANN401 (IfcProfileDef)
    """Points of a profile, or corners of its box, with z = 0."""
    x = max((float(attribute_of(profile, n) or 0) for n in _WIDTHS), default=0.0)
    y = max((float(attribute_of(profile, n) or 0) for n in _DEPTHS), default=0.0)
    radius = float(attribute_of(profile, "Radius") or 0.0)
    x, y = max(x, 2 * radius), max(y, 2 * radius)
    if x or y:
        corner = np.array(list(itertools.product((-x / 2, x / 2), (-y / 2, y / 2), (0.0,))))
        position = attribute_of(profile, "Position")
        return _moved(corner, _axes(position)) if position is not None else corner
    return _cloud(profile)


_WIDTHS = (
    "XDim",
    "OverallWidth",
    "FlangeWidth",
    "BottomFlangeWidth",
    "BottomXDim",
    "Width",
    "SemiAxis1",
)
_DEPTHS = ("YDim", "OverallDepth", "Depth", "OverallHeight", "SemiAxis2")


def _cloud(item: Any) -> FloatArray:  # noqa: ANN401
    """All cartesian points an entity reaches, as they are written (n, 3)."""
    found: list[FloatArray] = []
    count = 0
    for one in item.file.traverse(item, DEEPEST):
        if one.is_a("IfcCartesianPoint"):
            row = np.zeros((1, 3))
            row[0, : len(one.Coordinates)] = one.Coordinates[:3]
            found.append(row)
        elif is_kind(one, "IfcCartesianPointList3D"):
            found.append(np.array(one.CoordList, dtype=np.float64).reshape(-1, 3))
        elif is_kind(one, "IfcCartesianPointList2D"):
            flat = np.array(one.CoordList, dtype=np.float64).reshape(-1, 2)
            found.append(np.column_stack([flat, np.zeros(len(flat))]))
        else:
            continue
        count += len(found[-1])
        if count > MOST_POINTS:
            break
    return np.concatenate(found) if found else np.empty((0, 3))
