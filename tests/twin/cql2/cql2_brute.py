"""CQL2 JSON row by row in plain Python and scalar shapely: slow, written apart from the engine, to hold it against."""

import json
import math
import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import Any

import shapely

_MIN, _MAX = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)
_SPATIAL = {
    "s_intersects": "intersects", "s_disjoint": "disjoint", "s_equals": "equals", "s_touches": "touches", "s_crosses": "crosses",
    "s_within": "within", "s_contains": "contains", "s_overlaps": "overlaps",
}  # fmt: skip


class Interval:
    """Two ends; ``dates``: both are dates."""

    def __init__(self, start: Any, end: Any) -> None:
        ends = [e for e in (start, end) if e is not None]
        self.dates = bool(ends) and all(type(e) is date for e in ends)
        self.open = not ends
        self.start, self.end = start, end


def shape_of(given: dict[str, Any]) -> Any:
    if "bbox" in given and "type" not in given:
        n = len(given["bbox"]) // 2
        (w, s, *_), (e, t, *_) = given["bbox"][:n], given["bbox"][n:]
        if w <= e:
            return shapely.box(w, s, e, t)
        return shapely.MultiPolygon([shapely.box(w, s, 180, t), shapely.box(-180, s, e, t)])
    found = shapely.from_geojson(json.dumps(given))
    if shapely.is_valid(found):
        return found
    mended = shapely.make_valid(found, method="structure", keep_collapsed=True)
    return shapely.make_valid(found, method="linework") if mended.is_empty else mended


def moment(text: str) -> Any:
    if len(text) == 10:
        return date.fromisoformat(text)
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC).replace(tzinfo=None)


def value(item: Any, row: dict[str, Any], calls: dict[str, Any]) -> Any:
    if isinstance(item, (bool, str)) or item is None:
        return unicodedata.normalize("NFC", item) if isinstance(item, str) else item
    if isinstance(item, (int, float)):
        return float(item)
    if isinstance(item, list):
        found = [value(v, row, calls) for v in item]
        return None if any(v is None for v in found) else found
    if "property" in item:
        return row[item["property"]]
    if "date" in item or "timestamp" in item:
        return moment(item.get("date", item.get("timestamp")))
    if "interval" in item:
        ends = [
            None if e == ".." else moment(e) if isinstance(e, str) else value(e, row, calls)
            for e in item["interval"]
        ]
        if any(
            e is None and given != ".." for e, given in zip(ends, item["interval"], strict=True)
        ):
            return None
        return Interval(*ends)
    if "op" not in item:
        return shape_of(item)
    return _call(item["op"].lower(), item["args"], row, calls)


def _call(op: str, args: list[Any], row: dict[str, Any], calls: dict[str, Any]) -> Any:  # noqa: C901 - a table of operators
    if op in ("and", "or"):
        found = [value(a, row, calls) for a in args]
        decisive = op == "or"
        return decisive if decisive in found else None if None in found else not decisive
    if op == "isnull":
        return value(args[0], row, calls) is None
    if op == "in":
        found = [_call("=", [args[0], v], row, calls) for v in args[1]]
        return True if True in found else None if None in found else False
    values = [value(a, row, calls) for a in args]
    if (
        op.startswith("s_")
        and len(args) == 2
        and any(isinstance(a, dict) and len(a.get("bbox", ())) == 6 for a in args)
    ):
        return _boxed(op, args, values, row)
    if any(v is None for v in values):
        return None
    if op == "not":
        return not values[0]
    if op in ("=", "<>", "<", "<=", ">", ">=", "between"):
        return _compare(op, values)
    if op == "like":
        return _like(*values)
    if op == "casei":
        return unicodedata.normalize("NFC", values[0].casefold())
    if op == "accenti":
        kept = [
            c
            for c in unicodedata.normalize("NFD", values[0])
            if unicodedata.category(c) != "Mn" or c in "\u3099\u309a"
        ]
        return unicodedata.normalize("NFC", "".join(kept))
    if op in _SPATIAL:
        return bool(getattr(values[0], _SPATIAL[op])(values[1]))
    if op.startswith("t_"):
        return _temporal(op, *values)
    if op.startswith("a_"):
        a, b = (frozenset(map(_element, v if isinstance(v, list) else [v])) for v in values)
        return {
            "a_equals": a == b,
            "a_contains": a.issuperset(b),
            "a_containedby": a.issubset(b),
            "a_overlaps": bool(a & b),
        }[op]
    if op in ("+", "-", "*", "/", "%", "^", "div"):
        return _arithmetic(op, *values)
    return calls[op](*values)


def _boxed(op: str, args: list[Any], values: list[Any], row: dict[str, Any]) -> Any:
    """A box of six numbers beside the thing's own shape."""
    box = next(a["bbox"] for a in args if isinstance(a, dict) and "bbox" in a)
    if any(v is None for v in values):
        return None
    flat = bool(getattr(values[0], _SPATIAL[op])(values[1]))
    near = flat if op != "s_disjoint" else not flat
    if not near:
        return op == "s_disjoint"
    low, high = row["_low"], row["_high"]
    if low is None or high is None:
        return None
    met = box[2] <= low and high <= box[5] if op == "s_within" else low <= box[5] and high >= box[2]
    return met if op != "s_disjoint" else not met


def _compare(op: str, values: list[Any]) -> bool:
    times = [v for v in values if isinstance(v, date)]
    if times:
        values = [moment(v) if isinstance(v, str) else v for v in values]
        values = [
            v if isinstance(v, datetime) else datetime(v.year, v.month, v.day) for v in values
        ]
    if op == "between":
        return values[1] <= values[0] <= values[2]
    a, b = values
    return {"=": a == b, "<>": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op]


def _like(text: str, pattern: str) -> bool:
    tokens: list[tuple[str, bool]] = []
    chars = iter(pattern)
    for c in chars:
        if c == "\\":
            tokens.append((next(chars, "\\"), False))
        else:
            tokens.append((c, c in "%_"))
    reach = {0}
    for c, wild in tokens:
        if wild and c == "%":
            reach = set(range(min(reach), len(text) + 1)) if reach else set()
        else:
            reach = {i + 1 for i in reach if i < len(text) and (wild or text[i] == c)}
    return len(text) in reach


def _element(v: Any) -> Any:
    if isinstance(v, bool):
        return ("b", v)
    if isinstance(v, (int, float)):
        return ("n", float(v))
    if isinstance(v, Interval):
        return ("v", v.start, v.end)
    if isinstance(v, list):
        return ("l", frozenset(map(_element, v)))
    return (type(v).__name__, v)


def _ends(v: Any, *, days: bool) -> tuple[datetime, datetime]:
    if not isinstance(v, Interval):
        v = Interval(v, v) if type(v) is date else _instant(v)
    starts = _MIN if v.start is None else v.start
    ends = _MAX if v.end is None else v.end
    if not isinstance(starts, datetime):
        starts = datetime(starts.year, starts.month, starts.day)
    if not isinstance(ends, datetime):
        whole = days or not v.dates
        ends = datetime(ends.year, ends.month, ends.day) + (
            timedelta(days=1) - timedelta(microseconds=1) if whole else timedelta()
        )
    return starts, ends


def _instant(v: datetime) -> Interval:
    return Interval(v, v)


def _grain(v: Any) -> str:
    if isinstance(v, Interval):
        return "" if v.open else "date" if v.dates else "instant"
    return "instant" if isinstance(v, datetime) else "date"


def _temporal(op: str, a: Any, b: Any) -> bool:  # noqa: C901 - a table of relations
    days = {_grain(a), _grain(b)} >= {"date", "instant"}
    (s, e), (p, q) = _ends(a, days=days), _ends(b, days=days)
    match op:
        case "t_after":
            return s > q
        case "t_before":
            return e < p
        case "t_disjoint":
            return s > q or e < p
        case "t_equals":
            return (s, e) == (p, q)
        case "t_intersects":
            return not (s > q or e < p)
        case "t_contains":
            return s < p and q < e
        case "t_during":
            return p < s and e < q
        case "t_finishedby":
            return s < p and e == q
        case "t_finishes":
            return p < s and e == q
        case "t_meets":
            return e == p
        case "t_metby":
            return s == q
        case "t_overlappedby":
            return p < s < q < e
        case "t_overlaps":
            return s < p < e < q
        case "t_startedby":
            return s == p and q < e
        case "t_starts":
            return s == p and e < q
    raise AssertionError(op)


def _arithmetic(op: str, a: float, b: float) -> float | None:
    a, b = float(a), float(b)
    try:
        if op in ("/", "%", "div") and b == 0:
            return None
        found: Any = {
            "+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b, "^": lambda: a**b,
            "div": lambda: float(int(a / b)), "%": lambda: math.fmod(a, b),
        }[op]()  # fmt: skip
    except (OverflowError, ZeroDivisionError, ValueError):
        return None
    return (
        None
        if isinstance(found, complex) or found != found or abs(found) == float("inf")
        else found
    )
