"""Tilesets that others made, taken as they are: 3D Tiles 1.0 and 1.1, .3tz archives, quantized-mesh terrain.

``volumes``
    bounding volumes as longitude/latitude boxes;
``content``
    what a tile's file is by its first bytes, and the names of its attributes;
``implicit``
    availability in subtrees of implicit tiling;
``walk``
    the tree of a tileset, its external tilesets included, with every content checked;
``terrain``
    ``layer.json`` and its tiles;
``members``
    the files that belong to a tileset, in a folder or an archive;
``loader``
    the loader.
"""

from loaders.tileset.loader import TilesetLoader

__all__ = ["TilesetLoader"]
