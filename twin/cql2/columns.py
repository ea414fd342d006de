"""Rows over an Arrow table, for the stored reader and for tests."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from twin.cql2.shapes import z_range
from twin.errors import NotFoundError

__all__ = ["TableRows"]


class TableRows:
    """Things by column: a :class:`twin.features.asking.Rows` over Arrow.

    Parameters
    ----------
    table : Arrow table or record batch
        Fields by name. Shapes are WKB (binary), degrees, EPSG:4490. Texts are put in canonical composition (NFC).
    geometry : str
        Name of the column of shapes.
    low, high : str, optional
        Names of the columns of heights; without them heights are those of the coordinates.
    """

    def __init__(
        self,
        table: pa.Table | pa.RecordBatch,
        geometry: str = "geometry",
        low: str | None = None,
        high: str | None = None,
    ) -> None:
        self._table = table
        self._geometry, self._low, self._high = geometry, low, high
        self.n: int = table.num_rows

    def column(self, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values of a field and which are known."""
        if name not in self._table.schema.names:
            raise NotFoundError(
                f"no column {name!r}; there are {', '.join(self._table.schema.names)}"
            )
        column = self._table.column(name)
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        known = np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False))
        return _values(column), known

    def shapes(self) -> NDArray[np.object_]:
        """Shapes, None where there is none."""
        return self.column(self._geometry)[0]

    def heights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest in metres, NaN where unknown."""
        if self._low is None or self._high is None:
            return z_range(self.shapes())
        low, high = (
            pc.fill_null(pc.cast(self._table.column(name), pa.float64()), np.nan)
            for name in (self._low, self._high)
        )
        return np.asarray(low.to_numpy(zero_copy_only=False)), np.asarray(
            high.to_numpy(zero_copy_only=False)
        )


def _values(column: pa.Array) -> NDArray[Any]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.asarray(
            pc.utf8_normalize(column, form="NFC").to_numpy(zero_copy_only=False), dtype=object
        )
    if pa.types.is_boolean(kind):
        return np.asarray(pc.fill_null(column, False).to_numpy(zero_copy_only=False))
    if pa.types.is_date(kind):
        return np.asarray(
            pc.fill_null(pc.cast(column, pa.date32()), 0).to_numpy(zero_copy_only=False)
        )
    if pa.types.is_timestamp(kind):
        plain = pc.cast(column, pa.timestamp("us"), safe=False)
        return np.asarray(plain.to_numpy(zero_copy_only=False), dtype="datetime64[us]")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raw = np.asarray(column.to_numpy(zero_copy_only=False), dtype=object)
        return np.asarray(shapely.from_wkb(raw), dtype=object)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        out = np.empty(len(column), dtype=object)
        out[:] = column.to_pylist()
        return out
    return np.asarray(pc.fill_null(column, 0).to_numpy(zero_copy_only=False))
