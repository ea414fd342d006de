"""A load plan proposed from what was scanned: classes, keys, names and fields by their words, Chinese and English."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import pyarrow.compute as pc

from loaders.base import LayerInfo
from loaders.fieldnames import CANONICAL_UNIT, canonical_fields
from loaders.foreseen import foreseen
from loaders.registry import loader_for
from loaders.wkt import vertical_of
from twin import codes
from twin.errors import TwinError
from twin.plan import LayerPlan, Plan
from twin.schema import schema_of
from twin.units import named_unit, unit_in_name

__all__ = ["class_of_words", "propose"]

_WORDS: tuple[tuple[str, str], ...] = (
    ("grid_unit", r"单元网格|网格|(?<![a-z])grid"),
    ("subdistrict", r"街道办|街道|乡镇|subdistrict|township"),
    ("community", r"社区|村居|居委|communit"),
    ("pipe_gas", r"燃气|天然气|煤气|(?<![a-z])gas"),
    ("pipe_drainage", r"排水|雨水|污水|雨污|(?<![a-z])(?:drain|sewer|storm|conduit)"),
    ("pipe_heat", r"供热|热力|供暖|(?<![a-z])heat"),
    (
        "pipe_water",
        r"供水|给水|自来水|输水|water[_ ]?(pipe|main|suppl|network)|(pipe|main)s?[_ ]?water",
    ),
    ("component", r"部件|井盖|路灯|component|street[_ ]?furniture"),
    ("poi", r"兴趣点|(?<![a-z])pois?(?![a-z])|point[s_ ]*of[_ ]?interest"),
    ("bridge", r"桥|(?<![a-z])bridge"),
    ("tunnel", r"隧道|tunnel"),
    ("green", r"绿地|绿化|公园|植被|(?<![a-z])(?:green|park(?!ing)|vegetation)|^zbtz$"),
    ("water", r"水系|河流|湖泊|水体|水域|(?<![a-z])(?:water|river|lake|hydro)|^sxss$"),
    ("road", r"道路|路网|街路|公路|(?<![a-z])(?:road|street|highway)|^dlss$"),
    ("building", r"建筑|房屋|楼栋|楼幢|building|bldg|footprint|(?<![a-z])house|^jmd$"),
    ("device", r"传感|感知|设备|sensor|device"),
)
"""Class → words in a layer's or file's name; the first that fits is taken."""
_PIPES = r"管线|管网|管道|管段|pipe|utilit"
_PIPE_WORDS = {
    "gas": "pipe_gas",
    "water": "pipe_water",
    "drainage": "pipe_drainage",
    "heat": "pipe_heat",
}
_ORDER = (
    "raster",
    "features",
    "model",
    "points",
    "tileset",
    "addresses",
    "streams",
    "observations",
    "cases",
)
SAMPLE = 2_000
_CHINESE = ((4479, 4555), (2327, 2442), (4610, 4610), (4214, 4214), (21413, 21463))
"""EPSG codes of CGCS2000, Xian 1980 and Beijing 1954."""


def class_of_words(layer: str, file: str, fields: Iterable[str] = ()) -> str | None:
    """Class code that the name of a layer, else of its file, else of its fields speaks for.

    Examples
    --------
    >>> class_of_words("建筑物", "nanshan"), class_of_words("gas", "管线")
    ('building', 'pipe_gas')
    >>> class_of_words("layer1", "道路"), class_of_words("x", "y", ["建筑高度"])
    ('road', 'building')
    """
    spoken = layer.lower().strip()
    if re.search(_PIPES, f"{layer} {file}".lower()) and spoken in _PIPE_WORDS:
        return _PIPE_WORDS[spoken]
    for text in (spoken, file.lower()):
        for code, words in _WORDS:
            if re.search(words, text):
                return code
    mapped = set(canonical_fields(fields, "features").values())
    if "diameter_mm" in mapped:
        return "pipe_water"
    if {"height_m", "floors"} & mapped:
        return "building"
    return "road" if "road_class" in mapped else None


def _class_note(info: LayerInfo, code: str | None) -> str:
    """Why a class was proposed, and how sure that is."""
    if code is None:
        return "nothing in names or fields speaks for a class (0 % sure): write one of twin/codes/cim_classes.csv"
    if class_of_words(info.name, "") == code:
        return f"the layer's name {info.name!r} speaks for it (90 % sure)"
    if class_of_words("", info.path.stem) == code:
        return f"the file's name {info.path.stem!r} speaks for it (80 % sure)"
    if class_of_words("", "", info.fields) == code:
        return "the names of the fields speak for it (60 % sure)"
    return "a table of points without a word for a class (50 % sure)"


def _units_of(info: LayerInfo, fields: Mapping[str, str]) -> dict[str, str]:
    """Units that the names of fields carry and that differ from those of the base."""
    if info.suggestion is not None:
        return dict(info.suggestion.units)
    out: dict[str, str] = {}
    for source, target in fields.items():
        written = unit_in_name(source)[1]
        given, wanted = named_unit(written), named_unit(CANONICAL_UNIT.get(target))
        if given and wanted and given.quantity == wanted.quantity and given.code != wanted.code:
            out[source] = str(written)
    return out


def _notes(info: LayerInfo, plan: LayerPlan) -> dict[str, str]:
    """The comments of a proposed layer of things."""
    notes = dict(info.suggestion.notes) if info.suggestion else {}
    if plan.kind == "features":
        notes["class_code"] = _class_note(
            info, None if plan.class_code == "other" else plan.class_code
        )
    if plan.key_field:
        notes["key_field"] = (
            "its values were all different in the first records: it tells things apart in the next delivery"
        )
    elif plan.kind == "features":
        notes["mode"] = (
            "no field tells the things apart: they are known again by shape and attributes\n"
        )
    if plan.mode == "replace":
        notes["mode"] = notes.get("mode", "") + (
            "replace: this file is a full delivery, what the next one does not hold any more has ended; "
            "write update for a part of one"
        )
    notes |= {f"units.{name}": "the field's name says so; converted" for name in plan.units}
    return notes


def _feature_plan(info: LayerInfo) -> LayerPlan:
    fields = (
        dict(info.suggestion.fields)
        if info.suggestion
        else canonical_fields(info.fields, "features")
    )
    by_target = {target: source for source, target in fields.items()}
    code = class_of_words(info.name, info.path.stem, info.fields)
    table = info.suggestion is not None
    if code is None and table and info.geometry_type == "Point":
        code = "poi"
    if code == "component" and "class_code" not in by_target and "code" in by_target:
        class_field = None
    else:
        class_field = by_target.get("class_code") if code in ("component", None) else None
    key, scheme = by_target.get("key"), None
    if key is None and code == "building" and "building_code" in by_target:
        key, scheme = by_target["building_code"], "building.code"
    kept = {s: t for s, t in fields.items() if t not in ("key", "name", "class_code") and s != key}
    if info.geometry_type is not None and not table:
        kept = {s: t for s, t in kept.items() if t not in ("x", "y", "z", "wkt")}
    plan = LayerPlan(
        path=str(info.path),
        layer=info.name,
        kind="features",
        class_code=code or "other",
        class_field=class_field,
        key_field=key,
        key_scheme=scheme,
        name_field=by_target.get("name"),
        mode="replace",
        z_reference=_heights_of(info),
        encoding=None,
        fields=kept,
        units=_units_of(info, kept),
    )
    plan = _with_sound_key(info, plan)
    return replace(plan, notes=_notes(info, plan))


def _heights_of(info: LayerInfo) -> str:
    """``1985`` for heights in a Chinese CRS or one not named, ``ellipsoid`` elsewhere, ``ground`` without heights."""
    if re.search(r"1985|85高程", info.path.stem):
        return "1985"
    three_d = info.kind in ("model", "points", "raster") or (info.geometry_type or "").endswith(
        " Z"
    )
    if not three_d:
        return "ground"
    code = re.fullmatch(r"EPSG:(\d+)", info.crs or "")
    chinese = code is not None and any(a <= int(code[1]) <= b for a, b in _CHINESE)
    return "1985" if chinese or info.crs is None or "CGCS2000" in info.crs else "ellipsoid"


def _ground_heights(info: LayerInfo) -> str:
    """Reference of a DEM: what its vertical system says; a DEM without one stands above the geoid."""
    vertical = vertical_of(info.crs)
    return vertical.reference if vertical is not None else "1985"


def _with_sound_key(info: LayerInfo, plan: LayerPlan) -> LayerPlan:
    """The plan without its key field where that repeats in the first records; names that repeat are no keys."""
    if plan.key_field is None:
        return plan
    try:
        with foreseen(info.path):
            batches = list(islice(loader_for(info.path).read(info, plan, SAMPLE), 1))
    except TwinError:
        return plan
    if not batches or not batches[0].records.num_rows:
        return plan
    faults = batches[0].records["fault"]
    repeated = pc.sum(pc.fill_null(pc.match_substring(faults, "duplicate id"), False)).as_py() or 0
    missing = batches[0].records["key"].null_count
    if repeated + missing > max(10, 0.2 * batches[0].records.num_rows):
        return replace(plan, key_field=None, key_scheme=None)
    return plan


def _table_plan(info: LayerInfo) -> LayerPlan:
    if info.suggestion is not None:
        return replace(info.suggestion, crs=None, crs_evidence="")
    fields = canonical_fields(info.fields, info.kind)
    columns = set(schema_of(info.kind).names)
    kept = {source: target for source, target in fields.items() if target in columns}
    return LayerPlan(
        path=str(info.path),
        layer=info.name,
        kind=info.kind,
        fields=kept,
    )


def _one(info: LayerInfo) -> LayerPlan:
    if info.format == "unreadable":
        return LayerPlan(path=str(info.path), layer=info.name, skip=True)
    if info.kind == "features":
        return _feature_plan(info)
    if info.kind == "raster":
        return LayerPlan(
            path=str(info.path),
            layer=info.name,
            kind="raster",
            class_code=info.geometry_type,
            z_reference=_ground_heights(info) if info.geometry_type == "dem" else "ground",
        )
    if info.kind == "tileset":
        return LayerPlan(path=str(info.path), layer=info.name, kind="tileset", class_code="tileset")
    if info.kind in ("model", "points"):
        plan = LayerPlan(
            path=str(info.path),
            layer=info.name,
            kind=info.kind,
            z_reference=_heights_of(info),
            class_code="point_cloud" if info.kind == "points" else None,
            mode="replace" if info.kind == "model" else None,
        )
        return replace(plan, notes=_notes(info, plan))
    return _table_plan(info)


def propose(layers: Sequence[LayerInfo]) -> Plan:
    """Plan for scanned layers, in the order of loading.

    Parameters
    ----------
    layers : sequence of LayerInfo
        As :func:`loaders.registry.scan` gives them.

    Returns
    -------
    Plan
        Rasters, features, models, point clouds, addresses, streams, observations, cases; within
        each in the order given.
        No ``crs`` is set: which system a layer is in is judged by :mod:`twin.crs`, to which a
        file's name is one clue among others.
    """
    ordered = sorted(layers, key=lambda info: _ORDER.index(info.kind))
    return Plan(
        [replace(_one(info), path=info.shown) for info in ordered], codes.edition("cim_classes")
    )
