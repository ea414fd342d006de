"""Where a model's own coordinates lie, from a sample of its objects."""

import contextlib
import itertools
from typing import Any

import ifcopenshell.util.placement
import numpy as np

from loaders.ifc.alignments import layout_starts
from loaders.ifc.layout import Layout
from loaders.ifc.structure import AXIS, Node, attribute_of, has_surface, is_kind, value_of

__all__ = ["placement_bounds"]


def placement_bounds(
    nodes: list[Node], unit: float, layout: Layout | None = None
) -> tuple[float, float, float, float] | None:
    """(xmin, ymin, xmax, ymax) of up to 150 objects, model metres; None without any.

    Origins of the placements, and boxes of a few shapes: coordinates may be huge in either. The
    middle half decides where most lie far from a few forgotten at the origin. A ``layout`` spares
    asking the model for what was read already.
    """
    few = nodes[:: max(1, len(nodes) // 600)]
    seen = _surfaced(few, layout)
    shaped = [n for n, drawn in zip(few, seen, strict=True) if drawn or n.ifc_class == AXIS]
    chosen = shaped[:: max(1, len(shaped) // 150)] or few[::4]
    rows = layout.placed(_steps(chosen)).tolist() if layout else [-1] * len(chosen)
    points = []
    known: dict[int, np.ndarray] = {}
    for number, (node, row) in enumerate(zip(chosen, rows, strict=True)):
        matrix = layout.matrices[row] if layout and row >= 0 else _standing(node, unit, known)
        local = _some_points(node.entity) if number % 10 == 0 or len(chosen) <= 20 else None
        local = layout_starts(node.entity, 1.0) if node.ifc_class == AXIS else local
        local = np.zeros((1, 3)) if local is None or not len(local) else local
        points.append((local @ matrix[:3, :3].T * unit + matrix[:3, 3])[:, :2])
    if not points:
        return None
    all_points = np.concatenate(points)
    all_points = all_points[np.isfinite(all_points).all(axis=1)]
    if not len(all_points):
        return None
    centre = _median(all_points)
    reach = np.abs(all_points - centre).max(axis=1)
    near = all_points[reach <= max(20 * float(_median(reach)), 2_000.0)]
    low, high = near.min(axis=0), near.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _steps(nodes: list[Node]) -> np.ndarray:
    return np.array([node.step for node in nodes], dtype=np.int64)


def _surfaced(nodes: list[Node], layout: Layout | None) -> list[bool]:
    """Whether each object has a surface."""
    told = layout.parts(_steps(nodes)) if layout else [None] * len(nodes)
    return [
        has_surface(node.entity)
        if rows is None or layout is None
        else not all(layout.flat[row] for row in rows)
        for node, rows in zip(nodes, told, strict=True)
    ]


def _standing(node: Node, unit: float, known: dict[int, np.ndarray]) -> np.ndarray:
    """Matrix of an object to model metres; of one that is placed in another way, that of the model."""
    placement = value_of(node.entity, "ObjectPlacement")
    matrix = np.eye(4)
    if hasattr(placement, "is_a") and is_kind(placement, "IfcLocalPlacement"):
        with contextlib.suppress(
            RuntimeError, AttributeError, TypeError, ValueError, RecursionError
        ):
            matrix = _placed(placement, known).copy()
    matrix[:3, 3] *= unit
    return matrix


def _median(values: np.ndarray) -> np.ndarray:
    """Median along the first axis; NumPy's own loads its masked arrays, 3 MB."""
    ordered = np.sort(values, axis=0)
    return np.asarray((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)


def _placed(placement: Any, known: dict[int, np.ndarray]) -> np.ndarray:  # noqa: ANN401 (IFC entity)
    """Matrix (4, 4) of a local placement in project units; what many stand on is computed once."""
    step = placement.id()
    if step not in known:
        above = placement.PlacementRelTo
        own = _axes(placement.RelativePlacement)
        known[step] = own if above is None else _placed(above, known) @ own
    return known[step]


def _axes(given: Any) -> np.ndarray:  # noqa: ANN401 (IFC entity)
    """Matrix of an axis placement; three unturned coordinates, as most are, take no vector algebra."""
    plain = given.is_a("IfcAxis2Placement3D") and given[1] is None and given[2] is None
    if not plain or len(given[0][0]) != 3:
        return np.asarray(ifcopenshell.util.placement.get_axis2placement(given), dtype=float)
    out = np.eye(4)
    out[:3, 3] = given[0][0]
    return out


def _some_points(entity: Any) -> np.ndarray | None:  # noqa: ANN401 (IFC entity)
    """The first few points of an object's first shape, in its own coordinates and project units."""
    shape = attribute_of(entity, "Representation")
    out: list[list[float]] = []
    for representation in (attribute_of(shape, "Representations") or ()) if shape else ():
        for item in (representation.Items or ())[:1]:
            for one in itertools.islice(item.file.traverse(item, 12, True), 200):
                if one.is_a("IfcCartesianPoint") and len(one.Coordinates) == 3:
                    out.append(list(one.Coordinates))
                elif is_kind(one, "IfcCartesianPointList3D"):
                    out += [list(c) for c in one.CoordList[:20]]
                if len(out) >= 20:
                    break
    return np.array(out, dtype=np.float64) if out else None
