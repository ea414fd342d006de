"""Match a whole column of texts: the compiled path in one loop, the reference for the rest."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from address.arena import SILENT, WHOLE
from address.beside import SAYS_BESIDE
from address.geocode import METHODS, OTHER_KIND, interpolate_many, locate_many
from address.made import COLUMN, making, note_made
from address.match import match_by_reference
from address.model import LEVELS, RANK, STATUSES, Location, Match
from address.numbering import error_of_kinds

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["RESULT", "Column", "fulls_of", "ids_of", "match_batch", "match_column"]

RESULT = pa.schema(
    [
        ("status", pa.string()),
        ("node_id", pa.string()),
        ("full", pa.string()),
        ("level", pa.string()),
        ("confidence", pa.float64()),
        ("missing", pa.string()),
        ("faults", pa.list_(pa.string())),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("method", pa.string()),
        ("error_m", pa.float64()),
    ]
)
"""Columns of `match_batch`; see `address.model.Match` and `address.model.Location`."""

_CHUNK = 20_000
_WHERE = ("lon", "lat", "method", "error_m")
_LEVEL = ("", *LEVELS)

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


def match_batch(
    index: "AddressIndex",
    texts: pa.Array | pa.ChunkedArray,
    workers: int = 1,
    located: bool = True,
) -> pa.Table:
    """Match every text of a column.

    Parameters
    ----------
    index : AddressIndex
    texts : pyarrow.Array or ChunkedArray of string, shape (n,)
        As people write them; null and empty give ``none``. Equal texts are matched once.
    workers : int
        Processes; more than one needs an index that was opened from a file.
    located : bool
        Whether places are wanted; without them the last four columns are null and doors nobody
        lists are not placed between their neighbours, which is what costs most in them.

    Returns
    -------
    pyarrow.Table, shape (n, 11)
        `RESULT`, in the order of the texts. Status, node, confidence and faults of a row are those
        of ``index.match(text)``, its place that of ``index.geocode(text)``; ``faults`` holds codes.

    Raises
    ------
    ValueError
        Several workers for an index without a file.
    """
    column = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())
    encoded = pc.fill_null(column.cast(pa.string()), "").dictionary_encode()
    distinct = encoded.dictionary
    if workers > 1 and len(distinct) > _CHUNK:
        path = index.arena.path
        if path is None:
            raise ValueError("several workers need an index opened from a file: save it first")
        parts = [distinct.slice(at, _CHUNK) for at in range(0, len(distinct), _CHUNK)]
        with ProcessPoolExecutor(workers, get_context("spawn"), _open, (path,)) as pool:
            found = pa.concat_tables(pool.map(partial(_match_part, located=located), parts))
    else:
        found = _match_distinct(index, distinct, located)
    if len(distinct) == len(column):
        return found
    return found.take(encoded.indices)


_own: dict[str, "AddressIndex"] = {}


def _open(path: Path) -> None:
    """Map the index in a worker."""
    from address.index import AddressIndex  # it imports this module's callers

    _own["index"] = AddressIndex.open(path)


def _match_part(texts: pa.Array, located: bool) -> pa.Table:
    return _match_distinct(_own["index"], texts, located)


class Column:
    """UTF-8 bytes of a string column and what was found for each row."""

    def __init__(self, texts: pa.Array, detailed: bool = False) -> None:
        from address.kernel.work import MOST_GAPS, OTHERS  # it loads a compiler

        count = len(texts)
        self.texts = texts
        _, offsets, data = texts.buffers()
        first = texts.offset
        whole = (
            np.frombuffer(offsets, np.int32, first + count + 1) if count else np.zeros(1, np.int32)
        )
        self.offsets: I64 = whole[first:].astype(np.int64)
        self.data = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
        self.status = np.zeros(count, np.uint8)
        self.node = np.full(count, -1, np.int32)
        self.missing = np.zeros(count, np.uint8)
        self.sign = np.zeros(count, np.uint64)
        self.door = np.full(count, -1, np.int32)
        told = count if detailed else 0
        self.others = np.full((told, OTHERS), -1, np.int32)
        self.others_cost = np.zeros((told, OTHERS))
        self.matches: dict[int, Match] = {}
        """Answers of the reference by row."""
        self.gaps_of = np.full((count, MOST_GAPS), -1, np.int64)

    def text(self, row: int) -> str:
        """A text as it was given."""
        return bytes(self.data[self.offsets[row] : self.offsets[row + 1]]).decode()


def _match_distinct(index: "AddressIndex", texts: pa.Array, located: bool) -> pa.Table:
    return match_column(index, Column(texts), located)


def match_column(index: "AddressIndex", column: "Column", located: bool = True) -> pa.Table:
    """Match texts that are all different; what was found for each stays in the column."""
    index.refresh()
    if not len(column.texts):
        return RESULT.empty_table()
    if len(index) and index.built:
        _read_all(index, column)
    else:
        from address.kernel.batch import UNREAD

        column.status[:] = UNREAD
    return _assembled(index, column, located)


def _read_all(index: "AddressIndex", column: Column) -> None:
    """The compiled loop, then again for texts with gaps that the reference has cut meanwhile."""
    with making(COLUMN):
        _read_rows(index, column)
        note_made(COLUMN)


def _read_rows(index: "AddressIndex", column: Column) -> None:
    from address.kernel.batch import UNREAD, WANTS_TAIL

    rows = pc.sort_indices(column.texts).to_numpy().astype(np.int64)  # neighbours share nodes
    gaps = _Gaps(index)
    while len(rows):
        again: list[int] = []
        cut = gaps.arrays()
        for at in range(0, len(rows), _CHUNK):
            part = rows[at : at + _CHUNK]
            for row, tail in _run(index, column, part, cut):
                number = gaps.number(tail)
                if number < 0:
                    column.status[row] = UNREAD
                else:
                    free = int(np.argmax(column.gaps_of[row] < 0))
                    column.gaps_of[row, free] = number
                    again.append(row)
        rows = np.array(again, np.int64)
    column.status[column.status == WANTS_TAIL] = UNREAD


class _Gaps:
    """What the reference has cut, each wording once."""

    def __init__(self, index: "AddressIndex") -> None:
        from address.fast import NO_GAP

        self._fast = index.fast
        self._number: dict[str, int] = {}
        self._known = [NO_GAP]  # so that there is something to put together

    def number(self, tail: str) -> int:
        """Number of the gap in front of a tail; -1 where the reference must read the text."""
        number = self._number.get(tail)
        if number is None:
            gap = self._fast.gap(tail)
            number = self._number[tail] = -1 if gap is None else len(self._known)
            if gap is not None:
                self._known.append(gap)
        return number

    def arrays(self) -> tuple[I64, I64, I64, npt.NDArray[np.uint32]]:
        """Pieces, where those of each gap begin, length of each, values of tokens."""
        from address.kernel.work import G_FIRST

        pieces = np.concatenate([gap.pieces for gap in self._known])
        counts = [len(gap.pieces) for gap in self._known]
        points = [gap.points for gap in self._known]
        begun = np.cumsum([0, *map(len, points)])[:-1]
        pieces[:, G_FIRST] += np.repeat(begun, counts)
        return (
            pieces,
            np.cumsum([0, *counts]),
            np.array([gap.size for gap in self._known], np.int64),
            np.concatenate(points),
        )


def _run(
    index: "AddressIndex",
    column: Column,
    rows: I64,
    gaps: tuple[I64, I64, I64, npt.NDArray[np.uint32]],
) -> Iterator[tuple[int, str]]:
    """Read some rows; rows whose tail is wanted, with the tail as `FastPath.gap` takes it."""
    from address.kernel.batch import WANTS_TAIL, read_column
    from address.kernel.work import LONGEST

    fast = index.fast
    text = np.empty(len(rows) * (LONGEST * 4 + 2), np.uint32)
    ends = np.zeros(len(rows), np.int64)
    with fast.lock:
        fast.follow()
        read_column(
            column.data, column.offsets, rows, fast.work, fast.lent, *gaps, column.gaps_of,
            column.status, column.node, column.missing, column.sign, column.door, column.others,
            column.others_cost, text, ends,
        )  # fmt: skip
    starts = np.concatenate([[0], ends[:-1]])
    return iter(
        [
            (int(rows[k]), text[starts[k] : ends[k]].tobytes().decode("utf-32-le"))
            for k in np.flatnonzero(column.status[rows] == WANTS_TAIL).tolist()
        ]
    )


def _assembled(index: "AddressIndex", column: Column, located: bool) -> pa.Table:
    """The table: by signature for what the compiled loop read, by row for what it did not."""
    from address.kernel.batch import UNREAD

    count = len(column.texts)
    if located:  # those are placed one by one
        told = pc.match_substring_regex(column.texts, SAYS_BESIDE)
        column.status[told.to_numpy(zero_copy_only=False)] = UNREAD
    places = _between(index, column) if located else {}
    unread = np.flatnonzero(column.status == UNREAD)
    confidence = np.zeros(count)
    faults = np.zeros(count, np.int64)
    lists: list[list[str]] = []
    known: dict[tuple[str, ...], int] = {}

    def number(codes: tuple[str, ...]) -> int:
        if codes not in known:
            known[codes] = len(lists)
            lists.append(list(codes))
        return known[codes]

    read = np.flatnonzero(column.status != UNREAD)
    signs, first, inverse = np.unique(column.sign[read], return_index=True, return_inverse=True)
    told = [
        _told(index, column, sign, int(read[at]))
        for sign, at in zip(signs.tolist(), first.tolist(), strict=True)
    ]
    if len(read):
        confidence[read] = np.array([sure for sure, _ in told])[inverse]
        faults[read] = np.array([number(codes) for _, codes in told], np.int64)[inverse]
    for row in unread.tolist():
        text = column.text(row)
        found = index.geocode(text) if located else match_by_reference(index, text)
        column.matches[row] = found
        column.status[row] = STATUSES.index(found.status)
        node = index.row_of(found.node_id) if found.node_id is not None else None
        column.node[row] = -1 if node is None else node
        column.missing[row] = _LEVEL.index(found.missing) if found.missing in _LEVEL else 0
        confidence[row] = found.confidence
        faults[row] = number(tuple(f.code for f in found.faults))
        if found.location is not None:
            places[row] = found.location
    words = {name: pa.array(values) for name, values in (("status", STATUSES), ("level", _LEVEL))}
    missing = _taken(words["level"], column.missing, column.missing == 0)
    rows = column.node
    level = _taken(words["level"], index.levels_array[np.maximum(rows, 0)], rows < 0)
    where: dict[str, pa.Array] = {}
    if located:
        kinds = np.array([OTHER_KIND in codes for codes in lists or [[]]])
        where = _located(index, column, places, kinds[faults])
    return pa.table(
        {
            "status": words["status"].take(pa.array(column.status)),
            "node_id": ids_of(index, rows),
            "full": fulls_of(index, rows),
            "level": level,
            "confidence": pa.array(confidence),
            "missing": missing,
            "faults": pa.array(lists or [[]], pa.list_(pa.string())).take(pa.array(faults)),
            **{name: pa.nulls(count, RESULT.field(name).type) for name in _WHERE},
            **where,
        },
        schema=RESULT,
    )


def _told(
    index: "AddressIndex", column: Column, sign: int, row: int
) -> tuple[float, tuple[str, ...]]:
    """Confidence and codes of the faults of all rows of a signature, told from one of them."""
    from address.fast import tell  # it loads a compiler

    told = index.fast.told
    return told.get(sign) or tell(told, sign, index.match(column.text(row)))


def _taken(words: pa.Array, at: npt.NDArray[Any], absent: npt.NDArray[np.bool_]) -> pa.Array:
    return words.take(pa.array(at.astype(np.int64), mask=absent))


def _between(index: "AddressIndex", column: Column) -> dict[int, Location]:
    """Places of missing doors between their neighbours, by row of the column.

    Nodes become those of the road in the street around. What cannot be told from the compiled
    reading is left unread.
    """
    from address.kernel.batch import PARTIAL, UNREAD

    asked = (column.status == PARTIAL) & (column.missing == RANK["number"])
    asked &= index.levels_array[np.maximum(column.node, 0)] == RANK["road"]
    column.status[asked & (column.door < 0)] = UNREAD
    rows = np.flatnonzero(asked & (column.door >= 0))
    roads, doors = column.node[rows].tolist(), column.door[rows].tolist()
    questions = [(road, door >> 2, bool(door & 2)) for road, door in zip(roads, doors, strict=True)]
    out: dict[int, Location] = {}
    for row, door, found in zip(
        rows.tolist(), doors, interpolate_many(index, questions), strict=True
    ):
        if found is not None:
            out[row], part = found
            if not door & 1:  # no street is named
                column.node[row] = part
    return out


def _located(
    index: "AddressIndex",
    column: Column,
    known: dict[int, Location],
    kinds: npt.NDArray[np.bool_],
) -> dict[str, pa.Array]:
    """Places of nodes from the arrays, but those that are known already.

    `kinds` tells the rows whose door was answered by one of another kind.
    """
    lon, lat, method, error = locate_many(index, column.node.astype(np.int64))
    door = index.levels_array[np.maximum(column.node, 0)] == RANK["number"]
    other = kinds & door & (method == METHODS.index("node"))
    error[other] = np.maximum(error[other], error_of_kinds())
    rows = list(known)
    lon[rows] = [known[row].lon for row in rows]
    lat[rows] = [known[row].lat for row in rows]
    method[rows] = [METHODS.index(known[row].method) for row in rows]
    error[rows] = [known[row].error_m for row in rows]
    return {
        "lon": pa.array(lon, mask=np.isnan(lon)),
        "lat": pa.array(lat, mask=np.isnan(lat)),
        "method": _taken(pa.array(METHODS), method, method < 0),
        "error_m": pa.array(error, mask=np.isnan(error)),
    }


def ids_of(index: "AddressIndex", rows: I32) -> pa.Array:
    """Ids of nodes, null for -1."""
    arena, late = index.arena, rows >= index.built
    absent = (rows < 0) | late
    at = np.where(absent, 0, rows)
    if arena.meta["hex_ids"]:
        from address.nodes import hex_text

        ids = hex_text(arena["ident"][at])
        ids = pc.if_else(pa.array(absent), pa.scalar(None, pa.string()), ids)
    else:
        ids = _from_column(arena["id_start"], arena["id_text"], at, absent)
    return _replaced(ids, late, [index.id_of(row) for row in rows[late].tolist()])


def _replaced(column: pa.Array, where: npt.NDArray[np.bool_], texts: list[str]) -> pa.Array:
    """A text column with other texts in some rows."""
    if not texts:
        return column
    return pc.replace_with_mask(column, pa.array(where), pa.array(texts, pa.string()))


def _written_since(index: "AddressIndex", rows: I32) -> npt.NDArray[np.bool_]:
    """Nodes that got a name after the build, or lie below one that did."""
    out = np.zeros(len(rows), np.bool_)
    if not index.names.edited:
        return out
    written, first = index.arena["written"], len(index.arena["written_start"]) - 1
    at = rows
    while (there := at >= 0).any():
        row = np.maximum(at, 0)
        out |= there & (written[row] >= first)
        at = np.where(there, index.parents_array[row], -1)
    return out


def _from_column(
    start: npt.NDArray[np.uint32],
    text: npt.NDArray[np.uint8],
    at: I32,
    absent: npt.NDArray[np.bool_],
) -> pa.Array:
    column = pa.StringArray.from_buffers(
        len(start) - 1, pa.py_buffer(start.view(np.int32)), pa.py_buffer(text)
    )
    return column.take(pa.array(at, mask=absent))


def fulls_of(index: "AddressIndex", rows: I32) -> pa.Array:
    """Standard strings of nodes, null for -1."""
    from address.kernel.summary import written

    arena = index.arena
    flags = arena["flags"]
    if "full_row" in arena:
        memo: dict[int, str] = {}
        for row in rows.tolist():
            if row >= 0 and row not in memo:
                memo[row] = index.full_of(row)
        return pa.array([memo.get(row) for row in rows.tolist()], pa.string())
    late = _written_since(index, rows)
    others = [index.full_of(row) for row in rows[late].tolist()]
    known = np.where(late, -1, rows).astype(np.int32)
    order = np.argsort(known)  # neighbours have their names from the same nodes
    known = known[order]
    ends = np.zeros(len(rows), np.int32)
    given = (
        arena["parent"],
        flags,
        arena["written"],
        arena["written_start"],
        arena["written_text"],
    )
    run = partial(written, known, *given, WHOLE, SILENT)
    size = run(np.zeros(0, np.uint8), ends, False)
    out = np.empty(size, np.uint8)
    run(out, ends, True)
    offsets = np.concatenate([np.zeros(1, np.int32), ends])
    text = pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets), pa.py_buffer(out))
    text = text.take(pa.array(np.argsort(order)))
    text = pc.if_else(pa.array(rows < 0), pa.scalar(None, pa.string()), text)
    return _replaced(text, late, others)
