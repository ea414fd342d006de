"""Arrays as sets: equal, containing, contained, overlapping.

Elements are the same only if their types are: ``1`` is not ``'1'`` nor ``TRUE``, a date is no timestamp.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import numpy as np
import shapely

from twin.cql2.reading import refusal
from twin.cql2.terms import INTERVAL, At, Column, Term, View, constant, folded
from twin.cql2.texts import normal
from twin.features.asking import Kind

__all__ = ["RELATIONS", "array", "relation"]

_Set = frozenset[Any]

RELATIONS: Final[dict[str, Callable[[_Set, _Set], bool]]] = {
    "a_equals": lambda a, b: a == b,
    "a_contains": lambda a, b: a >= b,
    "a_containedby": lambda a, b: a <= b,
    "a_overlaps": lambda a, b: not a.isdisjoint(b),
}


def element(value: object) -> Any:  # noqa: ANN401 - hashable
    """What is the same for elements that are the same."""
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        value = value.item()
    if isinstance(value, np.datetime64):
        whole = value.dtype == np.dtype("datetime64[D]")
        return (
            "date" if whole else "instant",
            int(value.astype("datetime64[us]").astype(np.int64)),
        )
    if isinstance(value, bool):
        return ("truth", value)
    if isinstance(value, (int, float)):
        return ("number", value)
    if isinstance(value, str):
        return ("text", normal(value))
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return element(np.datetime64(moment, "us"))
    if isinstance(value, date):
        return element(np.datetime64(value, "D"))
    if isinstance(value, shapely.Geometry):
        return ("shape", shapely.to_wkb(shapely.normalize(value)))
    if isinstance(value, (list, tuple, np.ndarray)):
        return ("array", frozenset(element(v) for v in value))
    return ("other", repr(value))


def array(items: Sequence[Term]) -> Term:
    """An array of terms; unknown where one of them is."""
    form = ("array", *sorted((i.form for i in items), key=repr))
    if all(i.fixed and i.value is not None and i.kind != INTERVAL for i in items):
        return constant(Kind.LIST, tuple(i.value for i in items), form, items=tuple(items))

    def run(view: View, at: At) -> Column:
        n = view.size(at)
        known = np.ones(n, dtype=bool)
        columns = []
        for item in items:
            values, sure = item.run(view, at)
            if item.kind == INTERVAL:
                pairs = zip(*(np.broadcast_to(v, n).tolist() for v in values), strict=True)
                cells: Any = [("interval", *p) for p in pairs]
            else:
                cells = np.broadcast_to(values, n)
            columns.append(cells)
            known = known & sure
        out = np.empty(n, dtype=object)
        out[:] = [None] * n
        for row in np.flatnonzero(known):
            out[row] = tuple(c[row] for c in columns)
        return out, known

    names = frozenset().union(*(i.names for i in items))
    return Term(Kind.LIST, run, form, names, sum(i.cost for i in items) + 10, items=tuple(items))


def relation(name: str, one: Term, two: Term, where: str) -> Term:
    """One of :data:`RELATIONS` between two arrays."""
    one, two = (
        array([t]) if t.kind != Kind.LIST and t.fixed else t for t in (one, two)
    )  # ('a') reads as 'a'
    for i, t in enumerate((one, two)):
        if t.kind != Kind.LIST:
            raise refusal(
                f"filter at {where}: argument {i + 1} of {name.upper()} is a {t.kind}; expected an array"
            )
    test, first, second = RELATIONS[name], _sets(one), _sets(two)

    def run(view: View, at: At) -> Column:
        n = view.size(at)
        (left, sure), (right, known) = first(view, at), second(view, at)
        known = np.broadcast_to(sure & known, n)
        out = np.zeros(n, dtype=bool)
        for row in np.flatnonzero(known):
            out[row] = test(left(row), right(row))
        return out, known

    made = Term(
        Kind.TRUTH, run, (name, one.form, two.form), one.names | two.names, one.cost + two.cost + 30
    )
    return folded(made, (one, two))


def _sets(term: Term) -> Callable[[View, At], tuple[Callable[[Any], _Set], Any]]:
    """Gives for rows the set of each, and whether it is known; that of a literal is made once."""
    if term.fixed and term.value is not None:
        same = _set(term.value)
        return lambda _view, _at: (lambda _row: same, np.True_)

    def run(view: View, at: At) -> tuple[Callable[[Any], _Set], Any]:
        values, known = term.run(view, at)
        return lambda row: _set(values[row]), known

    return run


def _set(values: Any) -> _Set:  # noqa: ANN401
    return frozenset(
        v if isinstance(v, tuple) and v[:1] == ("interval",) else element(v) for v in values
    )
