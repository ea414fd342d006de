"""Values of attributes as columns: which kind a field is, and JSON values as arrays of that kind.

A field's kind follows from all values it has in its collection: whole numbers, numbers, truths, dates, instants and
lists where all are so, text otherwise (what is no text then stands as its JSON).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from twin.features.asking import Field, Kind

__all__ = [
    "INSTANT", "MOST_VALUES", "RESERVED", "TYPED", "arrow_type", "as_arrow", "as_column", "fields_of", "kind_of",
    "microseconds", "sort_key", "sorted_rows", "type_of", "typed_values",
]  # fmt: skip

WHOLE, NUMBER, TRUTH, DATE, INSTANT, TEXT, LIST, OTHER = (1 << i for i in range(8))
TYPED: Final = {
    "name": Kind.TEXT,
    "class_code": Kind.TEXT,
    "edition": Kind.TEXT,
    "lifecycle": Kind.TEXT,
    "height_m": Kind.NUMBER,
    "floors": Kind.WHOLE,
    "valid_from": Kind.INSTANT,
    "valid_to": Kind.INSTANT,
}
"""Fields every thing has."""
RESERVED: Final = frozenset({*TYPED, "geometry", "eid"})
"""Names that no attribute is asked for by."""
MOST_VALUES: Final = 50
"""A text field with more values lists none of them."""
KINDS: Final = {
    WHOLE: Kind.WHOLE,
    NUMBER: Kind.NUMBER,
    WHOLE | NUMBER: Kind.NUMBER,
    TRUTH: Kind.TRUTH,
    DATE: Kind.DATE,
    INSTANT: Kind.INSTANT,
    LIST: Kind.LIST,
}
EPOCH: Final = datetime(1970, 1, 1)
LEAST, MOST = -(1 << 63), (1 << 63) - 1


def kind_of(types: int) -> Kind:
    """Kind of a field that holds values of some types (:func:`type_of`, or-ed together).

    Examples
    --------
    >>> kind_of(type_of(3) | type_of(2.5)), kind_of(type_of(3) | type_of("x"))
    (<Kind.NUMBER: 'number'>, <Kind.TEXT: 'string'>)
    """
    return KINDS.get(types, Kind.TEXT)


def type_of(value: Any) -> int:  # noqa: ANN401 -- any JSON
    """Type of one JSON value, a bit each; 0 for null."""
    if isinstance(value, str):
        return _text_type(value)
    if value is None:
        return 0
    if isinstance(value, bool):
        return TRUTH
    if isinstance(value, int):
        return WHOLE if LEAST <= value <= MOST else NUMBER
    if isinstance(value, float):
        return NUMBER
    return LIST if isinstance(value, list) else OTHER


def _text_type(text: str) -> int:
    if len(text) < 10 or text[4] != "-" or text[7] != "-" or not text[:4].isdigit():
        return TEXT
    try:
        if len(text) == 10:
            date.fromisoformat(text)
            return DATE
        if text[10] == "T" and len(text) >= 20:
            return INSTANT if datetime.fromisoformat(text).tzinfo else TEXT
    except ValueError:
        pass
    return TEXT


def microseconds(value: str | datetime) -> int:
    """An instant as microseconds since 1970, UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    passed = moment - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def typed_values(things: pa.Table | pa.RecordBatch, name: str) -> list[Any]:
    """Values of a typed field; times as datetime without a zone, UTC."""
    values: list[Any] = things[name].to_pylist()
    return values


def as_column(values: Sequence[Any], kind: Kind) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Values as an array of a kind, and which are known; what is unknown is 0, "", NaT or []."""
    known = np.fromiter((v is not None for v in values), bool, len(values))
    if kind in FILLED:
        dtype, empty, made = FILLED[kind]
        column = np.fromiter(
            (empty if v is None else made(v) for v in values), np.dtype(dtype), len(values)
        )
        return column.view(VIEWS.get(kind, column.dtype)), known
    column = np.empty(len(values), object)
    if kind is Kind.LIST:
        for i, value in enumerate(values):
            column[i] = [] if value is None else value
    else:
        column[:] = ["" if v is None else v if isinstance(v, str) else as_text(v) for v in values]
    return column, known


def as_text(value: Any) -> str:  # noqa: ANN401 -- any JSON
    """A value that stands in a text field: text itself, anything else as its JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _days(value: str | date) -> int:
    day = date.fromisoformat(value) if isinstance(value, str) else value
    return day.toordinal() - 719_163


FILLED: Final[Mapping[Kind, tuple[str, Any, Callable[[Any], Any]]]] = {
    Kind.WHOLE: ("int64", 0, int),
    Kind.NUMBER: ("float64", 0.0, float),
    Kind.TRUTH: ("bool", False, bool),
    Kind.DATE: ("int64", LEAST, _days),
    Kind.INSTANT: ("int64", LEAST, microseconds),
}
VIEWS: Final = {Kind.DATE: np.dtype("datetime64[D]"), Kind.INSTANT: np.dtype("datetime64[us]")}


def fields_of(
    attributes: Mapping[str, int], values: Mapping[str, Iterable[str] | None]
) -> dict[str, Field]:
    """Fields of a collection: the typed ones, its attributes in the order of their names, the shape.

    Parameters
    ----------
    attributes : mapping of str to int
        Name → types of its values.
    values : mapping of str to iterable of str or None
        Texts of a field where they are few.
    """
    kinds = TYPED | {name: kind_of(attributes[name]) for name in sorted(attributes)}
    made = {}
    for name, kind in kinds.items():
        few = values.get(name) if kind is Kind.TEXT else None
        made[name] = Field(name, kind, tuple(sorted(few)) if few is not None else ())
    return made | {"geometry": Field("geometry", Kind.SHAPE)}


def arrow_type(kind: Kind) -> pa.DataType:
    """Arrow type of a field in tables; lists stand as their JSON text."""
    return ARROW.get(kind, pa.string())


ARROW: Final = {
    Kind.WHOLE: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.TRUTH: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.INSTANT: pa.timestamp("us", "UTC"),
}


def as_arrow(column: NDArray[Any], known: NDArray[np.bool_], kind: Kind) -> pa.Array:
    """A column of :class:`twin.features.asking.Rows` as Arrow, null where unknown."""
    if kind is Kind.LIST:
        column = np.array([orjson.dumps(v).decode() for v in column.tolist()], dtype=object)
    if kind is Kind.INSTANT:
        return pa.array(column, pa.timestamp("us"), mask=~known).cast(pa.timestamp("us", "UTC"))
    return pa.array(column, arrow_type(kind), mask=~known)


def sort_key(
    column: NDArray[Any], known: NDArray[np.bool_], kind: Kind, descending: bool
) -> NDArray[np.int64]:
    """Whole numbers that sort as the values do, unknown ones last in either direction."""
    if kind is Kind.LIST:
        column = np.array([orjson.dumps(v).decode() for v in column.tolist()], dtype=object)
    _, place = np.unique(column, return_inverse=True)
    place = place.astype(np.int64)
    if descending:
        place = -place
    place[~known] = len(column) + 1
    return place


def sorted_rows(keys: Sequence[NDArray[np.int64]]) -> NDArray[np.intp]:
    """Order of rows by several keys, the first before the others; rows that are equal keep theirs."""
    return np.lexsort(tuple(reversed(keys)))
