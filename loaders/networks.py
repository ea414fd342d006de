"""Pipe network models: EPANET and SWMM input files (``.inp``), one layer per section that has things in it.

Formats: EPANET 2.2 User Manual, appendix C; SWMM 5.1 User's Manual, appendix D. Coordinates are in whatever map system
the modeller used: the files name none.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely

from loaders.base import Batch, LayerInfo
from loaders.columns import Faults
from loaders.encoding import decide_text
from loaders.features import feature_records
from loaders.gdalio import head_of, refuse_dangerous
from loaders.keys import KeyLedger
from loaders.wkb import checked
from twin.errors import SourceError, UnsafeSourceError
from twin.plan import LayerPlan

__all__ = ["NetworkLoader"]

LARGEST = 512 * 1024**2
_EPANET: Mapping[str, tuple[str, ...]] = {
    "JUNCTIONS": ("elevation", "demand", "pattern"),
    "RESERVOIRS": ("head", "pattern"),
    "TANKS": (
        "elevation",
        "initial_level",
        "min_level",
        "max_level",
        "diameter_tank",
        "min_volume",
        "curve",
    ),
    "PIPES": ("from", "to", "length", "diameter", "roughness", "minor_loss", "status"),
    "PUMPS": ("from", "to", "parameters"),
    "VALVES": ("from", "to", "diameter", "valve_type", "setting", "minor_loss"),
}
_SWMM: Mapping[str, tuple[str, ...]] = {
    "JUNCTIONS": ("elevation", "max_depth", "initial_depth", "surcharge_depth", "ponded_area"),
    "OUTFALLS": ("elevation", "outfall_type", "stage", "gated"),
    "STORAGE": ("elevation", "max_depth", "initial_depth", "shape", "parameters"),
    "DIVIDERS": ("elevation", "link", "divider_type", "parameters"),
    "CONDUITS": (
        "from",
        "to",
        "length",
        "roughness",
        "in_offset",
        "out_offset",
        "flow",
        "max_flow",
    ),
    "PUMPS": ("from", "to", "curve", "status", "startup", "shutoff"),
    "ORIFICES": ("from", "to", "orifice_type", "offset", "coefficient", "gated", "close_time"),
    "WEIRS": ("from", "to", "weir_type", "crest", "coefficient", "gated", "parameters"),
    "OUTLETS": ("from", "to", "offset", "rating", "parameters"),
    "SUBCATCHMENTS": ("raingage", "outlet", "area", "imperviousness", "width", "slope", "curb"),
    "RAINGAGES": ("rain_format", "interval", "catch", "source", "parameters"),
}
"""Section → names of what follows the id on its lines; the last name takes the rest of a line."""
_US = {"CFS", "GPM", "MGD", "IMGD", "AFD"}
_METRES = (
    "elevation",
    "length",
    "head",
    "max_depth",
    "initial_depth",
    "initial_level",
    "min_level",
    "max_level",
)


@dataclass
class _Model:
    """Sections as lists of words, and what all of them share."""

    sections: dict[str, list[list[str]]] = field(default_factory=dict)
    swmm: bool = False
    us: bool = True
    findings: list[str] = field(default_factory=list)
    encoding: str = "UTF-8"

    @property
    def known(self) -> Mapping[str, tuple[str, ...]]:
        """Sections whose lines are things."""
        return _SWMM if self.swmm else _EPANET


class NetworkLoader:
    """EPANET and SWMM models."""

    name = "networks"

    def supports(self, path: Path) -> bool:
        """Whether a ``.inp`` starts with a section of such a model (other programs use that extension too)."""
        if path.suffix.lower() != ".inp":
            return False
        return (
            re.search(
                rb"^\s*\[(TITLE|JUNCTIONS|OPTIONS|RAINGAGES|EVAPORATION)",
                head_of(path),
                re.M | re.I,
            )
            is not None
        )

    def scan(self, path: Path) -> list[LayerInfo]:
        """A layer per section with things.

        Raises
        ------
        SourceError
            If the model has none.
        """
        model = _model(path)
        names = [name for name in model.known if model.sections.get(name)]
        if not names:
            raise SourceError(path, "the model has neither nodes nor links")
        points = np.array(list(_places(model, "COORDINATES").values())).reshape(-1, 2)
        box = None
        if len(points) and np.isfinite(points).all():
            (a, b), (c, d) = points.min(axis=0), points.max(axis=0)
            box = (float(a), float(b), float(c), float(d))
        return [
            LayerInfo(
                path=path,
                name=name.lower(),
                kind="features",
                format="SWMM" if model.swmm else "EPANET",
                count=len(model.sections[name]),
                geometry_type=_geometry_type(name, model),
                fields=dict.fromkeys(_columns(name, model, []), "object"),
                bounds=box,
                encoding=model.encoding,
                findings=tuple(model.findings),
            )
            for name in names
        ]

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:
        """Records of one section; see :mod:`loaders.base`."""
        model, name, ledger = _model(layer.path), layer.name.upper(), KeyLedger()
        lines = model.sections.get(name, [])
        nodes, bends = _places(model, "COORDINATES"), _bends(model, "VERTICES")
        outlines = _bends(model, "POLYGONS") if name == "SUBCATCHMENTS" else {}
        for start in range(0, max(1, len(lines)), batch_size):
            part = lines[start : start + batch_size]
            faults = Faults(len(part))
            shapes = np.full(len(part), None, dtype=object)
            reasons: list[str | None] = []
            for i, words in enumerate(part):
                shapes[i], reason = _shape(words, name, model, nodes, bends, outlines)
                reasons.append(reason)
            faults.add(
                np.array([r is not None for r in reasons], dtype=bool),
                [str(r) for r in reasons].__getitem__,
            )
            own = Faults(len(part))
            wkb, dimension, findings = checked(
                pa.array(shapely.to_wkb(shapes), pa.binary()), own, required=False
            )
            faults.add(own.mask & ~faults.mask, own.reason)
            row = np.arange(start, start + len(part), dtype=np.int64)
            columns = _columns(name, model, part)
            yield Batch(
                feature_records(columns, wkb, dimension, plan, plan.fields, row, faults, ledger),
                findings=tuple(findings),
            )


def _model(path: Path) -> _Model:
    refuse_dangerous(path)
    if path.stat().st_size > LARGEST:
        raise UnsafeSourceError(path, f"larger than {LARGEST >> 20} MiB; no network model is")
    verdict = decide_text(path)
    out = _Model(encoding=verdict.encoding)
    section: list[list[str]] = []
    with path.open(encoding=verdict.encoding, errors="replace") as file:
        for line in file:
            text = line.split(";", 1)[0].strip()
            if text.startswith("["):
                section = out.sections.setdefault(text.strip("[] \t").upper(), [])
            elif text:
                section.append(text.split())
    out.swmm = bool({"CONDUITS", "SUBCATCHMENTS", "OUTFALLS", "XSECTIONS"} & out.sections.keys())
    options = {w[0].upper(): w[1].upper() for w in out.sections.get("OPTIONS", []) if len(w) > 1}
    flow = options.get("FLOW_UNITS" if out.swmm else "UNITS", "CFS" if out.swmm else "GPM")
    out.us = flow in _US
    out.findings.append(
        f"flow units {flow}: lengths in {'feet, diameters in inches' if out.us else 'metres, diameters in millimetres'};"
        " the file names no coordinate system"
    )
    return out


def _numbers(words: list[str]) -> list[float]:
    try:
        return [float(w) for w in words]
    except ValueError:
        return [float("nan")] * len(words)


def _places(model: _Model, section: str) -> dict[str, tuple[float, float]]:
    found = {}
    for words in model.sections.get(section, []):
        if len(words) > 2:
            x, y = _numbers(words[1:3])
            found[words[0]] = (x, y)
    return found


def _bends(model: _Model, section: str) -> dict[str, list[tuple[float, float]]]:
    """Points of each link or outline, in the order of the file."""
    found: dict[str, list[tuple[float, float]]] = {}
    for words in model.sections.get(section, []):
        if len(words) > 2:
            x, y = _numbers(words[1:3])
            found.setdefault(words[0], []).append((x, y))
    return found


def _geometry_type(name: str, model: _Model) -> str:
    if name == "SUBCATCHMENTS":
        return "Polygon"
    return "LineString" if "to" in model.known[name] else "Point"


def _shape(
    words: list[str],
    name: str,
    model: _Model,
    nodes: Mapping[str, tuple[float, float]],
    bends: Mapping[str, list[tuple[float, float]]],
    outlines: Mapping[str, list[tuple[float, float]]],
) -> tuple[shapely.Geometry | None, str | None]:
    """Geometry of a line of a section, or why it has none."""
    kind = _geometry_type(name, model)
    if kind == "Polygon":
        ring = outlines.get(words[0], [])
        return (
            (shapely.Polygon(ring), None)
            if len(ring) > 2
            else (None, "has no outline in [POLYGONS]")
        )
    if kind == "Point":
        place = nodes.get(words[0])
        if place is None and name == "RAINGAGES":
            place = _places(model, "SYMBOLS").get(words[0])
        return (shapely.Point(place), None) if place else (None, "has no coordinates in the file")
    if len(words) < 3:
        return None, "names no two nodes"
    ends = [nodes.get(word) for word in words[1:3]]
    if ends[0] is None or ends[1] is None:
        missing = ", ".join(w for w, e in zip(words[1:3], ends, strict=True) if e is None)
        return None, f"its node {missing} has no coordinates in the file"
    return shapely.LineString([ends[0], *bends.get(words[0], []), ends[1]]), None


def _columns(name: str, model: _Model, lines: list[list[str]]) -> dict[str, pa.Array]:
    """Columns of a section: lengths in metres, diameters in millimetres; beside them as written where that is not metric."""
    names = model.known[name]
    values: dict[str, list[str | None]] = {"id": [w[0] for w in lines]}
    for i, column in enumerate(names, 1):
        last = i == len(names)
        values[column] = [
            (" ".join(w[i:]) if last else w[i]) if len(w) > i else None for w in lines
        ]
    out: dict[str, pa.Array] = {}
    for column, texts in values.items():
        unit, metric, factor = _unit(column, model.us)
        if metric:
            out[f"{column}_{metric}"] = _scaled(texts, factor)
        if unit != metric:
            out[f"{column}_{unit}"] = pa.array(texts, pa.string())
        if not metric:
            out[column] = pa.array(texts, pa.string())
    if name == "CONDUITS":
        sections = {w[0]: w for w in model.sections.get("XSECTIONS", []) if len(w) > 2}
        found = [sections.get(key or "") for key in values["id"]]
        out["cross_section"] = pa.array([w[1] if w else None for w in found], pa.string())
        round_ = [w[2] if w and w[1].upper() in ("CIRCULAR", "FORCE_MAIN") else None for w in found]
        out["diameter_mm"] = _scaled(round_, 304.8 if model.us else 1000.0)
    return out


def _unit(column: str, us: bool) -> tuple[str, str, float]:
    """Unit a column is written in, the metric one it is given in, and the factor between; empty for no length."""
    if column in _METRES:
        return ("ft", "m", 0.3048) if us else ("m", "m", 1.0)
    if column == "diameter":
        return ("in", "mm", 25.4) if us else ("mm", "mm", 1.0)
    return "", "", 1.0


def _scaled(texts: list[str | None], factor: float) -> pa.Array:
    numbers = (
        np.array([_numbers([t])[0] if t else np.nan for t in texts], dtype=np.float64) * factor
    )
    return pa.array(np.round(numbers, 6), pa.float64(), from_pandas=True)
