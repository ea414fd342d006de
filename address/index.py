"""The address tree in memory: compact arrays, exact integer keys, names found in text."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from shapely import Geometry

from address.aliases import former_names, name_variants
from address.geocode import geocode, locate, place_all
from address.grammar import core_of
from address.lexicon import Names
from address.match import match
from address.model import LEVELS, RANK, Location, Match, Suggestion
from address.normalise import fold
from address.repair import Repairs
from address.reverse import Outlines, Reverse
from address.suggest import Suggester
from twin.schema import ADDRESS_NODES

__all__ = ["AddressIndex"]

_NAMED = frozenset(
    ("province", "city", "county", "street", "community", "village", "road", "compound", "poi")
)
_LEVEL_OF = dict(enumerate(("", *LEVELS)))


def _is_name(core: str) -> bool:
    """A building that is called, not numbered."""
    return len(core) > 2 and any("\u4e00" <= c <= "\u9fff" for c in core[1:])


class AddressIndex:
    """Standard addresses, ready to be asked.

    Children are found by an exact key, ``parent row << 32 | code of (level, core)``, in one sorted
    array of 12 bytes per
    node; names by the first two characters. Nothing is scanned.

    Examples
    --------
    >>> from address.nodes import build_nodes
    >>> from twin.schema import ADDRESSES
    >>> rows = [{"key": "1", "full": "临江大道35号临江花园5号楼2单元1203室"}]
    >>> columns = {f.name: pa.array([r.get(f.name) for r in rows], f.type) for f in ADDRESSES}
    >>> index = AddressIndex.from_nodes(build_nodes(pa.table(columns)))
    >>> answer = index.match("临江花园五号楼二单元十二层1203")
    >>> answer.status, answer.full
    ('exact', '临江大道35号临江花园5号楼2单元12层1203室')
    """

    def __init__(self, nodes: pa.Table) -> None:
        self.nodes = nodes.combine_chunks()
        count = len(nodes)
        ids = self.nodes["node_id"].combine_chunks() if count else pa.array([], pa.string())
        self.ids: pa.Array = ids
        parents = (
            pc.fill_null(pc.index_in(self._column("parent_id"), value_set=ids), -1)
            if count
            else ids
        )
        self.parents_array: npt.NDArray[np.int32] = np.asarray(
            parents.to_numpy(zero_copy_only=False), dtype=np.int32
        )
        self.parent = self.parents_array.data
        level_names = self._column("level").dictionary_encode()
        table = np.array(
            [RANK.get(name, 0) for name in level_names.dictionary.to_pylist()], dtype=np.uint8
        )
        self.levels_array: npt.NDArray[np.uint8] = (
            table[level_names.indices.to_numpy()] if count else np.zeros(0, np.uint8)
        )
        self.levels = self.levels_array.tobytes()
        self.vocabulary: dict[str, int] = {}
        self.core_texts: list[str] = []
        self.core_codes: npt.NDArray[np.uint32] = self._code_cores()
        self._sort_keys()
        self.names: Names[int] = Names()
        self._add_names()
        self.names.level_of = self.level_of
        self.place = place_all(self)
        self._repairs: Repairs | None = None
        self._reverse: Reverse | None = None
        self._suggester: Suggester | None = None

    @classmethod
    def from_nodes(cls, nodes: pa.Table) -> "AddressIndex":
        """Index of an address tree.

        Parameters
        ----------
        nodes : pyarrow.Table
            `twin.schema.ADDRESS_NODES`, any order; nodes whose status is ``retired`` are left out.
        """
        table = nodes.select(ADDRESS_NODES.names).cast(ADDRESS_NODES)
        alive = pc.not_equal(pc.fill_null(table["status"], "active"), "retired")
        return cls(table.filter(alive).sort_by("node_id"))

    def __len__(self) -> int:
        return len(self.ids)

    def _column(self, name: str) -> pa.Array:
        column = self.nodes[name]
        return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column

    def _code_cores(self) -> npt.NDArray[np.uint32]:
        """Number of each node's (level, core) in the vocabulary."""
        codes = np.zeros(len(self.ids), dtype=np.uint32)
        if not len(self.ids):
            return codes
        names = self._column("name").dictionary_encode()
        written = names.dictionary.to_pylist()
        indices = names.indices.to_numpy()
        pairs = indices.astype(np.int64) * 32 + self.levels_array
        unique, inverse = np.unique(pairs, return_inverse=True)
        own = np.empty(len(unique), dtype=np.uint32)
        for number, pair in enumerate(unique.tolist()):
            rank = pair % 32
            core = core_of(_LEVEL_OF[rank], written[pair // 32])
            key = chr(rank) + core
            code = self.vocabulary.setdefault(key, len(self.vocabulary) + 1)
            if code > len(self.core_texts):
                self.core_texts.append(core)
            own[number] = code
        return np.asarray(own[inverse], dtype=np.uint32)

    def _sort_keys(self) -> None:
        keys = (
            (self.parents_array.astype(np.int64) + 1).astype(np.uint64) << np.uint64(32)
        ) | self.core_codes
        order = np.argsort(keys, kind="stable")
        self.keys_array = keys[order]
        self.rows_array: npt.NDArray[np.int32] = order.astype(np.int32)
        self.keys, self.rows = self.keys_array.data, self.rows_array.data

    def _add_names(self) -> None:
        """Every name of the tree with its usual short forms, rows in order of id."""
        named = np.isin(self.levels_array, [RANK[level] for level in _NAMED])
        building = np.flatnonzero(self.levels_array == RANK["building"])
        plain = {c for c in np.unique(self.core_codes[building]).tolist() if _is_name(self.core(c))}
        rows = np.flatnonzero(named).tolist()
        rows += [row for row in building.tolist() if int(self.core_codes[row]) in plain]
        written = self._column("name")
        variants: dict[tuple[int, int], tuple[str, ...]] = {}
        for row in rows:
            key = (self.levels[row], int(self.core_codes[row]))
            found = variants.get(key)
            if found is None:
                found = variants[key] = name_variants(_LEVEL_OF[key[0]], self.core(key[1]))
            for name in found:
                self.names.add(name, row)
            if key[0] in (RANK["compound"], RANK["poi"]):
                spaced = fold(written[row].as_py())
                if "," in spaced:
                    self.names.add(spaced, row)
        self._add_former_names(rows)

    def _add_former_names(self, rows: list[int]) -> None:
        for row in rows:
            if self.levels[row] in (RANK["county"], RANK["city"]):
                for name in former_names(self.core_of_row(row)):
                    self.names.add(name, row)

    # ── reading the tree ──

    def core(self, code: int) -> str:
        """Core text of a vocabulary code."""
        return self.core_texts[code - 1]

    def core_of_row(self, row: int) -> str:
        """Core text of a node."""
        return self.core_texts[int(self.core_codes[row]) - 1]

    def level_of(self, row: int) -> str:
        """Level of a node."""
        return _LEVEL_OF[self.levels[row]]

    def text_of(self, column: str, row: int) -> str | None:
        """Value of a text column of a node."""
        value: Any = self.nodes[column][row].as_py()
        return value if value is None else str(value)

    def child(self, row: int, level: str, core: str) -> list[int]:
        """Children of a node with a level and a core; `row` -1 asks for the roots."""
        code = self.vocabulary.get(chr(RANK[level]) + core)
        if code is None:
            return []
        key = (row + 1) << 32 | code
        keys, rows = self.keys, self.rows
        at = bisect_left(keys, key)
        out = []
        while at < len(keys) and keys[at] == key:
            out.append(rows[at])
            at += 1
        return out

    def children(self, row: int) -> Iterator[int]:
        """Children of a node; `row` -1 asks for the roots."""
        first = bisect_left(self.keys, (row + 1) << 32)
        last = bisect_left(self.keys, (row + 2) << 32)
        yield from self.rows[first:last]

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
        """Row of a node id."""
        row = pc.index(self.ids, node_id).as_py()
        return None if row is None or row < 0 else int(row)

    # ── questions ──

    @property
    def repairs(self) -> Repairs:
        """Keys that forgive a wrong character (made when first needed)."""
        if self._repairs is None:
            self._repairs = Repairs(self)
        return self._repairs

    def match(self, text: str, focus: tuple[float, float] | None = None) -> Match:
        """The standard address a text means.

        Parameters
        ----------
        text : str
            As people write it.
        focus : (lon, lat), optional
            Degrees, EPSG:4490: of several equal answers the nearest comes first (the status stays
            ``ambiguous``).

        Returns
        -------
        Match
            Never an invented place: what the gazetteer has not is named in `missing`.
        """
        return match(self, text, focus)

    def geocode(self, text: str, focus: tuple[float, float] | None = None) -> Match:
        """As `match`, with ``location``: the node's, between two doors, or the parent's."""
        return geocode(self, text, focus)

    def locate(self, node_id: str) -> Location | None:
        """Place of a node; None where the id is unknown or nothing around it has a place."""
        row = self.row_of(node_id)
        return None if row is None else locate(self, row)

    def reverse(self, lon: float, lat: float, z: float | None = None) -> Match:
        """The address at a place.

        Parameters
        ----------
        lon, lat : float
            Degrees, EPSG:4490.
        z : float, optional
            Metres above the ellipsoid; with it the answer goes down to floor and room where they
            have heights.
        """
        if self._reverse is None:
            self._reverse = Reverse(self)
        return self._reverse.at(lon, lat, z)

    def set_outlines(self, keys: Sequence[str], outlines: Sequence[Geometry]) -> None:
        """Footprints (degrees) by ``building_key``: `reverse` answers inside them with theirs."""
        self._reverse = Reverse(self, Outlines(keys, outlines))

    def suggest(
        self, prefix: str, limit: int = 10, focus: tuple[float, float] | None = None
    ) -> list[Suggestion]:
        """Completions of what is being typed: characters, pinyin, initials, or a mixture.

        A county or town may stand in front. `focus` (lon, lat; degrees) puts the nearest first.
        """
        if self._suggester is None:
            self._suggester = Suggester(self)
        return self._suggester.suggest(prefix, limit, focus)
