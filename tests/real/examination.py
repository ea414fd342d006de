"""What becomes of one source: scanned, read through its loader, loaded into a throw-away city, and measured."""

import re
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely

from api.loading import load_layers
from loaders.base import LayerInfo
from loaders.discovery import scan_all
from loaders.foreseen import DEFECT
from loaders.propose import propose
from loaders.registry import loader_for, read_raster
from twin.city import City
from twin.errors import SourceError, TwinError
from twin.heights import Heights
from twin.plan import LayerPlan
from twin.store import Store

MOST_FIELDS = 400
MOST_ROWS = 300_000
"""Rows whose attributes are summed; further rows are counted only."""
MOJIBAKE = re.compile(r"\ufffd|Ã[\x80-\xbf]|ï¿½|锟斤拷|[À-ÿ]{4,}")
"""Signs of text read in the wrong character set."""
CONTROLS = re.compile(MOJIBAKE.pattern + r"|[\x80-\x9f]")
"""The same where text is in a character set of its own (a Unicode file may hold such characters itself)."""


def examine(path: Path, template: Path) -> dict[str, Any]:
    """Everything the report needs about one source, as plain values; TwinErrors are answers, others crash.

    ``template`` is an empty city that is copied for each layer.
    """
    try:
        scanned = scan_all([path])
    except SourceError as err:
        return {"layers": [], "refused": err.reason, "skipped": []}
    out: dict[str, Any] = {
        "skipped": [asdict(s) for s in scanned.skipped],
        "layers": [_layer(info, template) for info in scanned.layers],
    }
    return out


def _layer(info: LayerInfo, template: Path) -> dict[str, Any]:
    told: dict[str, Any] = {
        "path": getattr(info, "shown", None) or str(info.path),
        "layer": info.name,
        "kind": info.kind,
        "format": info.format,
        "count": info.count,
        "crs": info.crs,
        "header_bounds": info.bounds,
        "geometry_type": info.geometry_type,
        "encoding": info.encoding,
        "fields": dict(info.fields),
        "findings": list(info.findings),
        "losses": [],
    }
    if info.format == "unreadable":
        return told | {"outcome": "refused", "reason": "; ".join(info.findings)}
    plan = propose([info]).layers[0]
    told |= {"class": plan.class_code, "mapped": dict(plan.fields), "kind": plan.kind}
    try:
        told |= _raster(info, plan) if plan.kind == "raster" else _records(info, plan)
    except TwinError as err:
        told |= {"outcome": "refused", "reason": getattr(err, "reason", str(err))}
    else:
        told["outcome"] = "loaded"
    told["load"] = _load(info, plan, template)
    _judge(told, info.path)
    return told


def _raster(info: LayerInfo, plan: LayerPlan) -> dict[str, Any]:
    raster = read_raster(info, plan)
    values = raster.data[np.isfinite(raster.data)] if raster.kind == "dem" else raster.data
    a, b, c, d, e, f = raster.transform
    rows, cols = raster.data.shape[:2]
    x = [c, c + a * cols, c + b * rows, c + a * cols + b * rows]
    y = [f, f + d * cols, f + e * rows, f + d * cols + e * rows]
    return {
        "rows": 1,
        "raster": {
            "kind": raster.kind,
            "width": cols,
            "height": rows,
            "valid": int(values.size),
            "min_max_mean": [
                float(values.min()),
                float(values.max()),
                float(values.mean(dtype=np.float64)),
            ]
            if values.size
            else None,
        },
        "bounds": [min(x), min(y), max(x), max(y)],
    }


def _records(info: LayerInfo, plan: LayerPlan) -> dict[str, Any]:
    rows, faulty, nulls = 0, 0, 0
    reasons: Counter[str] = Counter()
    types: Counter[str] = Counter()
    bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
    findings: list[str] = []
    fields: dict[str, list[float]] = {}
    first: dict[str, Any] = {}
    signs = MOJIBAKE if info.encoding in (None, "UTF-8") else CONTROLS
    garbled: list[str] = [n for n in info.fields if signs.search(n)]
    for batch in loader_for(info.path).read(info, plan):
        table = batch.records
        if rows == 0 and table.num_rows:
            first = _plain(table.slice(0, 1).to_pylist()[0])
        findings += [f for f in batch.findings if f not in findings]
        faults = table["fault"].to_pylist()
        faulty += sum(f is not None for f in faults)
        reasons.update(re.sub(r"'[^']*'|[-\d.]+", "…", f) for f in faults if f is not None)
        if "geometry" in table.column_names:
            geoms = _shapes(table["geometry"])
            nulls += int(shapely.is_missing(geoms).sum())
            names = [t.name for t in shapely.GeometryType]
            types.update(names[i + 1] for i in shapely.get_type_id(geoms).tolist() if i >= 0)
            bounds = _widened(bounds, shapely.get_coordinates(geoms))
        elif {"x", "y"} <= set(table.column_names):
            xy = np.column_stack(
                [table[c].cast(pa.float64()).to_numpy(zero_copy_only=False) for c in ("x", "y")]
            )
            bounds = _widened(bounds, xy)
        if rows < MOST_ROWS:
            _sum(table, fields, garbled, signs)
        rows += table.num_rows
    return {
        "rows": rows,
        "faults": faulty,
        "reasons": dict(reasons.most_common(8)),
        "types": dict(types),
        "null_geometries": nulls,
        "bounds": bounds.tolist() if np.isfinite(bounds).all() else None,
        "read_findings": findings,
        "sums": fields,
        "first": first,
        "garbled": garbled[:5],
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    attributes = row.pop("attributes", None)
    for name in ("geometry", "matrix"):
        row.pop(name, None)
    return row | {"attributes": orjson.loads(attributes) if attributes else {}}


def _shapes(column: pa.ChunkedArray) -> Any:
    return shapely.from_wkb(column.to_numpy(zero_copy_only=False), on_invalid="ignore")


def _widened(bounds: Any, xy: Any) -> Any:
    xy = xy[np.isfinite(xy).all(axis=1)]
    if not len(xy):
        return bounds
    return np.concatenate(
        [np.minimum(bounds[:2], xy.min(axis=0)), np.maximum(bounds[2:], xy.max(axis=0))]
    )


def _sum(
    table: pa.Table, fields: dict[str, list[float]], garbled: list[str], signs: re.Pattern[str]
) -> None:
    """Count, sum, least and most of each numeric attribute, in place."""
    for name in ("name", "title", "full", "description"):
        if name in table.column_names:
            garbled += [v for v in table[name].to_pylist() if v and signs.search(v)][:5]
    if "attributes" not in table.column_names:
        return
    for text in table["attributes"].to_pylist():
        if text is None:
            continue
        if len(garbled) < 5 and signs.search(text):
            garbled.append(text[:80])
        for name, value in orjson.loads(text).items():
            if isinstance(value, int | float) and (name in fields or len(fields) < MOST_FIELDS):
                n, total, least, most = fields.get(name, [0, 0.0, np.inf, -np.inf])
                fields[name] = [n + 1, total + value, min(least, value), max(most, value)]


def _load(info: LayerInfo, plan: LayerPlan, template: Path) -> dict[str, Any]:
    """Load the layer into a copy of the empty city; a CRS is given where none is certain, so that staging runs."""
    with tempfile.TemporaryDirectory(prefix="citytwin-battery-") as folder:
        city = Path(folder) / "city"
        shutil.copytree(template, city)
        with Store.open(City.open(city)) as store:
            heights = Heights(0.0)
            told = load_layers(store, heights, [(info, plan)])[0]
            asked = told.reason if told.status == "refused" else None
            if asked:
                box = info.bounds or (0, 0, 0, 0)
                degrees = (
                    max(abs(box[0]), abs(box[2])) <= 360 and max(abs(box[1]), abs(box[3])) <= 90
                )
                given = "EPSG:4490" if degrees else "EPSG:4547"
                told = load_layers(store, heights, [(info, replace(plan, crs=given))])[0]
    return {
        "status": told.status,
        "reason": told.reason,
        "asked_for_crs": asked,
        "crs": told.crs,
        "confidence": told.crs_confidence,
        "balance": told.balance.as_dict(),
    }


def _holds_replaced(path: Path) -> bool:
    """Whether the source itself holds U+FFFD, as bytes or as an escape of STEP: what was lost before is no loss here."""
    content = path.read_bytes() if path.is_file() else b""
    return b"\xef\xbf\xbd" in content or b"FFFDFFFD" in content


def _judge(told: dict[str, Any], path: Path) -> None:
    """Silent losses: fewer rows than the header says without a word, a balance that does not close."""
    losses, load = told["losses"], told["load"]
    if told["outcome"] != "loaded":
        return
    said = " ".join([*told["findings"], *told.get("read_findings", [])])
    count, rows = told["count"], told["rows"]
    if told["kind"] != "raster" and count is not None and rows != count and str(count) not in said:
        losses.append(f"the header says {count} records, {rows} were read, and no finding says so")
    if load["status"] == "loaded":
        b = load["balance"]
        if b["n_in"] != rows:
            losses.append(f"{rows} records were read but {b['n_in']} went into the load")
        if b["n_in"] != b["loaded"] + b["merged"] + b["unchanged"] + b["quarantined"]:
            losses.append(f"the balance does not close: {b}")
    elif load["status"] == "failed":
        told["outcome"], told["reason"] = "refused", load["reason"]
        if "accounted for; nothing" in load["reason"]:
            losses.append(load["reason"])
    losses += [text for text in (told.get("reason"), load["reason"]) if DEFECT in (text or "")]
    if told.get("garbled") and not _holds_replaced(path):
        losses.append(f"text looks garbled: {told['garbled'][:2]}")
