"""Resource paths and query options of SensorThings: from text to what is asked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from twin.errors import InvalidRequestError, NotFoundError
from twin.sensorthings.expressions import Expression, read_filter, read_orderby
from twin.sensorthings.model import ENTITIES, Entity, entity

__all__ = ["Options", "Question", "Step", "read_options", "read_path"]

MOST_TOP: Final = 10_000
DEFAULT_TOP: Final = 100
MOST_STEPS: Final = 8
MOST_EXPANDS: Final = 20
DEEPEST_EXPAND: Final = 5
KNOWN: Final = (
    "$filter",
    "$expand",
    "$select",
    "$orderby",
    "$top",
    "$skip",
    "$count",
    "$resultFormat",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One entity set on the way: how it was reached, and which of it."""

    entity: Entity
    link: str | None
    id: int | str | None


@dataclass(frozen=True, slots=True)
class Options:
    """Query options; ``expand`` by name of the link."""

    filter: Expression | None = None
    expand: Mapping[str, "Options"] = field(default_factory=dict)
    select: tuple[str, ...] = ()
    orderby: Sequence[tuple[Expression, bool]] = ()
    top: int = DEFAULT_TOP
    skip: int = 0
    count: bool = False
    data_array: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What a path asks for.

    Parameters
    ----------
    steps : sequence of Step
        From an entity set to the one that is asked for.
    single : bool
        Whether one entity is asked for.
    only : str, optional
        The one property asked for; ``value`` says whether bare.
    value, refs, count : bool
        Whether the path ends in ``$value``, ``$ref``, ``$count``.
    """

    steps: tuple[Step, ...]
    single: bool
    only: str | None = None
    value: bool = False
    refs: bool = False
    count: bool = False

    @property
    def entity(self) -> Entity:
        """The entity set asked for."""
        return self.steps[-1].entity


_PART: Final = re.compile(r"([A-Za-z]+)(?:\((.*)\))?", re.DOTALL)


def read_path(path: str) -> Question:
    """What a path below the service root (percent signs decoded) asks for.

    Raises
    ------
    NotFoundError
        If it leads nowhere.
    """
    parts = path.strip("/").split("/")
    steps: list[Step] = []
    single = False
    for at, part in enumerate(parts):
        if part in ("$ref", "$count", "$value") or (steps and part in steps[-1].entity.properties):
            return _ended(tuple(steps), single, parts[at:], path)
        step, single = _step(steps[-1] if steps else None, single, part, path)
        steps.append(step)
        if len(steps) > MOST_STEPS:
            raise InvalidRequestError(f"the path has more than {MOST_STEPS} steps.")
    return Question(tuple(steps), single)


def _step(before: Step | None, single: bool, part: str, path: str) -> tuple[Step, bool]:
    match = _PART.fullmatch(part)
    if match is None:
        raise NotFoundError(f"{path[:200]!r}: {part[:40]!r} is no entity set, link or property.")
    name, given = match[1], match[2]
    if before is None:
        if name not in ENTITIES:
            raise NotFoundError(
                f"there is no entity set {name[:40]!r}; there are {', '.join(ENTITIES)}."
            )
        target, many = entity(name), True
    else:
        link = before.entity.links.get(name)
        if link is None or not single:
            raise NotFoundError(
                f"{path[:200]!r}: {name[:40]!r} is no link of one {before.entity.one}."
            )
        target, many = entity(link.target), link.many
    if given is not None and not many:
        raise NotFoundError(f"{path[:200]!r}: {name!r} leads to one entity and takes no id.")
    found = None if given is None else _id(given)
    return Step(target, None if before is None else name, found), found is not None or not many


def _id(text: str) -> int | str:
    if re.fullmatch(r"\d{1,18}", text, re.ASCII):
        return int(text)
    if re.fullmatch(r"'[\w.:-]{1,60}'", text, re.ASCII):
        return text[1:-1]
    raise NotFoundError(f"there is no entity with id {text[:60]!r}.")


def _ended(steps: tuple[Step, ...], single: bool, rest: list[str], path: str) -> Question:
    wrong = NotFoundError(f"{path[:200]!r} leads nowhere at {rest[0]!r}.")
    if not steps:
        raise wrong
    if rest[0] in ("$ref", "$count"):
        if len(rest) > 1 or single:
            raise wrong
        return Question(steps, single, refs=rest[0] == "$ref", count=rest[0] == "$count")
    if not single or rest[0] == "$value" or rest[1:] not in ([], ["$value"]):
        raise wrong
    return Question(steps, single, only=rest[0], value=len(rest) == 2)


def read_options(given: Mapping[str, str], of: Entity, depth: int = 0) -> Options:
    """Query options of an entity set.

    Raises
    ------
    InvalidRequestError
        Naming the option that cannot be read.
    """
    for name in given:
        if name not in KNOWN:
            raise InvalidRequestError(
                f"Unknown parameter {name[:80]!r}; known are {', '.join(KNOWN)}.", name[:80]
            )
    found = given.get("$resultFormat")
    if found not in (None, "dataArray") or (found and of.name != "Observations"):
        raise InvalidRequestError(
            f"$resultFormat={found!r}: only dataArray, of Observations, is known.", "$resultFormat"
        )
    counted = given.get("$count", "false")
    if counted not in ("true", "false"):
        raise InvalidRequestError(f"$count={counted[:20]!r}: expected true or false.", "$count")
    return Options(
        filter=read_filter(given["$filter"]) if "$filter" in given else None,
        expand=_expand(given["$expand"], of, depth) if "$expand" in given else {},
        select=_select(given["$select"], of) if "$select" in given else (),
        orderby=read_orderby(given["$orderby"]) if "$orderby" in given else (),
        top=min(_whole(given, "$top", DEFAULT_TOP), MOST_TOP),
        skip=_whole(given, "$skip", 0),
        count=counted == "true",
        data_array=found == "dataArray",
    )


def _whole(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,12}", text, re.ASCII):
        raise InvalidRequestError(
            f"{name}={text[:40]!r}: expected a whole number of at least 0.", name
        )
    return int(text)


def _select(text: str, of: Entity) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in ("id", "@iot.id") and name not in of.properties and name not in of.links:
            raise InvalidRequestError(
                f"$select: {name[:40]!r} is no property of {of.one}.", "$select"
            )
    return names


def _expand(text: str, of: Entity, depth: int) -> dict[str, Options]:
    if depth >= DEEPEST_EXPAND:
        raise InvalidRequestError(
            f"$expand is nested deeper than {DEEPEST_EXPAND} levels.", "$expand"
        )
    found: dict[str, Options] = {}
    for item in _split(text, ","):
        path, _, inside = item.partition("(")
        if inside and not inside.endswith(")"):
            raise InvalidRequestError(
                f"$expand: a bracket of {item[:60]!r} is not closed.", "$expand"
            )
        given = {}
        for option in _split(inside[:-1], ";") if inside else ():
            name, mark, value = option.strip().partition("=")
            if not mark or name in given:
                raise InvalidRequestError(
                    f"$expand: {option[:60]!r} is no option, or comes twice.", "$expand"
                )
            given[name] = value
        first, _, rest = path.strip().partition("/")
        link = of.links.get(first)
        if link is None:
            known = ", ".join(of.links)
            raise InvalidRequestError(
                f"$expand: {first[:40]!r} is no link of {of.one}; there are {known}.", "$expand"
            )
        if rest:
            given = {
                "$expand": f"{rest}({';'.join(f'{k}={v}' for k, v in given.items())})"
                if given
                else rest
            }
        told = read_options(given, entity(link.target), depth + 1)
        if first in found:  # Datastreams/Sensor,Datastreams/Thing
            told = _merged(found[first], told)
        found[first] = told
    if len(found) > MOST_EXPANDS:
        raise InvalidRequestError(f"$expand names more than {MOST_EXPANDS} links.", "$expand")
    return found


def _merged(a: Options, b: Options) -> Options:
    return Options(
        a.filter or b.filter,
        {**a.expand, **b.expand},
        a.select or b.select,
        a.orderby or b.orderby,
        min(a.top, b.top),
        max(a.skip, b.skip),
        a.count or b.count,
    )


def _split(text: str, mark: str) -> list[str]:
    """Parts of a text at a mark outside brackets and quotes."""
    parts, depth, quoted, begin = [], 0, False, 0
    for at, letter in enumerate(text):
        if letter == "'":
            quoted = not quoted
        elif not quoted and letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == mark and not quoted and depth == 0:
            parts.append(text[begin:at])
            begin = at + 1
    parts.append(text[begin:])
    return parts
