"""Filters of a request as one condition: CQL2, fields as parameters, a box of another system."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from api.deps import parse_time
from twin.cql2 import JSON, TEXT, parse
from twin.errors import InvalidRequestError
from twin.features.asking import Condition, Field, Kind, Rows
from twin.store.read import Box

__all__ = ["LANGUAGES", "SIMPLE", "AllOf", "condition"]

LANGUAGES: Final = (TEXT, JSON)
SIMPLE: Final = frozenset({Kind.TEXT, Kind.NUMBER, Kind.WHOLE, Kind.TRUTH, Kind.DATE, Kind.INSTANT})
"""Kinds of fields that are parameters too."""


@dataclass(frozen=True, slots=True)
class AllOf:
    """Conditions that must all hold (:class:`twin.features.asking.Condition`)."""

    parts: Sequence[Condition]

    @property
    def names(self) -> frozenset[str]:
        """Fields they read."""
        return frozenset().union(*(part.names for part in self.parts))

    @property
    def box(self) -> Box | None:
        """The first box any of them gives."""
        return next((part.box for part in self.parts if part.box is not None), None)

    @property
    def key(self) -> str:
        """Their keys."""
        return " ".join(part.key for part in self.parts)

    def holds(self, rows: Rows) -> NDArray[np.bool_]:
        """For which rows all are true."""
        found: NDArray[np.bool_] = np.logical_and.reduce([part.holds(rows) for part in self.parts])
        return found


def condition(
    fields: Mapping[str, Field],
    values: Mapping[str, str],
    text: str | None,
    language: str,
    crs: str | None,
    ring: Sequence[Sequence[float]] | None = None,
) -> Condition | None:
    """Everything a request asks of the fields, joined by AND.

    Parameters
    ----------
    fields : Mapping
        Of the collection.
    values : Mapping of str to str
        Field → text it must equal.
    text, language : str
        The filter and its language.
    crs : str, optional
        System of its coordinates, None for degrees, longitude first.
    ring : sequence of (lon, lat), optional
        A closed ring in degrees that the shape must meet.

    Raises
    ------
    InvalidRequestError
        Naming the parameter that cannot be understood.
    """
    terms: list[dict[str, Any]] = [
        {"op": "=", "args": [{"property": name}, _value(fields[name], given)]} for name, given in values.items()
    ]  # fmt: skip
    if ring is not None and "geometry" in fields:
        polygon = {"type": "Polygon", "coordinates": [list(ring)]}
        terms.append({"op": "s_intersects", "args": [{"property": "geometry"}, polygon]})
    parts: list[Condition] = [parse(orjson.dumps(term), JSON, fields) for term in terms]
    if text is not None:
        parts.append(_parsed(text, language, fields, crs))
    if len(parts) <= 1:
        return parts[0] if parts else None
    return AllOf(parts)


_KEPT: Final = 256
_LONGEST: Final = 2_000
_lock = threading.Lock()
_compiled: "OrderedDict[tuple[str, str, str | None], tuple[Mapping[str, Field], Condition]]" = (
    OrderedDict()
)


def _parsed(text: str, language: str, fields: Mapping[str, Field], crs: str | None) -> Condition:
    """A filter compiled; maps ask the same again and again for other boxes, so those of the same fields are kept."""
    key = text, language, crs
    with _lock:
        held = _compiled.get(key)
        if held is not None and held[0] is fields:
            _compiled.move_to_end(key)
            return held[1]
    made = parse(text, language, fields, crs)
    if len(text) <= _LONGEST:
        with _lock:
            _compiled[key] = fields, made
            while len(_compiled) > _KEPT:
                _compiled.popitem(last=False)
    return made


def _value(field: Field, given: str) -> Any:  # noqa: ANN401 -- JSON of the field's kind
    """A parameter's text as a literal of CQL2 JSON."""
    wrong = f"{field.name}={given[:60]!r}: expected "
    if field.kind in (Kind.NUMBER, Kind.WHOLE):
        try:
            number = float(given)
            if abs(number) < 1e300:
                return number
        except ValueError:
            pass
        raise InvalidRequestError(f"{wrong}a number, such as {field.name}=18.", field.name)
    if field.kind is Kind.TRUTH:
        if given not in ("true", "false"):
            raise InvalidRequestError(f"{wrong}true or false.", field.name)
        return given == "true"
    if field.kind is Kind.DATE:
        return {"date": parse_time(given, field.name).date().isoformat()}
    if field.kind is Kind.INSTANT:
        return {"timestamp": f"{parse_time(given, field.name).isoformat()}Z"}
    return given
