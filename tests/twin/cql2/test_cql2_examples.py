"""Every example of the standard reads the same as text and as JSON, and answers as row by row evaluation does."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import shapely
from cql2_brute import value
from cql2_rows import DictRows, cell, fields_of, pools, properties

from twin.cql2 import FUNCTIONS, Argument, Function, parse, tree
from twin.cql2.functions import by_column
from twin.errors import InvalidRequestError
from twin.features.asking import Kind

EXAMPLES: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "examples.json").read_text(encoding="utf-8")
)
_KINDS: dict[Kind, str] = {
    Kind.NUMBER: "windSpeed balance depth vehicle_height bridge_clearance eo:cloud_cover taxes value foo bar x",
    Kind.WHOLE: "category landsat:wrs_row floors",
    Kind.TEXT: "city name cityName road_class etat_vol landsat:scene_id eo:instrument landsat:wrs_path beamMode swathDirection polarization owner material geophys:SURVEY_NAME id",
    Kind.INSTANT: "updated event_time touchdown liftOff starts_at ends_at updated_at",
    Kind.DATE: "built",
    Kind.TRUTH: "swimming_pool",
    Kind.LIST: "layer:ids values",
    Kind.SHAPE: "geometry road footprint location",
}
KINDS = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_OTHERWISE = {"example04": {"landsat:wrs_path": Kind.WHOLE}, "example06a": {"landsat:wrs_path": Kind.WHOLE}, "example06b": {"landsat:wrs_path": Kind.WHOLE},
              "example40": {"value": Kind.TEXT}, "example58": {"updated_at": Kind.DATE}, "example62": {"starts_at": Kind.DATE, "ends_at": Kind.DATE}}  # fmt: skip


def _call(name: str, kinds: tuple[Kind, ...], returns: Kind, compute: Any) -> Function:
    return Function(
        name,
        name,
        tuple(Argument(str(i), (k,)) for i, k in enumerate(kinds)),
        returns,
        by_column(compute),
    )


CALLS = {
    "avg": _call("avg", (Kind.NUMBER,), Kind.NUMBER, lambda _known, v: v),
    "foo": _call("Foo", (Kind.SHAPE,), Kind.TRUTH, lambda _known, g: shapely.get_dimensions(g) == 2),
    "bar": _call("Bar", (Kind.SHAPE, Kind.NUMBER, Kind.TEXT, Kind.TEXT, Kind.TRUTH), Kind.TRUTH,
                 lambda _known, g, n, *_rest: shapely.area(g) > n / 100),
    "buffer": _call("Buffer", (Kind.SHAPE, Kind.NUMBER, Kind.TEXT), Kind.SHAPE, lambda _known, g, n, _unit: shapely.buffer(g, n / 100)),
}  # fmt: skip
BRUTE = {
    "avg": lambda v: v, "foo": lambda g: bool(shapely.get_dimensions(g) == 2), "bar": lambda g, n, *_rest: bool(g.area > n / 100),
    "buffer": lambda g, n, _unit: g.buffer(n / 100),
}  # fmt: skip


def _times(item: Any) -> Any:
    """A tree with its timestamps in one spelling."""
    if isinstance(item, dict):
        return {k: _times(v) for k, v in item.items()}
    if isinstance(item, list):
        return [_times(v) for v in item]
    return item.replace(".000000Z", "Z") if isinstance(item, str) else item


def test_all_of_the_standards_examples_are_here() -> None:
    assert len(EXAMPLES) == 109
    assert sum(len(e["text"]) for e in EXAMPLES.values()) == 120


@pytest.mark.parametrize("name", EXAMPLES)
def test_text_and_json_are_one_tree(name: str) -> None:
    example = EXAMPLES[name]
    from_json = tree(json.dumps(example["json"]), "cql2-json")
    for text in example["text"]:
        assert _times(tree(text)) == _times(from_json)


@pytest.mark.parametrize("name", [n for n in EXAMPLES if n != "clause6_01"])
def test_answers_as_row_by_row(name: str) -> None:
    example = EXAMPLES[name]
    used = set(properties(example["json"]))
    kinds = {n: k for n, k in (KINDS | _OTHERWISE.get(name, {})).items() if n in used}
    fields = fields_of(kinds)
    rng = random.Random(name)
    near = pools(example["json"])
    rows = [
        {n: cell(k, near.get(n, []), rng) for n, k in kinds.items()} | _heights(rng)
        for _ in range(300)
    ]
    rows.append(
        {n: 0 if k in (Kind.NUMBER, Kind.WHOLE) else None for n, k in kinds.items()} | _heights(rng)
    )
    expected = [value(example["json"], r, BRUTE) is True for r in rows]
    for language, text in (
        ("cql2-json", json.dumps(example["json"])),
        *(("cql2-text", t) for t in example["text"]),
    ):
        found = parse(text, language, fields, functions={**FUNCTIONS, **CALLS})
        assert found.holds(DictRows(rows, fields)).tolist() == expected, text
        assert found.names == kinds.keys()
    assert any(expected), "the rows do not try this example"


def _heights(rng: random.Random) -> dict[str, float | None]:
    low = rng.uniform(-150_000, 150_000)
    return (
        {"_low": None, "_high": None}
        if rng.random() < 0.2
        else {"_low": low, "_high": low + rng.uniform(0, 50)}
    )


def test_a_value_is_no_condition() -> None:
    with pytest.raises(InvalidRequestError, match="a number stands where a condition is expected"):
        parse(
            EXAMPLES["clause6_01"]["text"][0],
            "cql2-text",
            fields_of(KINDS),
            functions={**FUNCTIONS, **CALLS},
        )


@pytest.mark.parametrize(
    "name", ["clause6_01", "clause6_02b", "clause7_18", "example68", "example69"]
)
def test_functions_that_are_not_listed_are_refused(name: str) -> None:
    with pytest.raises(
        InvalidRequestError, match=r"no function '(avg|Buffer|Foo|Bar)'.*S3D_DWITHIN"
    ):
        parse(EXAMPLES[name]["text"][0], "cql2-text", fields_of(KINDS))
