"""Coordinate systems by URI, as OGC API – Features Part 2 names them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from api.state import CollectionInfo
from twin import crs
from twin.city import City
from twin.errors import CrsError, InvalidRequestError

__all__ = ["CRS84", "CRS84H", "System", "offered", "own_zone", "storage", "system"]

CRS84: Final = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CRS84H: Final = "http://www.opengis.net/def/crs/OGC/0/CRS84h"
_EPSG: Final = "http://www.opengis.net/def/crs/EPSG/0/"
_ALWAYS: Final = ("EPSG:4490", "EPSG:4326", "EPSG:3857")


@dataclass(frozen=True, slots=True)
class System:
    """A system that coordinates may be asked for and given in.

    ``name`` is what :mod:`twin.crs` calls it, axes in the order of its definition; ``stored`` says that numbers of
    the base need no change; ``flat`` that heights are left out. Heights of the others stay metres above the ellipsoid.
    """

    uri: str
    name: str
    stored: bool = False
    flat: bool = False

    def with_x_first(self) -> "System":
        """The same with x before y, as files keep it."""
        return replace(self, name=crs.with_x_first(self.name))


_CRS84: Final = System(CRS84, "EPSG:4490", stored=True, flat=True)
_CRS84H: Final = System(CRS84H, "EPSG:4490", stored=True)


def own_zone(city: City, lon: float | None = None) -> str | None:
    """The projected system a city works in: that of its settings, else the CGCS2000 3° zone it lies in."""
    if city.source_crs.startswith("EPSG:") and not crs.is_geographic(city.source_crs):
        return city.source_crs
    try:
        return None if lon is None else crs.zone_at(lon)
    except CrsError:
        return None


def storage(info: CollectionInfo) -> System:
    """The system the base keeps a collection in: with heights where any of its things has one."""
    return _CRS84H if info.extent and info.extent["zmin"] is not None else _CRS84


def offered(city: City, info: CollectionInfo) -> Mapping[str, System]:
    """Systems of a collection by URI, the default one first."""
    first = storage(info)
    box = info.extent
    zone = own_zone(city, None if box is None else (box["xmin"] + box["xmax"]) / 2)
    codes = list(dict.fromkeys([*_ALWAYS, *([zone] if zone else [])]))
    systems = [first, _CRS84H if first is _CRS84 else _CRS84]
    systems += [System(_EPSG + code[5:], crs.with_official_axes(code)) for code in codes]
    return {system.uri: system for system in systems}


def system(text: str, parameter: str, have: Mapping[str, System]) -> System:
    """The system a parameter names: by URI, or short as ``EPSG:4547`` or ``[EPSG:4547]``.

    Raises
    ------
    InvalidRequestError
        If the collection is not offered in it.
    """
    given = text.strip().removeprefix("<").removesuffix(">")
    given = given.replace("https://www.opengis.net/", "http://www.opengis.net/", 1)
    short = re.fullmatch(r"\[?EPSG:(\d{4,6})\]?", given, re.IGNORECASE)
    if short:
        given = _EPSG + short[1]
    if given in ("CRS84", "OGC:CRS84", "[OGC:CRS84]"):
        given = CRS84
    if given not in have:
        raise InvalidRequestError(
            f"{parameter}={text[:120]!r}: not offered here; there are: {', '.join(have)}.",
            parameter,
        )
    return have[given]
