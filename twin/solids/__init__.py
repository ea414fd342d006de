"""Solids in metres: exact distances, contacts and sight lines, over arrays.

``shapes``
    points, pipes, prisms and meshes as a few columns;
``segments``
    the compiled distances of the simplest things;
``pairs``
    distance of any two solids and the points that attain it; within a distance; in contact;
``rays``
    where a sight line first meets a solid;
``tree``
    boxes packed in memory: the candidates;
``views``
    which of many places one place sees, past buildings and ground;
``cuts``
    what an upright plane cuts out of solids.

Everything lies in one plane frame (:class:`twin.crs.local.LocalFrame`), heights in metres above the ellipsoid. The
kernels are exact but for the rounding of 64-bit numbers (a micrometre within 100 km); what the frame adds,
:meth:`~twin.crs.local.LocalFrame.relative_error` says.
"""

from twin.solids.pairs import Near, distances, intersects, nearest_points, within
from twin.solids.rays import MISSED, first_hits
from twin.solids.shapes import LINE, MESH, POINT, PRISM, Solids
from twin.solids.tree import Tree

__all__ = [
    "LINE", "MESH", "MISSED", "POINT", "PRISM", "Near", "Solids", "Tree", "distances", "first_hits", "intersects",
    "nearest_points", "within",
]  # fmt: skip
