"""The address tree over an arena: parents, children, cores, names as written."""

from bisect import bisect_left
from collections.abc import Iterator
from heapq import merge
from typing import Any

import numpy as np
import pyarrow as pa

from address.arena import EDITED, PLACED, PLANNED, RENAMED, RETIRED, SILENT, WHOLE, Arena
from address.model import LEVELS, RANK
from address.names import MappedNames
from address.tails import Tails
from address.walk import code_points, find_word
from twin.schema import ADDRESS_NODES

__all__ = ["NodeId", "Tree", "Words"]

_LEVEL_OF = ("", *LEVELS)
_KNOWN = 65_536


class NodeId(str):
    """Id of a node."""

    __slots__ = ()

    def as_py(self) -> str:
        """The plain text."""
        return str(self)


class _Ids:
    """Ids by row."""

    def __init__(self, tree: "Tree") -> None:
        self._tree = tree

    def __getitem__(self, row: int) -> NodeId:
        return NodeId(self._tree.id_of(row))


class Words:
    """The vocabulary: number of a level and a core, and back."""

    def __init__(self, arena: Arena) -> None:
        self._points = arena["word_points"]
        self._start = arena["word_start"]
        self._starts = self._start.data
        self._level = arena["word_level"]
        self._table = (arena["word_slots"], arena["word_hash"], arena["word_level"])
        self._codes: dict[str, int] = {}
        self._texts: dict[int, str] = {}
        self.built = len(arena["word_level"]) - 1
        self.more: list[str] = []
        self.more_codes: dict[str, int] = {}

    def get(self, key: str) -> int | None:
        """Number of ``chr(rank) + core``; None where no node has it."""
        code = self._codes.get(key)
        if code is None:
            points = code_points(key)
            code = find_word(
                ord(key[0]), points, 1, len(points), *self._table, self._start, self._points
            ) or self.more_codes.get(key, 0)
            if len(self._codes) >= _KNOWN:
                self._codes.clear()
            self._codes[key] = code
        return code or None

    def of_level(self, rank: int) -> list[str]:
        """Cores of a level in order, those added since last."""
        low, high = np.searchsorted(self._level[1:], [rank, rank + 1]).tolist()
        built = [self.text(code) for code in range(low + 1, high + 1)]
        return built + [key[1:] for key in self.more_codes if key[0] == chr(rank)]

    def add(self, key: str) -> int:
        """Number of ``chr(rank) + core``, a new one where there is none yet."""
        code = self.get(key)
        if code is None:
            self.more.append(key[1:])
            code = self.more_codes[key] = self.built + len(self.more)
            self._codes[key] = code
        return code

    def text(self, code: int) -> str:
        """Core of a number."""
        text = self._texts.get(code)
        if text is None:
            if code > self.built:
                return self.more[code - self.built - 1]
            raw = self._points[self._starts[code] : self._starts[code + 1]]
            text = raw.tobytes().decode("utf-32-le", "surrogatepass")
            if len(self._texts) >= _KNOWN:
                self._texts.clear()
            self._texts[code] = text
        return text


class Tree:
    """Reading of the tree; rows are those of `address.arena`."""

    def __init__(self, arena: Arena) -> None:
        self._map(arena)

    def _map(self, arena: Arena) -> None:
        """Take the arrays of an arena."""
        self.arena = arena
        self.built = int(arena.meta["nodes"])
        self.used = self.built
        self.parents_array = arena["parent"]
        self.levels_array = arena["level"]
        self.core_codes = arena["core"]
        self.parent, self.levels = self.parents_array.data, self.levels_array.data
        self.flags, self._cores = arena["flags"].data, self.core_codes.data
        self._first = arena["first"].data
        self._hex = bool(arena.meta["hex_ids"])
        self._ident, self._by_ident = arena["ident"].data, arena["by_ident"].data
        self.vocabulary = Words(arena)
        self.names = MappedNames(arena)
        self.tails = Tails(arena)
        self.more_bearers: dict[str, list[int]] = {}
        self.names.level_of = self.level_of
        self.ids = _Ids(self)
        self._odd = arena["full_row"].data if "full_row" in arena else ()
        self._texts = {
            name: (arena[name + "_start"].data, arena[name + "_text"].data)
            for name in ("written", "id", "full", "code", "eid", "key", "building_key")
            if name + "_start" in arena
        }
        self.gone = 0
        self.edited = False
        self.more_ids: dict[str, int] = {}
        self.more_written: list[str] = []
        self.more_texts: dict[tuple[str, int], str | None] = {}
        self.more_children: dict[int, list[int]] = {}
        self.moved: dict[int, int] = {}  # core in the build of rows that were renamed since

    def __len__(self) -> int:
        return self.used - self.gone

    def core(self, code: int) -> str:
        """Core text of a vocabulary code."""
        return self.vocabulary.text(code)

    def core_of_row(self, row: int) -> str:
        """Core text of a node."""
        return self.vocabulary.text(self._cores[row])

    def level_of(self, row: int) -> str:
        """Level of a node."""
        return _LEVEL_OF[self.levels[row]]

    def id_of(self, row: int) -> str:
        """Id of a node."""
        if row >= self.built:
            return str(self.more_texts["id", row])
        return f"{self._ident[row]:016x}" if self._hex else self._stored("id", row)

    def _stored(self, column: str, at: int) -> str:
        start, blob = self._texts[column]
        return bytes(blob[start[at] : start[at + 1]]).decode()

    def written_of(self, row: int) -> str:
        """Name of a node as written."""
        number = int(self.arena["written"][row])
        size = len(self._texts["written"][0]) - 1
        return (
            self._stored("written", number) if number < size else self.more_written[number - size]
        )

    def full_of(self, row: int) -> str:
        """Standard string of a node: the names from the root down."""
        parts: list[str] = []
        odd = self._odd
        while row >= 0:
            if odd and (at := bisect_left(odd, row)) < len(odd) and odd[at] == row:
                parts.append(self._stored("full", at))
                break
            flags = self.flags[row]
            if not flags & SILENT:
                parts.append(self.written_of(row))
            if flags & WHOLE:
                break
            row = self.parent[row]
        return "".join(reversed(parts))

    def text_of(self, column: str, row: int) -> str | None:
        """A text of a node: ``full``, ``code``, ``eid``, ``key``, ``building_key``; or None."""
        if column == "full":
            return self.full_of(row)
        if self.more_texts and (column, row) in self.more_texts:
            return self.more_texts[column, row]
        if column not in self._texts or row >= self.built:
            return None
        return self._stored(column, row) or None

    def child(self, row: int, level: str, core: str) -> list[int]:
        """Children of a node with a level and a core; `row` -1 asks for the roots."""
        code = self.vocabulary.get(chr(RANK[level]) + core)
        if code is None:
            return []
        low, high = self._first[row + 1], self._first[row + 2]
        if self.is_edited(row):
            return self._edited_child(row, code)
        if low == high:
            return []
        cores = self._cores
        end = at = bisect_left(cores, code, low, high)
        while end < high and cores[end] == code:
            end += 1
        return list(range(at, end))

    def children(self, row: int) -> Iterator[int]:
        """Children of a node in order of level, core and id; `row` -1 asks for the roots."""
        built = range(self._first[row + 1], self._first[row + 2])
        if not self.is_edited(row):
            return iter(built)
        kept = (r for r in built if r not in self.moved and not self.flags[r] & RETIRED)
        return merge(kept, self.more_children.get(row, ()), key=self.sibling_key)

    def slice_of(self, row: int) -> tuple[int, int]:
        """Rows of the children the build gave a node, as a half-open range."""
        return self._first[row + 1], self._first[row + 2]

    def is_edited(self, row: int) -> bool:
        """Whether children came or went since the build."""
        return bool(self.flags[row] & EDITED) if row >= 0 else -1 in self.more_children

    def sibling_key(self, row: int) -> tuple[int, str, str]:
        """What siblings are in order of."""
        return self.levels[row], self.core_of_row(row), self.id_of(row)

    def _edited_child(self, row: int, code: int) -> list[int]:
        """As `child`, where the slice of the build is not the whole truth."""
        cores, moved = self._cores, self.moved
        low, high = self._first[row + 1], self._first[row + 2]
        at = low + bisect_left(range(low, high), code, key=lambda r: moved.get(r, cores[r]))
        out = [r for r in self.more_children.get(row, ()) if cores[r] == code]
        while at < high and moved.get(at, cores[at]) == code:
            if at not in moved and not self.flags[at] & RETIRED:
                out.append(at)
            at += 1
        return sorted(out, key=self.id_of)

    def bearers(self, name: str) -> list[int]:
        """Nodes from county to compound whose own name is this, in order of id."""
        number = self.tails.number(name)
        rows = self.tails.rows_of(number) if number is not None else []
        if not self.edited:
            return rows
        rows = [r for r in rows if not self.flags[r] & (RETIRED | RENAMED)]
        return sorted(rows + self.more_bearers.get(name, []), key=self.id_of)

    def above(self, row: int) -> Iterator[int]:
        """The node and its ancestors, upwards."""
        parent = self.parent
        while row >= 0:
            yield row
            row = parent[row]

    def is_below(self, row: int, ancestor: int) -> bool:
        """Whether `ancestor` is the node or one of its ancestors."""
        parent = self.parent
        while row >= 0:
            if row == ancestor:
                return True
            row = parent[row]
        return False

    def row_of(self, node_id: str) -> int | None:
        """Row of a node id; None where no node has it."""
        row = self.more_ids.get(node_id)
        if row is None:
            row = self._built_row(node_id)
        return None if row is None or self.flags[row] & RETIRED else row

    def _built_row(self, node_id: str) -> int | None:
        order, ident = self._by_ident, self._ident
        if not self._hex:
            at = bisect_left(order, node_id, key=lambda r: self._stored("id", r))
            found = at < len(order) and self._stored("id", order[at]) == node_id
        elif len(node_id) != 16 or not _HEX.issuperset(node_id):
            return None
        else:
            value = int(node_id, 16)
            at = bisect_left(order, value, key=ident.__getitem__)
            found = at < len(order) and ident[order[at]] == value
        return order[at] if found else None

    def table(self) -> pa.Table:
        """The tree as `twin.schema.ADDRESS_NODES`, in order of id."""
        rows = [r for r in range(self.used) if not self.flags[r] & RETIRED]
        rows.sort(key=self.id_of)
        columns: dict[str, list[Any]] = {
            "node_id": [self.id_of(r) for r in rows],
            "parent_id": [
                self.id_of(self.parent[r]) if self.parent[r] >= 0 else None for r in rows
            ],
            "level": [self.level_of(r) for r in rows],
            "name": [self.written_of(r) for r in rows],
            "status": ["planned" if self.flags[r] & PLANNED else "active" for r in rows],
        }
        for name in ("full", "code", "eid", "key", "building_key"):
            columns[name] = [self.text_of(name, r) for r in rows]
        own = [bool(self.flags[r] & PLACED) for r in rows]
        for name in ("lon", "lat", "z"):
            values = self.arena[name][rows].tolist() if rows else []
            columns[name] = [
                v if v == v and (has or name == "z") else None
                for v, has in zip(values, own, strict=True)
            ]
        return pa.table({f.name: pa.array(columns[f.name], f.type) for f in ADDRESS_NODES})


_HEX = frozenset("0123456789abcdef")
