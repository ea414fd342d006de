"""Base → tiles: 3D Tiles 1.1, quantized-mesh terrain, imagery and vector tiles, and their checker.

``source``
    what the tiler asks of a base (:class:`TileSource`);
``tree`` ``quadtree`` ``placement`` ``glb``
    the tile tree apart from its encoding, who goes into which tile, frames, binary glTF;
``buildings`` (of ``blocks``) ``models`` ``pipes``
    the 3D layers;
``terrain`` ``imagery`` ``mvt``
    ground, orthophoto and flat layers;
``build`` ``check``
    all layers into a folder, and the proof that what lies there is right.
"""

from tiles.build import LAYERS, LayerReport, TileReport, build
from tiles.check import check
from tiles.findings import Finding
from tiles.source import TileSource

__all__ = ["LAYERS", "Finding", "LayerReport", "TileReport", "TileSource", "build", "check"]
