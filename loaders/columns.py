"""Columns to columns: JSON attributes, numbers, times and record tables, without a loop over rows."""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["Faults", "build_table", "json_objects", "to_number", "to_text", "to_time"]

BLANKS = pa.array(
    [
        "",
        "-",
        "--",
        "—",
        "/",
        "\\",
        "无",
        "NULL",
        "null",
        "None",
        "N/A",
        "n/a",
        "NaN",
        "nan",
        "<Null>",
    ]
)
"""Spellings of "nothing here" met in tables; they become null where a number or a time is wanted."""
NUMBER = r"^(?:DN|dn|Φ|φ|Ø)?\s*(?P<v>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?:{units})?$"
TIME = (
    r"^(?P<y>\d{4})(?:[-/.年])?(?P<mo>\d{1,2})(?:[-/.月])?(?P<d>\d{1,2})日?"
    r"(?:[T ]?\s*(?P<h>\d{1,2})(?:[:时点])?(?P<mi>\d{2})?分?(?::?(?P<s>\d{2}))?秒?(?:[.,](?P<f>\d{1,9}))?)?"
    r"\s*(?P<z>Z|z|[+-]\d{2}:?\d{2}|UTC|GMT)?$"
)
LOCAL_OFFSET_S = 8 * 3600
"""Times that name no zone are China Standard Time (Asia/Shanghai, UTC+8)."""


class Faults:
    """Reasons why records of one batch make no sense, at most one text per record.

    Parameters
    ----------
    n : int
        Records in the batch.
    """

    def __init__(self, n: int) -> None:
        self._text: NDArray[np.object_] = np.full(n, None, dtype=object)

    def add(self, mask: NDArray[np.bool_], reason: str | Callable[[int], str]) -> None:
        """Give the records of ``mask`` (shape (n,)) a reason, appended to one already there."""
        for i in np.flatnonzero(mask).tolist():
            text = reason if isinstance(reason, str) else reason(i)
            self._text[i] = text if self._text[i] is None else f"{self._text[i]}; {text}"

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Which records are faulty, shape (n,)."""
        return np.array([text is not None for text in self._text.tolist()], dtype=bool)

    def reason(self, i: int) -> str:
        """Why record ``i`` is faulty; empty where it is not."""
        return self._text[i] or ""

    def array(self) -> pa.Array:
        """Column ``fault``: text or null."""
        return pa.array(self._text.tolist(), pa.string())


def _plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _decoded(array: pa.Array) -> pa.Array:
    """The same strings, with bytes that are no UTF-8 shown as U+FFFD."""
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        raw = array.cast(pa.large_binary() if pa.types.is_large_string(array.type) else pa.binary())
        texts = [None if b is None else b.decode("utf-8", "replace") for b in raw.to_pylist()]
        return pa.array(texts, pa.string())
    return array


def to_text(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Column as text, trimmed; empty becomes null.

    Parameters
    ----------
    column : pyarrow.Array or ChunkedArray
        Any scalar type; whole floats lose their ``.0`` (an id 41.0 is ``41``).

    Returns
    -------
    pyarrow.Array of string
    """
    array = _plain(column)
    kind = array.type
    if pa.types.is_nested(kind):
        array = pa.array(
            [
                None if v is None else orjson.dumps(v, default=str).decode()
                for v in array.to_pylist()
            ],
            pa.string(),
        )
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        array = pa.array([None if v is None else v.hex() for v in array.to_pylist()], pa.string())
    elif pa.types.is_timestamp(kind):
        array = pc.strftime(array, format="%Y-%m-%dT%H:%M:%SZ" if kind.tz else "%Y-%m-%dT%H:%M:%S")
    elif not pa.types.is_string(kind):
        array = array.cast(pa.string())
    array = pc.utf8_trim_whitespace(_decoded(array))
    return pc.if_else(pc.equal(array, ""), None, array)


def _quoted(array: pa.Array) -> pa.Array:
    """Strings as JSON string literals."""
    out = pc.replace_substring(pc.replace_substring(array, "\\", "\\\\"), '"', '\\"')
    if pc.any(pc.match_substring_regex(out, r"[\x00-\x1f]")).as_py():
        for code in range(32):
            out = pc.replace_substring(out, chr(code), f"\\u{code:04x}")
    return pc.binary_join_element_wise('"', out, '"', "")


def _literals(column: pa.Array | pa.ChunkedArray) -> pa.Array | None:
    """Column as JSON literals; None for a type JSON has no place for (blobs)."""
    array = _plain(column)
    kind = array.type
    if pa.types.is_null(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return None
    if pa.types.is_nested(kind):
        return pa.array(
            [
                None if v is None else orjson.dumps(v, default=str).decode()
                for v in array.to_pylist()
            ],
            pa.string(),
        )
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return array.cast(pa.string())
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(array), array.cast(pa.string()), None)
    return _quoted(to_text(array))


def json_objects(columns: Mapping[str, pa.Array | pa.ChunkedArray], n: int) -> pa.Array:
    r"""One JSON object per row from columns.

    Parameters
    ----------
    columns : mapping of name → column, each of length n
        Nulls, empty texts and non-finite numbers are left out of the row's object; blobs are left
        out altogether.
    n : int
        Rows.

    Returns
    -------
    pyarrow.Array of string, length n

    Examples
    --------
    >>> json_objects({"层数": pa.array([3, None]), "a": pa.array(['x"y', "z"])}, 2).to_pylist()
    ['{"层数":3,"a":"x\\"y"}', '{"a":"z"}']
    """
    members = []
    for name, column in columns.items():
        literals = _literals(column)
        if literals is not None:
            head = "," + orjson.dumps(name).decode() + ":"
            members.append(pc.fill_null(pc.binary_join_element_wise(head, literals, ""), ""))
    if not members:
        return pa.array(["{}"] * n, pa.string())
    body = pc.binary_join_element_wise(*members, "")
    opened = pc.binary_replace_slice(body, 0, 1, "{")  # the first member's comma
    return pc.binary_join_element_wise(opened, "}", "")


def to_number(
    column: pa.Array | pa.ChunkedArray, faults: Faults, label: str, units: Sequence[str] = ()
) -> pa.Array:
    """Column as float64, null where nothing is written; text that is no number is a fault.

    Parameters
    ----------
    column : pyarrow.Array or ChunkedArray
        Numbers, or text such as ``12.5``, ``１２``, ``1,234.5``, ``DN300``; a unit of ``units`` may
        follow the number.
    faults : Faults
        Receives ``label`` and the value of each text that is no number, and each infinite number.
    label : str
        The column's name as the source writes it.
    units : sequence of str
        Unit spellings that may follow, all of the same meaning as the column.

    Returns
    -------
    pyarrow.Array of float64
    """
    array = _plain(column)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), pa.float64())
    if (
        pa.types.is_boolean(array.type)
        or pa.types.is_integer(array.type)
        or pa.types.is_decimal(array.type)
    ):
        return array.cast(pa.float64(), safe=False)
    if pa.types.is_floating(array.type):
        number = array.cast(pa.float64())
        infinite = pc.fill_null(pc.is_inf(number), False).to_numpy(zero_copy_only=False)
        faults.add(infinite, f"{label}: an infinite number")
        return pc.if_else(pc.is_finite(number), number, None)
    text = pc.utf8_trim_whitespace(pc.utf8_normalize(to_text(array), form="NFKC"))
    grouped = pc.fill_null(
        pc.match_substring_regex(text, r"^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$"), False
    )
    text = pc.if_else(grouped, pc.replace_substring(text, ",", ""), text)
    pattern = NUMBER.format(units="|".join(re.escape(u) for u in units))
    found = pc.struct_field(pc.extract_regex(text, pattern), "v")
    number = pc.if_else(pc.equal(found, ""), None, found).cast(pa.float64())
    _report_unread(array, text, number, faults, label, "a number")
    return pc.if_else(pc.is_finite(number), number, None)


def _report_unread(
    source: pa.Array, text: pa.Array, read: pa.Array, faults: Faults, label: str, wanted: str
) -> None:
    blank = pc.fill_null(pc.is_in(text, value_set=BLANKS), True)
    bad = pc.and_(pc.invert(pc.or_(pc.is_null(text), blank)), pc.is_null(read))
    shown = source
    faults.add(
        bad.to_numpy(zero_copy_only=False),
        lambda i: f"{label}: {str(shown[i].as_py())[:60]!r} is not {wanted}",
    )


def _part(parts: pa.Array, name: str, default: int = 0) -> NDArray[np.int64]:
    text = pc.struct_field(parts, name)
    number = pc.if_else(pc.equal(text, ""), None, text).cast(pa.int64())
    return np.asarray(pc.fill_null(number, default).to_numpy(zero_copy_only=False), np.int64)


def _civil_micros(parts: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Microseconds since 1970 of the written clock time, and whether the date exists."""
    y, mo, d = _part(parts, "y", 1970), _part(parts, "mo", 1), _part(parts, "d", 1)
    h, mi, s = _part(parts, "h"), _part(parts, "mi"), _part(parts, "s")
    months = (y - 1970) * 12 + np.clip(mo, 1, 12) - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + d - 1
    real = (mo >= 1) & (mo <= 12) & (d >= 1) & (h <= 24) & (mi <= 59) & (s <= 60)
    real &= days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) == months
    fraction = pc.struct_field(parts, "f")
    padded = pc.utf8_slice_codeunits(pc.utf8_rpad(fraction, 6, "0"), 0, 6)
    micros = pc.fill_null(padded, "0").cast(pa.int64()).to_numpy(zero_copy_only=False)
    return ((days * 24 + h) * 3600 + mi * 60 + s) * 1_000_000 + micros, real


def _offsets(zone: pa.Array) -> NDArray[np.int64]:
    """Seconds east of Greenwich of each zone text; the local zone where none is written."""
    distinct = pc.unique(zone).to_pylist()
    table = {}
    for text in distinct:
        if not text:
            table[text] = LOCAL_OFFSET_S
        elif text[0] in "+-":
            digits = text[1:].replace(":", "")
            table[text] = (int(digits[:2]) * 3600 + int(digits[2:]) * 60) * (
                -1 if text[0] == "-" else 1
            )
        else:
            table[text] = 0
    code = pc.index_in(zone, value_set=pa.array(distinct, pa.string()), skip_nulls=False)
    seconds = np.array([table[t] for t in distinct], np.int64)
    return np.asarray(seconds[code.to_numpy(zero_copy_only=False)], np.int64)


def to_time(column: pa.Array | pa.ChunkedArray, faults: Faults, label: str) -> pa.Array:
    """Column as UTC timestamps; what cannot be read as a time is a fault.

    Parameters
    ----------
    column : pyarrow.Array or ChunkedArray
        ISO 8601, ``2026/7/1 8:30``, ``2026年7月1日 8时30分``, ``20260701083000``, seconds or
        milliseconds since 1970, or
        Arrow dates and timestamps. **Without a zone a time is China Standard Time (UTC+8).**
    faults : Faults
        Receives ``label`` and the value where no time could be read.
    label : str
        The column's name as the source writes it.

    Returns
    -------
    pyarrow.Array of timestamp[us, tz=UTC]
    """
    array, utc = _plain(column), pa.timestamp("us", tz="UTC")
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), utc)
    if pa.types.is_temporal(array.type) and not pa.types.is_time(array.type):
        if pa.types.is_timestamp(array.type) and array.type.tz:
            return array.cast(utc)
        micros = array.cast(pa.timestamp("us")).cast(pa.int64())
        return pc.subtract(micros, LOCAL_OFFSET_S * 1_000_000).cast(pa.timestamp("us")).cast(utc)
    text = to_text(array)
    parts = pc.extract_regex(text, TIME)
    micros, real = _civil_micros(parts)
    zone = pc.fill_null(pc.struct_field(parts, "z"), "")
    micros = micros - _offsets(zone) * 1_000_000
    matched = pc.is_valid(parts).to_numpy(zero_copy_only=False) & real
    epoch = pc.struct_field(pc.extract_regex(text, r"^(?P<e>\d{10}(?:\d{3})?(?:\.\d+)?)$"), "e")
    seconds = (
        pc.if_else(pc.equal(epoch, ""), None, epoch)
        .cast(pa.float64())
        .to_numpy(zero_copy_only=False)
    )
    is_epoch = np.isfinite(seconds)
    scale = np.where(seconds >= 1e11, 1e3, 1e6)
    micros = np.where(is_epoch, np.where(is_epoch, seconds, 0.0) * scale, micros).astype(np.int64)
    read = pa.array(micros, pa.timestamp("us"), mask=~(matched | is_epoch)).cast(utc)
    _report_unread(array, text, read, faults, label, "a time")
    return read


def build_table(schema: pa.Schema, n: int, columns: Mapping[str, pa.Array]) -> pa.Table:
    """Table of ``schema`` with ``n`` rows; columns not given are null.

    Raises
    ------
    KeyError
        If a column is not in the schema.
    """
    unknown = set(columns) - set(schema.names)
    if unknown:
        raise KeyError(f"columns {sorted(unknown)} are not in the schema")
    arrays = []
    for field in schema:
        given = columns.get(field.name)
        if given is None:
            arrays.append(pa.nulls(n, field.type))
        else:
            arrays.append(given if given.type == field.type else given.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)
