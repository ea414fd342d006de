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

_FIELDS = np.frombuffer(b"height_mfloors", np.uint8)
_ENDS = np.array([0, 8, 14], np.int64)
"""Names of the fields and where each begins and ends."""
_TENS = 10.0 ** np.arange(23)
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
    odd = _read(data, offsets, valid, _FIELDS, _ENDS, _TENS, values)
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
    data: Bytes, offsets: Ints, valid: NDArray[np.bool_], fields: Bytes, ends: NDArray[np.int64], tens: Floats, values: Floats
) -> NDArray[np.bool_]:  # fmt: skip
    """Fill ``values`` (fields, n) with what plain objects say; True for the records that are not plain."""
    odd = np.zeros(len(valid), np.bool_)
    for i in range(len(valid)):
        if valid[i]:
            odd[i] = not _object(data, offsets[i], offsets[i + 1], fields, ends, tens, values, i)
    return odd


@njit(cache=True)
def _object(
    data: Bytes, at: int, end: int, fields: Bytes, ends: NDArray[np.int64], tens: Floats, values: Floats, row: int
) -> bool:  # fmt: skip
    """Read the fields of one object; False where its text is not plain."""
    missing = len(ends) - 1
    if at >= end or data[at] != 123:  # {
        return False
    at += 1
    while at < end and data[at] != 125:  # }
        if data[at] == 44:  # ,
            at += 1
        close = _text_end(data, at, end)
        if close < 0 or close + 1 >= end or data[close + 1] != 58:  # :
            return False
        field = _field(data, at + 1, close, fields, ends)
        at = close + 2
        close = _value_end(data, at, end)
        if close < 0:
            return False
        if field >= 0 and np.isnan(values[field, row]):
            value = _number(data, at, close, tens)
            if np.isnan(value):
                return False
            values[field, row] = value
            missing -= 1
            if missing == 0:
                return True
        at = close
    return at == end - 1


@njit(cache=True)
def _text_end(data: Bytes, at: int, end: int) -> int:
    """Where the closing quote of a text without escapes stands, -1 where there is no such text."""
    if at >= end or data[at] != 34:
        return -1
    at += 1
    while at < end and data[at] != 34:
        if data[at] == 92:  # \
            return -1
        at += 1
    return at if at < end else -1


@njit(cache=True)
def _field(data: Bytes, at: int, end: int, fields: Bytes, ends: NDArray[np.int64]) -> int:
    """Which field has this name; -1 for none."""
    for field in range(len(ends) - 1):
        low = ends[field]
        same = ends[field + 1] - low == end - at
        for k in range(end - at):
            if not same:
                break
            same = fields[low + k] == data[at + k]
        if same:
            return field
    return -1


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
def _number(data: Bytes, at: int, end: int, tens: Floats) -> float:
    """A JSON number whose double is certain; NaN for anything else."""
    negative = at < end and data[at] == 45
    if negative:
        at += 1
    figures, places, seen, pointed = 0, 0, 0, False
    while at < end:
        c = data[at]
        if c == 46 and not pointed and seen:
            pointed = True
        elif 48 <= c <= 57:
            figures = figures * 10 + (np.int64(c) - 48)
            seen += 1
            places += 1 if pointed else 0
            if figures > _MOST:
                return np.nan
        else:
            return np.nan
        at += 1
    if seen == 0 or places >= len(tens):
        return np.nan
    value = figures / tens[places]
    return -value if negative else value
