"""A cloud of the base, chunk by chunk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from twin import crs
from twin.errors import CityError
from twin.heights import Heights

__all__ = ["CloudAsset"]


class CloudAsset:
    """An open cloud.

    Parameters
    ----------
    path : Path
        As :func:`twin.cloud.write_cloud` wrote it.

    Raises
    ------
    CityError
        If the file is missing, damaged or none of ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = pq.ParquetFile(path, memory_map=True)
            stored = self._file.schema_arrow.metadata or {}
            self.meaning: dict[str, Any] = orjson.loads(stored[b"citytwin.cloud"])
            """``points``, ``scale``, ``offset``, ``z_metres``, ``crs``, ``z_reference``, ``low`` and
            ``high`` (source CRS), ``classes``, ``color_bits``."""
        except (OSError, KeyError, pa.ArrowException, orjson.JSONDecodeError) as err:
            raise CityError(f"{path}: no cloud of the base ({err}); load its source again") from err

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    @property
    def columns(self) -> list[str]:
        """Names of what each point carries: ``x``, ``y``, ``z``, ``classification``, ``intensity``, ``red`` and so on."""
        return list(self._file.schema_arrow.names)

    @property
    def n_chunks(self) -> int:
        """Number of chunks; each holds up to 65,536 neighbouring points."""
        return int(self._file.num_row_groups)

    def boxes(self) -> NDArray[np.float64]:
        """Box of every chunk without reading it: (n_chunks, 6), xmin ymin zmin xmax ymax zmax, source CRS."""
        out = np.full((self.n_chunks, 6), np.nan)
        for k in range(self.n_chunks):
            group = self._file.metadata.row_group(k)
            for i, name in enumerate("xyz"):
                found = group.column(self.columns.index(name)).statistics
                if found is not None and found.has_min_max:
                    ends = [self._real(i, np.array(float(v))) for v in (found.min, found.max)]
                    out[k, i], out[k, 3 + i] = min(ends), max(ends)
        return out

    def chunk(self, k: int, columns: Sequence[str] | None = None) -> pa.Table:
        """One chunk as stored, some or all of its columns; coordinates without scale and offset."""
        return self._file.read_row_group(k, columns=None if columns is None else list(columns))

    def positions(self, k: int) -> NDArray[np.float64]:
        """Coordinates of a chunk in the source CRS, (n, 3), z in its own unit and reference."""
        table = self.chunk(k, "xyz")
        return np.column_stack(
            [self._real(i, table[name].to_numpy()) for i, name in enumerate("xyz")]
        )

    def geographic(self, k: int, heights: Heights) -> NDArray[np.float64]:
        """Places of a chunk: (n, 3), degrees (EPSG:4490) and metres above the ellipsoid."""
        xyz = self.positions(k)
        lon, lat, _ = crs.to_geographic(self.meaning["crs"], xyz[:, 0], xyz[:, 1])
        metres = xyz[:, 2] * float(self.meaning["z_metres"])
        reference = self.meaning["z_reference"]
        if reference == "1985":
            metres = heights.to_ellipsoid(metres, lon, lat, "1985")
        return np.column_stack([lon, lat, metres])

    def _real(self, i: int, numbers: NDArray[np.generic]) -> NDArray[np.float64]:
        return np.asarray(
            numbers.astype(np.float64) * self.meaning["scale"][i] + self.meaning["offset"][i]
        )
