"""Instants, dates and intervals, and how intervals lie to each other (OWL-Time).

Beside a timestamp a date is its whole day: it starts at midnight UTC and ends with the last microsecond; in the
comparisons ``=``, ``<`` … it is its midnight. An interval is closed at both ends; ``..`` is an open end.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

import numpy as np

from twin.cql2.reading import refusal
from twin.cql2.terms import INTERVAL, TEMPORAL, At, Column, Term, View, constant, folded, nothing
from twin.features.asking import Kind

__all__ = ["RELATIONS", "day", "instant", "interval", "relation"]

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,12})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_FRACTION = re.compile(r"(\.\d{6})\d+")
_OPEN: Final = 2**62
_DAY: Final = 86_400_000_000


class _Ends(NamedTuple):
    """Start and end of the first (s, e) and the second (p, q), microseconds since 1970."""

    s: Any
    e: Any
    p: Any
    q: Any


_Test = Callable[[_Ends], Any]

RELATIONS: Final[dict[str, tuple[_Test, bool]]] = {
    "t_after": (lambda t: t.s > t.q, True),
    "t_before": (lambda t: t.e < t.p, True),
    "t_disjoint": (lambda t: (t.s > t.q) | (t.e < t.p), True),
    "t_equals": (lambda t: (t.s == t.p) & (t.e == t.q), True),
    "t_intersects": (lambda t: (t.s <= t.q) & (t.e >= t.p), True),
    "t_contains": (lambda t: (t.s < t.p) & (t.e > t.q), False),
    "t_during": (lambda t: (t.s > t.p) & (t.e < t.q), False),
    "t_finishedby": (lambda t: (t.s < t.p) & (t.e == t.q), False),
    "t_finishes": (lambda t: (t.s > t.p) & (t.e == t.q), False),
    "t_meets": (lambda t: t.e == t.p, False),
    "t_metby": (lambda t: t.s == t.q, False),
    "t_overlappedby": (lambda t: (t.s > t.p) & (t.s < t.q) & (t.e > t.q), False),
    "t_overlaps": (lambda t: (t.s < t.p) & (t.e > t.p) & (t.e < t.q), False),
    "t_startedby": (lambda t: (t.s == t.p) & (t.e > t.q), False),
    "t_starts": (lambda t: (t.s == t.p) & (t.e < t.q), False),
}
"""The test, and whether instants may take part."""


def day(text: object, where: str) -> Term:
    """A date literal, RFC 3339 ``full-date``."""
    try:
        if not isinstance(text, str) or not _DATE.fullmatch(text):
            raise ValueError
        return constant(Kind.DATE, np.datetime64(date.fromisoformat(text), "D"))
    except ValueError:
        raise refusal(
            f"filter at {where}: {text!r:.60} is no date; expected one like '2024-05-31'"
        ) from None


def instant(text: object, where: str) -> Term:
    """A timestamp literal, RFC 3339 ``date-time`` with its zone."""
    try:
        if not isinstance(text, str) or not _INSTANT.fullmatch(text):
            raise ValueError
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text.upper().replace(" ", "T")))
        return constant(
            Kind.INSTANT, np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")
        )
    except (ValueError, OverflowError):
        raise refusal(
            f"filter at {where}: {text!r:.60} is no timestamp; expected one like '2024-05-31T08:00:00Z'"
        ) from None


def interval(start: Term | None, end: Term | None, where: str) -> Term:
    """An interval between two instants or dates, None for an open end."""
    ends = [t for t in (start, end) if t is not None]
    for t in ends:
        if t.kind not in TEMPORAL:
            raise refusal(
                f"filter at {where}: an interval lies between dates or timestamps, not a {t.kind}"
            )
    mixed = len({t.kind for t in ends}) > 1
    kind = Kind.INSTANT if mixed or not ends else ends[0].kind

    def run(view: View, at: At) -> Column:
        known: Any = np.bool_(True)
        sides = []
        for t, far, last in ((start, -_OPEN, False), (end, _OPEN, True)):
            if t is None:
                sides.append(np.asarray(far))
                continue
            values, sure = t.run(view, at)
            sides.append(
                _micro(values, sure, last=last and kind is Kind.INSTANT and t.kind == Kind.DATE)
            )
            known = known & sure
        return tuple(sides), known

    fixed = all(t.fixed for t in ends)
    form = (INTERVAL, kind, *(None if t is None else t.form for t in (start, end)))
    made = Term(
        INTERVAL, run, form, frozenset().union(*(t.names for t in ends)), 2, items=tuple(ends)
    )
    if not fixed:
        return made
    (first, last), known = run(nothing(), None)
    if known and int(first) > int(last):
        raise refusal(
            f"filter at {where}: the interval ends before it starts; give the earlier time first"
        )
    return Term(INTERVAL, lambda _v, _a: ((first, last), known), form, cost=0, fixed=True, value=(first, last),
                items=tuple(ends))  # fmt: skip


def _granularity(term: Term) -> str:
    if term.kind == INTERVAL:
        kinds = {t.kind for t in term.items}
        return Kind.DATE if kinds == {Kind.DATE} else Kind.INSTANT if kinds else ""
    return term.kind


def _micro(values: Any, known: Any, *, last: bool) -> Any:  # noqa: ANN401 - arrays
    """Microseconds since 1970, 0 where unknown; the last one of the day where asked."""
    whole = np.where(known, np.asarray(values).astype("datetime64[us]").view(np.int64), 0)
    return whole + (_DAY - 1) if last else whole


def _ends(term: Term, view: View, at: At, *, days: bool) -> tuple[Any, Any, Any]:
    """Start, end and whether known; dates are whole days where ``days``."""
    values, known = term.run(view, at)
    if term.kind != INTERVAL:
        return (
            _micro(values, known, last=False),
            _micro(values, known, last=days and term.kind == Kind.DATE),
            known,
        )
    start, end = values
    if days and _granularity(term) == Kind.DATE:
        end = np.where(end == _OPEN, end, end + (_DAY - 1))
    return start, end, known


def relation(name: str, one: Term, two: Term, where: str) -> Term:
    """One of :data:`RELATIONS` between instants or intervals."""
    test, instants = RELATIONS[name]
    for i, t in enumerate((one, two)):
        if t.kind not in TEMPORAL and t.kind != INTERVAL:
            raise refusal(
                f"filter at {where}: argument {i + 1} of {name.upper()} is a {t.kind}; "
                "expected a date, a timestamp or an interval"
            )
        if t.kind != INTERVAL and not instants:
            raise refusal(
                f"filter at {where}: {name.upper()} compares intervals; write argument {i + 1} as INTERVAL(start, end)"
            )
    days = len({_granularity(one), _granularity(two)} - {""}) > 1

    def run(view: View, at: At) -> Column:
        s, e, known = _ends(one, view, at, days=days)
        p, q, sure = _ends(two, view, at, days=days)
        known = known & sure
        return test(_Ends(s, e, p, q)) & known, known

    return folded(
        Term(Kind.TRUTH, run, (name, one.form, two.form), one.names | two.names, 4), (one, two)
    )
