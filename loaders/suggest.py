"""What a table is and how it goes into the base, judged by its names and first rows: the loader's own plan."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely

from loaders.base import Kind
from loaders.casemapping import case_mapping
from loaders.columns import Faults, to_text
from loaders.fieldnames import CANONICAL_UNIT, canonical_fields, folded
from loaders.positions import PLACES, form_of_pairs, geometries, is_geometry_text
from loaders.sensors.series import Series, series_of
from loaders.tablekinds import kind_of_columns
from loaders.tablesources import OpenTable
from loaders.times import date_order_of
from twin.plan import LayerPlan
from twin.units import named_unit

__all__ = ["STREAMS_SUFFIX", "Suggested", "base_name", "is_series", "suggest"]

STREAMS_SUFFIX = "·streams"
"""Layer of the datastreams a table of readings speaks of: the table's name and this."""
_PAIR_WORDS = re.compile(
    r"坐标|经纬|纬经|lonlat|latlon|latlng|lnglat|location|coord|geopoint|^geo$|position|^point$|位置"
)
_DEGREES = re.compile(r"lon|lng|lat|经度|纬度|经纬|纬经", re.I)
_CHINA = (73.0, 3.0, 136.0, 54.0)

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Suggested:
    """One layer of a table: kind, geometry type, bounds in the source's units, declared CRS, plan and findings."""

    name: str
    kind: Kind
    geometry_type: str | None
    bounds: Box | None
    crs: str | None
    plan: LayerPlan
    findings: tuple[str, ...] = ()


def is_series(plan: LayerPlan) -> bool:
    """Whether a plan reads a table of readings that describes its own datastreams."""
    return bool(plan.variables) or plan.station is not None or "station" in plan.fields.values()


def base_name(layer: str) -> str:
    """Name of the table behind a layer."""
    return layer.removesuffix(STREAMS_SUFFIX)


def suggest(path: Path, table: OpenTable) -> list[Suggested]:
    """Layers of a table: one, or datastreams and readings for a table of readings.

    Parameters
    ----------
    path : Path
        Only its name is used.
    table : OpenTable
        With its first rows.
    """
    kind = kind_of_columns(list(table.types))
    if kind in ("features", "observations", "streams"):
        series = series_of(table.sample, path.stem) if table.sample else None
        if series is not None:
            return _series_layers(path, table, series)
    return [_layer(path, table, kind)]


def _series_layers(path: Path, table: OpenTable, series: Series) -> list[Suggested]:
    units = {n: u for n, u in table.units.items() if n in series.variables and named_unit(u)}
    order, proven = _date_order(table.sample, series.fields)
    notes = dict(series.notes)
    notes["time_zone"] = "times that name no zone are taken to be of this one"
    if order is not None:
        notes["date_order"] = "proven by the dates" if proven else "a guess: the dates allow both"
    plan = LayerPlan(
        str(path),
        table.name,
        kind="observations",
        station=series.station,
        variables=series.variables,
        missing=series.missing,
        date_order=order,
        fields=dict(series.fields),
        units=units,
        notes=notes,
    )
    source = {c: n for n, c in series.fields.items() if c in PLACES}
    bounds = _bounds(table.sample, source)
    streams = replace(
        _placed(replace(plan, kind="streams"), source, bounds),
        layer=table.name + STREAMS_SUFFIX,
        mode="append",
        notes={
            **notes,
            "kind": "the datastreams that the readings below belong to",
            "mode": "append: datastreams the base knows already stay as they are",
        },
    )
    found = list(_missing_findings(series))
    if series.variables and table.count is not None:
        found.append(f"{table.count:,} rows of {len(series.variables)} quantities or sensors each")
    return [
        Suggested(streams.layer, "streams", "Point" if source else None, bounds, None, streams),
        Suggested(table.name, "observations", None, None, None, plan, (*series.findings, *found)),
    ]


def _missing_findings(series: Series) -> tuple[str, ...]:
    if not series.missing:
        return ()
    shown = ", ".join(f"{v:g}" for v in series.missing)
    return (f"{shown} is taken to mean 'nothing measured' (missing in the plan)",)


def _date_order(
    sample: Mapping[str, pa.Array], fields: Mapping[str, str]
) -> tuple[str | None, bool]:
    for name, canonical in fields.items():
        if canonical in ("phenomenon_time", "date", "reported_at", "closed_at") and name in sample:
            order, proven = date_order_of(sample[name])
            if order is not None:
                return order, proven
    return None, False


def _layer(path: Path, table: OpenTable, kind: Kind) -> Suggested:
    names = list(table.types)
    fields = canonical_fields(names, kind)
    findings: list[str] = []
    notes: dict[str, str] = {}
    source = {c: n for n, c in fields.items() if c in PLACES}
    if not {"x", "y"} <= source.keys() and kind != "observations":
        found = _one_column_place(table)
        if found is not None:
            fields = {
                n: c for n, c in fields.items() if c not in ("x", "y", "wkt") and n != found[0]
            }
            fields[found[0]] = found[1]
            source = {found[1]: found[0]}
            notes[f"fields.{found[0]}"] = f"holds {_FORMS[found[1]]}"
    source = _one_place(source)
    fields = {n: c for n, c in fields.items() if c not in PLACES or source.get(c) == n}
    geometry = _geometry_type(source) if kind == "features" else None
    if kind == "features" and geometry is None:
        findings.append(
            "no columns for coordinates were found; name them in the plan as x and y (or lonlat, wkt)"
        )
    bounds = _bounds(table.sample, source)
    units = _foreign_units(table, fields)
    notes.update({f"units.{n}": "as the column's head says; converted" for n in units})
    order, proven = _date_order(table.sample, fields)
    if order is not None:
        notes["date_order"] = "proven by the dates" if proven else "a guess: the dates allow both"
    plan = LayerPlan(
        str(path), table.name, kind=kind, date_order=order, fields=fields, units=units, notes=notes
    )
    if kind == "cases":
        mapped = case_mapping(table.sample, plan, path.stem)
        plan, findings = mapped.plan, [*findings, *mapped.findings]
    plan = _placed(plan, source, bounds)
    declared = _srid(table.sample, source)
    return Suggested(table.name, kind, geometry, bounds, declared, plan, tuple(findings))


_FORMS = {
    "lonlat": "longitude and latitude in one column",
    "latlon": "latitude and longitude in one column",
    "wkt": "geometries as text",
}


def _one_column_place(table: OpenTable) -> tuple[str, str] | None:
    """A column that holds whole positions: geometry text, or two figures under a name that speaks of places."""
    for name, column in table.sample.items():
        if not pa.types.is_string(column.type):
            continue
        texts = [t for t in to_text(column).slice(0, 200).to_pylist() if t]
        if texts and is_geometry_text(texts):
            return name, "wkt"
        if texts and _PAIR_WORDS.search(folded(name)):
            form = form_of_pairs(texts, name)
            if form is not None:
                return name, form
    return None


def _one_place(source: Mapping[str, str]) -> dict[str, str]:
    """Of several ways in which a table says where something is, the one that is used: x and y before text."""
    if {"x", "y"} <= source.keys():
        return {c: n for c, n in source.items() if c in ("x", "y", "z")}
    return {c: n for c, n in source.items() if c in ("lonlat", "latlon", "wkt")}


def _geometry_type(source: Mapping[str, str]) -> str | None:
    if "wkt" in source:
        return "Unknown"
    return "Point" if source.keys() & {"x", "lonlat", "latlon"} else None


def _bounds(sample: Mapping[str, pa.Array], source: Mapping[str, str]) -> Box | None:
    """Bounds of the first rows."""
    if not source or not sample:
        return None
    faults = Faults(len(next(iter(sample.values()))))
    geoms = geometries(sample, source, faults)
    if geoms is None:
        return None
    geoms = geoms[~faults.mask]
    if not len(geoms):
        return None
    box = shapely.total_bounds(geoms)
    if not np.isfinite(box).all():
        return None
    return float(box[0]), float(box[1]), float(box[2]), float(box[3])


def _placed(plan: LayerPlan, source: Mapping[str, str], bounds: Box | None) -> LayerPlan:
    """The plan with the CRS that the names of the columns speak for, where they do."""
    if plan.kind == "observations":
        return plan
    if not source and plan.kind != "features":
        return replace(plan, crs="EPSG:4490", crs_evidence="the table carries no coordinates")
    named = all(
        _DEGREES.search(n) for c, n in source.items() if c in ("x", "y", "lonlat", "latlon")
    )
    if not named or "wkt" in source or bounds is None or not source:
        return plan
    abroad = not (
        bounds[0] <= _CHINA[2]
        and bounds[2] >= _CHINA[0]
        and bounds[1] <= _CHINA[3]
        and bounds[3] >= _CHINA[1]
    )
    degrees = (
        max(map(abs, (bounds[0], bounds[2]))) <= 180 and max(map(abs, (bounds[1], bounds[3]))) <= 90
    )
    if abroad and degrees:
        why = "the columns are called longitude and latitude and lie outside China"
        return replace(plan, crs="EPSG:4326", crs_evidence=why)
    return plan


def _srid(sample: Mapping[str, pa.Array], source: Mapping[str, str]) -> str | None:
    """CRS that geometry texts name themselves (``SRID=4326;POINT…``)."""
    if "wkt" not in source:
        return None
    codes = {
        found[1]
        for t in to_text(sample[source["wkt"]]).to_pylist()
        if t and (found := re.match(r"SRID=(\d+);", t, re.I))
    }
    return f"EPSG:{codes.pop()}" if len(codes) == 1 else None


def _foreign_units(table: OpenTable, fields: Mapping[str, str]) -> dict[str, str]:
    """Units of columns whose canonical attribute is kept in another one."""
    out: dict[str, str] = {}
    for name, written in table.units.items():
        wanted = named_unit(CANONICAL_UNIT.get(fields.get(name, "")))
        given = named_unit(written)
        if wanted and given and wanted.quantity == given.quantity and wanted.code != given.code:
            out[name] = written
    return out
