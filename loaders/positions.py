"""Where a record of a table is: numbers, degrees in writing, two numbers in one column, or a geometry as text."""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from loaders.checks import check_positions
from loaders.columns import BLANKS, Faults, to_number, to_text
from loaders.wkb import from_wkt

__all__ = ["PLACES", "form_of_pairs", "geometries", "is_geometry_text", "to_ordinate", "xy_columns"]

PLACES = ("x", "y", "z", "wkt", "lonlat", "latlon")
"""Columns of a table that say where something is."""
_DMS = (
    r"^(?:(?P<a>东经|西经|北纬|南纬|[EWNSewns])\s*)?(?P<sign>[-+])?(?P<d>\d{1,3}(?:\.\d+)?)\s*(?:°|º|度|d|D|:|\s)\s*"
    r"(?:(?P<m>\d{1,2}(?:\.\d+)?)\s*(?:['′’‘分m:]|\s|$)\s*)?"
    r"(?:(?P<s>\d{1,2}(?:\.\d+)?)\s*(?:[\"″”“秒s]|''|′′|$)?\s*)?(?P<b>东经|西经|北纬|南纬|[EWNSewns])?$"
)
_LETTERED = (
    r"^(?:(?P<a>东经|西经|北纬|南纬|[EWNSewns])\s*(?P<v>\d{1,3}(?:\.\d+)?)\s*[°度]?"
    r"|(?P<w>\d{1,3}(?:\.\d+)?)\s*[°度]?\s*(?P<b>[EWNSewns]))$"
)
_MINUS = pa.array(["西经", "南纬", "W", "w", "S", "s"])
_PAIR = (
    r"^[\[({]?\s*(?P<p>[^,;，；\s\[({]+(?:\s*[°′″'\"][^,;，；]*)?)(?:\s*[,;，；]\s*|\s+)"
    r"(?P<q>[^,;，；\s\])}]+(?:\s*[°′″'\"][^,;，；\])}]*)?)(?:[,;，；\s]\s*[-\d.]+)?\s*[\])}]?$"
)
_HEX = re.compile(r"^(00|01)[0-9A-Fa-f]{16,}$")
_WKT = re.compile(
    r"^\s*(SRID=\d+;)?\s*(MULTI)?(POINT|LINESTRING|POLYGON|GEOMETRYCOLLECTION|CURVE|SURFACE|CIRCULARSTRING|COMPOUNDCURVE"
    r"|CURVEPOLYGON|TIN|POLYHEDRALSURFACE)",
    re.I,
)
Columns = Mapping[str, pa.Array]


def _member(parts: pa.Array, name: str) -> pa.Array:
    text = pc.struct_field(parts, name)
    return pc.if_else(pc.equal(text, ""), None, text)


def to_ordinate(column: pa.Array | pa.ChunkedArray, faults: Faults, label: str) -> pa.Array:
    r"""Column of coordinates as float64: figures, ``113°56′12″``, ``113 56 12.5 E``, ``113.5E``, ``东经113度56分``.

    Parameters
    ----------
    column : pyarrow.Array or ChunkedArray
    faults : Faults
        Receives what is no coordinate, and degrees with more than 59 minutes or seconds.
    label : str
        The column's name as the source writes it.

    Returns
    -------
    pyarrow.Array of float64
        Degrees where degrees are written, else the figure in the source's unit; west and south are negative.

    Examples
    --------
    >>> to_ordinate(pa.array(["113°56′12″", "22.5N", "508210.5", "77°02'30\\"W"]), Faults(4), "x").to_pylist()
    [113.93666666666667, 22.5, 508210.5, -77.04166666666667]
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_null(array.type) or not pa.types.is_string(array.type):
        return to_number(array, faults, label)
    own = Faults(len(array))
    number = to_number(array, own, label, ("°", "度"))
    left = own.mask
    if not left.any():
        return number
    text = pc.replace_substring(pc.utf8_trim_whitespace(to_text(array)), "：", ":")
    values, known = _written_degrees(text, faults, label)
    take = left & known
    number = pc.if_else(pa.array(take), pa.array(values), number)
    reasons = own.array()
    faults.add(left & ~known, lambda i: str(reasons[i].as_py()).replace("a number", "a coordinate"))
    return number


def _written_degrees(
    text: pa.Array, faults: Faults, label: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    parts = pc.extract_regex(text, _DMS)
    dms = np.asarray(parts.is_valid().to_numpy(zero_copy_only=False), bool)
    d, m, s = (
        np.nan_to_num(_member(parts, n).cast(pa.float64()).to_numpy(zero_copy_only=False))
        for n in "dms"
    )
    wide = dms & ((m >= 60) | (s >= 60))
    faults.add(wide, lambda i: f"{label}: {text[i].as_py()!r} has 60 or more minutes or seconds")
    values = d + m / 60 + s / 3600
    negative = pc.equal(pc.struct_field(parts, "sign"), "-")
    for name in "ab":
        negative = pc.or_(
            pc.fill_null(negative, False), pc.is_in(pc.struct_field(parts, name), _MINUS)
        )
    lettered = pc.extract_regex(text, _LETTERED)
    single = np.asarray(lettered.is_valid().to_numpy(zero_copy_only=False), bool)
    figure = pc.coalesce(_member(lettered, "v"), _member(lettered, "w")).cast(pa.float64())
    minus = pc.or_(
        pc.is_in(pc.struct_field(lettered, "a"), _MINUS),
        pc.is_in(pc.struct_field(lettered, "b"), _MINUS),
    )
    sign = np.where(
        np.where(
            single, minus.to_numpy(zero_copy_only=False), negative.to_numpy(zero_copy_only=False)
        ),
        -1.0,
        1.0,
    )
    plain = np.nan_to_num(figure.to_numpy(zero_copy_only=False))
    return np.where(single, plain, values) * sign, dms | single


def form_of_pairs(texts: Sequence[str], name: str = "") -> str | None:
    """Whether a column holds ``lonlat`` or ``latlon`` pairs; None where it holds none.

    Told by figures beyond ±90, else by the column's name, else by brackets (``(40.7, -74.0)`` is the way of open-data
    portals, latitude first), else longitude first.

    Examples
    --------
    >>> form_of_pairs(["113.95,22.53"]), form_of_pairs(["22.53, 113.95"]), form_of_pairs(["临江大道"])
    ('lonlat', 'latlon', None)
    """
    given = [t for t in texts if t and t.strip()]
    if not given:
        return None
    parts = pc.extract_regex(pa.array([t.strip() for t in given]), _PAIR)
    if parts.null_count * 2 > len(given):
        return None
    faults = Faults(len(given))
    p, q = (
        np.asarray(
            to_ordinate(_member(parts, n), faults, "").to_numpy(zero_copy_only=False), np.float64
        )
        for n in "pq"
    )
    good = np.isfinite(p) & np.isfinite(q)
    if good.sum() * 2 <= len(given):
        return None
    if (np.abs(p[good]) > 90).any() and not (np.abs(q[good]) > 90).any():
        return "lonlat"
    if (np.abs(q[good]) > 90).any() and not (np.abs(p[good]) > 90).any():
        return "latlon"
    plain = re.sub(r"[\s_/,，、]", "", name).lower()
    if re.search(r"lat.*l(on|ng)|纬.*经", plain):
        return "latlon"
    if re.search(r"l(on|ng).*lat|经.*纬", plain):
        return "lonlat"
    return "latlon" if given[0].lstrip().startswith("(") else "lonlat"


def is_geometry_text(texts: Sequence[str]) -> bool:
    """Whether most texts are geometries: WKT, WKB in hexadecimal, or GeoJSON."""
    given = [t.strip() for t in texts if t and t.strip()][:50]
    hits = sum(
        bool(_WKT.match(t) or _HEX.match(t) or (t[0] == "{" and '"coordinates"' in t))
        for t in given
    )
    return bool(given) and 2 * hits > len(given)


def geometries(
    columns: Columns, source: Mapping[str, str], faults: Faults
) -> NDArray[np.object_] | None:
    """Geometry of each record of a table.

    Parameters
    ----------
    columns : mapping of source name → column, each of length n
    source : mapping of place (:data:`PLACES`) → source name
    faults : Faults
        Receives records without or with half a position, and unreadable ones.

    Returns
    -------
    ndarray of shapely geometries, shape (n,), or None
        In the source's CRS, None where a record has none; None for a table that has no place at all.
    """
    if {"x", "y"} <= source.keys() or source.keys() & {"lonlat", "latlon"}:
        x, y = xy_columns(columns, source, faults)
        check_positions(x, y, faults, required=True)
        z = None
        if "z" in source:
            z = to_number(columns[source["z"]], faults, source["z"], ("m", "米"))
        return _points(x, y, z)
    if "wkt" in source:
        return _from_text(columns[source["wkt"]], faults, source["wkt"])
    return None


def xy_columns(
    columns: Columns, source: Mapping[str, str], faults: Faults
) -> tuple[pa.Array, pa.Array]:
    """Columns x and y (float64, source CRS) out of two columns or one that holds both."""
    if {"x", "y"} <= source.keys():
        return (
            to_ordinate(columns[source["x"]], faults, source["x"]),
            to_ordinate(columns[source["y"]], faults, source["y"]),
        )
    form = "lonlat" if "lonlat" in source else "latlon"
    name = source[form]
    text = to_text(columns[name])
    parts = pc.extract_regex(text, _PAIR)
    blank = pc.fill_null(pc.is_in(text, value_set=BLANKS), True)
    wrong = pc.and_(parts.is_null(), pc.invert(blank)).to_numpy(zero_copy_only=False)
    faults.add(wrong, lambda i: f"{name}: {str(text[i].as_py())[:60]!r} is no pair of coordinates")
    p, q = (to_ordinate(_member(parts, n), faults, name) for n in "pq")
    return (p, q) if form == "lonlat" else (q, p)


def _points(x: pa.Array, y: pa.Array, z: pa.Array | None) -> NDArray[np.object_]:
    ordinates = [x, y] if z is None else [x, y, z]
    values = np.column_stack([o.to_numpy(zero_copy_only=False) for o in ordinates])
    present = np.isfinite(values[:, :2]).all(axis=1)
    geoms = np.full(len(values), None, dtype=object)
    flat = np.isnan(values).any(axis=1)
    geoms[present & ~flat] = shapely.points(values[present & ~flat])
    geoms[present & flat] = shapely.points(values[present & flat, :2])
    return geoms


def _from_text(column: pa.Array, faults: Faults, label: str) -> NDArray[np.object_]:
    """Geometries written as WKT (an SRID in front is passed over), hexadecimal WKB or GeoJSON."""
    text = to_text(column)
    values = text.to_numpy(zero_copy_only=False)
    given = np.asarray(text.is_valid().to_numpy(zero_copy_only=False), bool)
    geoms = np.full(len(values), None, dtype=object)
    readers: tuple[tuple[str, Callable[..., NDArray[np.object_]]], ...] = (
        (r"^(00|01)[0-9A-Fa-f]{16,}$", _from_wkb),
        (r"^\{", shapely.from_geojson),
        (r"^[A-Za-z]", from_wkt),
    )
    for pattern, read in readers:
        here = np.asarray(
            pc.fill_null(pc.match_substring_regex(text, pattern), False).to_numpy(
                zero_copy_only=False
            ),
            bool,
        )
        if read is shapely.from_geojson and here.any():
            geoms[here] = [_geojson(v) for v in values[here]]
        elif here.any():
            plain = values[here]
            if read is from_wkt:
                bare = pc.replace_substring_regex(pa.array(plain), r"^(?i)SRID=\d+;\s*", "")
                plain = bare.to_numpy(zero_copy_only=False)
            geoms[here] = read(plain)
    faults.add(given & shapely.is_missing(geoms), f"{label}: is no WKT, WKB or GeoJSON geometry")
    return geoms


def _from_wkb(texts: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.asarray(shapely.from_wkb(texts, on_invalid="ignore"), dtype=object)


def _geojson(text: str) -> shapely.Geometry | None:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if isinstance(document, dict) and document.get("type") == "Feature":
        document = document.get("geometry")
    return shapely.from_geojson(orjson.dumps(document), on_invalid="ignore")
