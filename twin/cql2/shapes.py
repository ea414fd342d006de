"""Shapes: literals in degrees (EPSG:4490), how shapes lie to each other (OGC 06-103r4, 6.1.15), and boxes implied.

An edge of a literal given in a projected or shifted (GCJ-02, BD-09) system is bent in degrees: it is cut so that no part
of it lies farther than about a centimetre from where it was meant. A literal that crosses itself is repaired as areas.
Heights count only where the box has six numbers and in the 3D functions; the others look at shapes from above.
"""

import hashlib
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

import numpy as np
import orjson
import shapely

from twin import crs as reference
from twin.cql2.reading import MAX_VERTICES, refusal
from twin.cql2.terms import At, Column, Extent, Term, View, constant, folded
from twin.errors import CrsError
from twin.features.asking import Kind
from twin.store.read import Box

__all__ = [
    "MAX_ALL_VERTICES",
    "MAX_MENDED",
    "RELATIONS",
    "Literals",
    "PerThread",
    "hull",
    "meet",
    "relation",
    "z_range",
]

MAX_ALL_VERTICES: Final = 30_000
"""Of all shapes of a filter, as many as they have when their edges are cut."""
MAX_MENDED: Final = 100
"""Vertices of shapes that cross themselves."""
_STEP: Final = (
    1_000.0  # metres: a chord of this length bends by about 1 cm at 40° in a transverse Mercator
)
_STEP_SHIFTED: Final = 300.0  # the shift of GCJ-02 and BD-09 waves by metres within some kilometres
_MOST: Final = 10_000

RELATIONS: Final = {
    "s_intersects": shapely.intersects, "s_disjoint": shapely.disjoint, "s_equals": shapely.equals,
    "s_touches": shapely.touches, "s_crosses": shapely.crosses, "s_within": shapely.within,
    "s_contains": shapely.contains, "s_overlaps": shapely.overlaps,
}  # fmt: skip
_TURNED: Final = {"s_within": "s_contains", "s_contains": "s_within"}
_WITH_HEIGHT: Final = frozenset({"s_intersects", "s_disjoint", "s_within"})


class PerThread:
    """A literal's shape, copied and prepared for each thread: GEOS fills a prepared shape while it is read.

    ``moved`` changes the copy before it is prepared.
    """

    __slots__ = ("_local", "_moved", "_shape")
    _copying: ClassVar = threading.Lock()

    def __init__(
        self,
        shape: shapely.Geometry,
        moved: Callable[[shapely.Geometry], shapely.Geometry] | None = None,
    ) -> None:
        self._shape = shape
        self._moved = moved
        self._local = threading.local()

    def get(self) -> shapely.Geometry:
        """The copy of the thread that asks."""
        found: shapely.Geometry | None = getattr(self._local, "shape", None)
        if found is None:
            with self._copying:
                found = shapely.from_wkb(shapely.to_wkb(self._shape))
            if self._moved is not None:
                found = self._moved(found)
            shapely.prepare(found)
            self._local.shape = found
        return found


class Literals:
    """Makes the shapes of one filter.

    Parameters
    ----------
    crs : str, optional
        Canonical name of the system of their coordinates; None for degrees, x first.
    """

    def __init__(self, crs: str | None) -> None:
        self._crs = crs
        self._vertices = 0
        self._mended = 0

    def geometry(self, given: dict[str, Any], where: str) -> Term:
        """A GeoJSON geometry as a term, in degrees.

        Raises
        ------
        InvalidRequestError
            It is no geometry, has no place in its system, or too many vertices.
        """
        try:
            source = orjson.dumps(given)
            shape = shapely.from_geojson(source)
        except (shapely.GEOSException, orjson.JSONEncodeError, ValueError) as err:
            raise refusal(
                f"filter at {where}: no geometry ({' '.join(str(err).split())[:100]})"
            ) from err
        if shapely.is_missing(shape) or shapely.is_empty(shape):
            raise refusal(f"filter at {where}: the shape is empty; give it coordinates")
        return self._placed(shape, where, source)

    def box(self, numbers: object, where: str) -> Term:
        """A box of four or six numbers; in degrees, west beyond east crosses the antimeridian."""
        if not isinstance(numbers, list) or len(numbers) not in (4, 6) or not all(
            isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in numbers
        ):  # fmt: skip
            raise refusal(
                f"filter at {where}: a box has 4 numbers (west, south, east, north) or 6 with heights"
            )
        half = len(numbers) // 2
        (west, south, *low), (east, north, *high) = numbers[:half], numbers[half:]
        crossing = west > east and (self._crs is None or reference.is_geographic(self._crs))
        if south > north or (low and low[0] > high[0]) or (west > east and not crossing):
            raise refusal(
                f"filter at {where}: the box ends before it begins; give its lower corner first"
            )
        span = (float(low[0]), float(high[0])) if low else None
        source = repr(numbers).encode()
        if not crossing:
            return self._placed(shapely.box(west, south, east, north), where, source, span)
        halves = [shapely.box(west, south, 180.0, north), shapely.box(-180.0, south, east, north)]
        return self._placed(shapely.multipolygons(halves), where, source, span)

    def _placed(
        self,
        shape: shapely.Geometry,
        where: str,
        source: bytes,
        span: tuple[float, float] | None = None,
    ) -> Term:
        count = int(shapely.get_num_coordinates(shape))
        if count > MAX_VERTICES:
            raise refusal(
                f"filter at {where}: {count:,} vertices, at most {MAX_VERTICES:,} are read; simplify the shape"
            )
        if self._crs is not None:
            shape = _degrees(shape, self._crs, where)
            count = int(shapely.get_num_coordinates(shape))
        self._vertices += count
        if self._vertices > MAX_ALL_VERTICES:
            raise refusal(f"filter at {where}: too many vertices altogether; simplify the shapes")
        west, south, east, north = shapely.bounds(shape).tolist()
        if not (west >= -180 and south >= -90 and east <= 180 and north <= 90):
            raise refusal(
                f"filter at {where}: coordinates from ({west:g}, {south:g}) to ({east:g}, {north:g}) are no "
                "longitude and latitude; put x first, or name their system with filter-crs"
            )
        if count > 1 and not shapely.is_valid(shape):
            shape = self._repaired(shape, count, where)
        form = ("shape", hashlib.blake2b(source, digest_size=16).hexdigest(), self._crs)
        return constant(Kind.SHAPE, shape, form, span=span)

    def _repaired(self, shape: shapely.Geometry, count: int, where: str) -> shapely.Geometry:
        """Areas of a shape that crosses itself; the time this takes grows with the square of its size and more."""
        self._mended += count
        if self._mended > MAX_MENDED:
            why = shapely.is_valid_reason(shape)
            raise refusal(f"filter at {where}: the shape crosses itself ({why[:60]}); repair it")
        mended = shapely.make_valid(shape, method="structure", keep_collapsed=True)
        if (
            mended.is_empty and count <= MAX_MENDED // 5
        ):  # a hole around its own area: all that the lines enclose
            mended = shapely.make_valid(shape, method="linework")
        if mended.is_empty:
            raise refusal(f"filter at {where}: the shape encloses nothing; repair it")
        return mended


def _degrees(shape: shapely.Geometry, crs: str, where: str) -> shapely.Geometry:
    """The shape in degrees, its edges cut where the system is projected."""
    try:
        shifted = crs.startswith((reference.GCJ02, reference.BD09))
        if shifted or not reference.is_geographic(crs):
            step = (_STEP_SHIFTED if shifted else _STEP) / reference.unit_metres(crs)
            length = float(shapely.length(shape))
            if not math.isfinite(length):
                raise CrsError("coordinates are no finite numbers")
            shape = shapely.segmentize(shape, max(step, length / _MOST))
        moved: shapely.Geometry = reference.transform_shapes(crs, np.array([shape], dtype=object))[
            0
        ]
    except (CrsError, shapely.GEOSException) as err:
        raise refusal(
            f"filter at {where}: the shape cannot be placed in {crs} ({err}); see filter-crs"
        ) from err
    return moved


def _bounds(term: Term) -> Box:
    shape = term.value
    west, south, east, north = shapely.bounds(shape).tolist()
    if west == -180.0 and east == 180.0 and shapely.get_num_geometries(shape) == 2:
        parts = shapely.bounds(shapely.get_parts(shape))
        right, left = (parts[i] for i in np.argsort(-parts[:, 0]))
        if right[0] > left[2] and right[2] == 180.0 and left[0] == -180.0:
            west, east = float(right[0]), float(left[2])
    low, high = term.span or (None, None)
    return Box(west, south, east, north, low, high)


def relation(name: str, one: Term, two: Term, where: str) -> Term:
    """One of :data:`RELATIONS` between two shapes; unknown where either is."""
    for i, t in enumerate((one, two)):
        if t.kind != Kind.SHAPE:
            raise refusal(
                f"filter at {where}: argument {i + 1} of {name.upper()} is a {t.kind}; expected a geometry"
            )
        if t.span and name not in _WITH_HEIGHT:
            raise refusal(
                f"filter at {where}: {name.upper()} does not look at heights; give the box 4 numbers, or use "
                "S_INTERSECTS, S_WITHIN or S_DISJOINT"
            )
    if one.span and name == "s_within":
        raise refusal(
            f"filter at {where}: a box with heights can only be the second argument of S_WITHIN"
        )
    if one.fixed and not two.fixed:
        one, two, name = two, one, _TURNED.get(name, name)
    test, turned = RELATIONS[name], RELATIONS[_TURNED.get(name, name)]
    mine = PerThread(two.value) if two.fixed and two.value is not None else None

    def run(view: View, at: At) -> Column:
        shapes, sure = one.run(view, at)
        others, known = two.run(view, at)
        known = sure & known
        # a prepared shape is fast as the first argument only
        found = turned(mine.get(), shapes) if mine else test(shapes, others)
        if two.span is None:
            return found & known, known
        return _at_heights(name, (found, known), _span_of(one, view, at), two.span)

    made = Term(
        Kind.TRUTH, run, (name, one.form, two.form), one.names | two.names, one.cost + two.cost + 60,
        **_extents(name, one, two),
    )  # fmt: skip
    return folded(made, (one, two))


def _at_heights(name: str, column: Column, heights: Column, span: tuple[float, float]) -> Column:
    """With heights: a thing whose heights are unknown is decided only by where it lies."""
    found, known = column
    low, high = heights
    sure = np.isfinite(low) & np.isfinite(high)
    near = found if name != "s_disjoint" else ~found
    inside = (
        (low >= span[0]) & (high <= span[1])
        if name == "s_within"
        else (low <= span[1]) & (high >= span[0])
    )
    met = near & inside
    known = known & (sure | ~near)
    return (met if name != "s_disjoint" else ~met) & known, known


def _span_of(term: Term, view: View, at: At) -> Column:
    if term.form == ("field", "geometry"):
        return view.heights(at)
    return z_range(np.atleast_1d(term.run(view, at)[0]))


def z_range(shapes: Any) -> Column:  # noqa: ANN401 - array of shapes
    """Lowest and highest coordinate of each shape, NaN where it has no heights."""
    low, high = np.full(len(shapes), np.nan), np.full(len(shapes), np.nan)
    xyz, index = shapely.get_coordinates(shapes, include_z=True, return_index=True)
    if len(index):
        starts = np.flatnonzero(np.r_[True, index[1:] != index[:-1]])
        low[index[starts]] = np.minimum.reduceat(xyz[:, 2], starts)
        high[index[starts]] = np.maximum.reduceat(xyz[:, 2], starts)
    return low, high


# --- boxes ------------------------------------------------------------------------------------------------------------


def _extents(name: str, one: Term, two: Term) -> dict[str, Any]:
    if not two.fixed or two.value is None or one.form != ("field", "geometry"):
        return {}
    if name == "s_disjoint":
        return {"outside": Extent(_bounds(two))}
    return {"extent": Extent(_bounds(two), within=name in ("s_within", "s_equals"))}


def meet(extents: Sequence[Extent | None]) -> Extent | None:
    """Where things lie that lie in all of them: only what lies *within* a box can cut another."""
    found = None
    for extent in extents:
        if extent is None:
            continue
        found = extent if found is None else _met(found, extent)
    return found


def _met(a: Extent, b: Extent) -> Extent:
    p, q = a.box, b.box
    if p.west > p.east or q.west > q.east or not (a.within or b.within):
        near = min((a, b), key=lambda e: _size(e.box))
        far = b if near is a else a
        low, high = _heights(near.box, far.box)
        return Extent(
            Box(near.box.west, near.box.south, near.box.east, near.box.north, low, high),
            near.within,
        )
    west, south = max(p.west, q.west), max(p.south, q.south)
    east, north = min(p.east, q.east), min(p.north, q.north)
    if west > east or south > north:
        return a if a.within else b
    low, high = _heights(p, q)
    return Extent(Box(west, south, east, north, low, high), a.within and b.within)


def _size(box: Box) -> float:
    return ((box.east - box.west) % 360.0 or (360.0 if box.east > box.west else 0.0)) * (
        box.north - box.south
    )


def _heights(box: Box, other: Box) -> tuple[float | None, float | None]:
    """Heights of one box, of the other where it has none: what meets both meets either."""
    return (box.low, box.high) if (box.low, box.high) != (None, None) else (other.low, other.high)


def hull(extents: Sequence[Extent | None]) -> Extent | None:
    """Where things lie that lie in any of them."""
    known = [e for e in extents if e is not None]
    if not known or len(known) < len(extents):
        return None
    boxes = [e.box for e in known]
    crossing = any(b.west > b.east for b in boxes)
    if crossing and len(boxes) == 1:
        return known[0]
    lows, highs = [b.low for b in boxes], [b.high for b in boxes]
    return Extent(
        Box(
            -180.0 if crossing else min(b.west for b in boxes),
            min(b.south for b in boxes),
            180.0 if crossing else max(b.east for b in boxes),
            max(b.north for b in boxes),
            None if None in lows else min(v for v in lows if v is not None),
            None if None in highs else max(v for v in highs if v is not None),
        ),
        all(e.within for e in known),
    )
