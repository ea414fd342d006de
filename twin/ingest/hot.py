"""Hot attributes as typed columns, read out of the JSON text by a compiled loop.

The base keeps ``height_m`` and ``floors`` beside the JSON they stand in. Plain numbers of a plain object are read
here, exactly; whatever else may stand there (texts, escapes, digits beyond a double) is left to DuckDB's JSON functions.
"""

import duckdb
import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from twin.store import run

__all__ = ["hot_columns"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

_HEIGHT, _FLOORS = (int.from_bytes(name, "little") for name in (b"height_m", b'floors":'))
"""Names of the fields as eight bytes each."""
_TENS: Floats = np.power(10.0, np.arange(23)).astype(np.float64)
"""Powers of ten that a double holds exactly."""
_MOST = 1 << 53
"""Figures up to here are exact as a double, and so is one division or product with a power of ten."""


def hot_columns(con: duckdb.DuckDBPyConnection, attributes: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Columns ``height_m`` and ``floors`` of a column of JSON objects.

    Parameters
    ----------
    con : duckdb connection
        Reads the objects that are not plain.
    attributes : pyarrow.Array of string or JSON, length n
        Null where a record has none.

    Returns
    -------
    height_m : pyarrow.Array of float64, length n
        Null where the object has no such member or the member is no number.
    floors : pyarrow.Array of int32, length n
        Rounded, halves to even; null likewise and beyond 32 bits.

    Examples
    --------
    >>> texts = pa.array(['{"height_m":12.5,"floors":4}', '{"floors":"3"}', "{}", None])
    >>> [column.to_pylist() for column in hot_columns(duckdb.connect(), texts)]
    [[12.5, None, None, None], [4, 3, None, None]]
    """
    texts = attributes.storage if isinstance(attributes, pa.ExtensionArray) else attributes
    valid = np.asarray(texts.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    parts = texts.buffers()
    offsets = np.frombuffer(parts[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = np.zeros(0, np.uint8) if parts[2] is None else np.frombuffer(parts[2], np.uint8)
    values = np.full((2, len(texts)), np.nan)
    odd = _read(data, offsets, valid, _TENS, values)
    if odd.any():
        at = np.flatnonzero(odd)
        asked = pa.table({"place": at, "attributes": texts.take(pa.array(at))})
        answer = run(con, "ingest_hot", incoming=asked).to_arrow_table()
        for i, name in enumerate(("height_m", "floors")):
            values[i, answer["place"].to_numpy()] = answer[name].to_numpy()
    floors = np.rint(values[1])
    floors[~(np.abs(floors) < 2**31)] = np.nan
    whole = pa.array(np.nan_to_num(floors).astype(np.int32), mask=np.isnan(floors))
    return pa.array(values[0], from_pandas=True), whole


@njit(cache=True)
def _read(
    data: Bytes, offsets: Ints, valid: NDArray[np.bool_], tens: Floats, values: Floats
) -> NDArray[np.bool_]:
    """Fill ``values`` (2, n) with what plain objects say; True for the records that are not plain."""
    odd = np.zeros(len(valid), np.bool_)
    for i in range(len(valid)):
        if valid[i]:
            odd[i] = not _object(data, int(offsets[i]), int(offsets[i + 1]), tens, values, i)
    return odd


@njit(cache=True)
def _object(data: Bytes, at: int, end: int, tens: Floats, values: Floats, row: int) -> bool:
    """Read the fields of one object; False where its text is not plain."""
    missing = 2
    if at >= end or data[at] != 123:  # {
        return False
    at += 1
    while at < end and data[at] != 125:  # }
        if data[at] == 44:  # ,
            at += 1
        field, at = _member(data, at, end)
        if at < 0:
            return False
        if field < 0 or not np.isnan(values[field, row]):
            at = _value_end(data, at, end)
            if at < 0:
                return False
            continue
        value, at = _number(data, at, end, tens)
        if at < 0:
            return False
        values[field, row] = value
        missing -= 1
        if missing == 0:
            return True
    return at == end - 1


@njit(cache=True)
def _word(data: Bytes, at: int) -> np.uint64:
    """Eight bytes as a little-endian number."""
    out = np.uint64(0)
    for k in range(8):
        out |= np.uint64(data[at + k]) << np.uint64(8 * k)
    return out


@njit(cache=True)
def _member(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Which field the member beginning here is (-1: another) and where its value begins (-1: not plain)."""
    if at >= end or data[at] != 34:  # "
        return -1, -1
    if at + 9 < end:
        word = _word(data, at + 1)
        if word == np.uint64(_FLOORS):
            return 1, at + 9
        if (
            at + 11 < end
            and word == np.uint64(_HEIGHT)
            and data[at + 9] == 34
            and data[at + 10] == 58
        ):
            return 0, at + 11
    at += 1
    while at < end and data[at] != 34:
        if data[at] == 92:  # an escape: the name may be one of the fields
            return -1, -1
        at += 1
    return (-1, at + 2) if at + 1 < end and data[at + 1] == 58 else (-1, -1)


@njit(cache=True)
def _value_end(data: Bytes, at: int, end: int) -> int:
    """Where the value beginning here has ended (a comma or the brace of its object), -1 where the text breaks off."""
    depth, quoted = 0, False
    while at < end:
        c = data[at]
        if quoted:
            if c == 92:
                at += 1
            elif c == 34:
                quoted = False
        elif c == 34:
            quoted = True
        elif c == 123 or c == 91:  # { [
            depth += 1
        elif depth == 0 and (c == 44 or c == 125):
            return at
        elif c == 125 or c == 93:  # } ]
            depth -= 1
        at += 1
    return -1


@njit(cache=True)
def _number(data: Bytes, at: int, end: int, tens: Floats) -> tuple[float, int]:
    """The number beginning here and where it has ended; -1 where its double is not certain or it is something else."""
    negative = at < end and data[at] == 45
    if negative:
        at += 1
    figures, places, seen, pointed = 0, 0, 0, False
    while at < end and data[at] != 44 and data[at] != 125:
        c = data[at]
        if c == 46 and not pointed and seen:
            pointed = True
        elif 48 <= c <= 57:
            figures = int(figures * 10 + np.int64(c) - 48)
            seen += 1
            places += 1 if pointed else 0
            if figures > _MOST:
                return np.nan, -1
        else:
            return np.nan, -1
        at += 1
    if seen == 0 or places >= len(tens) or at >= end:
        return np.nan, -1
    value = figures / tens[places]
    return (-value if negative else value), at
