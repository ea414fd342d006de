"""Which kind of table it is, and its columns under the names and types of :mod:`twin.schema`."""

import re
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loaders.base import Kind
from loaders.checks import STAGES, check_case_codes, check_not_future, check_positions
from loaders.columns import Faults, build_table, json_objects, to_number, to_text
from loaders.fieldnames import canonical_fields
from loaders.keys import KeyLedger
from loaders.times import TimeReader
from twin.plan import LayerPlan
from twin.schema import schema_of
from twin.units import conversion, convert, ucum

__all__ = ["kind_of_columns", "mapped_table"]

Columns = Mapping[str, pa.Array]
_PARTS = (
    "province",
    "city",
    "county",
    "street",
    "community",
    "road",
    "number",
    "compound",
    "building",
    "unit",
    "floor",
    "room",
)
_STATUS = {
    "正常": "active",
    "启用": "active",
    "有效": "active",
    "在用": "active",
    "注销": "retired",
    "废止": "retired",
    "停用": "retired",
    "历史": "retired",
    "规划": "planned",
    "预留": "planned",
    "在建": "planned",
}
_REFERENCE = {
    "地面": "ground",
    "相对地面": "ground",
    "1985": "1985",
    "1985国家高程基准": "1985",
    "85高程": "1985",
    "黄海": "1985",
    "椭球": "ellipsoid",
    "椭球高": "ellipsoid",
    "大地高": "ellipsoid",
}


def kind_of_columns(names: Iterable[str]) -> Kind:
    """Kind of a table from its column names.

    Parameters
    ----------
    names : iterable of str
        As the source writes them.

    Returns
    -------
    str
        ``observations`` (stream, time, value), ``streams`` (a measured property with a unit,
        subject or limits), ``cases``
        (description or stage with a time of report), ``addresses`` (a full address, or three of its
        elements, and no more), else
        ``features``.

    Examples
    --------
    >>> kind_of_columns(["测点编号", "监测时间", "监测值"]), kind_of_columns(["名称", "lon", "lat"])
    ('observations', 'features')
    """
    columns = list(names)
    has: dict[str, set[str]] = {
        kind: set(canonical_fields(columns, kind).values())
        for kind in ("observations", "streams", "cases", "addresses", "features")
    }
    if {"stream_key", "phenomenon_time", "result"} <= has["observations"]:
        return "observations"
    if {"thing_key", "x", "y"} <= has["streams"] and _lists_stations(columns):
        return "streams"
    if "property" in has["streams"] and has["streams"] & {
        "unit",
        "subject",
        "alarm_high",
        "alarm_low",
        "thing_key",
    }:
        return "streams"
    if (
        "reported_at" in has["cases"]
        and len(has["cases"] & {"description", "stage", "code", "address_text", "title", "kind"})
        >= 2
    ):
        return "cases"
    elements = has["addresses"] & {*_PARTS, "poi"}
    if len(elements) >= 3 or (
        "full" in has["addresses"] and (elements or "building_key" in has["addresses"])
    ):
        return "addresses"
    return "features"


def _lists_stations(columns: list[str]) -> bool:
    """Whether the column that names the thing speaks of a sensor or station, not of any device."""
    named = canonical_fields(columns, "streams")
    key = next(name for name, canonical in named.items() if canonical == "thing_key")
    return re.search(r"sensor|station|stn|site|传感|测站|站点|监测", key.lower()) is not None


def mapped_table(
    kind: str,
    columns: Columns,
    rows: NDArray[np.int64],
    plan: LayerPlan,
    fields: Mapping[str, str],
    faults: Faults,
    ledger: KeyLedger,
    reader: TimeReader | None = None,
) -> pa.Table:
    """One batch of a table under the schema of its kind.

    Parameters
    ----------
    kind : str
        ``addresses``, ``streams``, ``observations`` or ``cases``.
    columns : mapping of source name → column, each of length n
        As read.
    rows : ndarray of int64, shape (n,)
        Record numbers.
    plan : LayerPlan
        Key field and vertical reference.
    fields : mapping of source name → column of the schema
        Unknown targets and unmapped columns go to ``attributes`` where the schema has it.
    faults : Faults
        Of this batch.
    ledger : KeyLedger
        Of this layer.
    reader : TimeReader, optional
        Of this layer; knows the zone of times that name none.
    """
    schema = schema_of(kind)
    reader = reader or TimeReader(plan.time_zone, plan.date_order)
    target = {name: fields[name] for name in columns if fields.get(name) in schema.names}
    if plan.key_field is not None and plan.key_field in columns and "key" in schema.names:
        target = {n: t for n, t in target.items() if t != "key"} | {plan.key_field: "key"}
    out: dict[str, pa.Array] = {}
    for name, canonical in target.items():
        kind_of_value = schema.field(canonical).type
        if pa.types.is_floating(kind_of_value):
            out[canonical] = _figures(columns[name], name, plan, faults)
        elif pa.types.is_timestamp(kind_of_value):
            out[canonical] = reader.read(columns[name], faults, name)
        else:
            out[canonical] = to_text(columns[name])
    rest = {fields.get(n, n): c for n, c in columns.items() if n not in target}
    if kind == "cases" and plan.code_scheme:
        rest |= _foreign_case(out, len(rows), plan)
    if "attributes" in schema.names:
        out["attributes"] = json_objects(rest, len(rows))
    if "row" in schema.names:
        out["row"] = pa.array(rows)
    _FINISH[kind](out, len(rows), plan, faults)
    if "key" in out:
        ledger.check(out["key"], faults)
    out["fault"] = faults.array()
    return build_table(schema, len(rows), out)


def _figures(column: pa.Array, name: str, plan: LayerPlan, faults: Faults) -> pa.Array:
    """Figures of a column: missing markers of the plan are null, a unit with a wanted one is converted."""
    given, wanted = conversion(plan.units[name]) if name in plan.units else (None, None)
    number = to_number(column, faults, name, (given,) if given else ())
    if plan.missing:
        marked = pc.is_in(number, value_set=pa.array(plan.missing, pa.float64()))
        number = pc.if_else(marked, None, number)
    if given and wanted:
        values = np.asarray(number.to_numpy(zero_copy_only=False), np.float64)
        number = pa.array(convert(values, given, wanted), mask=np.isnan(values))
    return number


def _ucum(column: pa.Array) -> pa.Array:
    """Units under their UCUM codes; what the table does not know stays as it is written."""
    encoded = column.dictionary_encode()
    named = pa.array([ucum(u) for u in encoded.dictionary.to_pylist()], pa.string())
    return named.take(encoded.indices)


def _foreign_case(out: dict[str, pa.Array], n: int, plan: LayerPlan) -> dict[str, pa.Array]:
    """Attributes of cases of another system: its code scheme, and stages that had to be told from the closing time."""
    more: dict[str, pa.Array] = {"code_scheme": pa.array([plan.code_scheme] * n, pa.string())}
    stage = out.get("stage", pa.nulls(n, pa.string()))
    unknown = pc.invert(pc.fill_null(pc.is_in(stage, value_set=pa.array(STAGES)), False))
    if pc.any(unknown).as_py():
        more["stage_given"] = pc.if_else(unknown, stage, None)
        closed = out["closed_at"].is_valid() if "closed_at" in out else pa.array([False] * n)
        told = pc.if_else(closed, "结案", "受理")
        out["stage"] = pc.if_else(unknown, told, stage)
    if "title" not in out and "code" in out:
        out["title"] = out["code"]
    return more


def _is_null(out: Mapping[str, pa.Array], name: str, n: int) -> NDArray[np.bool_]:
    return (
        np.ones(n, bool)
        if name not in out
        else np.asarray(out[name].is_null().to_numpy(zero_copy_only=False), dtype=bool)
    )


def _require(out: Mapping[str, pa.Array], name: str, n: int, faults: Faults, reason: str) -> None:
    faults.add(_is_null(out, name, n) & ~faults.mask, reason)


def _translated(column: pa.Array, table: Mapping[str, str]) -> pa.Array:
    """Values replaced where the table has them."""
    index = pc.index_in(column, value_set=pa.array(list(table), pa.string()))
    return pc.coalesce(pa.array(list(table.values()), pa.string()).take(index), column)


def _addresses(out: dict[str, pa.Array], n: int, _: LayerPlan, faults: Faults) -> None:
    empty = pa.nulls(n, pa.string())
    parts = [pc.fill_null(out.get(p, empty), "") for p in _PARTS]
    joined = pc.binary_join_element_wise(*parts, "")
    joined = pc.if_else(pc.equal(joined, ""), None, joined)
    out["full"] = pc.coalesce(out.get("full", empty), joined, out.get("poi", empty))
    _require(out, "full", n, faults, "no address text")
    inner = np.logical_or.reduce([~_is_null(out, c, n) for c in ("unit", "floor", "room")])
    outer = [~_is_null(out, c, n) for c in ("road", "compound", "building", "poi", "number")]
    lost = inner & ~np.logical_or.reduce(outer)
    faults.add(lost, "a room, floor or unit without road, compound or building")
    if {"x", "y"} <= out.keys():
        check_positions(out["x"], out["y"], faults, required=False)
    out["status"] = pc.fill_null(_translated(out.get("status", empty), _STATUS), "active")


def _streams(out: dict[str, pa.Array], n: int, plan: LayerPlan, faults: Faults) -> None:
    empty = pa.nulls(n, pa.string())
    thing = out.get("thing_key", empty)
    made = pc.binary_join_element_wise(thing, pc.fill_null(out.get("property", empty), ""), "/")
    out["key"] = pc.coalesce(out.get("key", empty), made)
    out["thing_key"] = pc.coalesce(thing, out["key"])
    _require(out, "key", n, faults, "no key of the datastream")
    if {"x", "y"} <= out.keys():
        hosted = ~_is_null(out, "host_value", n)
        lone = Faults(n)
        check_positions(out["x"], out["y"], lone, required=True)
        reasons = lone.array()
        faults.add(lone.mask & ~hosted & ~faults.mask, lambda i: str(reasons[i].as_py()))
    reference = plan.z_reference if plan.z_reference in ("1985", "ellipsoid") else "ground"
    if "unit" in out:
        out["unit"] = _ucum(out["unit"])
    out["z_reference"] = pc.fill_null(
        _translated(out.get("z_reference", empty), _REFERENCE), reference
    )
    for low, high in (("warn_low", "warn_high"), ("alarm_low", "alarm_high")):
        if low in out and high in out:
            crossed = pc.fill_null(pc.greater(out[low], out[high]), False).to_numpy(
                zero_copy_only=False
            )
            faults.add(crossed, f"{low} lies above {high}")


def _observations(out: dict[str, pa.Array], n: int, _: LayerPlan, faults: Faults) -> None:
    _require(out, "stream_key", n, faults, "no key of the datastream")
    _require(out, "phenomenon_time", n, faults, "no time")
    _require(out, "result", n, faults, "no result")
    if "phenomenon_time" in out:
        check_not_future(out["phenomenon_time"], faults, "time")


def _cases(out: dict[str, pa.Array], n: int, plan: LayerPlan, faults: Faults) -> None:
    empty = pa.nulls(n, pa.string())
    out["kind"] = pc.fill_null(
        _translated(out.get("kind", empty), {"事件": "管理事项", "部件": "管理部件"}), "管理事项"
    )
    _require(out, "key", n, faults, "no case number")
    if "code" in out and not plan.code_scheme:
        check_case_codes(out["kind"], out["code"], faults)
    if "reported_at" in out:
        _require(out, "reported_at", n, faults, "no time of report")
        check_not_future(out["reported_at"], faults, "time of report")
        if "closed_at" in out:
            early = pc.fill_null(pc.less(out["closed_at"], out["reported_at"]), False).to_numpy(
                zero_copy_only=False
            )
            faults.add(early, "closed before it was reported")
    if "stage" in out:
        known = pc.or_(
            pc.is_in(out["stage"], value_set=pa.array(STAGES)), out["stage"].is_null()
        ).to_numpy(zero_copy_only=False)
        stage = out["stage"]
        faults.add(~known, lambda i: f"stage {stage[i].as_py()!r} is none of {' '.join(STAGES)}")
    if {"x", "y"} <= out.keys():
        check_positions(out["x"], out["y"], faults, required=False)


_FINISH: Mapping[str, Callable[[dict[str, pa.Array], int, LayerPlan, Faults], None]] = {
    "addresses": _addresses,
    "streams": _streams,
    "observations": _observations,
    "cases": _cases,
}
