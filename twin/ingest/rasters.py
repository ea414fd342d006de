"""Terrain and imagery of a city, as memory-mapped assets."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from twin import crs
from twin.heights import Heights
from twin.ingest.source import Balance, Source, utc_now, write_dataset
from twin.store import Store
from twin.terrain import Terrain

__all__ = ["Imagery", "imagery_of", "load_raster", "terrain_of"]

Affine = tuple[float, float, float, float, float, float]
Imagery = tuple[NDArray[np.uint8], Affine, str]
"""(rows, cols, 4) RGBA, affine of pixel corners (a, b, c, d, e, f) and CRS."""


def load_raster(
    store: Store, source: Source, kind: str, data: NDArray[Any], transform: Affine, heights: Heights
) -> Balance:
    """Load one raster.

    Parameters
    ----------
    store : Store
    source : Source
    kind : str
        ``dem`` (float32, metres in the source's height reference, NaN where unknown) or ``imagery``
        (uint8 RGBA).
    data : ndarray, shape (rows, cols) or (rows, cols, 4)
    transform : tuple of 6 floats
        Affine of pixel corners in the source CRS.
    heights : Heights
        Of the city.

    Returns
    -------
    Balance
        One record in; loaded, or unchanged where the base has the same bytes already.
    """
    used = source.crs_used
    if kind == "dem":
        reference = source.z_reference if source.z_reference != "ground" else "ellipsoid"
        data, transform = Terrain.from_dem(data, transform, used, heights, reference)
        used = "EPSG:4490"
    name = _write_array(store.assets, data)
    balance = Balance(n_in=1)
    with store.transaction() as con:
        seen = con.execute(
            "SELECT count(*) FROM raster WHERE asset = $a AND kind = $k", {"a": name, "k": kind}
        ).fetchone()
        if seen and seen[0]:
            balance = balance.plus(unchanged=1)
        else:
            balance = balance.plus(loaded=1)
            xmin, ymin, xmax, ymax = _bounds(transform, data.shape, used)
            con.execute("DELETE FROM raster WHERE kind = $k", {"k": kind})
            con.execute(
                "INSERT INTO raster VALUES ($kind, $asset, $crs, $transform, $rows, $cols, $z, $x0, $y0, $x1, $y1, $d)",
                {
                    "kind": kind,
                    "asset": name,
                    "crs": used,
                    "transform": list(transform),
                    "rows": data.shape[0],
                    "cols": data.shape[1],
                    "z": "ellipsoid" if kind == "dem" else None,
                    "x0": xmin,
                    "y0": ymin,
                    "x1": xmax,
                    "y1": ymax,
                    "d": source.dataset_id,
                },
            )
            con.execute(
                "INSERT INTO change (at_time, kind, subject_kind, subject_id, collection, xmin, ymin, xmax, ymax, dataset_id) "
                "VALUES ($t, 'create', 'raster', $a, $k, $x0, $y0, $x1, $y1, $d)",
                {
                    "t": utc_now(),
                    "a": name,
                    "k": kind,
                    "x0": xmin,
                    "y0": ymin,
                    "x1": xmax,
                    "y1": ymax,
                    "d": source.dataset_id,
                },
            )
        write_dataset(con, source, balance)
    return balance


def terrain_of(store: Store) -> Terrain | None:
    """The city's terrain, or None where no DEM was loaded."""
    rows = store.table("SELECT asset, transform FROM raster WHERE kind = 'dem'").to_pylist()
    return (
        Terrain.open(store.assets / rows[0]["asset"], tuple(rows[0]["transform"])) if rows else None
    )


def imagery_of(store: Store) -> Imagery | None:
    """The city's orthophoto, memory-mapped, or None where none was loaded."""
    rows = store.table(
        "SELECT asset, transform, crs FROM raster WHERE kind = 'imagery'"
    ).to_pylist()
    if not rows:
        return None
    data = np.load(store.assets / rows[0]["asset"], mmap_mode="r")
    return data, tuple(rows[0]["transform"]), rows[0]["crs"]


def _write_array(folder: Path, data: NDArray[Any]) -> str:
    """Write ``data`` as a content-addressed .npy; the name is its hash."""
    contiguous = np.ascontiguousarray(data)
    digest = hashlib.sha256(str((contiguous.dtype.str, contiguous.shape)).encode())
    digest.update(contiguous.view(np.uint8).data)
    name = f"{digest.hexdigest()}.npy"
    if not (folder / name).exists():
        part = folder / f"{name}.part"
        with part.open("wb") as out:
            np.save(out, contiguous, allow_pickle=False)
        part.replace(folder / name)
    return name


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
