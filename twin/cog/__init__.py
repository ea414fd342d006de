"""Rasters of the base: cloud-optimised GeoTIFF in one fixed profile, written and read without a raster library.

``layout``
    the profile (BigTIFF, 512 × 512 tiles, deflate with predictor) and its tags;
``writer``
    any raster, window by window, into a content-addressed file with overviews;
``reader``
    windows of any level and single cells, tiles decoded on demand and kept in a bounded cache.

GDAL and QGIS read the files as they are; only files of this profile are read here.
"""

from twin.cog.layout import TILE, RasterSpec
from twin.cog.reader import Cog
from twin.cog.writer import write_cog

__all__ = ["TILE", "Cog", "RasterSpec", "write_cog"]
