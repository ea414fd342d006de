"""DXF drawings.

:mod:`loaders.dxf.shapes` turns entities into geometry, :mod:`loaders.dxf.drawing` reads a file into
rows, :mod:`loaders.dxf.loader` hands them out layer by layer.
"""

from loaders.dxf.loader import DxfLoader

__all__ = ["DxfLoader"]
