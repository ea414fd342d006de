"""Comparisons, patterns, lists, ranges, arithmetic and logic, with unknown values as SQL and the standard have them."""

from collections.abc import Callable, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

import numpy as np

from twin.cql2 import texts
from twin.cql2.reading import refusal
from twin.cql2.terms import NUMERIC, TEMPORAL, At, Column, Term, View, constant, folded
from twin.cql2.times import day, instant
from twin.features.asking import Kind

__all__ = [
    "ARITHMETIC",
    "COMPARISONS",
    "aligned",
    "arithmetic",
    "between",
    "compared",
    "like",
    "listed",
    "unknown",
]

COMPARISONS: Final = {"=": eq, "<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_FLIPPED: Final = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_COMPARED: Final = (Kind.NUMBER, Kind.TEXT, Kind.DATE, Kind.INSTANT, Kind.TRUTH)
_EXACT: Final = float(2**53)


def aligned(terms: Sequence[Term], what: str, where: str) -> list[Term]:
    """The terms with one kind: texts read as times and whole numbers as numbers where the others are; else refused."""
    first = terms[0].kind
    if first in _COMPARED and all(t.kind is first for t in terms):
        return list(terms)
    kinds = {t.kind for t in terms}
    if kinds & TEMPORAL and Kind.TEXT in kinds:
        read = instant if Kind.INSTANT in kinds else day
        terms = [_as_time(t, read, where) for t in terms]
        kinds = {t.kind for t in terms}
    if (
        kinds <= NUMERIC
        or kinds <= TEMPORAL
        or (len(kinds) == 1 and kinds <= {Kind.TEXT, Kind.TRUTH})
    ):
        return list(terms)
    named = (
        " with ".join(str(t.kind) for t in terms[:2]) if len(kinds) > 1 else str(next(iter(kinds)))
    )
    raise refusal(
        f"filter at {where}: {what} cannot compare {named}; both sides must be text, numbers, truth values or times"
    )


def _as_time(term: Term, read: Callable[[object, str], Term], where: str) -> Term:
    """A text literal as the date or timestamp it spells."""
    if term.kind != Kind.TEXT or not term.fixed or term.value is None:
        return term
    return (day if len(term.value) == 10 else read)(term.value, where)


def _plain(term: Term) -> Any:  # noqa: ANN401 - a scalar
    """The value of a fixed number, whole where it is, so that whole columns are compared exactly."""
    value = term.value
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    return value


def compared(op: str, one: Term, two: Term, where: str) -> Term:
    """``=``, ``<>``, ``<``, ``<=``, ``>`` or ``>=``."""
    one, two = aligned((one, two), op, where)
    if (one.fixed and not two.fixed) or (
        op in ("=", "<>") and one.fixed == two.fixed and repr(one.form) > repr(two.form)
    ):
        one, two, op = two, one, _FLIPPED[op]
    test = COMPARISONS[op]
    scalar = _plain(two) if two.fixed and one.kind in NUMERIC else None

    def run(view: View, at: At) -> Column:
        left, sure = one.run(view, at)
        right, known = two.run(view, at)
        known = sure & known
        if scalar is not None:
            return test(left, scalar) & known, known
        if one.kind == Kind.TEXT:
            return _texts(test, left, right, known)
        return test(left, right) & known, known

    cost = one.cost + two.cost + (4 if one.kind == Kind.TEXT else 1)
    return folded(
        Term(Kind.TRUTH, run, (op, one.form, two.form), one.names | two.names, cost), (one, two)
    )


def _texts(test: Any, left: Any, right: Any, known: Any) -> Column:  # noqa: ANN401 - arrays
    """Compared only where both are known: what stands elsewhere may be no text."""
    if test in (eq, ne) or known.all():
        return np.asarray(test(left, right), dtype=bool) & known, known
    known = np.asarray(known)
    shape = np.broadcast_shapes(np.shape(left), np.shape(right), known.shape)
    left, right, known = (np.broadcast_to(a, shape) for a in (left, right, known))
    out = np.zeros(shape, dtype=bool)
    out[known] = test(left[known], right[known]).astype(bool)
    return out, known


def unknown(term: Term) -> Term:
    """``IS NULL``."""

    def run(view: View, at: At) -> Column:
        known = term.run(view, at)[1]
        return ~known, np.True_

    return folded(Term(Kind.TRUTH, run, ("isnull", term.form), term.names, term.cost + 1), (term,))


def like(term: Term, pattern: Term, where: str) -> Term:
    """``LIKE``."""
    if term.kind != Kind.TEXT or pattern.kind != Kind.TEXT:
        raise refusal(
            f"filter at {where}: LIKE compares texts, not {term.kind} with {pattern.kind}"
        )
    if not pattern.fixed or pattern.value is None:
        raise refusal(
            f"filter at {where}: the pattern of LIKE must be a text, or CASEI or ACCENTI of one"
        )
    test = texts.matching(pattern.value)

    def run(view: View, at: At) -> Column:
        values, known = term.run(view, at)
        return texts.each(test, values, known, bool), known

    return folded(
        Term(Kind.TRUTH, run, ("like", term.form, pattern.form), term.names, term.cost + 6), (term,)
    )


def between(term: Term, low: Term, high: Term, where: str) -> Term:
    """``BETWEEN``, both ends included; unknown where any of the three is."""
    term, low, high = aligned((term, low, high), "BETWEEN", where)
    if term.kind not in NUMERIC | TEMPORAL:
        raise refusal(f"filter at {where}: BETWEEN compares numbers or times, not {term.kind}")

    def run(view: View, at: At) -> Column:
        columns = [t.run(view, at) for t in (term, low, high)]
        known = columns[0][1] & columns[1][1] & columns[2][1]
        value, least, most = (c[0] for c in columns)
        return (value >= least) & (value <= most) & known, known

    parts = (term, low, high)
    made = Term(
        Kind.TRUTH, run, ("between", *(t.form for t in parts)), frozenset().union(*(t.names for t in parts)),
        sum(t.cost for t in parts) + 2,
    )  # fmt: skip
    return folded(made, parts)


def listed(term: Term, items: Sequence[Term], where: str) -> Term:
    """``IN``: equal to one of the items; unknown where it equals none and one of them, or itself, is unknown."""
    if not items:
        raise refusal(f"filter at {where}: the list of IN is empty; give at least one value")
    term, *items = aligned((term, *items), "IN", where)
    if (
        not all(i.fixed and i.value is not None for i in items)
        or len({i.kind for i in (term, *items)} & TEMPORAL) > 1
    ):
        if len(items) > 500:
            raise refusal(
                f"filter at {where}: more than 500 items of IN that are not of one type; give fewer"
            )
        return any_of([compared("=", term, i, where) for i in items])
    forms = tuple(sorted({i.form for i in items}, key=repr))
    if term.kind == Kind.TEXT:
        among = frozenset(i.value for i in items)

        def run(view: View, at: At) -> Column:
            values, known = term.run(view, at)
            values = np.asarray(values)
            found = np.fromiter(
                (v in among for v in values.reshape(-1).tolist()), bool, values.size
            )
            return found.reshape(values.shape) & known, known
    else:
        wanted = np.unique(np.asarray([_plain(i) for i in items]))

        def run(view: View, at: At) -> Column:
            values, known = term.run(view, at)
            return np.isin(values, wanted) & known, known

    return folded(
        Term(Kind.TRUTH, run, ("in", term.form, forms), term.names, term.cost + 3), (term,)
    )


def negated(term: Term) -> Term:
    """``NOT``."""

    def run(view: View, at: At) -> Column:
        values, known = term.run(view, at)
        return ~values & known, known

    return folded(
        Term(
            Kind.TRUTH,
            run,
            ("not", term.form),
            term.names,
            term.cost,
            extent=term.outside,
            outside=term.extent,
        ),
        (term,),
    )


def all_of(terms: Sequence[Term]) -> Term:
    """``AND``: cheap parts first, each only on the rows that are still open."""
    return _joined("and", terms)


def any_of(terms: Sequence[Term]) -> Term:
    """``OR``, likewise."""
    return _joined("or", terms)


def _joined(op: str, terms: Sequence[Term]) -> Term:
    from twin.cql2.shapes import hull, meet  # here: shapes stand on comparisons

    flat = [p for t in terms for p in (t.items if t.form[0] == op else (t,))]
    parts = tuple({t.form: t for t in flat}.values())
    if len(parts) == 1:
        return parts[0]
    ordered = sorted(parts, key=lambda t: t.cost)
    both = op == "and"

    def run(view: View, at: At) -> Column:
        n = view.size(at)
        true, false = np.full(n, both), np.full(n, not both)
        still: At = None
        for i, part in enumerate(ordered):
            values, known = part.run(
                view, at if still is None else still if at is None else at[still]
            )
            hit, miss = values & known, ~values & known
            if still is None:
                true = np.logical_and(true, hit) if both else np.logical_or(true, hit)
                false = np.logical_or(false, miss) if both else np.logical_and(false, miss)
            else:
                true[still] = true[still] & hit if both else hit
                false[still] = miss if both else false[still] & miss
            if i + 1 < len(ordered):
                rest = np.flatnonzero(~false if both else ~true)
                if not rest.size:
                    break
                still = None if rest.size == n else rest
        return true, true | false

    made = Term(
        Kind.TRUTH, run, (op, *sorted((t.form for t in parts), key=repr)), frozenset().union(*(t.names for t in parts)),
        sum(t.cost for t in parts), items=parts,
        extent=meet([t.extent for t in parts]) if both else hull([t.extent for t in parts]),
        outside=hull([t.outside for t in parts]) if both else meet([t.outside for t in parts]),
    )  # fmt: skip
    return folded(made, parts)


def _divided(a: Any, b: Any) -> Any:  # noqa: ANN401
    return np.trunc(np.divide(a, b))


ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "%": np.fmod, "^": np.power, "div": _divided,
}  # fmt: skip
"""``div`` cuts towards zero and ``%`` has the sign of what is divided, as in SQL."""


def arithmetic(op: str, one: Term, two: Term, where: str) -> Term:
    """A number of two; unknown where either is, or where there is no finite result (``1 / 0``)."""
    for t in (one, two):
        if t.kind not in NUMERIC:
            raise refusal(f"filter at {where}: {op} takes numbers, not {t.kind}")
    compute = ARITHMETIC[op]

    def run(view: View, at: At) -> Column:
        left, sure = one.run(view, at)
        right, known = two.run(view, at)
        with np.errstate(all="ignore"):
            values = compute(np.asarray(left, np.float64), np.asarray(right, np.float64))
        known = sure & known & np.isfinite(values)
        return np.where(known, values, 0.0), known

    form = (op, one.form, two.form)
    return folded(
        Term(Kind.NUMBER, run, form, one.names | two.names, one.cost + two.cost + 1), (one, two)
    )


def text_of(change: Any, name: str, term: Term, where: str) -> Term:  # noqa: ANN401
    """``CASEI`` or ``ACCENTI``."""
    if term.kind != Kind.TEXT:
        raise refusal(f"filter at {where}: {name.upper()} takes a text, not {term.kind}")

    def run(view: View, at: At) -> Column:
        values, known = term.run(view, at)
        return texts.each(change, values, known), known

    return folded(Term(Kind.TEXT, run, (name, term.form), term.names, term.cost + 8), (term,))


def truth(value: bool) -> Term:
    """``TRUE`` or ``FALSE``."""
    return constant(Kind.TRUTH, value)
