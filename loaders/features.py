"""Columns of a feature layer → RECORDS: the plan's mapping, classes, identifiers, checks."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loaders.checks import check_codes, check_ranges
from loaders.columns import Faults, build_table, json_objects, to_number, to_text
from loaders.fieldnames import NUMERIC, canonical_name
from loaders.keys import KeyLedger, alias_column
from loaders.valuemaps import in_unit, with_values
from loaders.wkb import role_of
from twin import codes
from twin.errors import PlanError
from twin.plan import LayerPlan
from twin.schema import RECORDS

__all__ = ["class_column", "feature_records"]

Columns = Mapping[str, pa.Array | pa.ChunkedArray]
_ALIAS_OF = {"building_code": "building.code", "gml_id": "gml.id"}
"""Attribute → alias scheme."""
_SPECIAL = {"key", "name", "class_code"}


def _names_to_codes() -> dict[str, str]:
    """Chinese and English class names and 管理部件 names → code."""
    parts, classes = codes.components(), codes.cim_classes()
    table = dict(zip(parts["name"].to_pylist(), parts["code"].to_pylist(), strict=True))
    for column in ("name_zh", "name_en"):
        table |= {
            str(n).lower(): c
            for n, c in zip(classes[column].to_pylist(), classes["code"].to_pylist(), strict=True)
        }
    return table


def class_column(
    values: pa.Array | None, code: pa.Array | None, default: str | None, faults: Faults, n: int
) -> NDArray[np.object_]:
    """Class code of each record.

    Parameters
    ----------
    values : pyarrow.Array of string or None
        The plan's class field: codes or names of the tables in :mod:`twin.codes`; unknown ones are
        faults.
    code : pyarrow.Array of string or None
        17-digit 部件标识码, whose digits 7–11 name the class of a component that has no class field.
    default : str or None
        The plan's class for records without one.
    faults : Faults
        Receives class values that no table has.
    n : int
        Records.

    Returns
    -------
    ndarray of object (str), shape (n,)
        ``other`` where nothing else is known.
    """
    if values is None and default == "component" and code is not None:
        shaped = pc.match_substring_regex(code, r"^\d{17}$")
        values = pc.if_else(shaped, pc.utf8_slice_codeunits(code, 6, 11), None)
        known = pc.is_in(values, value_set=codes.components()["code"].combine_chunks())
        values = pc.if_else(known, values, None)
    if values is None:
        return np.full(n, default or "other", dtype=object)
    encoded = values.dictionary_encode()
    distinct = np.array(encoded.dictionary.to_pylist(), dtype=object)
    known_codes = codes.is_known(distinct) if len(distinct) else np.zeros(0, bool)
    names = _names_to_codes()
    mapped = [
        v if ok else names.get(v.lower())
        for v, ok in zip(distinct.tolist(), known_codes, strict=True)
    ]
    index = encoded.indices.fill_null(len(mapped)).to_numpy(zero_copy_only=False)
    unknown = np.array([m is None for m in mapped] + [False])[index]
    faults.add(unknown, lambda i: f"class {values[i].as_py()!r} is in no code table")
    out: NDArray[np.object_] = np.array(
        [*(m or default or "other" for m in mapped), default or "other"], dtype=object
    )[index]
    return out


def _renamed(columns: Columns, plan: LayerPlan, fields: Mapping[str, str]) -> dict[str, pa.Array]:
    """Columns under their canonical names, canonical ones first; key, name and class fields under those names."""
    roles = {plan.key_field: "key", plan.name_field: "name", plan.class_field: "class_code"}
    for wanted, role in roles.items():
        if wanted is not None and wanted not in columns:
            raise PlanError(
                f"{plan.path}: the plan's {role} field {wanted!r} is not in the layer; it has {', '.join(columns)}"
            )
    taken = {role for wanted, role in roles.items() if wanted is not None}
    first: dict[str, pa.Array] = {}
    rest: dict[str, pa.Array] = {}
    for source, column in columns.items():
        target = roles.get(source) or fields.get(source)
        if target in taken and roles.get(source) != target:
            target = None  # another column plays this part
        if target is not None and target not in first:
            first[target] = column
        else:
            rest[source] = column
    for source, column in rest.items():
        first.setdefault(source if source not in first else f"{source}_", column)
    return first


def _typed(
    columns: dict[str, pa.Array], fields: Mapping[str, str], plan: LayerPlan, faults: Faults
) -> None:
    """Canonical numeric attributes as numbers, columns with a unit in the plan converted; in place."""
    source_of = {canonical: source for source, canonical in fields.items()}
    given = {fields.get(source, source): unit for source, unit in plan.units.items()}
    for name in given.keys() & columns.keys() - NUMERIC.keys():
        columns[name] = in_unit(columns[name], given[name], name, faults, source_of.get(name, name))
    for name in NUMERIC.keys() & columns.keys():
        label = source_of.get(name, name)
        if name in given:
            number = in_unit(columns[name], given[name], name, faults, label)
        else:
            number = to_number(columns[name], faults, label, NUMERIC[name])
        if name in ("floors", "floors_below", "year_built"):
            number = pc.round(number).cast(pa.int64(), safe=False)
        columns[name] = number


def _named(source: str, target: str, plan: LayerPlan) -> str:
    """The canonical name a plan means: ``height`` with a unit is ``height_m``."""
    return canonical_name(target, "features") if source in plan.units else target


def _aliases(
    columns: Mapping[str, pa.Array],
    key: pa.Array | None,
    code: pa.Array | None,
    classes: NDArray[np.object_],
    plan: LayerPlan,
) -> pa.Array:
    offered = []
    if plan.key_scheme and key is not None:
        offered.append((plan.key_scheme, key))
    for attribute, scheme in _ALIAS_OF.items():
        if attribute in columns and scheme != plan.key_scheme:
            offered.append((scheme, to_text(columns[attribute])))
    if code is not None:
        collection = codes.collection_of(classes)
        for wanted, scheme, digits in (
            ("components", "gbt47678.component", 17),
            ("unit_grids", "grid.code", 15),
        ):
            here = (classes == "grid_unit") if digits == 15 else (collection == wanted)
            if here.any() and scheme != plan.key_scheme:
                shaped = pc.and_(
                    pa.array(here),
                    pc.fill_null(pc.match_substring_regex(code, rf"^\d{{{digits}}}$"), False),
                )
                offered.append((scheme, pc.if_else(shaped, code, None)))
    return alias_column(len(classes), offered)


def _told_classes(classes: NDArray[np.object_]) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Classes as a column, and which records are buildings; one class for all is told once."""
    distinct = set(classes.tolist())
    if len(distinct) == 1:
        (one,) = distinct
        building = np.full(len(classes), one in ("building", "building_part"))
        return pa.repeat(pa.scalar(one, pa.string()), len(classes)), building
    building = (classes == "building") | (classes == "building_part")
    return pa.array(classes.tolist(), pa.string()), building


def feature_records(
    columns: Columns,
    wkb: pa.Array | None,
    dimension: NDArray[np.int8] | None,
    plan: LayerPlan,
    fields: Mapping[str, str],
    row: NDArray[np.int64],
    faults: Faults,
    ledger: KeyLedger,
) -> pa.Table:
    """Records of one batch.

    Parameters
    ----------
    columns : mapping of source name → column, each of length n
        Attributes as read.
    wkb, dimension : pyarrow.Array of binary and ndarray of int8, length n, or None
        Geometry in the source CRS (see :func:`loaders.wkb.checked`).
    plan : LayerPlan
        Class, key and name fields.
    fields : mapping of source name → canonical name
        The plan's mapping, or the one proposed for the layer.
    row : ndarray of int64, shape (n,)
        Number of each record in its layer.
    faults : Faults
        Of this batch; what is found here is added.
    ledger : KeyLedger
        Of this layer.

    Returns
    -------
    pyarrow.Table
        Schema :data:`twin.schema.RECORDS`.

    Raises
    ------
    PlanError
        If the plan names a field that the layer does not have.
    """
    n = len(row)
    fields = {source: _named(source, target, plan) for source, target in fields.items()}
    renamed = _renamed(with_values(columns, plan, fields), plan, fields)
    _typed(renamed, fields, plan, faults)
    key = to_text(renamed["key"]) if "key" in renamed else None
    code = to_text(renamed["code"]) if "code" in renamed else None
    declared = to_text(renamed["class_code"]) if "class_code" in renamed else None
    classes = class_column(declared, code, plan.class_code, faults, n)
    check_ranges({c: renamed[c] for c in NUMERIC if c in renamed}, faults)
    if code is not None:
        check_codes(code, classes, faults)
    if key is not None:
        ledger.check(key, faults)
    said, building = _told_classes(classes)
    out = {
        "row": pa.array(row),
        "class_code": said,
        "aliases": _aliases(renamed, key, code, classes, plan),
        "attributes": json_objects({c: v for c, v in renamed.items() if c not in _SPECIAL}, n),
        "role": role_of(dimension, building) if dimension is not None else pa.repeat("none", n),
        "fault": faults.array(),
    }
    if key is not None:
        out["key"] = key
    if "name" in renamed:
        out["name"] = to_text(renamed["name"])
    if wkb is not None:
        out["geometry"] = wkb
        out["lod"] = pc.if_else(wkb.is_valid(), "0", None)
    return build_table(RECORDS, n, out)
