"""Names in order, in three scripts: what typing completes and what a slip is looked up in.

Sections of an arena (``t`` distinct names, ``r`` nodes that bear them):

==================  ========  =============================================================
``tail_start``      uint32    (t + 1,) and ``tail_text`` uint8: the names, UTF-8, in order
``tail_length``     uint8     (t,) characters, 255 at most
``tail_first``      uint32    (t + 1,) nodes of name k are ``tail_rows[tail_first[k]:
                              tail_first[k + 1]]``, in order of id
``tail_rows``       int32     (r,)
``tail_area``       int32     (r,) narrowest area that holds the node, -1 for none
``area_row``        int32     areas (province to street), each before what lies in it
``area_end``        int32     areas inside area a are a up to ``area_end[a]``
``full_keys_start``           full pinyin of the names (text column), in order, and
``full_keys_of``    uint32    the name of each
``short_keys_start``          initials, likewise
==================  ========  =============================================================
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from address.arena import Arena, Array
from address.model import RANK
from address.pinyin import initials, spellings
from address.walk import find_text

__all__ = ["LISTED", "SCOPES", "Keys", "Tails", "key_tables", "spelled", "tails_of", "utf8"]

LISTED = frozenset(
    RANK[level] for level in ("county", "street", "community", "village", "road", "compound", "poi")
)
"""Ranks of the nodes that are found by typing; doors, buildings and rooms come below them."""
SCOPES = frozenset(RANK[level] for level in ("province", "city", "county", "street"))

Ints = npt.NDArray[np.int64]


def spelled(name: str) -> tuple[list[str], list[str]]:
    """Full pinyin and initials of a name in each way it can be read.

    Examples
    --------
    >>> spelled("江大")
    (['jiangda'], ['jd'])
    """
    ways = spellings(name)
    return (
        list(dict.fromkeys("".join(way) for way in ways)),
        list(dict.fromkeys(initials(way) for way in ways)),
    )


def utf8(name: str, texts: list[str]) -> dict[str, Array]:
    """Sections of a list of texts."""
    raw = [text.encode("utf-8", "surrogatepass") for text in texts]
    start = np.zeros(len(raw) + 1, np.uint32)
    np.cumsum(np.fromiter(map(len, raw), np.int64, len(raw)), out=start[1:], dtype=np.uint32)
    return {name + "_start": start, name + "_text": np.frombuffer(b"".join(raw), np.uint8)}


def key_tables(names: Iterable[str]) -> dict[str, Array]:
    """Sections of the two pinyin tables of names in order."""
    full: list[tuple[str, int]] = []
    short: list[tuple[str, int]] = []
    for number, name in enumerate(names):
        ways = spelled(name)
        full += [(way, number) for way in ways[0]]
        short += [(way, number) for way in ways[1]]
    out: dict[str, Array] = {}
    for table, pairs in (("full_keys", full), ("short_keys", short)):
        pairs.sort()
        out |= utf8(table, [key for key, _ in pairs])
        out[table + "_of"] = np.array([number for _, number in pairs], np.uint32)
    return out


def tails_of(arrays: dict[str, Array], words: list[tuple[int, str]]) -> dict[str, Array]:
    """Sections for the nodes of the listed levels."""
    by_ident, core, level = arrays["by_ident"], arrays["core"], arrays["level"]
    listed = np.array([False, *(rank in LISTED and text != "" for rank, text in words)])
    names = sorted({text for (rank, text) in words if rank in LISTED and text})
    number = {name: k for k, name in enumerate(names)}
    of_word = np.array([0, *(number.get(text, 0) for _, text in words)], np.int64)
    rows = by_ident[listed[core[by_ident]]]
    tail = of_word[core[rows]]
    order = np.argsort(tail, kind="stable")
    rows, tail = rows[order], tail[order]
    area, area_row, area_end = _areas(arrays["parent"], level)
    return {
        **utf8("tail", names),
        "tail_length": np.array([min(len(name), 255) for name in names], np.uint8),
        "tail_first": np.searchsorted(tail, np.arange(len(names) + 1)).astype(np.uint32),
        "tail_rows": rows.astype(np.int32),
        "tail_area": area[rows] if len(rows) else np.zeros(0, np.int32),
        "area_row": area_row,
        "area_end": area_end,
        **key_tables(names),
    }


def _areas(
    parent: npt.NDArray[np.int32], level: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Narrowest area of every row, areas in order of descent, end of each."""
    inside: dict[int, list[int]] = {}
    for row in np.flatnonzero(np.isin(level, list(SCOPES))).tolist():
        holder = int(parent[row])
        while holder >= 0 and level[holder] not in SCOPES:
            holder = int(parent[holder])
        inside.setdefault(holder, []).append(row)
    rows: list[int] = []
    ends: dict[int, int] = {}
    waiting = [(row, False) for row in reversed(inside.get(-1, []))]
    while waiting:
        row, left = waiting.pop()
        if left:
            ends[row] = len(rows)
            continue
        rows.append(row)
        waiting.append((row, True))
        waiting += [(child, False) for child in reversed(inside.get(row, []))]
    area = np.full(len(parent), -1, np.int32)
    area[rows] = np.arange(len(rows), dtype=np.int32)
    done = np.isin(level, list(SCOPES))
    up = parent.copy()
    while True:  # climb until an area or the top is met
        todo = np.flatnonzero(~done & (up >= 0))
        if not len(todo):
            break
        above = up[todo]
        met = area[above] >= 0
        area[todo[met]] = area[above[met]]
        done[todo[met]] = True
        up[todo[~met]] = parent[above[~met]]
    return area, np.array(rows, np.int32), np.array([ends[r] for r in rows], np.int32)


class Keys:
    """A sorted text column: where texts with a prefix begin and end."""

    def __init__(self, arena: Arena, name: str) -> None:
        self._start, self._text = arena[name + "_start"].data, arena[name + "_text"].data
        self._blob = memoryview(self._text)
        self.of = arena.arrays.get(name + "_of")

    def __len__(self) -> int:
        return len(self._start) - 1

    def text(self, at: int) -> str:
        """Text at a place."""
        return bytes(self._blob[self._start[at] : self._start[at + 1]]).decode(
            "utf-8", "surrogatepass"
        )

    def _bisect(self, low: int, high: int, wanted: bytes, size: int, after: bool) -> int:
        """First place whose first `size` bytes are not before `wanted` (or are after it)."""
        start, blob = self._start, self._blob
        while low < high:
            middle = (low + high) >> 1
            first = start[middle]
            own = bytes(blob[first : min(first + size, start[middle + 1])])
            if own < wanted or (after and own == wanted):
                low = middle + 1
            else:
                high = middle
        return low

    def starting(self, prefix: str) -> tuple[int, int]:
        """Half-open range of the texts that start so."""
        wanted = prefix.encode("utf-8", "surrogatepass")
        low = self._bisect(0, len(self), wanted, len(wanted), False)
        return low, self._bisect(low, len(self), wanted, len(wanted), True)

    def equal(self, text: str) -> tuple[int, int]:
        """Half-open range of the texts that are the same."""
        wanted = text.encode("utf-8", "surrogatepass")
        low = self._bisect(0, len(self), wanted, len(wanted) + 1, False)
        return low, self._bisect(low, len(self), wanted, len(wanted) + 1, True)


class Tails:
    """The names over mapped arrays."""

    def __init__(self, arena: Arena) -> None:
        self.names = Keys(arena, "tail")
        self._names = arena["tail_start"], arena["tail_text"]
        self.full, self.short = Keys(arena, "full_keys"), Keys(arena, "short_keys")
        self.first, self.rows = arena["tail_first"], arena["tail_rows"]
        self.length, self.area = arena["tail_length"], arena["tail_area"]
        self._area_row, self._area_end = arena["area_row"], arena["area_end"]

    def number(self, name: str) -> int | None:
        """Number of a name; None where no node bears it."""
        wanted = np.frombuffer(name.encode("utf-8", "surrogatepass"), np.uint8)
        at = find_text(wanted, *self._names) if len(wanted) else -1
        return at if at >= 0 else None

    def rows_of(self, number: int) -> list[int]:
        """Nodes of a name, in order of id."""
        rows: list[int] = self.rows[self.first[number] : self.first[number + 1]].tolist()
        return rows

    def range_of(self, row: int) -> tuple[int, int]:
        """Areas inside an area, as a half-open range; empty where the row is none."""
        at = np.flatnonzero(self._area_row == row)
        return (int(at[0]), int(self._area_end[at[0]])) if len(at) else (0, 0)

    def entries(self, numbers: Ints) -> tuple[Ints, Ints]:
        """Places in `rows` of all nodes of some names, and the name of each."""
        first = self.first[numbers].astype(np.int64)
        sizes = self.first[numbers + 1].astype(np.int64) - first
        total = int(sizes.sum())
        ends = np.cumsum(sizes)
        within = np.arange(total) - np.repeat(ends - sizes, sizes)
        return np.repeat(first, sizes) + within, np.repeat(numbers, sizes)
