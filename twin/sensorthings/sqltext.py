"""Conditions and sort keys of SensorThings as bound SQL over the views of ``sql/schema.sql``.

A comparison whose path leads to a set (``Things?$filter=Datastreams/name eq 'a'``) holds where it holds for
one of the set. Distances and lengths are in degrees, as the geometries are.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import shapely

from twin.errors import InvalidRequestError
from twin.sensorthings.expressions import Call, Constant, Expression, Path
from twin.sensorthings.model import Entity, entity
from twin.sensorthings.shapes import MEASURES, RELATIONS, Shapes, literal_shape, matching
from twin.sensorthings.spans import TIMES

__all__ = ["Binder", "condition", "link_between", "sort_key"]

Type: TypeAlias = Literal["text", "number", "bool", "null", "time", "geo", "json", "result", "id"]


class Binder:
    """Parameters of a statement, and names of its relations.

    Parameters
    ----------
    shapes : callable, optional
        Gives the shapes spatial functions are computed over.
    """

    def __init__(self, shapes: Shapes | None = None) -> None:
        self.values: dict[str, Any] = {}
        self.shapes = shapes
        self.timed = False
        """Whether the statement asks for times of Datastreams (:mod:`twin.sensorthings.spans`)."""
        self._aliases = 0

    def __call__(self, value: Any) -> str:  # noqa: ANN401 -- whatever DuckDB binds
        """Bind a value; what stands for it in the text."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def alias(self) -> str:
        """A name no other relation has."""
        self._aliases += 1
        return f"r{self._aliases}"


@dataclass(frozen=True, slots=True)
class _Bound:
    """A path from a relation that stands in the statement already."""

    alias: str
    of: Entity
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sql:
    """Text and type; of a time also where it ends, of a shape what it is."""

    text: str
    type: Type
    end: str = ""
    shape: Any = None  # of a literal
    of: Entity | None = None  # whose shape a column is


_Node: TypeAlias = "Constant | Path | Call | _Bound | _CallOf"


@dataclass(frozen=True, slots=True)
class _CallOf:
    name: str
    arguments: tuple["_Node", ...]


def condition(expression: Expression, of: Entity, alias: str, bind: Binder) -> str:
    """SQL that is true for the rows of ``alias`` the filter keeps.

    Raises
    ------
    InvalidRequestError
        If a path leads nowhere, or an operator or function does not fit what it is given.
    """
    return _truth(_rooted(expression, of, alias), bind)


def sort_key(expression: Expression, of: Entity, alias: str, bind: Binder) -> str:
    """SQL of the value rows of ``alias`` are sorted by; errors as in :func:`condition`."""
    node = _rooted(expression, of, alias)
    if isinstance(node, _Bound):
        return _key(node, bind)
    found = _value(node, bind)
    return _plain(found)


def _key(path: _Bound, bind: Binder) -> str:
    link = path.of.links.get(path.parts[0]) if len(path.parts) > 1 else None
    if link is None:
        return _plain(_column(path, bind))
    if link.many:
        raise InvalidRequestError(
            f"$orderby: {path.parts[0]} leads to several; nothing can be sorted by them.",
            "$orderby",
        )
    inner, target = bind.alias(), entity(link.target)
    on = link.on.format(a=path.alias, b=inner)
    key = _key(_Bound(inner, target, path.parts[1:]), bind)
    return f"(SELECT {key} FROM {target.relation} {inner} WHERE {on} LIMIT 1)"  # noqa: S608


def link_between(of: Entity, link: str, source: str, target: str) -> str:
    """SQL condition between a row ``source`` of an entity set and a row ``target`` its link leads to."""
    return of.links[link].on.format(a=source, b=target)


def _plain(found: _Sql) -> str:
    if found.type == "result":
        return f"{found.text}.number"
    return found.text


def _rooted(node: Expression, of: Entity, alias: str) -> _Node:
    if isinstance(node, Path):
        return _Bound(alias, of, node.parts)
    if isinstance(node, Call):
        if not node.arguments and node.name in _MOMENTS:
            return Constant("time", _MOMENTS[node.name]())
        return _folded(_CallOf(node.name, tuple(_rooted(a, of, alias) for a in node.arguments)))
    return node


_MOMENTS: Final[Mapping[str, Callable[[], datetime]]] = {
    "now": lambda: datetime.now(UTC).replace(tzinfo=None),
    "mindatetime": lambda: datetime(1, 1, 1),
    "maxdatetime": lambda: datetime(9999, 12, 31, 23, 59, 59),
}
_DURATION: Final = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def _folded(node: _CallOf) -> _Node:
    """A moment more or less a duration as the moment it is."""
    if node.name in ("add", "sub") and all(isinstance(a, Constant) for a in node.arguments):
        a, b = node.arguments
        assert isinstance(a, Constant)  # noqa: S101 -- both are
        assert isinstance(b, Constant)  # noqa: S101
        if isinstance(a.value, datetime) and b.type == "duration":
            match = _DURATION.fullmatch(str(b.value))
            if match is None or not any(match.groups()):
                raise InvalidRequestError(
                    f"$filter: {b.value!r} is no duration such as 'PT1H'.", "$filter"
                )
            days, hours, minutes, seconds = (float(g or 0) for g in match.groups())
            span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
            return Constant("time", a.value + span if node.name == "add" else a.value - span)
    return node


def _truth(node: _Node, bind: Binder) -> str:
    if isinstance(node, _CallOf) and node.name in ("and", "or"):
        a, b = (_truth(x, bind) for x in node.arguments)
        return f"({a} {node.name.upper()} {b})"
    if isinstance(node, _CallOf) and node.name == "not":
        return f"(NOT coalesce({_truth(node.arguments[0], bind)}, false))"
    linked = _first_link(node)
    if linked is not None:
        link = linked.of.links[linked.parts[0]]
        inner, target = bind.alias(), entity(link.target)
        on = link.on.format(a=linked.alias, b=inner)
        moved = _moved(node, linked, inner, target)
        return (
            f"EXISTS (SELECT 1 FROM {target.relation} {inner} WHERE {on} AND {_truth(moved, bind)})"  # noqa: S608
        )
    found = _value(node, bind)
    if found.type == "bool":
        return found.text
    if found.type == "json":
        return f"TRY_CAST({found.text} AS BOOLEAN)"
    raise InvalidRequestError(
        f"$filter: a condition is expected, not a value of type {found.type}.", "$filter"
    )


def _first_link(node: _Node) -> _Bound | None:
    if isinstance(node, _Bound):
        leads = len(node.parts) > 1 and node.parts[0] in node.of.links
        return node if leads else None
    if isinstance(node, _CallOf):
        return next(filter(None, map(_first_link, node.arguments)), None)
    return None


def _moved(node: _Node, link: _Bound, alias: str, of: Entity) -> _Node:
    """The node with every path through a link begun at where the link leads."""
    if isinstance(node, _Bound):
        same = node.alias == link.alias and len(node.parts) > 1 and node.parts[0] == link.parts[0]
        return _Bound(alias, of, node.parts[1:]) if same else node
    if isinstance(node, _CallOf):
        return _CallOf(node.name, tuple(_moved(a, link, alias, of) for a in node.arguments))
    return node


def _value(node: _Node, bind: Binder) -> _Sql:
    if isinstance(node, _Bound):
        return _column(node, bind)
    if isinstance(node, Constant):
        return _literal(node, bind)
    assert isinstance(node, _CallOf)  # noqa: S101 -- paths have been bound
    if node.name in ("and", "or", "not"):
        return _Sql(_truth(node, bind), "bool")
    arguments = [_value(a, bind) for a in node.arguments]
    if node.name in _COMPARE and len(arguments) == 2:
        return _Sql(_compared(node.name, *arguments), "bool")
    if node.name in _ARITHMETIC:
        return _arithmetic(node.name, arguments)
    if node.name in RELATIONS or node.name in MEASURES or node.name == "st_relate":
        return _spatial(node, arguments, bind)
    return _called(node.name, arguments)


def _spatial(node: "_CallOf", arguments: list[_Sql], bind: Binder) -> _Sql:
    """A spatial function as a column bound for the ids of an entity set."""
    name, extra = node.name, None
    if name == "st_relate" and len(arguments) == 3:
        last = node.arguments[2]
        extra = str(last.value) if isinstance(last, Constant) else ""
        arguments = arguments[:2]
    wanted = 1 if name == "geo.length" else 2
    if len(arguments) != wanted or (name == "st_relate" and extra is None):
        raise InvalidRequestError(
            f"$filter: {name} takes {wanted + (name == 'st_relate')} arguments.", "$filter"
        )
    if any(a.type != "geo" for a in arguments):
        raise InvalidRequestError(
            f"$filter: {name} takes shapes: location, feature, or geography'POINT(114 30)'.",
            "$filter",
        )
    columns = [a for a in arguments if a.of is not None]
    if len(columns) != 1 or columns[0].of is None or bind.shapes is None:
        raise InvalidRequestError(
            f"$filter: {name} takes one location or feature, and a shape that is written out.",
            "$filter",
        )
    ids, shapes = bind.shapes(columns[0].of)
    over = [shapes if a.of is not None else a.shape for a in arguments]
    key = columns[0].text
    if name in MEASURES:
        made = shapely.distance(*over) if wanted == 2 else shapely.length(*over)
        values = bind(np.asarray(made, float).tolist())
        text = f"(SELECT v FROM (SELECT unnest({bind(ids.tolist())}) AS i, unnest({values}) AS v) WHERE i = {key})"  # noqa: S608
        return _Sql(text, "number")
    true = matching(extra)(*over) if extra is not None else RELATIONS[name](*over)
    return _Sql(
        f"({key} IN (SELECT unnest({bind(ids[np.asarray(true, bool)].tolist())}::BIGINT[])))",
        "bool",
    )


def _literal(node: Constant, bind: Binder) -> _Sql:
    value = node.value
    if node.type == "null":
        return _Sql("NULL", "null")
    if node.type == "interval":
        assert isinstance(value, tuple)  # noqa: S101 -- the reader made it
        return _Sql(f"{bind(value[0])}::TIMESTAMP", "time", f"{bind(value[1])}::TIMESTAMP")
    if node.type == "time":
        text = f"{bind(value)}::TIMESTAMP"
        return _Sql(text, "time", text)
    if node.type == "geo":
        return _Sql("", "geo", shape=literal_shape(str(value)))
    if node.type == "duration":
        raise InvalidRequestError(
            "$filter: a duration can only be added to (add) or taken from (sub) now() or a moment.",
            "$filter",
        )
    return _Sql(bind(value), node.type)


def _column(path: _Bound, bind: Binder) -> _Sql:
    name, alias = path.parts[0], path.alias
    if name in ("id", "@iot.id") and len(path.parts) == 1:
        return _Sql(f"{alias}.id", "id")
    kind = path.of.properties.get(name)
    if kind is None:
        raise InvalidRequestError(
            f"$filter or $orderby: {name[:40]!r} is no property of {path.of.one}.", "$filter"
        )
    if kind == "computed":
        bind.timed = True
        stem = "made" if name == "resultTime" else "time"
        first, last = (
            f"(SELECT s.{stem}_{end} FROM {TIMES} s WHERE s.id = {alias}.id)"  # noqa: S608 -- names of this module
            for end in ("from", "to")
        )
        return _Sql(first, "time", last)
    if kind == "interval":
        stem = "valid" if name == "validTime" else "time"
        return _Sql(f"{alias}.{stem}_from", "time", f"{alias}.{stem}_to")
    if kind == "time":
        return _Sql(f'{alias}."{name}"', "time", f'{alias}."{name}"')
    if kind == "geo" and len(path.parts) == 1:
        return _Sql(f"{alias}.id", "geo", of=path.of)
    if kind == "result" and len(path.parts) == 1:
        return _Sql(alias, "result")
    if kind in ("json", "geo", "result"):
        pointer = "".join(f"/{p.replace('~', '~0').replace('/', '~1')}" for p in path.parts[1:])
        column = f'{alias}."{name}"'
        text = f"json_extract_string({column}, {bind(pointer or '$')})"
        return _Sql(text, "json")
    if len(path.parts) > 1:
        raise InvalidRequestError(f"$filter: {name} of {path.of.one} has no parts.", "$filter")
    return _Sql(f'{alias}."{name}"', "text")


_COMPARE: Final = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_ARITHMETIC: Final = {"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%"}


def _compared(name: str, a: _Sql, b: _Sql) -> str:
    sign = _COMPARE[name]
    if "null" in (a.type, b.type):
        if name not in ("eq", "ne"):
            return "false"
        other = b if a.type == "null" else a
        text = f"{other.text}.result" if other.type == "result" else other.text
        return f"({text} IS {'NOT ' if name == 'ne' else ''}NULL)"
    if "time" in (a.type, b.type):
        return _compared_times(name, _as(a, "time"), _as(b, "time"))
    if "id" in (a.type, b.type):
        return (
            f"({_as_text_of_id(a)} {sign} {_as_text_of_id(b)})"
            if sign in ("=", "<>")
            else f"({a.text} {sign} {b.text})"
        )
    wanted: Type = next((x.type for x in (a, b) if x.type not in ("json", "result")), "text")
    if {a.type, b.type} <= {"json", "result"} and "result" in (a.type, b.type):
        wanted = "number"
    return f"({_as(a, wanted).text} {sign} {_as(b, wanted).text})"


def _as_text_of_id(a: _Sql) -> str:
    return (
        f"CAST(CAST({a.text} AS BIGINT) AS VARCHAR)"
        if a.type == "number"
        else f"CAST({a.text} AS VARCHAR)"
    )


def _compared_times(name: str, a: _Sql, b: _Sql) -> str:
    if name == "eq":
        return f"({a.text} = {b.text} AND {a.end} = {b.end})"
    if name == "ne":
        return f"({a.text} <> {b.text} OR {a.end} <> {b.end})"
    if name in ("lt", "le"):
        return f"({a.end} {_COMPARE[name]} {b.text})"
    return f"({a.text} {_COMPARE[name]} {b.end})"


_CASTS: Final = {"number": "DOUBLE", "bool": "BOOLEAN", "time": "TIMESTAMP", "text": "VARCHAR"}


def _as(found: _Sql, wanted: Type) -> _Sql:
    """A value as one of another type, where it can be one."""
    if found.type == wanted:
        return found
    if found.type == "result":
        if wanted == "number":
            return _Sql(f"{found.text}.number", "number")
        text = f"json_extract_string({found.text}.result, '$')"
        return _Sql(text if wanted == "text" else f"TRY_CAST({text} AS {_CASTS[wanted]})", wanted)
    if found.type == "id" and wanted in ("text", "number"):
        return _Sql(f"TRY_CAST({found.text} AS {_CASTS[wanted]})", wanted)
    if found.type == "json" and wanted in _CASTS:
        text = found.text if wanted == "text" else f"TRY_CAST({found.text} AS {_CASTS[wanted]})"
        return _Sql(text, wanted, text)
    raise InvalidRequestError(
        f"$filter: a value of type {wanted} is expected, given {found.type}.", "$filter"
    )


def _arithmetic(name: str, arguments: list[_Sql]) -> _Sql:
    a, b = (_as(x, "number").text for x in arguments)
    if name in ("div", "mod"):
        return _Sql(f"({a} {_ARITHMETIC[name]} nullif({b}, 0))", "number")
    return _Sql(f"({a} {_ARITHMETIC[name]} {b})", "number")


_Function: TypeAlias = tuple[tuple[Type, ...], Type, str]
_TEXT2: Final[tuple[Type, ...]] = ("text", "text")
_FUNCTIONS: Final[Mapping[str, _Function]] = {
    "substringof": (_TEXT2, "bool", "contains({1}, {0})"),
    "contains": (_TEXT2, "bool", "contains({0}, {1})"),
    "startswith": (_TEXT2, "bool", "starts_with({0}, {1})"),
    "endswith": (_TEXT2, "bool", "suffix({0}, {1})"),
    "length": (("text",), "number", "CAST(length({0}) AS DOUBLE)"),
    "indexof": (_TEXT2, "number", "CAST(strpos({0}, {1}) - 1 AS DOUBLE)"),
    "tolower": (("text",), "text", "lower({0})"),
    "toupper": (("text",), "text", "upper({0})"),
    "trim": (("text",), "text", "trim({0})"),
    "concat": (_TEXT2, "text", "({0} || {1})"),
    **{
        name: (("time",), "number", f"CAST({name}({{0}}) AS DOUBLE)")
        for name in ("year", "month", "day", "hour", "minute")
    },
    "second": (("time",), "number", "CAST(second({0}) AS DOUBLE)"),
    "fractionalseconds": (("time",), "number", "((microsecond({0}) % 1000000) / 1e6)"),
    "date": (("time",), "text", "strftime({0}, '%Y-%m-%d')"),
    "time": (("time",), "text", "strftime({0}, '%H:%M:%S')"),
    "totaloffsetminutes": (("time",), "number", "CASE WHEN {0} IS NULL THEN NULL ELSE 0.0 END"),
    "round": (("number",), "number", "round({0})"),
    "floor": (("number",), "number", "floor({0})"),
    "ceiling": (("number",), "number", "ceil({0})"),
    "neg": (("number",), "number", "(-{0})"),
}
_BETWEEN: Final[Mapping[str, str]] = {
    "before": "({0} < {3})",
    "after": "({1} > {2})",
    "meets": "({0} = {2} OR {3} = {1})",
    "during": "({1} >= {3} AND {0} <= {2})",
    "overlaps": "({1} <= {2} AND {3} <= {0})",
    "starts": "({1} = {3} AND {0} <= {2})",
    "finishes": "({0} = {2} AND {1} >= {3})",
}
"""Between times: {1} and {0} are begin and end of the first, {3} and {2} those of the second."""


def _called(name: str, arguments: list[_Sql]) -> _Sql:
    special = _SPECIAL.get(name)
    if special is not None:
        return special(arguments)
    if name in _BETWEEN and len(arguments) == 2:
        a, b = (_as(x, "time") for x in arguments)
        return _Sql(_BETWEEN[name].format(a.end, a.text, b.end, b.text), "bool")
    found = _FUNCTIONS.get(name)
    if found is None:
        raise InvalidRequestError(f"$filter: there is no function {name[:40]!r}.", "$filter")
    wanted, given, template = found
    if len(arguments) != len(wanted):
        raise InvalidRequestError(
            f"$filter: {name} takes {len(wanted)} arguments, given {len(arguments)}.", "$filter"
        )
    return _Sql(
        template.format(*(_as(a, w).text for a, w in zip(arguments, wanted, strict=True))), given
    )


def _substring(arguments: list[_Sql]) -> _Sql:
    if len(arguments) not in (2, 3):
        raise InvalidRequestError("$filter: substring takes 2 or 3 arguments.", "$filter")
    text = _as(arguments[0], "text").text
    begin, *size = (f"CAST({_as(a, 'number').text} AS BIGINT)" for a in arguments[1:])
    tail = f", greatest({size[0]}, 0)" if size else ""
    return _Sql(f"substring({text}, greatest({begin}, 0) + 1{tail})", "text")


_SPECIAL: Final[Mapping[str, Callable[[list[_Sql]], _Sql]]] = {
    "substring": _substring,
}
