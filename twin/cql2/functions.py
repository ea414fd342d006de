"""Functions a filter may call beside the standard's, and nothing else: each by name, with its arguments and what it gives."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely

from twin.cql2 import spatial3d, texts
from twin.cql2.reading import refusal
from twin.cql2.shapes import PerThread, z_range
from twin.cql2.terms import NUMERIC, TEMPORAL, At, Column, Extent, Term, View, folded
from twin.features.asking import Kind
from twin.store.read import Box

__all__ = ["FUNCTIONS", "Argument", "Function", "described"]

_MOST_DEGREES: Final = spatial3d.MAX_REACH / 111_319.5
_NUMBER, _TEXT, _TIME, _SHAPE = tuple(NUMERIC), (Kind.TEXT,), tuple(TEMPORAL), (Kind.SHAPE,)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its title and the kinds it may have."""

    title: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function: how it is described, and ``make``, which gives the term of a call (its kind is ``returns``)."""

    name: str
    description: str
    arguments: tuple[Argument, ...]
    returns: str
    make: Callable[["Function", tuple[Term, ...], str], Term]


def described(functions: Mapping[str, Function] | None = None) -> dict[str, Any]:
    """The answer to ``GET /functions``, as the standard's schema has it."""
    return {
        "functions": [
            {
                "name": f.name,
                "description": f.description,
                "args": [{"title": a.title, "type": _types(a.kinds)} for a in f.arguments],
                "returns": _types((f.returns,)),
            }
            for f in (FUNCTIONS if functions is None else functions).values()
        ]
    }


def _types(kinds: Sequence[str]) -> list[str]:
    return sorted({"datetime" if k in TEMPORAL else str(k) for k in kinds})


def by_column(
    compute: Callable[..., Any], cost: int = 2
) -> Callable[[Function, tuple[Term, ...], str], Term]:
    """The maker of a function of values that are known; a number that is not finite is unknown."""

    def make(function: Function, terms: tuple[Term, ...], where: str) -> Term:  # noqa: ARG001
        def run(view: View, at: At) -> Column:
            columns = [t.run(view, at) for t in terms]
            known: Any = np.True_
            for column in columns:
                known = known & column[1]
            with np.errstate(all="ignore"):
                values = compute(known, *(c[0] for c in columns))
            if function.returns in NUMERIC:
                known = known & np.isfinite(values)
                values = np.where(known, values, 0)
            elif function.returns == Kind.TRUTH:
                values = values & known
            return values, known

        names = frozenset().union(*(t.names for t in terms))
        form = (function.name.lower(), *(t.form for t in terms))
        return folded(
            Term(function.returns, run, form, names, sum(t.cost for t in terms) + cost), terms
        )

    return make


def _numbers(compute: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _known, *values: compute(*(np.asarray(v, np.float64) for v in values))


def _texts(change: Callable[[str], Any], otype: type = object) -> Callable[..., Any]:
    return lambda known, values: texts.each(change, values, known, otype)


def _part(unit: str, within: str, first: int) -> Callable[..., Any]:
    def compute(_known: Any, values: Any) -> Any:  # noqa: ANN401
        moment = np.asarray(values).astype("datetime64[us]")
        return (moment.astype(unit) - moment.astype(within).astype(unit)).astype(np.int64) + first

    return compute


def _year(_known: Any, values: Any) -> Any:  # noqa: ANN401
    return np.asarray(values).astype("datetime64[Y]").astype(np.int64) + 1970


# --- heights and three dimensions -------------------------------------------------------------------------------------


def _main(term: Term, name: str, where: str) -> None:
    if term.form != ("field", "geometry"):
        raise refusal(
            f"filter at {where}: the first argument of {name} is the thing's own shape; write geometry"
        )


def _height(which: str) -> Callable[[Function, tuple[Term, ...], str], Term]:
    def make(function: Function, terms: tuple[Term, ...], where: str) -> Term:
        _main(terms[0], function.name, where)

        def run(view: View, at: At) -> Column:
            low, high = view.heights(at)
            values = {"low": low, "high": high, "height": high - low}[which]
            known = np.isfinite(values)
            return np.where(known, values, 0.0), known

        return Term(Kind.NUMBER, run, (function.name.lower(),), terms[0].names, 3)

    return make


def _upright(literal: Term, name: str, where: str) -> tuple[float, float]:
    """Heights of a literal."""
    if not literal.fixed or literal.value is None:
        raise refusal(
            f"filter at {where}: the second argument of {name} is a literal shape with heights"
        )
    if literal.span is not None:
        return literal.span
    low, high = z_range(np.array([literal.value], dtype=object))
    if not (math.isfinite(low[0]) and math.isfinite(high[0])):
        raise refusal(
            f"filter at {where}: the shape given to {name} has no heights; write POINT Z (lon lat metres), "
            "or a box of six numbers"
        )
    return float(low[0]), float(high[0])


def _beside(over: bool) -> Callable[[Function, tuple[Term, ...], str], Term]:
    """``ABOVE`` and ``BELOW``."""

    def make(function: Function, terms: tuple[Term, ...], where: str) -> Term:
        thing, other = terms
        _main(thing, function.name, where)
        shape: shapely.Geometry | None = None
        if other.kind == Kind.SHAPE:
            span = _upright(other, function.name, where)
            shape = other.value
        elif other.fixed and other.value is not None:
            span = (float(other.value), float(other.value))
        else:
            raise refusal(
                f"filter at {where}: the second argument of {function.name} is a number of metres or a literal"
            )
        level = span[1] if over else span[0]
        mine = PerThread(shape) if shape is not None else None

        def run(view: View, at: At) -> Column:
            low, high = view.heights(at)
            edge = low if over else high
            known = np.isfinite(edge)
            hit = (edge >= level) if over else (edge <= level)
            hit = hit & known
            if mine is None:
                return hit, known
            shapes = view.shapes(at)
            here = shapely.intersects(mine.get(), shapes)
            sure = ~shapely.is_missing(shapes)
            return hit & here & sure, sure & (known | ~here)

        west, south, east, north = (
            (-180.0, -90.0, 180.0, 90.0) if shape is None else shapely.bounds(shape).tolist()
        )
        box = Box(west, south, east, north, level if over else None, None if over else level)
        form = (function.name.lower(), other.form)
        return Term(
            Kind.TRUTH, run, form, thing.names, 5 if shape is None else 65, extent=Extent(box)
        )

    return make


def _apart(function: Function, terms: tuple[Term, ...], where: str) -> Term:
    """``S3D_INTERSECTS`` and ``S3D_DWITHIN``."""
    thing, literal = (terms[1], terms[0]) if terms[0].fixed and not terms[1].fixed else terms[:2]
    _main(thing, function.name, where)
    reach = 0.0 if len(terms) == 2 else _reach(terms[2], function.name, where)
    span = _upright(literal, function.name, where)
    bounds = shapely.bounds(literal.value)
    if (
        max(
            bounds[3] - bounds[1],
            (bounds[2] - bounds[0]) * math.cos(math.radians(max(abs(bounds[1]), abs(bounds[3])))),
        )
        > _MOST_DEGREES
    ):
        raise refusal(
            f"filter at {where}: the shape given to {function.name} is larger than 100 km; give a smaller one"
        )
    west, south, east, north = spatial3d.near_degrees(bounds, reach).tolist()
    frame = spatial3d.Frame(
        (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2, (span[0] + span[1]) / 2
    )
    mine = PerThread(literal.value, frame.metres)

    def run(view: View, at: At) -> Column:
        shapes, (low, high) = view.shapes(at), view.heights(at)
        ends = shapely.bounds(shapes)
        near = (
            (ends[:, 0] <= east)
            & (ends[:, 2] >= west)
            & (ends[:, 1] <= north)
            & (ends[:, 3] >= south)
        )
        known = ~shapely.is_missing(shapes) & (~near | (np.isfinite(low) & np.isfinite(high)))
        rows = np.flatnonzero(near & known & (low <= span[1] + reach) & (high >= span[0] - reach))
        hit = np.zeros(len(shapes), dtype=bool)
        if len(rows):
            other = spatial3d.Body.of(mine.get(), *span)
            moved = frame.metres(shapes[rows])
            hit[rows] = spatial3d.within(moved, low[rows], high[rows], other, reach)
        return hit, known

    box = Box(
        max(west, -180.0),
        max(south, -90.0),
        min(east, 180.0),
        min(north, 90.0),
        span[0] - reach,
        span[1] + reach,
    )
    return Term(
        Kind.TRUTH,
        run,
        (function.name.lower(), literal.form, reach),
        thing.names,
        300,
        extent=Extent(box),
    )


def _reach(term: Term, name: str, where: str) -> float:
    value = term.value if term.fixed else None
    if not isinstance(value, (int, float)) or not 0 <= value <= spatial3d.MAX_REACH:
        raise refusal(
            f"filter at {where}: the distance of {name} is a number of metres from 0 to 100000"
        )
    return float(value)


def _function(name: str, description: str, arguments: Sequence[tuple[str, Sequence[str]]], returns: str,
              make: Callable[[Function, tuple[Term, ...], str], Term]) -> Function:  # fmt: skip
    return Function(
        name, description, tuple(Argument(t, tuple(k)) for t, k in arguments), returns, make
    )


_ALL: Final = (
    _function("S3D_INTERSECTS", "Whether a thing meets a shape in three dimensions.",
              [("geometry", _SHAPE), ("shape with heights", _SHAPE)], Kind.TRUTH, _apart),
    _function("S3D_DWITHIN", "Whether a thing lies within a distance of a shape in three dimensions.",
              [("geometry", _SHAPE), ("shape with heights", _SHAPE), ("metres", _NUMBER)], Kind.TRUTH, _apart),
    _function("ABOVE", "Whether all of a thing is above a height (metres over the ellipsoid) or right above a shape.",
              [("geometry", _SHAPE), ("metres or shape with heights", (*_NUMBER, Kind.SHAPE))], Kind.TRUTH, _beside(True)),
    _function("BELOW", "Whether all of a thing is below a height (metres over the ellipsoid) or right below a shape.",
              [("geometry", _SHAPE), ("metres or shape with heights", (*_NUMBER, Kind.SHAPE))], Kind.TRUTH, _beside(False)),
    _function("LOWEST", "Lowest height of a thing, metres above the ellipsoid.", [("geometry", _SHAPE)], Kind.NUMBER,
              _height("low")),
    _function("HIGHEST", "Highest height of a thing, metres above the ellipsoid.", [("geometry", _SHAPE)], Kind.NUMBER,
              _height("high")),
    _function("HEIGHT", "Metres between a thing's lowest and highest height.", [("geometry", _SHAPE)], Kind.NUMBER,
              _height("height")),
    _function("CENTROID", "Middle of a shape seen from above.", [("shape", _SHAPE)], Kind.SHAPE,
              by_column(lambda _known, shapes: shapely.centroid(shapes), 20)),
    _function("LOWER", "A text in lower case.", [("text", _TEXT)], Kind.TEXT, by_column(_texts(str.lower), 8)),
    _function("UPPER", "A text in upper case.", [("text", _TEXT)], Kind.TEXT, by_column(_texts(str.upper), 8)),
    _function("LENGTH", "Number of characters of a text.", [("text", _TEXT)], Kind.WHOLE, by_column(_texts(len, np.int64), 6)),
    _function("ABS", "Absolute value.", [("number", _NUMBER)], Kind.NUMBER, by_column(_numbers(np.abs))),
    _function("FLOOR", "Largest whole number not above.", [("number", _NUMBER)], Kind.NUMBER, by_column(_numbers(np.floor))),
    _function("CEIL", "Smallest whole number not below.", [("number", _NUMBER)], Kind.NUMBER, by_column(_numbers(np.ceil))),
    _function("SQRT", "Square root; unknown below 0.", [("number", _NUMBER)], Kind.NUMBER, by_column(_numbers(np.sqrt))),
    _function("LEAST", "Smaller of two numbers.", [("number", _NUMBER), ("number", _NUMBER)], Kind.NUMBER,
              by_column(_numbers(np.minimum))),
    _function("GREATEST", "Larger of two numbers.", [("number", _NUMBER), ("number", _NUMBER)], Kind.NUMBER,
              by_column(_numbers(np.maximum))),
    _function("YEAR", "Year of a date or timestamp (UTC).", [("time", _TIME)], Kind.WHOLE, by_column(_year)),
    _function("MONTH", "Month of a date or timestamp (UTC), 1 to 12.", [("time", _TIME)], Kind.WHOLE,
              by_column(_part("datetime64[M]", "datetime64[Y]", 1))),
    _function("DAY", "Day of the month of a date or timestamp (UTC).", [("time", _TIME)], Kind.WHOLE,
              by_column(_part("datetime64[D]", "datetime64[M]", 1))),
)  # fmt: skip

FUNCTIONS: Final[Mapping[str, Function]] = {f.name.lower(): f for f in _ALL}
"""By name in lower case: names are read whatever their case."""
