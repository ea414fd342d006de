"""Axes of alignments (roads, railways) from the layouts that define them: lines, arcs, transitions, gradients."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import ifcopenshell.util.placement
import numpy as np
import shapely
from numpy.typing import NDArray

from loaders.ifc.conversions import number
from loaders.ifc.structure import Node, attribute_of, is_kind

__all__ = ["Axis", "axes", "layout_starts"]

FloatArray = NDArray[np.float64]
DEVIATION = 0.01
"""Metres a chord may leave the curve it stands for."""
MOST_CHORDS = 2_000
"""Chords of one segment."""
LONGEST, SHORTEST, TIGHTEST = 1e7, 1e-9, 1e-3
"""Metres: lengths between which a segment means something, and the radius below which it is straight."""
_NODES = np.array([-math.sqrt(0.6), 0.0, math.sqrt(0.6)])
_WEIGHTS = np.array([5.0, 8.0, 5.0]) / 18.0
"""Gauss-Legendre, three points: exact to 1e-12 m over chords of a centimetre's deviation."""


def _helmert(u: FloatArray) -> FloatArray:
    return np.where(u < 0.5, 2 * u**3 / 3, u - 0.5 + 2 * (1 - u) ** 3 / 3)


_TURNS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "CLOTHOID": lambda u: u**2 / 2,
    "CUBIC": lambda u: u**2 / 2,
    "BLOSSCURVE": lambda u: u**3 - u**4 / 2,
    "COSINECURVE": lambda u: u / 2 - np.sin(np.pi * u) / (2 * np.pi),
    "SINECURVE": lambda u: u**2 / 2 + (np.cos(2 * np.pi * u) - 1) / (4 * np.pi**2),
    "HELMERTCURVE": _helmert,
    "VIENNESEBEND": lambda u: 7 * u**5 - 14 * u**6 + 10 * u**7 - 2.5 * u**8,
}
"""Integral of how the curvature goes over from the first radius to the second, by share of the length."""


@dataclass(frozen=True, slots=True)
class Axis:
    """An alignment: line in the source CRS, with heights where it has gradients; length in plan and least radius, metres."""

    line: shapely.LineString
    length: float
    radius: float | None


@dataclass(frozen=True, slots=True)
class _Turn:
    """A segment in plan, model metres and radians: curvature is positive to the left."""

    x: float
    y: float
    bearing: float
    first: float
    last: float
    length: float
    kind: str

    def stations(self) -> FloatArray:
        """Distances from the segment's start at which it is told."""
        bend = max(abs(self.first), abs(self.last))
        return np.linspace(0.0, self.length, _chords(self.length * math.sqrt(bend)) + 1)

    def bearings(self, s: FloatArray) -> FloatArray:
        """Direction at distances from the start."""
        u = s / self.length
        turned: FloatArray = _TURNS[self.kind](u) if self.kind in _TURNS else np.zeros_like(u)
        return self.bearing + self.length * (self.first * u + (self.last - self.first) * turned)

    def places(self, s: FloatArray) -> FloatArray:
        """Points (n, 2) at ascending distances from the start, the first of them 0."""
        step = np.diff(s)[:, None]
        within = (s[:-1] + s[1:])[:, None] / 2 + step / 2 * _NODES
        at = self.bearings(within)
        moved = np.stack([np.cos(at) @ _WEIGHTS, np.sin(at) @ _WEIGHTS], axis=1) * step
        origin = np.array([[self.x, self.y]])
        return np.concatenate([origin, origin + np.cumsum(moved, axis=0)])


@dataclass(frozen=True, slots=True)
class _Grade:
    """A segment in elevation: from ``start`` metres along the plan; gradients are rise over run."""

    start: float
    length: float
    height: float
    first: float
    last: float
    kind: str

    def stations(self) -> FloatArray:
        """Distances along the plan at which it is told."""
        change = 0.0 if self.kind == "CONSTANTGRADIENT" else abs(self.last - self.first)
        end = self.start + self.length
        return np.linspace(self.start, end, _chords(math.sqrt(self.length * change)) + 1)

    def heights(self, s: FloatArray) -> FloatArray:
        """Height at distances along the plan."""
        x = s - self.start
        if self.kind == "CONSTANTGRADIENT" or self.first == self.last or not self.length:
            return self.height + self.first * x
        a, b = (math.sin(math.atan(g)) for g in (self.first, self.last))
        if self.kind != "CIRCULARARC" or a == b:
            return self.height + self.first * x + (self.last - self.first) / self.length * x**2 / 2
        radius = self.length / (b - a)
        sine = np.clip(a + x / radius, -1.0, 1.0)
        return self.height + radius * (math.sqrt(1 - a * a) - np.sqrt(1 - sine**2))


def _chords(bent: float) -> int:
    """Chords of a curve: length times the root of its curvature, by the root of eight deviations."""
    return max(1, math.ceil(min(bent / math.sqrt(8 * DEVIATION), MOST_CHORDS)))


def axes(nodes: list[Node], unit: float, angle: float, georef: FloatArray) -> dict[int, Axis]:
    """Axis of each alignment that says how it runs.

    An alignment that only has gradients (one of several over the same plan) runs over the plan of the
    alignment it is part of. Chords leave the true curve by a centimetre at most, but for cubic
    parabolas, which are drawn as clothoids, and Viennese bends, whose cant is not followed.

    Parameters
    ----------
    nodes : list of Node
        Of the whole model.
    unit, angle : float
        Metres in one project length unit, radians in one unit of angles.
    georef : ndarray, shape (4, 4)
        Model metres → source CRS.

    Returns
    -------
    dict of step id → Axis
    """
    out = {}
    for node in nodes:
        if node.ifc_class != "IfcAlignment":
            continue
        turns = list(_turns(_planned(node.entity), unit, angle))
        grades = list(_grades(node.entity, unit))
        points = _run(turns, grades)
        if points is None:
            continue
        matrix = georef @ _placement(node.entity, unit)
        there = points @ matrix[:3, :3].T + matrix[:3, 3]
        if not np.isfinite(there).all():
            continue
        bend = max(max(abs(t.first), abs(t.last)) for t in turns)
        line = shapely.LineString(there if grades else there[:, :2])
        out[node.step] = Axis(line, sum(t.length for t in turns), 1 / bend if bend else None)
    return out


def layout_starts(entity: Any, unit: float) -> FloatArray:  # noqa: ANN401 (IFC entity)
    """Where the segments of an alignment's plan begin, shape (n, 3), its own metres; for the extent of a model."""
    found = [(t.x, t.y, 0.0) for t in _turns(_planned(entity), unit, 1.0)]
    return np.array(found, np.float64).reshape(-1, 3)


def _run(turns: list[_Turn], grades: list[_Grade]) -> FloatArray | None:
    """Points (n, 3) of plan and gradients together, z 0 without any; None where there is no line."""
    parts, begin = [], 0.0
    marks = np.concatenate([g.stations() for g in grades]) if grades else np.empty(0)
    for turn in turns:
        inside = marks[(marks > begin + 1e-6) & (marks < begin + turn.length - 1e-6)] - begin
        s = np.union1d(turn.stations(), inside)
        parts.append(np.column_stack([turn.places(s), _heights(s + begin, grades)]))
        begin += turn.length
    if not parts:
        return None
    points = np.concatenate(parts)
    apart = np.abs(np.diff(points[:, :2], axis=0)).max(axis=1) > 1e-6
    points = points[np.concatenate([[True], apart])]
    return points if len(points) > 1 else None


def _heights(s: FloatArray, grades: list[_Grade]) -> FloatArray:
    """Heights along the plan; the first and last gradient run on beyond their ends."""
    if not grades:
        return np.zeros(len(s))
    starts = np.array([g.start for g in grades])
    which = np.clip(np.searchsorted(starts, s + 1e-9, side="right") - 1, 0, None)
    out = np.empty(len(s))
    for k in np.unique(which):
        out[which == k] = grades[k].heights(s[which == k])
    return out


def _nested(entity: Any, kind: str) -> list[Any]:  # noqa: ANN401 (IFC entities)
    """What is nested in an entity, of a class, in order."""
    rels = attribute_of(entity, "IsNestedBy") or ()
    return [o for rel in rels for o in rel.RelatedObjects or () if is_kind(o, kind)]


def _planned(entity: Any) -> Any:  # noqa: ANN401 (IFC entity)
    """The alignment whose plan an alignment runs over: itself, or the one it is part of."""
    for _ in range(8):
        if _nested(entity, "IfcAlignmentHorizontal"):
            break
        above = attribute_of(entity, "Decomposes") or ()
        whole = above[0].RelatingObject if above else None
        if whole is None or not is_kind(whole, "IfcAlignment"):
            break
        entity = whole
    return entity


def _segments(entity: Any, layout: str) -> Iterator[Any]:  # noqa: ANN401 (IFC entities)
    """Parameters of the segments of an alignment's first layout of a kind."""
    first = _nested(entity, layout)[:1]
    for one in first:
        for segment in _nested(one, "IfcAlignmentSegment"):
            said = attribute_of(segment, "DesignParameters")
            if said is not None and is_kind(said, f"{layout}Segment"):
                yield said


def _turns(entity: Any, unit: float, angle: float) -> Iterator[_Turn]:  # noqa: ANN401
    for said in _segments(entity, "IfcAlignmentHorizontal"):
        length = abs(number(said.SegmentLength) or 0.0) * unit
        place: tuple[float, ...] = attribute_of(said.StartPoint, "Coordinates") or ()
        if not SHORTEST < length < LONGEST or len(place) < 2:
            continue
        first = _bend(said.StartRadiusOfCurvature, unit)
        last = _bend(said.EndRadiusOfCurvature, unit)
        kind = str(said.PredefinedType)
        if kind == "LINE":
            first = last = 0.0
        elif kind == "CIRCULARARC":
            first = last = first or last
        bearing = (number(said.StartDirection) or 0.0) * angle
        x, y = place[0] * unit, place[1] * unit
        yield _Turn(x, y, bearing, first, last, length, kind)


def _bend(radius: object, unit: float) -> float:
    """Curvature of a radius; 0 for none, which stands for a straight line."""
    metres = (number(radius) or 0.0) * unit
    return 1 / metres if abs(metres) > TIGHTEST else 0.0


def _grades(entity: Any, unit: float) -> Iterator[_Grade]:  # noqa: ANN401
    found = []
    for said in _segments(entity, "IfcAlignmentVertical"):
        start, length = number(said.StartDistAlong), number(said.HorizontalLength)
        height, first = number(said.StartHeight), number(said.StartGradient)
        if start is None or length is None or height is None or not 0 <= length * unit < LONGEST:
            continue
        first, last, kind = first or 0.0, number(said.EndGradient), str(said.PredefinedType)
        last = first if last is None else last
        found.append(_Grade(start * unit, length * unit, height * unit, first, last, kind))
    yield from sorted(found, key=lambda g: g.start)


def _placement(entity: Any, unit: float) -> FloatArray:  # noqa: ANN401
    """Placement of an alignment, model metres."""
    try:
        matrix = ifcopenshell.util.placement.get_local_placement(entity.ObjectPlacement)
    except (RuntimeError, AttributeError, TypeError, ValueError, RecursionError):
        return np.eye(4)
    out = np.array(matrix, dtype=np.float64)
    out[:3, 3] *= unit
    return out
