"""From a tree of CQL2 JSON to a typed term, every name, type and number of arguments checked against the collection."""

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np
import shapely

from twin.cql2 import comparing, lists, shapes, texts, times
from twin.cql2.functions import Function
from twin.cql2.reading import refusal
from twin.cql2.terms import ALL, At, Column, Term, View, constant
from twin.features.asking import Field, Kind

__all__ = ["MAX_NESTING", "Compiler", "truths"]

MAX_OPEN_ITEMS: Final = 200
"""Items of IN that are no literals."""
MAX_NESTING: Final = 80
"""Operators within one another."""
_Maker = Callable[[list[Term], str], Term]


def _pair(name: str, make: Callable[[str, Term, Term, str], Term]) -> _Maker:
    return lambda terms, at: make(name, terms[0], terms[1], at)


def _pairs(
    family: Iterable[str], make: Callable[[str, Term, Term, str], Term]
) -> dict[str, _Maker]:
    """Makers of operators with two arguments."""
    return {name: _pair(name, make) for name in family}


_MAKERS: Final[dict[str, _Maker]] = {
    "isnull": lambda terms, _at: comparing.unknown(terms[0]),
    "casei": lambda terms, at: comparing.text_of(texts.casei, "casei", terms[0], at),
    "accenti": lambda terms, at: comparing.text_of(texts.accenti, "accenti", terms[0], at),
    "like": lambda terms, at: comparing.like(terms[0], terms[1], at),
    "between": lambda terms, at: comparing.between(terms[0], terms[1], terms[2], at),
    **_pairs(comparing.COMPARISONS, comparing.compared),
    **_pairs(comparing.ARITHMETIC, comparing.arithmetic),
    **_pairs(times.RELATIONS, times.relation),
    **_pairs(shapes.RELATIONS, shapes.relation),
    **_pairs(lists.RELATIONS, lists.relation),
}
_ARGUMENTS: Final = dict.fromkeys(_MAKERS, 2) | {
    "not": 1, "isnull": 1, "casei": 1, "accenti": 1, "between": 3, "in": 2,
}  # fmt: skip


class Compiler:
    """Makes terms for one collection.

    Parameters
    ----------
    fields : mapping
        Of the collection, by name.
    functions : mapping
        Allowed functions by name in lower case.
    crs : str, optional
        System of literal coordinates; None for degrees, x first.
    """

    def __init__(
        self, fields: Mapping[str, Field], functions: Mapping[str, Function], crs: str | None
    ) -> None:
        self._fields, self._functions, self._literals = fields, functions, shapes.Literals(crs)
        self._depth = 0

    def condition(self, item: object, where: str = "") -> Term:
        """The term of something that is true, false or unknown."""
        term = self.term(item, where)
        if term.kind != Kind.TRUTH:
            raise refusal(
                f"filter at {where or '/'}: a {term.kind} stands where a condition is expected"
            )
        return term

    def term(self, item: object, where: str) -> Term:
        """The term of any part."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise refusal(
                f"filter: operators lie deeper than {MAX_NESTING} within one another; write it flatter"
            )
        found = self._term(item, where)
        self._depth -= 1
        return found

    def _term(self, item: object, where: str) -> Term:
        if isinstance(item, bool):
            return comparing.truth(item)
        if isinstance(item, (int, float)):
            if not math.isfinite(item):
                raise refusal(
                    f"filter at {where or '/'}: the number is too large; expected one below 1.8e308"
                )
            return constant(Kind.NUMBER, float(item))
        if isinstance(item, str):
            return constant(Kind.TEXT, texts.normal(item))
        if isinstance(item, list):
            return lists.array([self.term(v, f"{where}/{i}") for i, v in enumerate(item)])
        if isinstance(item, dict):
            return self._object(item, where)
        raise refusal(f"filter at {where or '/'}: null is no value here; write IS NULL")

    def _object(self, item: dict[str, Any], where: str) -> Term:
        if "op" in item:
            args = item.get("args", [])
            if not isinstance(item["op"], str) or not isinstance(args, list):
                raise refusal(f"filter at {where or '/'}: expected op to be a text and args a list")
            return self._call(item["op"], args, where)
        if "property" in item:
            return self._property(item["property"], where)
        if "date" in item:
            return times.day(item["date"], f"{where}/date")
        if "timestamp" in item:
            return times.instant(item["timestamp"], f"{where}/timestamp")
        if "interval" in item:
            return self._interval(item["interval"], f"{where}/interval")
        if "bbox" in item and "type" not in item:
            return self._literals.box(item["bbox"], f"{where}/bbox")
        if "type" in item:
            return self._literals.geometry(item, where or "/")
        raise refusal(
            f"filter at {where or '/'}: the members {sorted(item)[:6]} are no part of CQL2"
        )

    def _property(self, name: object, where: str) -> Term:
        field = self._fields.get(name) if isinstance(name, str) else None
        if field is None:
            near = (
                difflib.get_close_matches(str(name)[:40], self._fields, 1, 0.7)
                if len(self._fields) <= 500
                else []
            )
            known = ", ".join(sorted(self._fields)[:40])
            raise refusal(
                f"filter at {where or '/'}: no property {str(name)[:60]!r} here"
                + (f"; did you mean {near[0]!r}?" if near else f"; there are {known}")
            )
        name = field.name
        if field.kind == Kind.SHAPE:
            return self._shape(name)
        kind = Kind.NUMBER if field.kind == Kind.WHOLE else field.kind
        return Term(
            kind, lambda view, at: view.column(name, at), ("field", name), frozenset({name})
        )

    @staticmethod
    def _shape(name: str) -> Term:
        def run(view: View, at: At) -> Column:
            found = view.shapes(at) if name == "geometry" else view.column(name, at)[0]
            return found, ~shapely.is_missing(found)

        return Term(Kind.SHAPE, run, ("field", name), frozenset({name}), 2)

    def _interval(self, given: object, where: str) -> Term:
        if not isinstance(given, list) or len(given) != 2:
            raise refusal(f"filter at {where}: an interval has a start and an end")
        start, end = (self._end(v, f"{where}/{i}") for i, v in enumerate(given))
        return times.interval(start, end, where)

    def _end(self, item: object, where: str) -> Term | None:
        if item == "..":
            return None
        if isinstance(item, str):
            return times.day(item, where) if len(item) == 10 else times.instant(item, where)
        return self.term(item, where)

    def _call(self, op: str, args: list[Any], where: str) -> Term:
        name = op.lower()
        if name in ("and", "or"):
            if len(args) < 2:
                raise refusal(
                    f"filter at {where or '/'}: {name} joins two conditions or more; {len(args)} given"
                )
            parts = [self.condition(a, f"{where}/args/{i}") for i, a in enumerate(args)]
            return comparing.all_of(parts) if name == "and" else comparing.any_of(parts)
        wanted = _ARGUMENTS.get(name)
        if wanted is None:
            return self._function(op, args, where)
        if len(args) != wanted:
            raise refusal(
                f"filter at {where or '/'}: {op} takes {wanted} argument(s); {len(args)} given"
            )
        return self._standard(name, args, where)

    def _standard(self, name: str, args: list[Any], where: str) -> Term:
        at = where or "/"
        if name == "not":
            return comparing.negated(self.condition(args[0], f"{where}/args/0"))
        if name == "in":
            if not isinstance(args[1], list):
                raise refusal(f"filter at {where}/args/1: IN takes a list")
            if len(args[1]) > MAX_OPEN_ITEMS and any(
                isinstance(v, dict) and ("property" in v or "op" in v) for v in args[1]
            ):
                raise refusal(
                    f"filter at {where}/args/1: more than {MAX_OPEN_ITEMS} items of IN that are no literals; give fewer"
                )
            items = [self.term(v, f"{where}/args/1/{i}") for i, v in enumerate(args[1])]
            return comparing.listed(self.term(args[0], f"{where}/args/0"), items, at)
        return _MAKERS[name]([self.term(a, f"{where}/args/{i}") for i, a in enumerate(args)], at)

    def _function(self, op: str, args: list[Any], where: str) -> Term:
        function = self._functions.get(op.lower())
        if function is None:
            raise refusal(
                f"filter at {where or '/'}: no function {op[:60]!r}; beside the standard's there are "
                + ", ".join(f.name for f in self._functions.values())
            )
        if len(args) != len(function.arguments):
            titles = ", ".join(a.title for a in function.arguments)
            raise refusal(
                f"filter at {where or '/'}: {function.name} takes {len(function.arguments)} argument(s) ({titles}); "
                f"{len(args)} given"
            )
        terms = tuple(self.term(a, f"{where}/args/{i}") for i, a in enumerate(args))
        for i, (term, argument) in enumerate(zip(terms, function.arguments, strict=True)):
            if term.kind not in argument.kinds:
                raise refusal(
                    f"filter at {where}/args/{i}: {function.name} takes {' or '.join(argument.kinds)} "
                    f"({argument.title}), not {term.kind}"
                )
        return function.make(function, terms, where or "/")


def truths(term: Term, view: View) -> Any:  # noqa: ANN401 - array
    """For which rows a condition is true."""
    values, known = term.run(view, ALL)
    return np.array(np.broadcast_to(values & known, view.size(ALL)), dtype=bool)
