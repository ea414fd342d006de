"""The rasters of the base as they are read: one ground from all DEMs, and the orthophotos."""

from pathlib import Path

import duckdb

from twin.cog import Cog
from twin.cog.layout import Affine
from twin.store.store import Store
from twin.terrain import Mosaic, Surface, Terrain

__all__ = ["Imagery", "imagery_of", "terrain_in", "terrain_of"]

Imagery = tuple[Cog, Affine, str]
"""RGBA pixels with overviews, affine of pixel corners (a, b, c, d, e, f) and CRS."""

_NEWEST = (
    "SELECT asset, crs FROM raster LEFT JOIN dataset USING (dataset_id) WHERE raster.kind = $k "
    "ORDER BY loaded_at DESC, asset"
)


def terrain_of(store: Store) -> Surface | None:
    """The city's ground from all DEMs it has, or None where none was loaded.

    At each place the DEM of the finest cells that knows it decides; of equally fine ones the one
    loaded last.
    """
    with store.cursor() as con:
        return terrain_in(con, store.assets)


def terrain_in(con: duckdb.DuckDBPyConnection, assets: Path) -> Surface | None:
    """:func:`terrain_of` inside an open transaction; DEMs whose asset is missing are left out."""
    names = [row[0] for row in con.execute(_NEWEST, {"k": "dem"}).fetchall()]
    parts = [Terrain.open(assets / name) for name in names if (assets / name).is_file()]
    if len(parts) <= 1:
        return parts[0] if parts else None
    return Mosaic(parts)


def imagery_of(store: Store) -> list[Imagery]:
    """The city's orthophotos, newest first; empty where none was loaded."""
    rows = store.table(_NEWEST, {"k": "imagery"}).to_pylist()
    photos = []
    for row in rows:
        cog = Cog(store.assets / row["asset"])
        photos.append((cog, cog.transform, row["crs"]))
    return photos
