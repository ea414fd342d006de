"""Point clouds: LAS, LAZ and COPC, PLY, and text lists, streamed in the source's CRS.

``las``
    LAS 1.0 to 1.4, all point formats, packed or not; damaged files as far as they go;
``ply``
    PLY in all three encodings;
``lists``
    XYZ, TXT, PTS, CSV: which column is what;
``loader``
    the loader.
"""

from loaders.points.loader import PointsLoader

__all__ = ["PointsLoader"]
