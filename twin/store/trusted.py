"""The base as ground to compare new layers with: everything in it whose place is sure."""

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.crs.confirm import STEP
from twin.crs.placement import Box
from twin.store.store import Store, statement

__all__ = ["StoredGround"]

SURE = 0.6
"""Least confidence of the CRS of a source whose things are taken as ground."""
MOST = 40_000
"""At most so many shapes of a collection are read for one window."""


class StoredGround:
    """Trusted things of a base; satisfies :class:`twin.crs.confirm.Trusted`.

    The cells are counted once: make a new one after a load.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        table = store.table(statement("trusted_density"), {"step": STEP, "sure": SURE})
        columns = [table[name].to_numpy(zero_copy_only=False) for name in ("c", "r", "n")]
        self._cells = np.column_stack(columns[:2]).astype(np.int64).reshape(-1, 2)
        self._counts = np.asarray(columns[2], dtype=np.int64)

    def density(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Cells (column, row) and the shapes in each."""
        return self._cells, self._counts

    @property
    def extent(self) -> Box | None:
        """West, south, east, north of the cells that hold the middle 98 % of all shapes; None where there are none."""
        if not len(self._cells):
            return None
        spread = []
        for axis in (0, 1):
            order = np.argsort(self._cells[:, axis], kind="stable")
            share = np.cumsum(self._counts[order]) / self._counts.sum()
            low, high = np.searchsorted(share, [0.01, 0.99])
            last = len(order) - 1
            spread += [
                self._cells[order[min(low, last)], axis],
                self._cells[order[min(high, last)], axis] + 1,
            ]
        west, east, south, north = (float(v) * STEP for v in spread)
        return west, south, east, north

    def within(self, box: Box) -> NDArray[np.object_]:
        """Shapes that meet a box of degrees, EPSG:4490."""
        west, south, east, north = box
        values = {"west": west, "south": south, "east": east, "north": north}
        table = self._store.table(
            statement("trusted_within"), {**values, "sure": SURE, "most": MOST}
        )
        return np.asarray(
            shapely.from_wkb(np.array(table["wkb"].to_pylist(), dtype=object)), dtype=object
        )
