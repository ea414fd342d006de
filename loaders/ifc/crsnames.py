"""Which coordinate reference system a model's IfcProjectedCRS means, however it is written."""

import re
from dataclasses import dataclass
from typing import Any

from loaders.ifc.structure import attribute_of
from twin import crs
from twin.errors import CrsError

__all__ = ["NamedCrs", "crs_from_name", "crs_of_texts"]

_WKT = re.compile(r"\s*(PROJCS|PROJCRS|GEOGCS|GEOGCRS|COMPD_CS|COMPOUNDCRS|BOUNDCRS)\[", re.I)


@dataclass(frozen=True, slots=True)
class NamedCrs:
    """A system, how it was recognised, and how sure that is."""

    crs: str
    how: str
    confidence: float


def crs_from_name(name: str | None) -> str | None:
    """Code or WKT a CRS name stands for; None where it is prose nobody can resolve.

    Examples
    --------
    >>> crs_from_name("urn:ogc:def:crs:EPSG::4547"), crs_from_name("CGCS2000_3_Degree_GK_CM_114E")
    ('EPSG:4547', 'EPSG:4547')
    >>> crs_from_name("CGCS2000 / 3-degree GK zone 38"), crs_from_name("ETRS89 / UTM zone 32N")
    ('EPSG:4526', 'EPSG:25832')
    """
    found = crs_of_texts([name])
    return found.crs if found else None


def crs_of_texts(texts: list[str | None], whole: str | None = None) -> NamedCrs | None:
    """System that the attributes of an IfcProjectedCRS mean.

    Parameters
    ----------
    texts : list of str or None
        Name first, then description, zone, datum …: looked at in this order, the strictest reading
        of all of them before the next looser one.
    whole : str, optional
        Further words put together (datum, projection, zone) for the loosest reading.

    Returns
    -------
    NamedCrs or None
    """
    given = [t.strip() for t in texts if t and t.strip()]
    for text in given:
        if _WKT.match(text) and (found := _canonical(text)):
            return NamedCrs(found, "well-known text", 0.95)
    for text in given:
        if number := _code(text):
            return NamedCrs(f"EPSG:{number}", f"code in {text!r}", 0.95)
    for text in given:
        if found := _by_rule(text):
            return NamedCrs(found, f"name {text!r}", 0.9)
    for text in [*given, *([whole] if whole else [])]:
        alike = crs.resembling(text)
        if len(alike) == 1:
            return NamedCrs(
                alike[0], f"the only system whose name holds the words of {text!r}", 0.8
            )
    return None


def _canonical(text: str) -> str | None:
    try:
        return crs.canonical(text)
    except CrsError:
        return None


def _code(text: str) -> str | None:
    """EPSG number written in a text, if it is a system that is known."""
    found = re.search(r"EPSG\D{0,4}(\d{4,6})", text, re.I) or re.fullmatch(r"(\d{4,5})", text)
    found = found or re.fullmatch(r"(\d{4,5})\s*\+\s*\d{4,5}", text)
    return found[1] if found and _canonical(f"EPSG:{found[1]}") else None


def _by_rule(text: str) -> str | None:
    """Systems whose names follow a rule: CGCS2000 zones, UTM zones, names the register holds."""
    folded = re.sub(r"[\s_/\-()°]+", " ", text.lower())
    if "cgcs2000" in folded or "cgcs 2000" in folded or "国家大地坐标" in text:
        if found := _cgcs2000(folded):
            return found
    elif len(text) <= 120:
        plain = _canonical(text)
        if plain is not None:
            return plain
    if match := re.search(r"utm\s*(?:zone)?\s*(\d{1,2})\s*([ns]?)\b", folded):
        return _utm(int(match[1]), match[2] == "s", folded)
    return None


def _utm(zone: int, south: bool, folded: str) -> str | None:
    if not 1 <= zone <= 60:
        return None
    if "etrs" in folded and 28 <= zone <= 38 and not south:
        return f"EPSG:{25800 + zone}"
    if any(d in folded for d in ("nad", "ed50", "sirgas", "gda", "igm", "nzgd", "jgd", "ed 50")):
        return None
    return f"EPSG:{(32700 if south else 32600) + zone}"


def _cgcs2000(folded: str) -> str | None:
    six = bool(re.search(r"\b6 ?(deg|度)", folded))
    if found := re.search(r"cm ?(\d{2,3}) ?e?|(\d{2,3}) ?(?:e\b|度|central)", folded):
        meridian = int(found[1] or found[2])
        if not six and 75 <= meridian <= 135 and meridian % 3 == 0:
            return f"EPSG:{4534 + (meridian - 75) // 3}"
        if six and 75 <= meridian <= 135 and (meridian - 75) % 6 == 0:
            return f"EPSG:{4502 + (meridian - 75) // 6}"
    if found := re.search(r"zone ?(\d{2})|(\d{2}) ?带", folded):
        zone = int(found[1] or found[2])
        if 25 <= zone <= 45:
            return f"EPSG:{4513 + zone - 25}"
        if 13 <= zone <= 23:
            return f"EPSG:{4491 + zone - 13}"
    return None


def texts_of(target: Any) -> tuple[list[str | None], str | None]:  # noqa: ANN401 (IFC entity)
    """Attributes of an IfcCoordinateReferenceSystem as texts for :func:`crs_of_texts`."""
    if target is None:
        return [], None
    wkt = [attribute_of(w, "WellKnownText") for w in attribute_of(target, "WellKnownText") or ()]
    names = ("Name", "Description", "MapZone", "MapProjection", "GeodeticDatum")
    name, description, zone, projection, datum = (
        str(v) if (v := attribute_of(target, n)) else None for n in names
    )
    joined = f"{projection} {zone}" if projection and zone else None
    whole = " ".join(t for t in (datum, projection, "zone" if zone else None, zone) if t)
    code = f"EPSG:{zone}" if projection and zone and projection.upper() == "EPSG" else None
    return [*wkt, name, code, description, zone, joined, datum], whole or None
