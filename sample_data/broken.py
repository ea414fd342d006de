"""Deliberately broken records: what real deliveries contain, and what has to become of it.

``BROKEN`` is the list that tests compare the quarantine with; :func:`spoil` puts the records into
the tables.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sample_data.broken_records import BROKEN, KEEP, Broken

__all__ = ["BROKEN", "Broken", "broken_in", "spoil"]

Table = dict[str, NDArray[Any]]


def broken_in(file: str, layer: str = "") -> list[Broken]:
    """Broken records of one layer, in file order."""
    return [b for b in BROKEN if b.file == file and b.layer == layer]


def spoil(
    file: str,
    layer: str,
    key: str,
    columns: Mapping[str, Any],
    geometry: NDArray[np.object_] | None = None,
) -> tuple[Table, NDArray[np.object_] | None]:
    """Add the broken records of a layer at its end.

    Parameters
    ----------
    file, layer : str
        As in :data:`BROKEN`.
    key : str
        Name of the key column.
    columns : mapping of name → array of length n
    geometry : ndarray of geometries, shape (n,), optional
        In EPSG:4547.

    Returns
    -------
    columns, geometry
        Each longer by the number of broken records. Columns that have to hold text beside numbers
        become text.
    """
    bad = broken_in(file, layer)
    n = len(next(iter(columns.values())))
    model = [_model(b, columns[key], n) for b in bad]
    rows = np.concatenate([np.arange(n), np.array(model, dtype=np.int64)])
    out = {name: np.asarray(column)[rows] for name, column in columns.items()}
    _loosen(out, bad)
    for i, b in enumerate(bad, start=n):
        if b.kind != "duplicate_key":
            out[key][i] = b.key
        for name, value in (b.changes or {}).items():
            out[name][i] = value
    if geometry is None:
        return out, None
    shapes = np.array(geometry[rows], dtype=object)
    for i, b in enumerate(bad, start=n):
        if b.geometry is not KEEP:
            shapes[i] = b.geometry
    return out, shapes


def _model(broken: Broken, keys: NDArray[np.object_], n: int) -> int:
    """Row of the sound record that a broken one copies."""
    if broken.kind != "duplicate_key":
        return min(11, n - 1)
    if broken.key.startswith("@"):
        return int(broken.key[1:])
    return int(np.flatnonzero(keys == broken.key)[0])


def _loosen(table: Table, bad: Sequence[Broken]) -> None:
    """Turn number columns that are to hold text or nothing into text, in place."""
    for name, column in table.items():
        values = [b.changes[name] for b in bad if b.changes is not None and name in b.changes]
        if column.dtype.kind in "if" and any(isinstance(v, str | None) for v in values):
            text = [None if v != v else str(v) for v in column.tolist()]
            table[name] = np.array(text, dtype=object)
