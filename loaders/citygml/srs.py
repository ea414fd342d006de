"""What a srsName means: the system, and whether latitude is written first."""

import re
from dataclasses import dataclass

from loaders.citygml.reading import Element, Head
from twin import crs
from twin.errors import CrsError

__all__ = ["Reference", "reference_of"]

_GERMAN = {
    "ETRS89_UTM31": "EPSG:25831",
    "ETRS89_UTM32": "EPSG:25832",
    "ETRS89_UTM33": "EPSG:25833",
    "DE_DHDN_3GK2": "EPSG:31466",
    "DE_DHDN_3GK3": "EPSG:31467",
    "DE_DHDN_3GK4": "EPSG:31468",
    "DE_DHDN_3GK5": "EPSG:31469",
}
"""Short names of the German surveys (AdV), as in ``urn:adv:crs:ETRS89_UTM32*DE_DHHN2016_NH``."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Coordinate reference of a file.

    ``crs`` is as a source declares it (``EPSG:n``) or None; ``swap`` whether the file writes y before x;
    ``offset`` is what a local engineering system adds to its x, y, z to stand in ``crs``.
    """

    crs: str | None
    swap: bool = False
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    findings: tuple[str, ...] = ()


def code_of(name: str) -> str | None:
    """EPSG code of the horizontal (or compound) system a srsName names; the name itself where it has none.

    Examples
    --------
    >>> code_of("urn:ogc:def:crs,crs:EPSG:6.12:3068,crs:EPSG:6.12:5783")
    'EPSG:3068'
    >>> code_of("http://www.opengis.net/def/crs/EPSG/0/6697"), code_of("urn:ogc:def:crs:OGC:1.3:CRS84")
    ('EPSG:6697', 'EPSG:4326')
    >>> code_of("urn:adv:crs:ETRS89_UTM32*DE_DHHN92_NH")
    'EPSG:25832'
    >>> code_of("http://www.opengis.net/gml/srs/epsg.xml#4326")
    'EPSG:4326'
    """
    text = name.strip()
    if "CRS84" in text:
        return "EPSG:4326"
    found = re.search(r"epsg(?:\.xml#|:{1,2}|/)(?:[\d.]*[:/]{1,2})?(\d{4,6})", text, re.I)
    if found:
        return f"EPSG:{found[1]}"
    for short, code in _GERMAN.items():
        if short in text:
            return code
    return text or None


def _latitude_first(name: str) -> bool:
    """Whether this way of naming a geographic system means the order of its authority."""
    text = name.lower()
    return "crs84" not in text and ("urn:" in text or "/def/crs/" in text)


def _fits(code: str, x: float, y: float) -> bool:
    """Whether a place lies where the system is meant to serve (a degree around it)."""
    try:
        area = crs.area_of_use(code)
        lon, lat, _ = crs.to_geographic(code, [x], [y])
    except CrsError:
        return True
    if area is None:
        return True
    west, south, east, north = area
    return bool(west - 1 <= lon[0] <= east + 1 and south - 1 <= lat[0] <= north + 1)


def _is_geographic(code: str) -> bool:
    try:
        return crs.is_geographic(code)
    except CrsError:
        return False


def _order(name: str, code: str, place: tuple[float, ...] | None) -> tuple[bool, tuple[str, ...]]:
    """Whether to swap, and what to say about it: the name's rule, overruled by what fits the ground."""
    geographic = _is_geographic(code)
    swap = geographic and _latitude_first(name)
    said = (
        (
            "coordinates are latitude, longitude as the srsName means; read as x = longitude, y = latitude",
        )
        if swap
        else ()
    )
    if place is None or len(place) < 2:
        return swap, said
    straight, turned = _fits(code, place[0], place[1]), _fits(code, place[1], place[0])
    if straight == turned:
        return swap, said
    if straight == (not swap):
        return swap, said
    order = "x, y" if straight else "y, x"
    return not swap, (
        f"coordinates are written {order}, against the rule of srsName {name!r}: only so they lie "
        f"in the area of {code}",
    )


def _engineering(element: Element) -> tuple[str | None, tuple[float, float, float]] | None:
    """System and origin of a local engineering CRS, from the definition of its anchor."""
    for anchor in element.iter("{*}anchorDefinition", "{*}anchorPoint"):
        try:
            x, y, *z = (float(v) for v in (anchor.text or "").split())
        except ValueError:
            return None
        code = code_of(anchor.get("codeSpace") or "")
        return code, (x, y, z[0] if z else 0.0)
    return None


def reference_of(head: Head, first: Element | None, given: str | None) -> Reference:
    """Reference of a file from its envelope, else from its first geometry.

    Parameters
    ----------
    head : Head
    first : Element or None
        The first member.
    given : str or None
        System that the plan gives; it decides, and the order of axes is judged for it.
    """
    name, place = head.srs_name, head.lower
    named = None
    if first is not None:
        named = next((e.get("srsName") for e in first.iter() if e.get("srsName")), None)
        if place is None:
            text = next(
                (e.text for e in first.iter("{*}posList", "{*}pos", "{*}lowerCorner") if e.text), ""
            )
            place = _place(text)
    name = name or named
    if name is not None and name.startswith("#") and head.engineering is not None:
        local = _engineering(head.engineering)
        if local is not None and local[0] is not None:
            return Reference(
                given or local[0],
                False,
                local[1],
                (
                    f"a local engineering system {name!r}, moved by its anchor {local[1]} into {local[0]}",
                ),
            )
        return Reference(
            given, False, (0.0, 0.0, 0.0), (f"the local engineering system {name!r} has no anchor",)
        )
    if name is None:
        return Reference(given, False, findings=("no srsName; give the layer's crs in the plan",))
    code = code_of(name)
    swap, said = _order(name, given or code or "", place)
    return Reference(given or code, swap, findings=said)


def _place(text: str) -> tuple[float, ...] | None:
    try:
        return tuple(float(v) for v in text.split()[:3]) or None
    except ValueError:
        return None
