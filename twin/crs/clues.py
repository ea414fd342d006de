"""What names say about a system: of a file, of its coordinate columns, of the map it was taken from."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from twin.crs import names

__all__ = ["Clue", "clues_of", "named_as_degrees"]

_SAID, _SOURCE = 0.75, 0.5
"""Weight of a system that is named, and of the map a file seems to come from."""

_NAMED = (
    ("EPSG:4326", r"wgs[-_ ]?(?:19)?84"),
    (names.GCJ02, r"(?<![a-z])gcj(?![a-z])"),
)
_SOURCES = (
    (names.GCJ02, r"高德|(?<![a-z])amap|gaode|autonavi|腾讯|tencent|qqmap"),
    (names.BD09, r"百度|baidu"),
)
_OSM = r"(?<![a-z])osm(?![a-z])|openstreetmap|geofabrik"
_OSM_FIELDS = frozenset({"osm_id", "osm_way_id", "osm_type", "full_id", "@osmid", "osmid"})
_COLUMNS = (
    (names.GCJ02, r"gcj|(?<![a-z])gd[_-]|火星|高德"),
    (names.BD09MC, r"bd-?_?09-?_?mc"),
    (names.BD09, r"bd-?_?09|(?<![a-z])bd[_-]|百度"),
    ("EPSG:4326", r"wgs"),
    ("EPSG:4490", r"cgcs|国家?2000|2000国家"),
)
_DEGREE_WORDS = re.compile(
    r"(?<![a-z])(?:lon|lng|long|longitude|lat|latitude)(?![a-z])|经度|纬度", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Clue:
    """A system that a name speaks of; ``weight`` is the confidence it is worth by itself."""

    crs: str
    words: str
    weight: float


def clues_of(
    name: str, coordinate_fields: Iterable[str] = (), fields: Iterable[str] = ()
) -> tuple[Clue, ...]:
    """Systems that names speak of, strongest first.

    Parameters
    ----------
    name : str
        Of the file, without ending and folder, with the layer's name where it has one.
    coordinate_fields : iterable of str
        Columns the coordinates are read from.
    fields : iterable of str
        All columns; some say which map the data were taken from.

    Examples
    --------
    >>> [(c.crs, c.weight) for c in clues_of("兴趣点_gcj02")]
    [('GCJ-02', 0.75)]
    >>> clues_of("poi", ["bd09_lng", "bd09_lat"])[0].crs, clues_of("高德poi")[0].weight
    ('BD-09', 0.5)
    """
    lowered = name.lower()
    found: list[Clue] = []
    for column in coordinate_fields:
        for crs, pattern in _COLUMNS:
            if re.search(pattern, column.lower()):
                found.append(Clue(crs, f"the column is named {column!r}", _SAID))
                break
    said = names.hint(lowered)
    if said is None:
        said = next((crs for crs, pattern in _NAMED if re.search(pattern, lowered)), None)
    code = re.search(r"epsg[-_ ]?(\d{4,5})(?!\d)", lowered)
    if code is not None and (known := names.find(f"EPSG:{code[1]}")) is not None:
        said = known
    if said is not None:
        found.append(Clue(said, f"the name {name!r} speaks of {said}", _SAID))
    taken = sorted(_OSM_FIELDS & {field.lower() for field in fields})
    if taken or re.search(_OSM, lowered):
        what = f"the column {taken[0]!r}" if taken else f"the name {name!r}"
        found.append(
            Clue("EPSG:4326", f"{what} speaks of OpenStreetMap, which is in WGS 84", _SAID)
        )
    for crs, pattern in _SOURCES:
        if said is None and (match := re.search(pattern, lowered)):
            found.append(
                Clue(crs, f"the name speaks of {match[0]!r}, whose maps are in {crs}", _SOURCE)
            )
    return tuple(sorted(dict.fromkeys(found), key=lambda clue: -clue.weight))


def named_as_degrees(coordinate_fields: Iterable[str]) -> bool:
    """Whether columns are named longitude and latitude.

    Examples
    --------
    >>> named_as_degrees(["lng", "lat"]), named_as_degrees(["x", "y"])
    (True, False)
    """
    columns = list(coordinate_fields)
    return bool(columns) and all(_DEGREE_WORDS.search(column) for column in columns)
