"""Which child of an address that is split goes to which of its parts."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from address.grammar import core_of
from twin.errors import InvalidRequestError

__all__ = ["Child", "shares_of"]

_RANGE = re.compile(r"(\d+)\s*[-~至到]\s*(\d+)\s*(单|双|odd|even)?")
_NUMBER = re.compile(r"\d+")


class Child(NamedTuple):
    """A node below the one that is split."""

    node_id: str
    name: str
    core: str
    level: str


def shares_of(
    children: Iterable[Child], into: Sequence[str], shares: Sequence[str]
) -> dict[str, int]:
    """Child → position of its part.

    Parameters
    ----------
    children : iterable of Child
    into : sequence of str
        Names of the parts.
    shares : sequence of str
        ``CHILDREN=NAME``, CHILDREN being an id, a name (``3号``), a range of numbers (``1-99``, also ``1-99单`` or
        ``1-99双``: odd or even ones), ``单`` or ``双``, or ``*`` for what no other share names. Separated by commas
        where several go one way.

    Returns
    -------
    dict
        Children that no share names are left out.

    Raises
    ------
    InvalidRequestError
        If a share cannot be read, names no part or meets no child, or two shares of different parts meet one child.

    Examples
    --------
    >>> doors = [Child(f"n{n}", f"{n}号", str(n), "number") for n in (1, 2, 3, 99)]
    >>> shares_of(doors, ["甲路", "乙路"], ["1-50单=甲路", "*=乙路"])
    {'n1': 0, 'n3': 0, 'n2': 1, 'n99': 1}
    """
    known = list(children)
    out: dict[str, int] = {}
    rest: int | None = None
    for share in shares:
        which, equals, name = share.rpartition("=")
        if not equals or name.strip() not in into:
            raise InvalidRequestError(
                f"share {share!r}: expected CHILDREN=NAME with a name of {', '.join(into)}", "share"
            )
        part = into.index(name.strip())
        for one in filter(None, (piece.strip() for piece in re.split("[,，、;；]", which))):
            if one == "*":
                rest = part
                continue
            met = [child.node_id for child in known if _meets(one, child)]
            if not met:
                raise InvalidRequestError(f"share {share!r}: no child is called {one!r}", "share")
            for node_id in met:
                if out.setdefault(node_id, part) != part:
                    raise InvalidRequestError(
                        f"share {share!r}: {one!r} has another share", "share"
                    )
    if rest is not None:
        out |= {child.node_id: rest for child in known if child.node_id not in out}
    return out


def _meets(given: str, child: Child) -> bool:
    if given in (child.node_id, child.name) or core_of(child.level, given) == child.core:
        return True
    first = _NUMBER.search(child.core)
    if first is None:
        return False
    number = int(first[0])
    if given in ("单", "odd", "双", "even"):
        return number % 2 == (given in ("单", "odd"))
    span = _RANGE.fullmatch(given)
    if span is None or not int(span[1]) <= number <= int(span[2]):
        return False
    return span[3] is None or number % 2 == (span[3] in ("单", "odd"))
