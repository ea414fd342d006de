"""Things as the base gives them, made ready to be tried, sorted and shown; batches of ``sql/read_things.sql``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.features.asking import Field
from twin.features.geojson import encoded
from twin.features.values import RESERVED, TYPED, as_column, typed_values
from twin.store.read import Moment
from twin.store.shapes import shown
from twin.store.store import Connection, statement

__all__ = ["BATCH", "LAST", "ThingRows", "Things", "prepared", "raw_things", "things_of"]

BATCH: Final = 1 << 13
"""Things that are held at a time."""
LAST: Final = (1 << 63) - 1
"""Place on the Hilbert curve of what has no place: after all others."""
OTHER_SHAPE, CONNECTED, BOX = 0, 1, 2
SINGLE_TYPES: Final = (1, 2, 3)
POINT: Final = 0
ALL: Final = {"{kept}": "", "{of_wanted}": "", "{tied_to_wanted}": ""}
SOME: Final = {
    "{kept}": "MATERIALIZED",
    "{of_wanted}": "WHERE g.eid IN (SELECT eid FROM wanted)",
    "{tied_to_wanted}": "AND a.subject_id IN (SELECT eid::VARCHAR FROM wanted)",
}


@dataclass(frozen=True, slots=True)
class Things:
    """A batch of things.

    ``eids`` (n, 16) bytes in reading order; ``place`` on the Hilbert curve, :data:`LAST` for none; ``shapes`` in
    degrees as they are shown, None for none; ``boxes`` (n, 4) west … north in degrees, NaN for none; ``form`` as in
    :mod:`twin.arena.tree`; ``heights`` (n, 2) metres above the ellipsoid, NaN where unknown; ``boxed``: shown as a
    point that stands for its box.
    """

    table: pa.RecordBatch
    attributes: list[dict[str, Any]]
    eids: NDArray[np.uint8]
    place: NDArray[np.int64]
    shapes: NDArray[np.object_]
    boxes: NDArray[np.float64]
    form: NDArray[np.uint8]
    heights: NDArray[np.float64]
    boxed: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """How many."""
        return len(self.eids)

    def values(self, name: str) -> list[Any]:
        """Values of a field, None where it has none."""
        if name in TYPED:
            return typed_values(self.table, name)
        return [own.get(name) for own in self.attributes]

    def features(self) -> list[bytes]:
        """Encoded features."""
        return encoded(self.table, self.shapes, self.attributes)


class ThingRows:
    """Rows of things for a condition, by the fields of their collection; satisfies :class:`twin.features.asking.Rows`."""

    def __init__(self, things: Things, fields: Mapping[str, Field]) -> None:
        self._things, self._fields = things, fields
        self.n = things.n

    def column(self, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values and which are known."""
        return as_column(self._things.values(name), self._fields[name].kind)

    def shapes(self) -> NDArray[np.object_]:
        """Shapes in degrees, None for none."""
        return self._things.shapes

    def heights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest."""
        return self._things.heights[:, 0], self._things.heights[:, 1]


def things_of(
    cursor: Connection,
    moment: Moment,
    conditions: str,
    values: Mapping[str, Any],
    *,
    few: bool = False,
    ending: str = "",
    size: int = BATCH,
) -> Iterator[Things]:
    """Things as they are at a moment, in batches.

    Parameters
    ----------
    cursor : duckdb connection
        Held until the last batch is taken.
    moment : Moment
    conditions : str
        SQL on ``e``, of constant text alone; what it asks for is bound from ``values``.
    few : bool
        Look only for what the conditions leave over: for some things rather than a collection.
    ending : str
        Order and cut.
    size : int
        Of a batch.
    """
    _asked(cursor, moment, conditions, values, few, ending)
    for batch in cursor.to_arrow_reader(size):
        yield prepared(batch)


def raw_things(
    cursor: Connection, moment: Moment, conditions: str, values: Mapping[str, Any]
) -> pa.Table:
    """Some things as ``sql/read_things.sql`` gives them."""
    _asked(cursor, moment, conditions, values, few=True, ending="")
    return cursor.to_arrow_table()


def _asked(
    cursor: Connection,
    moment: Moment,
    conditions: str,
    values: Mapping[str, Any],
    few: bool,
    ending: str,
) -> None:
    sql = statement("read_things").replace("{states}", moment.states())
    filled = {**(SOME if few else ALL), "{conditions}": conditions, "{order}": ending}
    for name, text in filled.items():
        sql = sql.replace(name, text)
    bound = {**moment.values(), **values}
    named = cursor.extract_statements(sql)[0].named_parameters
    cursor.execute(sql, {name: bound[name] for name in named})


def prepared(batch: pa.RecordBatch) -> Things:
    """A batch of ``sql/read_things.sql`` with its shapes and attributes read."""
    shapes, boxed = shown(batch)
    texts = batch["eid"].to_pylist()
    raw = bytes.fromhex("".join(texts).replace("-", ""))
    attributes = [orjson.loads(text) if text else {} for text in batch["attributes"].to_pylist()]
    place = np.array(batch["hilbert"].to_pylist(), np.int64)  # to_numpy would load pandas
    return Things(
        batch,
        [own if isinstance(own, dict) else {} for own in attributes],
        np.frombuffer(raw, np.uint8).reshape(-1, 16),
        place,
        shapes,
        _boxes(batch, shapes, boxed),
        _form(shapes, boxed),
        _heights(batch),
        boxed,
    )


def attribute_names(attributes: Mapping[str, Any]) -> Iterator[str]:
    """Names of a thing's attributes that can be asked for."""
    return (name for name in attributes if name not in RESERVED)


def _numbers(batch: pa.RecordBatch, name: str) -> NDArray[np.float64]:
    return np.array(batch[name].to_pylist(), dtype=np.float64)


def _boxes(
    batch: pa.RecordBatch, shapes: NDArray[np.object_], boxed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    boxes = shapely.bounds(shapes)
    if boxed.any():
        named = np.stack([_numbers(batch, k) for k in ("xmin", "ymin", "xmax", "ymax")], axis=1)
        boxes[boxed] = named[boxed]
    return np.ascontiguousarray(boxes)


def _form(shapes: NDArray[np.object_], boxed: NDArray[np.bool_]) -> NDArray[np.uint8]:
    kind = shapely.get_type_id(shapes)
    single = np.isin(kind, SINGLE_TYPES)
    single |= np.isin(kind, (5, 6)) & (shapely.get_num_geometries(shapes) == 1)
    form = np.where(single, CONNECTED, OTHER_SHAPE)
    return np.where(boxed | (kind == POINT), BOX, form).astype(np.uint8)


def _heights(batch: pa.RecordBatch) -> NDArray[np.float64]:
    heights = np.stack([_numbers(batch, "foot"), _numbers(batch, "top")], axis=1)
    heights[np.isnan(heights[:, 0])] = np.nan
    return np.ascontiguousarray(heights)
