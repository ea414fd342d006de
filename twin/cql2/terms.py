"""What an expression is once its types are known: a term that gives its values for rows, by column.

A column is ``(values, known)``: arrays of the same length, or of no dimension for what is the same in all rows. A
condition's values are False wherever they are not known, so ``values`` alone says where it is true.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twin.features.asking import Kind, Rows
from twin.store.read import Box

__all__ = [
    "ALL",
    "INTERVAL",
    "NUMERIC",
    "TEMPORAL",
    "At",
    "Column",
    "Extent",
    "Term",
    "View",
    "constant",
    "folded",
    "nothing",
]

INTERVAL: Final = "interval"
NUMERIC: Final = frozenset({Kind.NUMBER, Kind.WHOLE})
TEMPORAL: Final = frozenset({Kind.DATE, Kind.INSTANT})

_SPARE: Final[dict[str, Any]] = {
    Kind.NUMBER: 0.0, Kind.WHOLE: 0, Kind.TRUTH: False, Kind.TEXT: "", Kind.DATE: np.datetime64(0, "D"),
    Kind.INSTANT: np.datetime64(0, "us"),
}  # fmt: skip

Column = tuple[Any, Any]
At = NDArray[np.intp] | None
ALL: At = None


class View:
    """Rows with what was read of them kept, and any of them by position."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._columns: dict[str, Column] = {}
        self._heights: Column | None = None
        self._shapes: NDArray[np.object_] | None = None

    def size(self, at: At) -> int:
        """Number of rows."""
        return self._rows.n if at is None else len(at)

    def column(self, name: str, at: At) -> Column:
        """A field."""
        if name not in self._columns:
            self._columns[name] = self._rows.column(name)
        values, known = self._columns[name]
        return (values, known) if at is None else (values[at], known[at])

    def shapes(self, at: At) -> NDArray[np.object_]:
        """Shapes in degrees (EPSG:4490), None where there is none."""
        if self._shapes is None:
            self._shapes = self._rows.shapes()
        return self._shapes if at is None else self._shapes[at]

    def heights(self, at: At) -> Column:
        """Lowest and highest in metres, NaN where unknown."""
        if self._heights is None:
            self._heights = self._rows.heights()
        low, high = self._heights
        return (low, high) if at is None else (low[at], high[at])


@dataclass(frozen=True, slots=True)
class Extent:
    """A box that every thing a condition holds for meets; ``within``: lies in, so that boxes may be cut."""

    box: Box
    within: bool = False


@dataclass(
    slots=True, eq=False
)  # not frozen: that makes it four times as dear; nobody writes to it
class Term:
    """A typed expression.

    Parameters
    ----------
    kind : str
        Of :class:`twin.features.asking.Kind`, or ``interval``.
    run : callable
        Its column for rows; intervals give ``((start, end), known)``.
    form : tuple
        Canonical: equal only for terms that mean the same.
    names : frozenset of str
        Fields it reads.
    cost : int
        Relative, per row.
    fixed : bool
        Whether it is the same for all rows; ``value`` is then its value, None for unknown.
    extent, outside : Extent, optional
        Where things lie for which it holds; for which its negation does.
    span : (float, float), optional
        Heights of a box of six numbers.
    items : tuple of Term
        Elements of an array.
    """

    kind: str
    run: Callable[[View, At], Column]
    form: tuple[Any, ...]
    names: frozenset[str] = frozenset()
    cost: int = 1
    fixed: bool = False
    value: Any = None
    extent: Extent | None = None
    outside: Extent | None = None
    span: tuple[float, float] | None = None
    items: tuple["Term", ...] = field(default=())


def constant(kind: str, value: object, form: tuple[Any, ...] | None = None, **more: Any) -> Term:  # noqa: ANN401
    """A term that is the same for all rows; None is unknown."""
    if kind == INTERVAL:
        column: Column = (value, np.bool_(True))
    else:
        cell: Any = _SPARE.get(kind) if value is None else value
        if not isinstance(cell, (bool, int, float, np.datetime64)):
            boxed = np.empty((), dtype=object)
            boxed[()] = cell
            cell = boxed
        column = (np.asarray(cell), np.bool_(value is not None))
    return Term(
        kind,
        lambda _view, _at: column,
        form or (kind, repr(value)),
        cost=0,
        fixed=True,
        value=value,
        **more,
    )


class _Nothing:
    """No rows, for terms that read none."""

    n = 1


def nothing() -> View:
    """A view that has one row and no columns, for terms that are the same in all."""
    return View(_Nothing())  # type: ignore[arg-type]  # nothing is read of it


def folded(term: Term, parts: Iterable[Term]) -> Term:
    """The term, or its value where all its parts are fixed."""
    if not all(p.fixed for p in parts) or term.kind in (INTERVAL, Kind.LIST):
        return term
    values, known = term.run(nothing(), ALL)
    value = np.asarray(values).reshape(-1)[0] if np.all(known) else None
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        value = value.item()
    form = term.form if term.kind == Kind.SHAPE else None
    return constant(term.kind, value, form, span=term.span)
