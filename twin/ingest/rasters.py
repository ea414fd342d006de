"""Terrain and imagery of a city, as cloud-optimised GeoTIFF in the assets folder."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import duckdb
import numpy as np
import shapely
from numpy.typing import NDArray

from twin import crs
from twin.bilinear import Affine
from twin.cog import RasterSpec, write_cog
from twin.heights import Heights
from twin.ingest.source import Balance, Source, utc_now, write_dataset
from twin.resample import Resampled
from twin.store import Store

__all__ = ["Raster", "load_raster"]

_OF_SOURCE = "FROM raster WHERE kind = $k AND dataset_id IN (SELECT dataset_id FROM dataset WHERE source_key = $s)"


class Raster(Protocol):
    """What a loader hands over (see ``loaders.base.RasterLayer``)."""

    @property
    def kind(self) -> str:
        """``dem`` or ``imagery``."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ...

    @property
    def transform(self) -> Affine:
        """Affine of pixel corners in the source CRS."""
        ...

    @property
    def window(self) -> Callable[[int, int, int, int], NDArray[Any]]:
        """Pixels of (row0, row1, col0, col1)."""
        ...

    @property
    def findings(self) -> Sequence[str]:
        """What reading it brought to light; complete when all of it was read."""
        ...


def load_raster(
    store: Store,
    source: Source,
    raster: Raster,
    heights: Heights,
    progress: Callable[[int], None] | None = None,
) -> Balance:
    """Load one raster; rasters of other sources stay beside it (:mod:`twin.store.rasters` says how they combine).

    Parameters
    ----------
    store : Store
    source : Source
    raster : Raster
        ``dem`` (float32, metres in the source's height reference, NaN where unknown) or ``imagery``
        (uint8 RGBA); read once, in windows.
    heights : Heights
        Of the city.
    progress : callable, optional
        Told the rows done.

    Returns
    -------
    Balance
        One record in; loaded, or unchanged where the base has the same pixels already.
    """
    kind, used = raster.kind, source.crs_used
    shape, transform, window = raster.shape, raster.transform, raster.window
    if kind == "dem":
        reference = source.z_reference if source.z_reference != "ground" else "ellipsoid"
        grid = Resampled(window, shape, transform, used, heights, reference)
        shape, transform, window, used = grid.shape, grid.transform, grid.window, "EPSG:4490"
    spec = RasterSpec(shape[0], shape[1], kind, transform, used)
    name = write_cog(
        store.assets, spec, window, window_bytes=1 << (22 if kind == "dem" else 26),
        progress=None if progress is None else lambda done, _: progress(done),
    )  # fmt: skip
    source = replace(source, findings=list(dict.fromkeys([*source.findings, *raster.findings])))
    return _record(store, source, spec, name)


def _record(store: Store, source: Source, spec: RasterSpec, name: str) -> Balance:
    """Write what the base knows of the asset; one transaction."""
    balance = Balance(n_in=1)
    with store.transaction() as con:
        seen = con.execute(
            "SELECT count(*) FROM raster WHERE asset = $a AND kind = $k",
            {"a": name, "k": spec.kind},
        ).fetchone()
        if seen and seen[0]:
            balance = balance.plus(unchanged=1)
        else:
            own = {"k": spec.kind, "s": source.key}
            before = con.execute(f"SELECT count(*) {_OF_SOURCE}", own).fetchone()
            con.execute(f"DELETE {_OF_SOURCE}", own)
            balance = balance.plus(loaded=1, changed=1 if before and before[0] else 0)
            _insert(con, source, spec, name)
        write_dataset(con, source, balance)
    return balance


def _insert(con: duckdb.DuckDBPyConnection, source: Source, spec: RasterSpec, name: str) -> None:
    xmin, ymin, xmax, ymax = _bounds(spec.transform, (spec.rows, spec.cols), spec.crs)
    box = {"x0": xmin, "y0": ymin, "x1": xmax, "y1": ymax, "d": source.dataset_id}
    con.execute(
        "INSERT INTO raster VALUES ($kind, $asset, $crs, $transform, $rows, $cols, $z, $x0, $y0, $x1, $y1, $d)",
        {
            "kind": spec.kind,
            "asset": name,
            "crs": spec.crs,
            "transform": list(spec.transform),
            "rows": spec.rows,
            "cols": spec.cols,
            "z": "ellipsoid" if spec.kind == "dem" else None,
        }
        | box,
    )
    con.execute(
        "INSERT INTO change (at_time, kind, subject_kind, subject_id, collection, xmin, ymin, xmax, ymax, dataset_id) "
        "VALUES ($t, 'create', 'raster', $a, $k, $x0, $y0, $x1, $y1, $d)",
        {"t": utc_now(), "a": name, "k": spec.kind} | box,
    )


def _bounds(
    transform: Affine, shape: tuple[int, ...], source_crs: str
) -> tuple[float, float, float, float]:
    """Geographic bounds of the raster's edge, densified."""
    a, b, c, d, e, f = transform
    edge = shapely.segmentize(shapely.box(0, 0, shape[1], shape[0]), max(shape[:2]) / 16)
    col, row = shapely.get_coordinates(edge).T
    lon, lat, _ = crs.to_geographic(source_crs, a * col + b * row + c, d * col + e * row + f)
    return (
        float(np.nanmin(lon)),
        float(np.nanmin(lat)),
        float(np.nanmax(lon)),
        float(np.nanmax(lat)),
    )
