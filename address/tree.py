"""The address tree over an arena: parents, children, cores, names as written."""

from bisect import bisect_left
from collections.abc import Iterator
from heapq import merge
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from address.arena import EDITED, PLACED, PLANNED, RENAMED, RETIRED, SILENT, WHOLE, Arena
from address.build import TEXTS, names_of
from address.model import LEVELS, RANK
from address.names import MappedNames
from address.tails import Tails
from address.walk import code_points, find_word
from twin.schema import ADDRESS_NODES

__all__ = ["Tree", "Words"]

_LEVEL_OF = ("", *LEVELS)
_KNOWN = 65_536


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
        self.gone = 0
        self.edited = False
        self._hex = bool(arena.meta["hex_ids"])
        self.point()
        self._by_ident = arena["by_ident"].data
        self.vocabulary = Words(arena)
        self.names = MappedNames(arena, self._name_order)
        self.names.level_of = self.level_of
        self.tails = Tails(arena)
        self._odd = arena["full_row"].data if "full_row" in arena else ()
        self._texts = {
            name: (arena[name + "_start"].data, arena[name + "_text"].data)
            for name in ("written", "id", "full", *TEXTS)
            if name + "_start" in arena
        }
        self._spelled: dict[int, str] = {}
        # what came after the build
        self.notes: list[dict[str, Any]] = []
        self.more_ids: dict[str, int] = {}
        self.more_written: list[str] = []
        self.more_texts: dict[tuple[str, int], str | None] = {}
        self.more_children: dict[int, list[int]] = {}
        self.more_bearers: dict[str, list[int]] = {}
        self.replaced: set[int] = set()  # rows whose place, or whose parent's, has changed
        self.moved: dict[int, int] = {}  # core in the build of rows that were renamed since

    def point(self) -> None:
        """Take the arrays of the nodes (again, once they have grown)."""
        arena = self.arena
        self.parents_array, self.levels_array = arena["parent"], arena["level"]
        self.core_codes = arena["core"]
        self.parent, self.levels = self.parents_array.data, self.levels_array.data
        self.flags, self._cores = arena["flags"].data, self.core_codes.data
        self._first, self._ident = arena["first"].data, arena["ident"].data
        self._written = arena["written"].data

    def forget(self) -> None:
        """An edit was made."""
        self.names.forget()

    def add_written(self, name: str) -> int:
        """Number of a written name that came after the build."""
        self.more_written.append(name)
        return len(self._texts["written"][0]) - 2 + len(self.more_written)

    def names_of_row(self, row: int) -> dict[str, int]:
        """Names a node goes by, with their order."""
        known = self.text_of("aliases", row)
        aliases = known.split("\x1f") if known else ()
        level, up = self.levels[row], self.parent[row]
        town = level == RANK["community"] and up >= 0 and self.levels[up] == RANK["street"]
        above = self.core_of_row(up) if town else ""
        return names_of(level, self.core_of_row(row), self.written_of(row), aliases, above)

    def _name_order(self, name: str, row: int) -> tuple[int, str]:
        return self.names_of_row(row).get(name, 0), self.id_of(row)

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
        number = self._written[row]
        text = self._spelled.get(number)
        if text is None:
            size = len(self._texts["written"][0]) - 1
            late = number >= size
            text = self.more_written[number - size] if late else self._stored("written", number)
            if len(self._spelled) >= _KNOWN:
                self._spelled.clear()
            self._spelled[number] = text
        return text

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
        """A text of a node, None where it has none.

        Parameters
        ----------
        column : str
            ``full``, ``code``, ``eid``, ``key``, ``building_key`` or ``aliases`` (between U+001F).
        row : int
        """
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
        rows = [r for r in rows if not self.flags[r] & RENAMED] + self.more_bearers.get(name, [])
        return sorted((r for r in rows if not self.flags[r] & RETIRED), key=self.id_of)

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
        elif not _is_hex(node_id):
            return None
        else:
            value = int(node_id, 16)
            at = bisect_left(order, value, key=ident.__getitem__)
            found = at < len(order) and ident[order[at]] == value
        return order[at] if found else None

    def rows(self) -> npt.NDArray[np.int64]:
        """Rows of all nodes that there are, shape (len(self),)."""
        return np.flatnonzero(self.arena["flags"][: self.used] & RETIRED == 0)

    def columns(self) -> pa.Table:
        """The nodes with the edits made since, as `address.build.arena_of` takes them."""
        rows = self.rows()
        up = self.parents_array[rows]
        ids = self._ids_of(rows)
        flags = self.arena["flags"][rows]
        own = flags & PLACED != 0
        values = [self._stored("written", n) for n in range(len(self._texts["written"][0]) - 1)]
        written = pa.array([*values, *self.more_written], pa.string())
        columns = {
            "node_id": ids,
            "parent_id": pc.if_else(pa.array(up >= 0), self._ids_of(np.maximum(up, 0)), None),
            "level": pa.array(self.levels_array[rows]),
            "name": written.take(pa.array(self.arena["written"][rows])),
            **{axis: pa.array(self.arena[axis][rows], mask=~own) for axis in ("lon", "lat")},
            "z": pa.array(self.arena["z"][rows], from_pandas=True),
            "status": pa.array(["active", "planned"]).take(
                pa.array((flags & PLANNED != 0).astype(np.int8))
            ),
            **{name: self.column(name, rows) for name in TEXTS},
        }
        if len(self._odd) or (flags & (WHOLE | SILENT)).any():
            columns["full"] = pa.array([self.full_of(row) for row in rows.tolist()], pa.string())
        aliases = columns.pop("aliases")
        columns["aliases"] = pc.if_else(
            pc.is_valid(aliases), pc.split_pattern(pc.fill_null(aliases, ""), "\x1f"), None
        )
        return pa.table(columns)

    def _ids_of(self, rows: npt.NDArray[np.integer[Any]]) -> pa.Array:
        if self._hex and all(_is_hex(node_id) for node_id in self.more_ids):
            ident = self.arena["ident"].copy()
            for node_id, row in self.more_ids.items():
                ident[row] = int(node_id, 16)
            return pa.array(ident[rows])
        return pa.array([self.id_of(row) for row in rows.tolist()], pa.string())

    def column(self, name: str, rows: npt.NDArray[np.int64]) -> pa.Array:
        """A text column of some rows, null where empty."""
        late = {row: text for (column, row), text in self.more_texts.items() if column == name}
        if name not in self._texts and not any(late.values()):
            return pa.nulls(len(rows), pa.string())
        if late:
            return pa.array([self.text_of(name, row) for row in rows.tolist()], pa.string())
        start, blob = self.arena[name + "_start"], self.arena[name + "_text"]
        offsets = pa.py_buffer(start.astype(np.int64))
        whole = pa.LargeStringArray.from_buffers(self.built, offsets, pa.py_buffer(blob))
        taken = whole.take(pa.array(rows))
        return pc.if_else(pc.equal(taken, ""), None, taken).cast(pa.string())

    def table(self) -> pa.Table:
        """The tree as `twin.schema.ADDRESS_NODES`, in order of id."""
        columns = self.columns()
        rows = self.rows().tolist()
        ids = [self.id_of(row) for row in rows]
        up = [self.parent[row] for row in rows]
        told = {name: columns[name] for name in columns.column_names} | {
            "node_id": pa.array(ids, pa.string()),
            "parent_id": pa.array([self.id_of(r) if r >= 0 else None for r in up], pa.string()),
            "level": pa.array([self.level_of(row) for row in rows], pa.string()),
            "full": pa.array([self.full_of(row) for row in rows], pa.string()),
        }
        table = pa.table([told[f.name] for f in ADDRESS_NODES], names=ADDRESS_NODES.names)
        return table.cast(ADDRESS_NODES).sort_by("node_id").combine_chunks()


def _is_hex(node_id: str) -> bool:
    return len(node_id) == 16 and _HEX.issuperset(node_id)


_HEX = frozenset("0123456789abcdef")
