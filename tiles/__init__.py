"""Base → tiles: 3D Tiles 1.1, quantized-mesh terrain, imagery and vector tiles, and their checker.

``source``
    what the tiler asks of a base (:class:`TileSource`);
``tree`` ``quadtree`` ``placement`` ``glb``
    the tile tree apart from its encoding, who goes into which tile, frames, binary glTF;
``buildings`` (of ``blocks``) ``models`` ``pipes`` ``points``
    the 3D layers;
``outlines`` ``membership`` ``districts`` ``massing`` ``faces`` ``subtrees``
    the layer of buildings: outlines of all, who goes where, one district, what it looks like from afar,
    explicit and implicit tilesets over the same contents;
``records`` ``workers`` ``ondemand``
    districts taken over unchanged, made elsewhere, and single contents made when asked for;
``terrain`` ``imagery`` ``mvt``
    ground, orthophoto and flat layers;
``build`` ``check``
    all layers into a folder, and the proof that what lies there is right.
"""

from tiles.build import LAYERS, LayerReport, TileReport, build
from tiles.check import check
from tiles.findings import Finding
from tiles.folder import Hashes
from tiles.ondemand import Drawn, OnDemand
from tiles.source import TileSource

__all__ = [
    "LAYERS",
    "Drawn",
    "Finding",
    "Hashes",
    "LayerReport",
    "OnDemand",
    "TileReport",
    "TileSource",
    "build",
    "check",
]
