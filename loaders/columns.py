"""Columns to columns: JSON attributes, numbers and record tables, without a loop over rows."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["Faults", "build_table", "json_objects", "to_number", "to_text"]

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
        "NA",
        "#N/A",
        "***",
        "缺测",
        "无数据",
        "未检出",
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
_SAMPLE = 1024
"""Leading values that tell whether a column repeats itself."""

NUMBER = r"^(?:DN|dn|Φ|φ|Ø)?\s*(?P<v>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?:{units})?$"


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
    if _repeats(array):
        few = array.dictionary_encode()
        literals = _literals(few.dictionary)
        return None if literals is None else literals.take(few.indices)
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


def _repeats(array: pa.Array) -> bool:
    """Whether a column likely has few values: then its literals are made once each."""
    head = array.slice(0, _SAMPLE)
    encodable = not (pa.types.is_nested(array.type) or pa.types.is_null(array.type))
    return len(head) == _SAMPLE and encodable and pc.count_distinct(head).as_py() * 4 < _SAMPLE


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
    parts: list[str | pa.Array] = []
    for name, column in columns.items():
        literals = _literals(column)
        if literals is None or (len(literals) and literals.null_count == len(literals)):
            continue
        head = "," + orjson.dumps(name).decode() + ":"
        if literals.null_count:
            parts.append(pc.fill_null(pc.binary_join_element_wise(head, literals, ""), ""))
        else:
            parts += [head, literals]
    if not parts:
        return pa.array(["{}"] * n, pa.string())
    if isinstance(parts[0], str):  # no row lacks the first member
        return pc.binary_join_element_wise("{" + parts[0][1:], *parts[1:], "}", "")
    opened = pc.binary_replace_slice(pc.binary_join_element_wise(*parts, ""), 0, 1, "{")
    return pc.binary_join_element_wise(opened, "}", "")


def to_number(
    column: pa.Array | pa.ChunkedArray, faults: Faults, label: str, units: Sequence[str] = ()
) -> pa.Array:
    """Column as float64, null where nothing is written; text that is no number is a fault.

    Parameters
    ----------
    column : pyarrow.Array or ChunkedArray
        Numbers, or text such as ``12.5``, ``１２``, ``1,234.5``, ``DN300``, and ``12,5`` in a column where
        that cannot be a separator of thousands; a unit of ``units`` may follow the number.
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
    text = _with_points(text, grouped)
    pattern = NUMBER.format(units="|".join(re.escape(u) for u in units))
    found = pc.struct_field(pc.extract_regex(text, pattern), "v")
    number = pc.if_else(pc.equal(found, ""), None, found).cast(pa.float64())
    _report_unread(array, text, number, faults, label, "a number")
    return pc.if_else(pc.is_finite(number), number, None)


def _with_points(text: pa.Array, grouped: pa.Array) -> pa.Array:
    """Figures with a point before the decimals: ``1,234.5`` and, where the column proves decimal commas, ``12,5``."""
    comma = pc.fill_null(
        pc.match_substring_regex(text, r"^[-+]?(\d{1,3}(\.\d{3})+|\d+),\d+\D*$"), False
    )
    proof = pc.and_(comma, pc.invert(grouped))
    if not pc.any(proof).as_py():
        return pc.if_else(grouped, pc.replace_substring(text, ",", ""), text)
    plain = pc.replace_substring(pc.replace_substring(text, ".", ""), ",", ".")
    return pc.if_else(comma, plain, text)


def _report_unread(
    source: pa.Array, text: pa.Array, read: pa.Array, faults: Faults, label: str, wanted: str
) -> None:
    blank = pc.fill_null(pc.is_in(text, value_set=BLANKS), True)
    bad = pc.and_(pc.invert(pc.or_(pc.is_null(text), blank)), pc.is_null(read))
    shown = _decoded(source) if pa.types.is_string(source.type) else source
    faults.add(
        bad.to_numpy(zero_copy_only=False),
        lambda i: f"{label}: {str(shown[i].as_py())[:60]!r} is not {wanted}",
    )


@lru_cache(maxsize=1)
def _no_matrices(n: int, type_: pa.DataType) -> pa.Array:
    """Nulls of a fixed-size list: 128 zeroed bytes each behind a matrix that is not there, made once."""
    return pa.nulls(n, type_)


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
            absent = _no_matrices if pa.types.is_fixed_size_list(field.type) else pa.nulls
            arrays.append(absent(n, field.type))
        else:
            arrays.append(given if given.type == field.type else given.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)
