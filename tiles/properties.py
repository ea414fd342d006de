"""The property table of a content: what each feature carries.

Source: EXT_structural_metadata of CesiumGS/glTF.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tiles.views import Views

__all__ = ["NO_FLOAT", "NO_INT", "Column", "property_table"]

NO_FLOAT = -9999.0
"""Written where a float property is NaN (JSON has none), and declared as ``noData``."""
NO_INT = -32768


@dataclass(frozen=True, slots=True)
class Column:
    """One property of all features.

    ``kind`` is ``string``, ``float32`` or ``int16``; "", NaN and NO_INT mean missing. Texts are an
    array of str or a column of Arrow.
    """

    name: str
    kind: str
    values: NDArray[Any] | pa.Array
    required: bool = False


_NUMERIC = {"float32": ("FLOAT32", "<f4", NO_FLOAT), "int16": ("INT16", "<i2", NO_INT)}


def property_table(buffer: Views, columns: Sequence[Column], n_features: int) -> dict[str, Any]:
    """``EXT_structural_metadata`` of a content: the property table and its schema.

    Parameters
    ----------
    buffer : Views
        Takes the values.
    columns : sequence of Column
    n_features : int
        Rows of the table.
    """
    declared: dict[str, Any] = {}
    table: dict[str, Any] = {}
    for c in columns:
        if c.kind == "string":
            values, offsets = _texts(c.values)
            if values:  # a view may not be empty: a column without any text is left out
                table[c.name] = {
                    "values": buffer.view(values),
                    "stringOffsets": buffer.view(offsets.tobytes()),
                }
            declared[c.name] = {"type": "STRING"} | (
                {"required": True} if c.required else {"noData": ""}
            )
        else:
            component, dtype, missing = _NUMERIC[c.kind]
            numbers = np.where(
                np.isfinite(np.asarray(c.values, dtype=float)), c.values, missing
            ).astype(dtype)
            table[c.name] = {"values": buffer.view(numbers.tobytes())}
            declared[c.name] = {"type": "SCALAR", "componentType": component, "noData": missing}
    return {
        "schema": {"id": "citytwin", "classes": {"feature": {"properties": declared}}},
        "propertyTables": [{"class": "feature", "count": n_features, "properties": table}],
    }


def _texts(values: NDArray[Any] | pa.Array) -> tuple[bytes, NDArray[np.uint32]]:
    """UTF-8 of all texts, and where each begins."""
    texts = values if isinstance(values, pa.Array) else pa.array([str(v) for v in values.tolist()])
    texts = texts.cast(pa.string()).fill_null("")
    _, ends, data = texts.buffers()
    offsets = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    return data.slice(first, last - first).to_pybytes() if last else b"", (offsets - first).astype(
        "<u4"
    )
