"""Oblique photo models: folders of OSGB tiles (``metadata.xml`` and ``Data/Tile_*``), converted by OpenSceneGraph's ``osgconv``.

``place``
    ``metadata.xml``: system and origin;
``scenegraph``
    one OSGB file through ``osgconv``: meshes, textures, and the finer files it leads to;
``glb``
    textured triangles as glTF;
``convert``
    the whole folder as 3D Tiles;
``loader``
    the loader.
"""

from loaders.oblique.convert import convert
from loaders.oblique.loader import ObliqueLoader, is_oblique

__all__ = ["ObliqueLoader", "convert", "is_oblique"]
