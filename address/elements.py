"""What kind of element a node is: type of the standard, canonical core, parts of its number."""

import re
from functools import cache
from typing import NamedTuple

import pyarrow as pa

from address.grammar import core_of, display_of
from address.normalise import read_table

__all__ = ["DESCRIBED", "NumberParts", "describe", "element_type", "element_types", "number_parts"]

DESCRIBED = pa.schema(
    [
        ("node_id", pa.string()),
        (
            "element_type",
            pa.string(),
        ),  # two digits of GA/T 2000.32, null where its list was not seen
        ("name_std", pa.string()),
        ("core", pa.string()),
        ("number_prefix", pa.string()),  # 甲 of 甲12号
        ("number_core", pa.string()),  # 12
        ("number_sub", pa.string()),  # 3 of 12号之3
        ("number_type", pa.string()),  # 号 弄 栋 座 单元 层 室
    ]
)

_NUMBERED = frozenset(("number", "building", "unit", "floor", "room", "group", "phase"))
_CORE = re.compile(r"([甲乙丙丁戊己庚辛A-Z]?)(-?\d+)([A-Z]?)(弄?)(?:-(\d+))?")


@cache
def element_types() -> tuple[dict[str, str], ...]:
    """Rows of the table of element types: level, ending, type, zh, en."""
    return tuple(read_table("element_types.csv"))


@cache
def element_type(level: str, name: str) -> str | None:
    """Two-digit type of GA/T 2000.32.

    Examples
    --------
    >>> element_type("street", "滨江街道"), element_type("street", "石桥镇"), element_type("room", "301室")
    ('23', '22', None)
    """
    for row in element_types():
        if row["level"] == level and name.endswith(row["ending"]):
            return row["type"] or None
    return None


class NumberParts(NamedTuple):
    """Prefix, core, sub-number and kind of a numbered element; None where it has none."""

    prefix: str | None
    core: str | None
    sub: str | None
    kind: str | None


_NONE = NumberParts(None, None, None, None)


def number_parts(level: str, name: str) -> NumberParts:
    """Parts of the number of an element.

    Examples
    --------
    >>> number_parts("number", "甲12号之3")
    NumberParts(prefix='甲', core='12', sub='3', kind='号')
    >>> number_parts("building", "A座"), number_parts("road", "临江大道").core
    (NumberParts(prefix=None, core='A', sub=None, kind='座'), None)
    """
    if level not in _NUMBERED:
        return _NONE
    core = core_of(level, name)
    found = _CORE.fullmatch(core)
    written = re.sub(r"[^\u4e00-\u9fff]", "", display_of(level, core).replace("之", ""))
    if found is None:
        return NumberParts(None, core, None, written if len(core) == 1 else None)
    prefix, number, tail, lane, sub = found.groups()
    kind = "弄" if lane else re.sub(r"^[甲乙丙丁戊己庚辛]", "", written).replace("地下", "")
    return NumberParts(prefix or None, number + tail, sub, kind or None)


def describe(nodes: pa.Table) -> pa.Table:
    """Elements of nodes.

    Parameters
    ----------
    nodes : pyarrow.Table
        ``node_id``, ``level``, ``name``.

    Returns
    -------
    pyarrow.Table
        `DESCRIBED`, a row per node in the same order.
    """
    known: dict[tuple[str, str], tuple[str | None, ...]] = {}
    rows = []
    for level, name in zip(nodes["level"].to_pylist(), nodes["name"].to_pylist(), strict=True):
        found = known.get((level, name))
        if found is None:
            core = core_of(level, name)
            std = display_of(level, core) if level in _NUMBERED else name
            parts = (element_type(level, name), std, core, *number_parts(level, name))
            found = known[level, name] = parts
        rows.append(found)
    columns = list(zip(*rows, strict=True)) or [()] * (len(DESCRIBED) - 1)
    arrays = [pa.array(c, pa.string()) for c in columns]
    return pa.table([nodes["node_id"].combine_chunks(), *arrays], DESCRIBED)
