"""Terrain and aerial photograph of the district."""

from pathlib import Path

import numpy as np

from sample_data.city import City
from sample_data.components import Components
from sample_data.district import EXTENT, ground_height
from sample_data.ortho import render
from sample_data.writing import write_raster

__all__ = ["DEM_PIXEL", "write_dem", "write_orthophoto"]

DEM_PIXEL = 8.0
DEM_MARGIN = 80.0
"""The terrain reaches this far beyond the district, so that nothing at its edge falls off."""


def write_dem(path: Path) -> int:
    """Digital elevation model: float32, 1985 heights at pixel centres, 8 m, EPSG:4547; returns the number of pixels."""
    west, south, east, north = (
        EXTENT[0] - DEM_MARGIN,
        EXTENT[1] - DEM_MARGIN,
        EXTENT[2] + DEM_MARGIN,
        EXTENT[3] + DEM_MARGIN,
    )
    e = np.arange(west + DEM_PIXEL / 2, east, DEM_PIXEL)
    n = np.arange(north - DEM_PIXEL / 2, south, -DEM_PIXEL)
    z = ground_height(*np.meshgrid(e, n)).astype(np.float32)
    write_raster(
        path,
        z[None],
        (west, north),
        DEM_PIXEL,
        {
            "compress": "deflate",
            "predictor": 3,
            "nodata": -9999.0,
            "tiled": True,
            "blockxsize": 256,
            "blockysize": 256,
        },
    )
    return int(z.size)


def write_orthophoto(path: Path, city: City, parts: Components) -> int:
    """Aerial photograph: RGB, 1.25 m, EPSG:4547, JPEG in TIFF; returns the number of pixels."""
    picture, pixel = render(city, parts)
    write_raster(
        path,
        np.moveaxis(picture, 2, 0),
        (EXTENT[0], EXTENT[3]),
        pixel,
        {
            "compress": "jpeg",
            "jpeg_quality": 86,
            "photometric": "ycbcr",
            "tiled": True,
            "blockxsize": 512,
            "blockysize": 512,
        },
    )
    return int(picture.shape[0] * picture.shape[1])
