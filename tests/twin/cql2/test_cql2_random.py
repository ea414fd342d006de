"""Random filters answer as row by row evaluation does, their boxes hold what they find, and their keys tell them apart."""

import json
import random
from typing import Any

import cql2
import numpy as np
import shapely
from cql2_brute import value
from cql2_rows import DictRows, cell, fields_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from twin.cql2 import parse
from twin.features.asking import Kind
from twin.store.read import Box

KINDS = {"n": Kind.WHOLE, "x": Kind.NUMBER, "s": Kind.TEXT, "r": Kind.TEXT, "b": Kind.TRUTH, "d": Kind.DATE, "t": Kind.INSTANT, "u": Kind.INSTANT,
         "l": Kind.LIST, "geometry": Kind.SHAPE}  # fmt: skip
FIELDS = fields_of(KINDS)
TEXTS = ["Straße", "strasse", "Beyoncé", "Beyonce", "foo", "Foo", "", "a%b", "京城路", "it's"]
PATTERNS = ["%", "f%", "%e", "_oo", "%s%s%", "a\\%b", "", "%_", "B%c_", "京%"]
DAYS = ["2012-08-09", "2012-08-10", "2012-08-11"]
MOMENTS = [
    "2012-08-10T00:00:00Z",
    "2012-08-10T05:30:00Z",
    "2012-08-10T23:59:59Z",
    "2012-08-11T00:00:00Z",
]
SHAPES: list[dict[str, Any]] = [
    {"bbox": [0.0, 0.0, 10.0, 10.0]}, {"bbox": [5.0, 5.0, 12.0, 12.0]}, {"bbox": [170.0, -10.0, -170.0, 10.0]}, {"bbox": [0.0, 0.0, -5.0, 10.0, 10.0, 20.0]},
    {"type": "Point", "coordinates": [5.0, 5.0]}, {"type": "LineString", "coordinates": [[0.0, 0.0], [10.0, 10.0]]},
    {"type": "Polygon", "coordinates": [[[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 0.0]]]},
    {"type": "MultiPoint", "coordinates": [[0.0, 0.0], [5.0, 5.0]]},
]  # fmt: skip


def _rows(seed: int, n: int = 60) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    pools: dict[str, list[Any]] = {
        "n": [1, 2, 3],
        "x": [0.5, 2.0, -1.5],
        "s": [*TEXTS],
        "r": [*TEXTS],
        "d": DAYS,
        "t": MOMENTS,
        "u": MOMENTS,
        "l": ["a", "b", 1.0, True],
        "geometry": SHAPES,
    }
    rows = []
    for _ in range(n):
        low = rng.uniform(-20, 40)
        heights = (None, None) if rng.random() < 0.2 else (low, low + rng.uniform(0, 30))
        rows.append(
            {name: cell(kind, pools.get(name, []), rng) for name, kind in KINDS.items()}
            | {"_low": heights[0], "_high": heights[1]}
        )
    return rows


ROWS = [_rows(seed) for seed in range(4)]


def _op(op: str, *args: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*args).map(lambda a: {"op": op, "args": list(a)})


def _property(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(names).map(lambda n: {"property": n})


def _ops(names: str, *args: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(names.split()).flatmap(lambda op: _op(op, *args))


number = st.recursive(
    st.one_of(_property("n", "x"), st.sampled_from([0.0, 1.0, 2.0, 2.5, -1.5, 3.0])),
    lambda deeper: _ops("+ - * / % div ^", deeper, deeper),
    max_leaves=4,
)
plain_text = st.one_of(_property("s", "r"), st.sampled_from(TEXTS))
text = st.one_of(
    plain_text,
    _ops("casei accenti", plain_text),
    plain_text.map(lambda v: {"op": "casei", "args": [{"op": "accenti", "args": [v]}]}),
)
day = st.one_of(_property("d"), st.sampled_from(DAYS).map(lambda v: {"date": v}))
moment = st.one_of(_property("t", "u"), st.sampled_from(MOMENTS).map(lambda v: {"timestamp": v}))
end = st.one_of(st.just(".."), _property("t", "u", "d"))
interval = st.one_of(
    st.tuples(end, end).map(lambda e: {"interval": list(e)}),
    st.sampled_from(
        [
            ("2012-08-09", "2012-08-10"),
            ("2012-08-10T00:00:00Z", "2012-08-10T05:30:00Z"),
            ("..", "2012-08-10"),
            ("2012-08-10T05:30:00Z", ".."),
        ]
    ).map(lambda e: {"interval": list(e)}),
)
COMPARE = "= <> < <= > >="
array = st.one_of(
    _property("l"),
    st.lists(
        st.sampled_from(["a", "b", 1.0, True, {"date": "2012-08-10"}]), min_size=2, max_size=3
    ),
)
shape = st.sampled_from(SHAPES)
flat = st.sampled_from([s for s in SHAPES if len(s.get("bbox", ())) != 6])
geometry = st.just({"property": "geometry"})
predicate = st.one_of(
    _ops(COMPARE, number, number), _ops(COMPARE, text, text), _ops(COMPARE, st.one_of(day, moment), st.one_of(day, moment)),
    _ops("= <> < >=", _property("b"), st.booleans()), _op("between", number, number, number), _op("like", text, st.sampled_from(PATTERNS)),
    _op("like", text, st.sampled_from(PATTERNS).map(lambda p: {"op": "casei", "args": [p]})), _op("in", text, st.lists(text, min_size=1, max_size=4)),
    _op("in", number, st.lists(number, min_size=1, max_size=4)), _op("isNull", st.one_of(number, plain_text, _property("b", "d", "l", "geometry"))),
    _ops("t_after t_before t_disjoint t_equals t_intersects", st.one_of(day, moment, interval), st.one_of(day, moment, interval)),
    _ops("t_contains t_during t_finishedBy t_finishes t_meets t_metBy t_overlappedBy t_overlaps t_startedBy t_starts", interval, interval),
    _ops("a_equals a_contains a_containedBy a_overlaps", array, array), _ops("s_intersects s_disjoint s_within", geometry, shape),
    _ops("s_equals s_touches s_crosses s_contains s_overlaps", geometry, flat), _ops("s_contains s_intersects s_touches", flat, geometry),
    _property("b"), st.booleans(),
)  # fmt: skip
condition = st.recursive(
    predicate, lambda deeper: st.one_of(_op("not", deeper), st.tuples(st.sampled_from(["and", "or"]), st.lists(deeper, min_size=2, max_size=4)).map(
        lambda a: {"op": a[0], "args": a[1]})), max_leaves=8
)  # fmt: skip


def _tried(times: int) -> settings:
    return settings(
        max_examples=times,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )


def _area(box: Box) -> Any:
    corners = shapely.MultiPoint([(box.west, box.south), (box.east, box.north)])
    return (
        shapely.box(*corners.bounds)
        if box.west < box.east and box.south < box.north
        else corners.envelope
    )


@_tried(150)
@given(condition, st.sampled_from(range(len(ROWS))))
def test_engine_is_row_by_row(tree: Any, seed: int) -> None:
    rows = ROWS[seed]
    found = parse(json.dumps(tree), "cql2-json", FIELDS)
    hits = found.holds(DictRows(rows, FIELDS))
    assert hits.tolist() == [value(tree, r, {}) is True for r in rows], json.dumps(tree)
    if found.box is not None:
        for row in (rows[i] for i in np.flatnonzero(hits)):
            assert any(_area(h).intersects(row["geometry"]) for h in found.box.halves())
            assert found.box.low is None or row["_high"] >= found.box.low
            assert found.box.high is None or row["_low"] <= found.box.high


@_tried(60)
@given(condition)
def test_text_and_json_mean_the_same(tree: Any) -> None:
    found = parse(json.dumps(tree), "cql2-json", FIELDS)
    written = _written(tree)
    assert (
        parse(written, "cql2-text", FIELDS).holds(DictRows(ROWS[0], FIELDS)).tolist()
        == found.holds(DictRows(ROWS[0], FIELDS)).tolist()
    ), written


def _written(item: Any) -> str:  # noqa: C901 - one line for each part of the grammar
    """CQL2 text of a tree, every part in brackets."""
    if isinstance(item, bool):
        return str(item)
    if isinstance(item, (int, float)):
        return repr(item)
    if isinstance(item, str):
        return "'" + item.replace("\\", "\\\\").replace("'", "''") + "'"
    if isinstance(item, list):
        return "(" + ", ".join(map(_written, item)) + ")"
    if "op" not in item:
        if "property" in item:
            return f'"{item["property"]}"'
        for name in ("date", "timestamp", "interval", "bbox"):
            if name in item and "type" not in item:
                parts = item[name] if isinstance(item[name], list) else [item[name]]
                return f"{name.upper()}({', '.join(map(_written, parts))})"
        return str(shapely.to_wkt(shapely.from_geojson(json.dumps(item))))
    op, args = item["op"], item["args"]
    parts = [_written(a) for a in args]
    match op:
        case "and" | "or":
            return "(" + f" {op} ".join(parts) + ")"
        case "not":
            return f"NOT ({parts[0]})"
        case "isNull":
            return f"({parts[0]} IS NULL)"
        case "between":
            return f"({parts[0]} BETWEEN {parts[1]} AND {parts[2]})"
        case _ if op[0].isalpha() and op not in ("in", "like", "div"):
            return f"{op.upper()}({', '.join(parts)})"
    return f"({parts[0]} {op} {parts[1]})"


@_tried(30)
@given(condition, condition)
def test_filters_of_one_key_answer_the_same(one: Any, two: Any) -> None:
    a, b = (parse(json.dumps(t), "cql2-json", FIELDS) for t in (one, two))
    turned = parse(json.dumps({"op": "and", "args": [two, one]}), "cql2-json", FIELDS)
    straight = parse(json.dumps({"op": "and", "args": [one, two]}), "cql2-json", FIELDS)
    assert turned.key == straight.key
    hits = [[f.holds(DictRows(rows, FIELDS)).tolist() for rows in ROWS] for f in (a, b)]
    if hits[0] != hits[1]:
        assert a.key != b.key


def test_the_packages_own_text_is_read_back() -> None:
    tree = {
        "op": "and",
        "args": [
            {"op": ">", "args": [{"property": "n"}, 1]},
            {"op": "like", "args": [{"property": "s"}, "f%"]},
        ],
    }
    assert (
        parse(cql2.parse_json(json.dumps(tree)).to_text(), "cql2-text", FIELDS).key
        == parse(json.dumps(tree), "cql2-json", FIELDS).key
    )
