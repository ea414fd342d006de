"""What was read, compared with GROUND_TRUTH.json: one comparer per shape of truth."""

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from corrections import CORRECTIONS, corrected

EXPLAINED = Path(__file__).with_name("explained.json")
TOLERANCE = 1e-6
NETWORK_SECTIONS = (
    *("junctions", "reservoirs", "tanks", "pipes", "pumps", "valves"),
    *("outfalls", "storage", "conduits", "weirs", "subcatchments"),
)
Row = dict[str, Any]


@dataclass
class Comparison:
    """One dataset.

    ``match``; ``corrected``: matches the truth reckoned anew (:mod:`corrections`), as its reader was wrong;
    ``explained``: differs, and a person wrote why that is right; ``differs``.
    """

    path: str
    verdict: str
    differences: list[str] = field(default_factory=list)
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def compare(folders: Iterable[Path], rows: list[Row], only: str = "") -> list[Comparison]:
    """Compare all rows with the truths found in the folders, in their children and in their parents."""
    explained: dict[str, str] = json.loads(EXPLAINED.read_text()) if EXPLAINED.exists() else {}
    out: list[Comparison] = []
    by_path = {str(Path(row["path"]).resolve()): row for row in rows}
    for file in _truth_files(folders):
        base = file.parent.parent
        for key, entry in json.loads(file.read_text(encoding="utf-8")).items():
            full = str(base / key)
            inside = any(Path(full).is_relative_to(f.resolve()) for f in folders)
            if not inside or only not in full or not isinstance(entry, dict):
                continue
            told = _told(key, full, entry.get("truth", {}), by_path, explained.get(key, ""))
            out += [told] if told else []
    return out


def _told(
    key: str, path: str, truth: dict[str, Any], by_path: dict[str, Row], explained: str
) -> Comparison | None:
    """Verdict on one dataset; None where there is nothing to compare."""
    differences = _differences(path, truth, by_path)
    if not differences:
        return None if differences is None else Comparison(path, "match")
    if key in CORRECTIONS:
        better, why = corrected(key, path, truth)
        left = _differences(path, better, by_path)
        return Comparison(path, "differs" if left else "corrected", left or differences, why)
    return Comparison(path, "explained" if explained else "differs", differences, explained)


def _truth_files(folders: Iterable[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for folder in folders:
        for parent in (folder.resolve(), *folder.resolve().parents[:8]):
            if (parent / "GROUND_TRUTH.json").is_file():
                found[parent / "GROUND_TRUTH.json"] = None
        if folder.is_dir():
            found |= dict.fromkeys(sorted(folder.resolve().glob("*/GROUND_TRUTH.json")))
    return list(found)


def _differences(path: str, truth: dict[str, Any], by_path: dict[str, Row]) -> list[str] | None:
    """Differences; None where the truth says nothing about content or its own reader failed."""
    if not isinstance(truth, dict):
        return None
    if "ogr" in truth and isinstance(truth["ogr"], dict) and "layers" in truth["ogr"]:
        truth = truth["ogr"]
    comparer = next((c for key, c in _COMPARERS if key in truth), None)
    if comparer is _json_list and truth.get("json") != "list":
        return None
    if comparer is None or any(
        k in truth for k in ("open_error", "error", "read_error", "gpd_error")
    ):
        return None
    row = by_path.get(path)
    if not Path(path.rstrip("/")).exists():
        return None  # the truth stands for several files, or for one that was not handed over
    if row is None and "tileset" in truth and _in_a_set(path, by_path):
        return None  # a document of a tileset, which is one source
    if row is None:
        return ["not among the sources found, nor among those left out"]
    if "width" in truth and _is_nowhere(truth) and "nowhere" in _placeless_words(row):
        return []  # the truth has no place for it either: rightly refused
    if row["outcome"] not in ("loaded", "lost"):
        return [f"{row['outcome']}: {row['reason'][:200]}"]
    return comparer(truth, row)


def _in_a_set(path: str, by_path: dict[str, Row]) -> bool:
    return any(
        by_path.get(str(folder / "tileset.json"), {}).get("outcome") == "loaded"
        for folder in Path(path).parents
    )


def _is_nowhere(truth: dict[str, Any]) -> bool:
    """Whether a raster's transform only counts its pixels, and nothing else places it."""
    plain = [abs(v) for v in truth.get("transform") or ()] == [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    return plain and not truth.get("gcps") and not truth.get("rpcs")


def _placeless_words(row: Row) -> str:
    """``nowhere`` where a source was left out because nothing says where it lies."""
    said = row["reason"]
    return "nowhere" if "has no georeference" in said or "says nowhere where" in said else ""


def _close(a: float, b: float, scale: float = 0.0) -> bool:
    return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=max(TOLERANCE, TOLERANCE * scale))


def _box_differs(name: str, want: Any, got: Any) -> list[str]:
    if not want or any(v is None or not math.isfinite(v) for v in want):
        return []
    if not got:
        return [f"{name}: bounds {want} expected, none found"]
    if all(_close(w, g) for w, g in zip(want, got, strict=False)):
        return []
    return [f"{name}: bounds {got} instead of {want}"]


def _layers(truth: dict[str, Any], row: Row) -> list[str]:
    """Vector layers: by name; a lone layer whatever its name."""
    out: list[str] = []
    ours = {name: _joined(layers) for name, layers in _by_name(row["layers"]).items()}
    if any(layer["format"] == "DXF" for layer in row["layers"]):
        ours = {"entities": _joined(row["layers"])}
    for want in truth["layers"]:
        if "read_error" in want or "info_error" in want:
            continue
        got = ours.get(want["name"])
        if got is None and len(truth["layers"]) == len(row["layers"]) == 1:
            got = row["layers"][0]
        if got is None:
            out.append(f"layer {want['name']!r} is missing")
        elif got["outcome"] != "loaded":
            out.append(f"layer {want['name']!r} refused: {got['reason'][:120]}")
        else:
            out += _layer(want, got)
    return out


def _by_name(layers: list[Row]) -> dict[str, list[Row]]:
    """Layers by name: files of an archive may each hold one of the same name."""
    out: dict[str, list[Row]] = {}
    for layer in layers:
        out.setdefault(layer["layer"], []).append(layer)
    return out


def _joined(layers: list[Row]) -> Row:
    """Layers of one name, or of a drawing, as the one that the truth's reader makes of them."""
    if len(layers) == 1 and layers[0]["format"] != "DXF":
        return layers[0]
    boxes = [la["bounds"] for la in layers if la.get("bounds")]
    low = [min(b[i] for b in boxes) for i in (0, 1)] if boxes else []
    high = [max(b[i] for b in boxes) for i in (2, 3)] if boxes else []
    return layers[0] | {
        "outcome": "loaded",
        "rows": sum(la.get("rows", 0) for la in layers),
        "bounds": [*low, *high] or None,
        "null_geometries": sum(la.get("null_geometries", 0) for la in layers),
        "first": [la.get("first") for la in layers],
    }


def _layer(want: dict[str, Any], got: Row) -> list[str]:
    name, out = want["name"], []
    if want["features"] >= 0 and got["rows"] != want["features"]:
        out.append(f"{name}: {got['rows']} records instead of {want['features']}")
    out += _box_differs(name, want.get("bounds_read"), got["bounds"])
    if (
        "null_geom" in want
        and want.get("geom_type") not in (None, "None")
        and got["null_geometries"] != want["null_geom"]
    ):
        out.append(
            f"{name}: {got['null_geometries']} null geometries instead of {want['null_geom']}"
        )
    for key, (least, most, total) in (
        (k, v) for k, v in want.items() if k.endswith("_min_max_sum") and v
    ):
        out += _sums_differ(name, key.removesuffix("_min_max_sum"), (least, most, total), got)
    out += _first_differs(name, want, got)
    return out


def _sums_differ(
    name: str, attribute: str, want: tuple[float, float, float], got: Row
) -> list[str]:
    stats = got["sums"].get(attribute) or got["sums"].get(got["mapped"].get(attribute, ""))
    if stats is None:
        return [f"{name}: no numeric attribute {attribute}"]
    _, total, least, most = stats
    pairs = zip((least, most, total), want, strict=True)
    return (
        []
        if all(_close(a, b, abs(b) * 1e3) for a, b in pairs)
        else [f"{name}: {attribute} min/max/sum {least}/{most}/{total} instead of {want}"]
    )


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {t for v in value.values() for t in _texts(v)}
    if isinstance(value, list):
        return {t for v in value for t in _texts(v)} | {json.dumps(value, ensure_ascii=False)}
    return set() if value is None else {str(value).strip()}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _first_differs(name: str, want: dict[str, Any], got: Row) -> list[str]:
    """Each value of the truth's first record stands somewhere in ours; text as its bytes say in our character set."""
    have = _texts(got["first"])
    numbers = [n for n in map(_number, have) if n is not None]
    out = []
    for key, value in (want.get("first") or {}).items():
        text = str(value).strip()
        if key == "SubClasses" or text in ("", "None", "nan", "NaT", "NaN", "<NA>"):
            continue
        spelled = _respelled(text, want.get("encoding"), got.get("encoding"))
        number = _number(text)
        if number is not None and any(_close(number, n) for n in numbers):
            continue
        if any(text[:36] in h or spelled[:36] in h for h in have) or _same_time(text, have):
            continue
        if text in ("True", "False") or text.startswith(("b'", "[", "{")):
            continue
        out.append(f"{name}: first record has no {key} = {text[:40]!r}")
    return out


def _same_time(text: str, have: set[str]) -> bool:
    digits = "".join(c for c in text if c.isdigit())[:8]
    return (
        len(digits) == 8
        and text[4:5] in "-/"
        and any(digits in "".join(c for c in h if c.isdigit()) for h in have)
    )


def _respelled(text: str, theirs: str | None, ours: str | None) -> str:
    """The truth's text as our character set reads its bytes (its reader may have taken the wrong one)."""
    try:
        return text.encode(theirs or "utf-8").decode(ours or "utf-8")
    except (UnicodeError, LookupError):
        return text


def _rows(truth: dict[str, Any], row: Row) -> list[str]:
    """Tables and GeoParquet: rows of all layers, bounds, sums of numeric columns."""
    total = sum(layer.get("rows", 0) for layer in row["layers"])
    out = [] if total == truth["rows"] else [f"{total} rows instead of {truth['rows']}"]
    if out and _are_readings(truth, row):
        return []
    if "bounds" in truth and len(row["layers"]) == 1:
        out += _box_differs("rows", truth["bounds"], row["layers"][0]["bounds"])
    return out


def _are_readings(truth: dict[str, Any], row: Row) -> bool:
    """Whether a table became streams and readings: a reading for each row and quantity, but for cells without a figure."""
    kinds = {layer["kind"]: layer for layer in row["layers"]}
    if set(kinds) != {"streams", "observations"}:
        return False
    told = " ".join(
        [*kinds["observations"]["findings"], *kinds["observations"].get("read_findings", [])]
    )
    found = re.search(r"([\d,]+) rows of (\d+) quantities", told)
    each = int(found[2]) if found else 1
    empty = re.search(r"([\d,]+) cells without a figure", told)
    missing = int(empty[1].replace(",", "")) if empty else 0
    return bool(kinds["observations"]["rows"] + missing == truth["rows"] * each)


def _points(truth: dict[str, Any], row: Row) -> list[str]:
    """Point clouds: number of points and their box."""
    layer = row["layers"][0]
    got = layer.get("first", {}).get("attributes", {})
    out = []
    if got.get("points") not in (truth["points"], truth.get("read_points")):
        out.append(f"{got.get('points')} points instead of {truth['points']}")
    if truth.get("header_bbox_matches_points") and "mins" in truth:
        want = [*truth["mins"][:2], *truth["maxs"][:2]]  # written with three decimals
        got_box = [round(v, 3) for v in layer["bounds"] or ()]
        out += _box_differs("cloud", want, got_box)
    wanted = {k: v for k, v in (truth.get("class_hist") or {}).items() if v}
    if wanted and "classes" in got and got["classes"] != wanted:
        out.append(f"classes {got['classes']} instead of {wanted}")
    return out


def _raster(truth: dict[str, Any], row: Row) -> list[str]:
    """Rasters: size, box, and the statistics of terrain models."""
    layer = row["layers"][0]
    got = layer.get("raster")
    if got is None:
        return ["is no raster here"]
    out = []
    if (got["width"], got["height"]) != (truth["width"], truth["height"]):
        out.append(
            f"{got['width']} × {got['height']} pixels instead of {truth['width']} × {truth['height']}"
        )
    box = truth.get("bounds")
    if (
        box
    ):  # of a raster whose rows run northwards the truth has south and north the other way round
        box = [min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3])]
    out += _box_differs("raster", box, layer["bounds"])
    want, have = truth.get("min_max_mean"), got.get("min_max_mean")
    if got["kind"] == "dem" and want and have and truth.get("valid_pixels") == got["valid"]:
        if not all(
            math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-2) for a, b in zip(want, have, strict=True)
        ):
            out.append(f"min/max/mean {have} instead of {want}")
    elif got["kind"] == "dem" and "valid_pixels" in truth and truth["valid_pixels"] != got["valid"]:
        out.append(f"{got['valid']} pixels with a height instead of {truth['valid_pixels']}")
    return out


def _city_objects(truth: dict[str, Any], row: Row) -> list[str]:
    total = sum(layer.get("rows", 0) for layer in row["layers"])
    given = truth["cityobjects"]  # of a sequence, by type
    want = sum(given.values()) if isinstance(given, dict) else given
    out = [] if total == want else [f"{total} objects instead of {want}"]
    heights = truth.get("measuredHeight")
    if heights:
        stats = [
            s
            for la in row["layers"]
            for k, s in la.get("sums", {}).items()
            if k in ("height_m", "measuredHeight")
        ]
        n = sum(s[0] for s in stats)
        if n != heights[0] or not (
            _close(min(s[2] for s in stats), heights[1])
            and _close(max(s[3] for s in stats), heights[2])
        ):
            out.append(f"measuredHeight of {n} objects instead of {heights}")
    return out


def _city_gml(truth: dict[str, Any], row: Row) -> list[str]:
    """CityGML: as many buildings as elements of that name (other objects have no fixed list here)."""
    want = sum(truth["objects"].get(k, 0) for k in ("Building", "BuildingPart"))
    total = sum(layer.get("rows", 0) for layer in row["layers"])
    return (
        []
        if total >= want
        else [f"{total} objects, fewer than the {want} buildings and parts in it"]
    )


def _osm(truth: dict[str, Any], row: Row) -> list[str]:
    """OpenStreetMap: no fewer buildings and roads than tagged closed ways; all inside the file's box."""
    by_name = {layer["layer"]: layer for layer in row["layers"]}
    out = []
    for name, key in (("buildings", "building_ways"), ("roads", "highway_ways")):
        got = sum(la.get("rows", 0) for n, la in by_name.items() if n.startswith(name.rstrip("s")))
        if got < truth[key]:
            out.append(f"{got} {name}, fewer than the {truth[key]} ways")
    return out


def _network(truth: dict[str, Any], row: Row) -> list[str]:
    """EPANET and SWMM: records per section, box of the nodes."""
    rows = {layer["layer"].lower(): layer.get("rows", 0) for layer in row["layers"]}
    return [
        f"{rows.get(name, 0)} {name} instead of {truth[name.upper()]}"
        for name in NETWORK_SECTIONS
        if truth.get(name.upper(), rows.get(name, 0)) != rows.get(name, 0)
    ]


def _tileset(truth: dict[str, Any], row: Row) -> list[str]:
    return [] if row["layers"] else ["no layer"]


def _json_list(truth: dict[str, Any], row: Row) -> list[str]:
    total = sum(layer.get("rows", 0) for layer in row["layers"])
    return [] if total == truth["len"] else [f"{total} records instead of {truth['len']}"]


_COMPARERS: tuple[tuple[str, Callable[[dict[str, Any], Row], list[str]]], ...] = (
    ("layers", _layers),
    ("points", _points),
    ("cityobjects", _city_objects),
    ("citygml_version", _city_gml),
    ("building_ways", _osm),
    ("COORDINATES", _network),
    ("tileset", _tileset),
    ("width", _raster),
    ("rows", _rows),
    ("json", _json_list),
)
"""Key that a truth of this shape has → its comparer; the first that fits is taken."""
