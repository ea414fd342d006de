"""Point clouds of the base as 3D Tiles 1.1: every point once, in an octree that is refined by adding.

A cloud lies in the base in chunks of neighbouring points (:mod:`twin.cloud`). They are read once, in
order, and leave as tiles as soon as no later chunk reaches into a part of space:

``placing``
    chunk by chunk from the source's system onto one grid of 2^-10 m around the cloud's middle;
``colors``
    what a point looks like, whatever it carries;
``keys``
    places as keys of the Z-order curve in three dimensions, and their order (compiled);
``gathering``
    points of one block of space together, with bounded memory;
``octree``
    which point is shown from which level on, and what a level leaves out;
``content``
    one tile's points as glTF;
``layer``
    the layer.
"""

from tiles.points.layer import build_points

__all__ = ["build_points"]
