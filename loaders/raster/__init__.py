"""Raster files: terrain models and orthophotos, window by window, in the source's CRS.

``opening``
    which driver may open which file, and what is refused before anything is allocated;
``placing``
    transform and CRS: in the file, beside it, from control points or from the plan;
``heights``
    a band as metres, unknown where nothing is known;
``pixels``
    bands as RGBA, collars and masks transparent;
``loader``
    the loader.
"""

from loaders.raster.loader import RasterLoader

__all__ = ["RasterLoader"]
