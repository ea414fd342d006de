"""Seeded rows with unknown values among them, as dicts and as the engine sees them."""

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import shapely

from twin.features.asking import Field, Kind

_DTYPES = {
    Kind.NUMBER: np.float64,
    Kind.WHOLE: np.int64,
    Kind.TRUTH: bool,
    Kind.DATE: "datetime64[D]",
    Kind.INSTANT: "datetime64[us]",
}
_SPARE: dict[str, Any] = {
    Kind.NUMBER: np.nan,
    Kind.WHOLE: 0,
    Kind.TRUTH: False,
    Kind.DATE: None,
    Kind.INSTANT: None,
}


class DictRows:
    """``Rows`` over dicts; the heights of a row stand under ``_low`` and ``_high``."""

    def __init__(self, rows: Sequence[dict[str, Any]], fields: dict[str, Field]) -> None:
        self._rows, self._fields, self.n = rows, fields, len(rows)

    def column(self, name: str) -> tuple[Any, Any]:
        kind = self._fields[name].kind
        cells = [r[name] for r in self._rows]
        known = np.array([c is not None for c in cells])
        if kind in _DTYPES:
            return np.array(
                [_SPARE[kind] if c is None else c for c in cells], dtype=_DTYPES[kind]
            ), known
        out = np.empty(self.n, dtype=object)
        for i, cell in enumerate(cells):
            out[i] = cell
        return out, known

    def shapes(self) -> Any:
        return self.column("geometry")[0]

    def heights(self) -> tuple[Any, Any]:
        return tuple(
            np.array([np.nan if r[k] is None else r[k] for r in self._rows])
            for k in ("_low", "_high")
        )  # type: ignore[return-value]


def fields_of(kinds: dict[str, Kind]) -> dict[str, Field]:
    return {n: Field(n, k) for n, k in kinds.items()}


def literals(item: Any) -> list[Any]:
    """Every literal of a tree, parts of arrays, ends of intervals and shapes included."""
    if isinstance(item, dict):
        if "type" in item or ("bbox" in item):
            return [item]
        return (
            []
            if "property" in item
            else [v for key, part in item.items() if key != "op" for v in literals(part)]
        )
    if isinstance(item, list):
        return [v for part in item for v in literals(part)]
    return [item]


def properties(item: Any) -> list[str]:
    """Names of all properties of a tree."""
    if isinstance(item, dict):
        return (
            [item["property"]]
            if "property" in item
            else [n for part in item.values() for n in properties(part)]
        )
    return [n for part in item for n in properties(part)] if isinstance(item, list) else []


def pools(item: Any) -> dict[str, list[Any]]:
    """Literals that stand beside each property in an operator."""
    found: dict[str, list[Any]] = {}
    stack = [item]
    while stack:
        part = stack.pop()
        if isinstance(part, dict) and "op" in part:
            stack.extend(part["args"])
            if part["op"] not in ("and", "or", "not"):
                for name in properties(part):
                    found.setdefault(name, []).extend(literals(part))
    return found


def cell(kind: Kind, pool: Sequence[Any], rng: random.Random) -> Any:
    """A value of a kind, near those of the pool as often as not; a tenth are unknown."""
    if rng.random() < 1 / 10:
        return None
    if kind in (Kind.NUMBER, Kind.WHOLE):
        near = [v for v in pool if isinstance(v, (int, float)) and not isinstance(v, bool)] or [3.0]
        found = (
            rng.choice(near) + rng.choice([-1, 0, 0, 0, 1, 0.05, -0.05])
            if rng.random() < 0.8
            else rng.uniform(-10, 220)
        )
        return round(found) if kind == Kind.WHOLE else float(found)
    if kind == Kind.TRUTH:
        return rng.random() < 0.5
    if kind in (Kind.DATE, Kind.INSTANT):
        return _time(kind, pool, rng)
    if kind == Kind.LIST:
        near = [v for v in pool if not isinstance(v, dict)] or ["a"]
        return (
            [rng.choice(near) for _ in range(rng.randrange(4))]
            if rng.random() < 0.6
            else list(near)
        )
    if kind == Kind.SHAPE:
        return _shape(pool, rng)
    near = [v for v in pool if isinstance(v, str)] or ["foo"]
    base = rng.choice(near).replace("%", rng.choice(["", "x", "Ab"]))
    return rng.choice(
        [
            *[base] * 6,
            base.upper(),
            base.lower(),
            base.casefold(),
            base + "s",
            "q" + base,
            base[:-1],
            "Beyonce",
            "Strasse",
            "",
        ]
    )


def _time(kind: Kind, pool: Sequence[Any], rng: random.Random) -> Any:
    from cql2_brute import moment

    near = [moment(v) for v in pool if isinstance(v, str) and v[:4].isdigit() and v[4:5] == "-"]
    base = rng.choice(near) if near else datetime(2012, 8, 10)
    shifted = np.datetime64(base, "us") + np.timedelta64(
        rng.choice([0, 0, 0, 1, -1, 86_400, -86_400, 40_000, 10**7, -(10**7)]), "s"
    )
    found = shifted.astype(datetime)
    return found if kind == Kind.INSTANT else found.date()


def _shape(pool: Sequence[Any], rng: random.Random) -> Any:
    from cql2_brute import shape_of

    near = [shape_of(v) for v in pool if isinstance(v, dict)] or [shapely.box(0, 0, 10, 10)]
    base = shapely.force_2d(rng.choice(near))
    west, south, east, north = base.bounds
    x, y = rng.uniform(west - 0.1, east + 0.1), rng.uniform(south - 0.1, north + 0.1)
    width = rng.uniform(0, max(east - west, north - south, 0.01))
    return rng.choice([
        base, base, base.envelope, base.buffer(0.5), base.boundary if base.geom_type != "GeometryCollection" else base.envelope, shapely.Point(x, y), base.representative_point(),
        shapely.box(x, y, x + width, y + width), shapely.LineString([(x, y), (x + width, y - width / 2), (west, north)]),
    ])  # fmt: skip
