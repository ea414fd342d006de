"""Places told by something near them: where two roads cross, so many metres east of a door."""

import re
from dataclasses import replace
from math import hypot
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from address.distance import METRES_PER_DEGREE
from address.model import RANK, Location, Match, changed
from address.normalise import normalise, number_of
from address.roads import ancestor, doors_of

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["CROSSING", "SAYS_BESIDE", "beside"]

Floats = npt.NDArray[np.float64]

CROSSING = "crossing"
"""Method of a place where two roads cross."""
SAYS_BESIDE = (
    r"[路街道巷]口|交[叉汇匯界]|[0-9０-９〇零一二三四五六七八九十百两]\s*米|[对對][面过過]|附近|旁|隔壁"
    r"|[东東西南北前后後背][侧側边邊面]"
)
"""Texts without any of this (a pattern for `re` and for pyarrow) tell no place beside another."""
_SAYS = re.compile(SAYS_BESIDE)
_NUMERAL = "〇零一二三四五六七八九十百两"
_AWAY = re.compile(
    rf"(?:[往向朝]?正?(?P<way>[东西南北]{{1,2}})(?:侧|边|面|方向|方|行|走)?)?,?(?:大约|大概|约)?"
    rf"(?P<metres>\d{{1,4}}|[{_NUMERAL}]{{1,5}})米"
)
_WAYS = {"东": (1.0, 0.0), "西": (-1.0, 0.0), "南": (0.0, -1.0), "北": (0.0, 1.0)}
_NEAR_M = {"附近": 200.0, "对面": 60.0, "斜对面": 80.0, "正对面": 60.0, "对过": 60.0}
_BESIDE_M = 60.0
_AT_THE_PLACE = frozenset(("门口", "门前", "院内", "内", "楼下", "楼上"))
_STRAY = 0.5
"""Share of a told distance by which the place may be missed though its direction is told."""
_CROSSING = re.compile(r"路口|交叉口|交汇处|交界处|十字路口|丁字路口|口")
_APART_M = 300.0
_CORNER_M = 80.0


def beside(index: "AddressIndex", text: str, found: Match) -> Match:
    """An answer whose place is that of the crossing or the neighbourhood the text tells.

    Parameters
    ----------
    index : AddressIndex
    text : str
        What was asked.
    found : Match
        Its answer with the place of what is named.

    Returns
    -------
    Match
        Node and status are those of `found`. Where two roads cross the place is the middle of
        their nearest doors; a told distance with a direction moves the place; what is told without
        one, and half of what is told with one, widens ``error_m``. These widths are assumptions.
    """
    if found.location is None or _SAYS.search(text) is None:
        return found
    relations = [element.value for element in found.elements if element.level == "relation"]
    corner = _corner(index, found, relations)
    if corner is not None:
        return changed(found, location=corner)
    return changed(found, location=_moved(text, found.location, relations))


def _moved(text: str, at: Location, relations: list[str]) -> Location:
    """The place so far from where it is told to be, as far as that is known."""
    if "米" in text:
        said = _AWAY.search(normalise(text).text)
        metres = _metres(said["metres"]) if said is not None else 0
        if said is not None and metres:
            east = sum(_WAYS[c][0] for c in said["way"] or "")
            north = sum(_WAYS[c][1] for c in said["way"] or "")
            length = hypot(east, north)
            if not length:
                return replace(at, z=None, error_m=round(at.error_m + metres, 1))
            wide = METRES_PER_DEGREE * np.cos(np.deg2rad(at.lat))
            return replace(
                at,
                lon=float(at.lon + metres * east / length / wide),
                lat=float(at.lat + metres * north / length / METRES_PER_DEGREE),
                z=None,
                error_m=round(at.error_m + _STRAY * metres, 1),
            )
    off = max((_NEAR_M.get(r, _BESIDE_M) for r in relations if r not in _AT_THE_PLACE), default=0.0)
    return replace(at, z=None, error_m=round(at.error_m + off, 1)) if off else at


def _metres(written: str) -> int:
    return int(written) if written.isdigit() else number_of(written) or 0


def _corner(index: "AddressIndex", found: Match, relations: list[str]) -> Location | None:
    """Where the two roads of a text cross; None where it is not the one such place."""
    roads = list(dict.fromkeys(e.value for e in found.elements if e.level == "road"))
    numbered = found.level != "road" or any(e.level == "number" for e in found.elements)
    if len(roads) != 2 or numbered or not any(_CROSSING.fullmatch(r) for r in relations):
        return None
    rows = [index.row_of(one) for one in _ids(found)]
    counties = {ancestor(index, row, "county") for row in rows if row is not None}
    corners = []
    for county in sorted(counties):
        here = [_in_county(index, road, county) for road in roads]
        doors = [doors_of(index, row) for row in here if row is not None]
        known = [one for one in doors if one is not None]
        if len(known) != 2:
            continue
        places = [_degrees(one.doors.places, one.lon, one.lat) for one in known]
        wide = METRES_PER_DEGREE * float(np.cos(np.deg2rad(known[0].lat)))
        apart = places[0][:, None, :] - places[1][None, :, :]
        away = np.hypot(apart[..., 0] * wide, apart[..., 1] * METRES_PER_DEGREE)
        a, b = np.unravel_index(int(away.argmin()), away.shape)
        if away[a, b] <= _APART_M:
            middle = (places[0][a] + places[1][b]) / 2
            corners.append((*middle.tolist(), float(away[a, b])))
    if len(corners) != 1:
        return None
    lon, lat, gap = corners[0]
    return Location(lon, lat, None, CROSSING, round(_CORNER_M + gap / 2, 1))


def _ids(found: Match) -> list[str]:
    others = [one.node_id for one in found.alternatives] if found.status == "ambiguous" else []
    return [*([found.node_id] if found.node_id else []), *others]


def _in_county(index: "AddressIndex", road: str, county: int) -> int | None:
    rank = RANK["road"]
    return next(
        (
            row
            for row in index.names.get(road)
            if index.levels[row] == rank and (county < 0 or index.is_below(row, county))
        ),
        None,
    )


def _degrees(places: Floats, lon: float, lat: float) -> Floats:
    """Metres on a plane that touches at a place as degrees."""
    wide = METRES_PER_DEGREE * float(np.cos(np.deg2rad(lat)))
    out: Floats = places / np.array([wide, METRES_PER_DEGREE]) + np.array([lon, lat])
    return out
