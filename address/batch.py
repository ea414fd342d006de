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

from address.arena import PLACED, RENAMED, SILENT, WHOLE
from address.geocode import OTHER_KIND, locate
from address.match import match_by_reference
from address.model import LEVELS, RANK, Match
from address.numbering import error_of_kinds

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["RESULT", "match_batch"]

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
_STATUS = ("exact", "ambiguous", "partial", "none")
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


class _Column:
    """UTF-8 bytes of a string column and what was found for each row."""

    def __init__(self, texts: pa.Array) -> None:
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
        self.tail_of = np.full(count, -1, np.int64)

    def text(self, row: int) -> str:
        return bytes(self.data[self.offsets[row] : self.offsets[row + 1]]).decode()


def _match_distinct(index: "AddressIndex", texts: pa.Array, located: bool) -> pa.Table:
    index.refresh()
    if not len(texts):
        return RESULT.empty_table()
    column = _Column(texts)
    if len(index) and not index.names.edited:
        _read_all(index, column)
    else:
        from address.kernel.batch import UNREAD

        column.status[:] = UNREAD
    return _assembled(index, column, located)


def _read_all(index: "AddressIndex", column: _Column) -> None:
    """The compiled loop, then again for texts whose tails the reference has cut meanwhile."""
    from address.kernel.batch import UNREAD, WANTS_TAIL

    rows = np.arange(len(column.texts), dtype=np.int64)
    none = np.zeros((0, 4 + _plain_levels()), np.int64), np.zeros(1, np.int64)
    tails: dict[str, int] = {}
    known: list[npt.NDArray[np.int64]] = []
    for at in range(0, len(rows), _CHUNK):
        part = rows[at : at + _CHUNK]
        wanted = _run(index, column, part, *none)
        for row, tail in wanted:
            number = tails.get(tail)
            if number is None:
                cut = index.fast.tail(tail)
                number = tails[tail] = -2 if cut is None else len(known)
                if cut is not None:
                    known.append(cut)
            column.tail_of[row] = number
    waiting = np.flatnonzero(column.status == WANTS_TAIL)
    column.status[waiting[column.tail_of[waiting] < 0]] = UNREAD
    waiting = waiting[column.tail_of[waiting] >= 0]
    if len(waiting):
        first = np.zeros(len(known) + 1, np.int64)
        np.cumsum([len(cut) for cut in known], out=first[1:])
        for at in range(0, len(waiting), _CHUNK):
            _run(index, column, waiting[at : at + _CHUNK], np.concatenate(known), first)


def _plain_levels() -> int:
    from address.kernel.work import PLAIN_LEVELS

    return len(PLAIN_LEVELS)


def _run(
    index: "AddressIndex", column: _Column, rows: I64, tail: I64, tail_first: I64
) -> Iterator[tuple[int, str]]:
    """Read some rows; rows whose tail is wanted, with the tail and one character before it."""
    from address.kernel.batch import WANTS_TAIL, read_column
    from address.kernel.work import LONGEST

    fast = index.fast
    text = np.empty(len(rows) * (LONGEST + 1), np.uint32)
    ends = np.zeros(len(rows), np.int64)
    with fast.lock:
        read_column(
            column.data, column.offsets, rows, fast.work, fast.tables, fast.nodes, fast.words,
            fast.calls, tail, tail_first, column.tail_of, column.status, column.node,
            column.missing, column.sign, text, ends,
        )  # fmt: skip
    starts = np.concatenate([[0], ends[:-1]])
    return iter(
        [
            (int(rows[k]), text[starts[k] : ends[k]].tobytes().decode("utf-32-le"))
            for k in np.flatnonzero(column.status[rows] == WANTS_TAIL).tolist()
        ]
    )


def _assembled(index: "AddressIndex", column: _Column, located: bool) -> pa.Table:
    """The table: by signature for what the compiled loop read, by row for what it did not."""
    from address.kernel.batch import PARTIAL, UNREAD

    count = len(column.texts)
    doors = (column.status == PARTIAL) & (column.missing == _LEVEL.index("number"))
    if located:
        column.status[doors] = UNREAD  # placed between their neighbours, one by one
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
    _, first, inverse = np.unique(column.sign[read], return_index=True, return_inverse=True)
    examples = [index.match(column.text(int(read[at]))) for at in first.tolist()]
    if len(read):
        confidence[read] = np.array([e.confidence for e in examples])[inverse]
        codes = [number(tuple(f.code for f in e.faults)) for e in examples]
        faults[read] = np.array(codes, np.int64)[inverse]
    places: dict[int, tuple[float | None, float | None, str | None, float | None]] = {}
    for row in unread.tolist():
        text = column.text(row)
        found = index.geocode(text) if located else match_by_reference(index, text)
        column.status[row] = _STATUS.index(found.status)
        node = index.row_of(found.node_id) if found.node_id is not None else None
        column.node[row] = -1 if node is None else node
        column.missing[row] = _LEVEL.index(found.missing) if found.missing in _LEVEL else 0
        confidence[row] = found.confidence
        faults[row] = number(tuple(f.code for f in found.faults))
        places[row] = _place(found)
    words = {name: pa.array(values) for name, values in (("status", _STATUS), ("level", _LEVEL))}
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
            "node_id": _ids(index, rows),
            "full": _fulls(index, rows),
            "level": level,
            "confidence": pa.array(confidence),
            "missing": missing,
            "faults": pa.array(lists or [[]], pa.list_(pa.string())).take(pa.array(faults)),
            **{name: pa.nulls(count, RESULT.field(name).type) for name in _WHERE},
            **where,
        },
        schema=RESULT,
    )


def _taken(words: pa.Array, at: npt.NDArray[Any], absent: npt.NDArray[np.bool_]) -> pa.Array:
    return words.take(pa.array(at.astype(np.int64), mask=absent))


def _place(found: Match) -> tuple[float | None, float | None, str | None, float | None]:
    at = found.location
    return (None,) * 4 if at is None else (at.lon, at.lat, at.method, at.error_m)


def _located(
    index: "AddressIndex",
    column: _Column,
    known: dict[int, tuple[float | None, float | None, str | None, float | None]],
    kinds: npt.NDArray[np.bool_],
) -> dict[str, pa.Array]:
    """Places: of placed nodes from the arrays, of the others from `AddressIndex.locate`.

    `kinds` tells the rows whose door was answered by one of another kind.
    """
    rows = column.node
    at = np.maximum(rows, 0)
    arena = index.arena
    own = (rows >= 0) & (arena["flags"][at] & PLACED != 0)
    own[list(known)] = False
    lon = np.where(own, arena["lon"][at], np.nan)
    lat = np.where(own, arena["lat"][at], np.nan)
    error = np.full(len(rows), np.nan)
    method = np.full(len(rows), -1, np.int64)
    method[own] = 0
    methods = ["node"]
    for level in np.unique(index.levels_array[at[own]]).tolist():
        like = own & (index.levels_array[at] == level)
        error[like] = _error_of(index, int(rows[np.argmax(like)]))
        if level == RANK["number"]:
            error[like & kinds] = np.maximum(error[like & kinds], error_of_kinds())
    by_node: dict[int, tuple[float | None, float | None, str | None, float | None]] = {}
    for row in np.flatnonzero(~own & (rows >= 0)).tolist():
        node = int(rows[row])
        if row in known:
            place = known[row]
        else:
            if node not in by_node:
                by_node[node] = _place(Match("exact", location=locate(index, node)))
            place = by_node[node]
        if place[0] is None or place[2] is None:
            continue
        lon[row], lat[row], error[row] = place[0], place[1], place[3]
        if place[2] not in methods:
            methods.append(place[2])
        method[row] = methods.index(place[2])
    return {
        "lon": pa.array(lon, mask=np.isnan(lon)),
        "lat": pa.array(lat, mask=np.isnan(lat)),
        "method": _taken(pa.array(methods), method, method < 0),
        "error_m": pa.array(error, mask=np.isnan(error)),
    }


def _error_of(index: "AddressIndex", row: int) -> float:
    """Error of a placed node of the same level."""
    place = locate(index, row)
    return float("nan") if place is None else place.error_m


def _ids(index: "AddressIndex", rows: I32) -> pa.Array:
    """Ids of nodes, null for -1."""
    arena, absent = index.arena, rows < 0
    at = np.maximum(rows, 0)
    if arena.meta["hex_ids"]:
        from address.nodes import hex_text

        ids = hex_text(arena["ident"][at])
        return pc.if_else(pa.array(absent), pa.scalar(None, pa.string()), ids)
    return _from_column(arena["id_start"], arena["id_text"], at, absent)


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


def _fulls(index: "AddressIndex", rows: I32) -> pa.Array:
    """Standard strings of nodes, null for -1."""
    from address.kernel.batch import written

    arena = index.arena
    flags = arena["flags"]
    if "full_row" in arena or index.names.edited or (flags[np.maximum(rows, 0)] & RENAMED).any():
        memo: dict[int, str] = {}
        for row in rows.tolist():
            if row >= 0 and row not in memo:
                memo[row] = index.full_of(row)
        return pa.array([memo.get(row) for row in rows.tolist()], pa.string())
    ends = np.zeros(len(rows), np.int32)
    given = (
        arena["parent"],
        flags,
        arena["written"],
        arena["written_start"],
        arena["written_text"],
    )
    run = partial(written, rows, *given, WHOLE, SILENT)
    size = run(np.zeros(0, np.uint8), ends, False)
    out = np.empty(size, np.uint8)
    run(out, ends, True)
    offsets = np.concatenate([np.zeros(1, np.int32), ends])
    text = pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets), pa.py_buffer(out))
    return pc.if_else(pa.array(rows < 0), pa.scalar(None, pa.string()), text)
