"""Cases that may tell of the same: same type, near in space and time, alike in words; offered, never merged by itself."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import duckdb

from twin.cases.listing import dicts
from twin.cases.nearby import box_around, metres_from
from twin.store import run

__all__ = ["duplicates", "likeness"]

MOST = 100
_SIDES = ("west", "east", "south", "north")


def likeness(a: str, b: str) -> float:
    """How alike two texts are: pairs of neighbouring characters they share, of all they have (Dice).

    Examples
    --------
    >>> likeness("路边暴露垃圾", "路边有暴露垃圾"), likeness("暴露垃圾", "井盖丢失")
    (0.7272727272727273, 0.0)
    """
    pairs = [{text[i : i + 2] for i in range(len(text) - 1)} for text in (a, b)]
    both = sum(map(len, pairs))
    return 2 * len(pairs[0] & pairs[1]) / both if both else 0.0


def duplicates(
    con: duckdb.DuckDBPyConnection, case: Mapping[str, Any], metres: float, hours: float
) -> list[dict[str, Any]]:
    """Cases that may tell of the same thing, likeliest first.

    Parameters
    ----------
    con : duckdb connection
    case : mapping
        As :class:`twin.cases.desk.CaseDesk` tells it.
    metres, hours : float
        How far, and how long before or after it was reported; a case without a place is compared by its address text.

    Returns
    -------
    list of dict
        ``id, key, title, stage, lon, lat, eid, distance_m`` (None without places),
        ``hours_apart, likeness, score`` (0 to 1) and ``why_zh``,
        ``why_en``. 作废 are left out; at most 100.
    """
    lon, lat = case["lon"], case["lat"]
    placed = lon is not None and lat is not None
    box = box_around(lon, lat, metres) if placed else dict.fromkeys(_SIDES)
    span = timedelta(hours=hours)
    bound = {
        "case": case["id"],
        **{"kind": case["kind"], "code": case["code"], "address": case["address_text"]},
        **{"begin": case["reported_at"] - span, "end": case["reported_at"] + span},
        **box,
    }
    found = dicts(run(con, "alike", "twin.cases", **bound))
    told = [_told(case, row, metres, hours, placed) for row in found]
    near = [row for row in told if row["distance_m"] is None or row["distance_m"] <= metres]
    return sorted(near, key=lambda row: (-row["score"], row["key"]))[:MOST]


def _told(
    case: Mapping[str, Any], row: dict[str, Any], metres: float, hours: float, placed: bool
) -> dict[str, Any]:
    away = None
    if placed and row["lon"] is not None:
        away = float(metres_from(case["lon"], case["lat"], row["lon"], row["lat"]))
    apart = abs((row["reported_at"] - case["reported_at"]).total_seconds()) / 3600
    alike = likeness(_words(case), _words(row))
    near = 1.0 if away is None else 1 - min(away / metres, 1)
    score = 0.4 * near + 0.2 * (1 - min(apart / hours, 1)) + 0.4 * alike
    where_zh = "同一地址文字" if away is None else f"相距 {away:.0f} 米"
    where_en = "the same address text" if away is None else f"{away:.0f} m away"
    names = ("id", "key", "title", "stage", "lon", "lat", "eid")
    return {
        **{name: row[name] for name in names},
        "distance_m": None if away is None else round(away, 1),
        "hours_apart": round(apart, 2),
        "likeness": round(alike, 3),
        "score": round(score, 3),
        "why_zh": f"同类案件，{where_zh}，相隔 {apart:.1f} 小时，文字相似度 {alike:.0%}",
        "why_en": f"same type, {where_en}, {apart:.1f} h apart, words {alike:.0%} alike",
    }


def _words(case: Mapping[str, Any]) -> str:
    return f"{case['title'] or ''} {case['description'] or ''}".strip()
