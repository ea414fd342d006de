"""Properties every 3D feature carries, and what a finished layer reports."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tiles.glb import NO_INT, Column
from tiles.tree import Tile

__all__ = ["Layer", "Progress", "Write", "feature_columns"]

Write = Callable[[str, bytes], None]
"""Takes a path relative to the layer's folder, and the bytes."""
Progress = Callable[[int, int], None]
"""Takes done and total of one layer."""
Texts: TypeAlias = NDArray[np.object_] | pa.Array


@dataclass(slots=True)
class Layer:
    """A tree that was written, and what was noticed on the way; ``errors`` where no tree is kept."""

    root: Tile | None
    features: int = 0
    notes: list[str] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)


def feature_columns(
    eid: Texts,
    class_code: Texts,
    name: Texts,
    height_m: NDArray[np.float64],
    floors: NDArray[np.float64] | None = None,
    storey: Texts | None = None,
    discipline: Texts | None = None,
) -> list[Column]:
    """Columns of the property table.

    Parameters
    ----------
    eid, class_code, name, storey, discipline : ndarray of str or pyarrow.Array of string, shape (n,)
        "" where missing.
    height_m, floors : ndarray of float64, shape (n,)
        NaN where missing.
    """
    columns = [
        Column("eid", "string", eid, required=True),
        Column("class", "string", class_code, required=True),
        Column("name", "string", name),
        Column("height_m", "float32", height_m),
    ]
    if floors is not None:
        whole: NDArray[Any] = np.where(np.isfinite(floors), np.clip(floors, -999, 9999), NO_INT)
        columns.append(Column("floors", "int16", whole))
    if storey is not None:
        columns.append(Column("storey", "string", storey))
    if discipline is not None:
        columns.append(Column("discipline", "string", discipline))
    return columns
