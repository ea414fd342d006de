"""Names of coordinate reference systems: from whatever a source or a person wrote to one spelling.

The canonical spelling is ``EPSG:n`` where there is one; ``GCJ-02``, ``BD-09`` and, in their
Mercator metres, ``GCJ-02MC``, ``BD-09MC`` for the shifted web maps; ``LOCAL:<name>`` for a city's
own grid; else WKT. ``@yx`` behind it says that the source has its first two axes the other way
round (northing or latitude first).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pyproj import CRS
from pyproj.exceptions import CRSError

from twin.errors import CrsError

__all__ = [
    "BD09", "BD09MC", "GCJ02", "GCJ02MC", "SHIFTED", "SWAPPED", "Zone", "canonical", "find", "hint", "plain", "zone_code",
    "zone_of",
]  # fmt: skip

GCJ02, BD09, BD09MC, GCJ02MC = "GCJ-02", "BD-09", "BD-09MC", "GCJ-02MC"
SHIFTED = (GCJ02, BD09, GCJ02MC, BD09MC)
"""Systems of Chinese web maps; none has an EPSG code."""
SWAPPED = "@yx"

Family = Literal["CGCS2000", "Xian 1980", "Beijing 1954"]

# First EPSG code of: 6° with zone number, 6° by meridian, 3° with zone number, 3° by meridian.
_FIRST_CODE: dict[Family, tuple[int, int, int, int]] = {
    "CGCS2000": (4491, 4502, 4513, 4534),
    "Xian 1980": (2327, 2338, 2349, 2370),
    "Beijing 1954": (21413, 21453, 2401, 2422),
}
_GEOGRAPHIC: dict[Family, str] = {
    "CGCS2000": "EPSG:4490", "Xian 1980": "EPSG:4610", "Beijing 1954": "EPSG:4214",
}  # fmt: skip
_FAMILY_PATTERN: tuple[tuple[Family, str], ...] = (
    ("CGCS2000", r"cgcs_?2000|china[ _]?2000|china geodetic coordinate system 2000|"
                 r"gcs_china_geodetic_coordinate_system_2000|国家?2000|2000国家|大地2000"),
    ("Xian 1980", r"xi'?an[ _]?(19)?80|西安(19)?80|80西安"),
    ("Beijing 1954", r"bei?jing[ _]?(19)?54|北京(19)?54|54北京"),
)  # fmt: skip
_SHIFTED_PATTERN = (
    (GCJ02MC, r"gcj-?_?02[-_ ]?(?:mc|mercator)|高德墨卡托"),
    (BD09MC, r"bd-?_?09-?_?mc|bd09mercator|百度墨卡托"),
    (BD09, r"bd-?_?09(ll)?|百度坐标|百度经纬度"),
    (GCJ02, r"gcj-?_?02|火星坐标|高德坐标|国测局"),
)
_OTHERS = {"WGS84": "EPSG:4326", "WGS 84": "EPSG:4326", "WGS-84": "EPSG:4326", "CRS84": "EPSG:4326"}


@dataclass(frozen=True, slots=True)
class Zone:
    """A Gauss-Kruger zone of a Chinese system.

    ``width`` is 3 or 6 degrees, ``meridian`` the central meridian in degrees; ``prefixed`` says
    whether the zone number stands before the easting (38 500 000 instead of 500 000).
    """

    family: Family
    width: Literal[3, 6]
    meridian: int
    prefixed: bool

    @property
    def number(self) -> int:
        """Zone number: 25–45 for 3°, 13–23 for 6°."""
        return self.meridian // 3 if self.width == 3 else (self.meridian + 3) // 6


def zone_code(zone: Zone) -> str | None:
    """``EPSG:n`` of a zone; None where there is no such zone in China.

    Examples
    --------
    >>> zone_code(Zone("CGCS2000", 3, 114, prefixed=True))
    'EPSG:4526'
    """
    step = zone.number - (25 if zone.width == 3 else 13)
    fits = zone.meridian % 3 == 0 if zone.width == 3 else (zone.meridian + 3) % 6 == 0
    if not fits or not 0 <= step <= (20 if zone.width == 3 else 10):
        return None
    column = (0 if zone.width == 6 else 2) + (0 if zone.prefixed else 1)
    return f"EPSG:{_FIRST_CODE[zone.family][column] + step}"


def zone_of(crs: str) -> Zone | None:
    """The Gauss-Kruger zone a canonical ``EPSG:n`` means, None for anything else.

    Examples
    --------
    >>> zone_of("EPSG:4547")
    Zone(family='CGCS2000', width=3, meridian=114, prefixed=False)
    """
    match = re.fullmatch(r"EPSG:(\d+)", plain(crs))
    if match is None:
        return None
    code = int(match[1])
    for family, firsts in _FIRST_CODE.items():
        for column, first in enumerate(firsts):
            width: Literal[3, 6] = 6 if column < 2 else 3
            step = code - first
            if 0 <= step <= (20 if width == 3 else 10):
                meridian = 75 + 3 * step if width == 3 else 75 + 6 * step
                return Zone(family, width, meridian, prefixed=column % 2 == 0)
    return None


def plain(crs: str) -> str:
    """The name without the mark for swapped axes."""
    return crs.removesuffix(SWAPPED)


def hint(text: str) -> str | None:
    """CRS that a file or field name speaks of: ``兴趣点_gcj02.csv`` → ``GCJ-02``; None if none.

    Examples
    --------
    >>> hint("poi_bd09.json"), hint("建筑物_CGCS2000_3度带_中央经线114.shp"), hint("roads.gpkg")
    ('BD-09', 'EPSG:4547', None)
    """
    lowered = text.lower()
    for name, pattern in _SHIFTED_PATTERN:
        if re.search(pattern, lowered):
            return name
    return _chinese(lowered)


def _chinese(lowered: str) -> str | None:
    """Chinese datum with, if written, the width and the zone or meridian."""
    family = next((f for f, pattern in _FAMILY_PATTERN if re.search(pattern, lowered)), None)
    if family is None:
        return None
    width: Literal[3, 6] = 3 if re.search(r"3[ _-]?deg|[3三]度", lowered) else 6
    if number := re.search(r"zone[ _]?(\d\d)|(?<!\d)(\d\d)(?:度)?带", lowered):
        n = int(number[1] or number[2])
        width = 3 if n >= 25 else 6
        return zone_code(Zone(family, width, 3 * n if width == 3 else 6 * n - 3, prefixed=True))
    meridian = re.search(r"cm[ _]?(\d{2,3})|(?:经线|子午线)[ _:：]?(\d{2,3})", lowered)
    if meridian:
        return zone_code(Zone(family, width, int(meridian[1] or meridian[2]), prefixed=False))
    projected = re.search(r"gauss|kruger|_gk|高斯|投影|度带", lowered)
    return None if projected else _GEOGRAPHIC[family]


def _canonical_of(crs: CRS) -> str:
    """Canonical name of a parsed system."""
    if crs.is_compound:
        return _canonical_of(crs.sub_crs_list[0])
    if crs.to_authority() == ("OGC", "CRS84"):
        return "EPSG:4326"
    code = None if crs.is_bound else crs.to_epsg(min_confidence=70)
    if code is not None and (not crs.is_projected or _same_projection(CRS.from_epsg(code), crs)):
        return f"EPSG:{code}"
    if not crs.is_bound and (named := _chinese(crs.name.lower())) is not None:
        theirs, ours = CRS.from_user_input(named), crs
        if theirs.is_projected == ours.is_projected and (
            not ours.is_projected or _same_projection(theirs, ours)
        ):
            return named
    return str(crs.to_wkt())


def _projection(crs: CRS) -> tuple[str, dict[str, float]]:
    """Method and parameters of a projected system in metres and degrees."""
    operation = crs.coordinate_operation
    if operation is None:
        return "", {}
    values = {p.code: round(float(p.value) * p.unit_conversion_factor, 9) for p in operation.params}
    return operation.method_code, values


def _same_projection(a: CRS, b: CRS) -> bool:
    """Whether two projected systems use the same numbers, whatever their names."""
    same_unit = a.axis_info[0].unit_conversion_factor == b.axis_info[0].unit_conversion_factor
    return same_unit and _projection(a) == _projection(b)


@lru_cache(maxsize=256)
def canonical(text: str) -> str:
    """One spelling for a declared or typed system.

    Parameters
    ----------
    text : str
        ``EPSG:n``, an OGC URN or URL, WKT 1 (also ESRI's), WKT 2, PROJJSON, PROJ string, a name
        such as ``CGCS2000_3_Degree_GK_CM_114E``, ``西安80 3度带38带``, ``GCJ-02``,
        ``LOCAL:<name>``. A byte order mark in front is dropped, ``@yx`` behind it is kept. Heights
        of a compound system are dropped: they are the business of the plan's ``z_reference``.

    Returns
    -------
    str

    Raises
    ------
    CrsError
        If nothing known is meant.

    Examples
    --------
    >>> canonical("urn:ogc:def:crs:EPSG::4547"), canonical("国家2000"), canonical("火星坐标系")
    ('EPSG:4547', 'EPSG:4490', 'GCJ-02')
    """
    bare = text.lstrip("\ufeffï»¿ \t\r\n").rstrip(" \t\r\n\0")
    if bare.endswith(SWAPPED):
        return canonical(plain(bare)) + SWAPPED
    if bare.upper().startswith("LOCAL:"):
        return "LOCAL:" + bare[6:]
    short = len(bare) <= 80 and "[" not in bare
    if short and bare.upper() in _OTHERS:
        return _OTHERS[bare.upper()]
    if re.fullmatch(r"(epsg:)?\d{4,6}", bare.lower()):
        bare = "EPSG:" + bare[-6:].rpartition(":")[2]
    elif short and not bare.lower().startswith(("epsg:", "urn:", "http", "+", "ogc:")):
        found = hint(bare)
        if found is not None:
            return found
    try:
        return _canonical_of(CRS.from_user_input(bare))
    except CRSError as err:
        raise CrsError(
            f"{bare[:120]!r} is no coordinate reference system known here; expected EPSG:n, WKT, "
            "GCJ-02, BD-09, BD-09MC, LOCAL:<name> or a name such as CGCS2000_3_Degree_GK_CM_114E"
        ) from err


@lru_cache(maxsize=256)
def find(text: str | None) -> str | None:
    """Like :func:`canonical`, but None where nothing is written or nothing known is meant."""
    if text is None or not text.strip("\ufeff \t\r\n\0"):
        return None
    try:
        return canonical(text)
    except CrsError:
        return None
