"""Shapes of a batch of city objects in columns: faces of rings in, meshes, areas and origins out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loaders.citymodel.cleaning import bounds, localised
from loaders.citymodel.triangulation import columns_of, planes, triangulate
from loaders.citymodel.welding import weld
from twin.schema import MESH_EXTRAS, MESHES
from twin.shading import binaries

__all__ = ["Built", "Shapes", "build", "degrees_in_metres", "starts_of"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(slots=True)
class Shapes:
    """Shapes made of faces made of rings made of corners, in the source's own coordinates.

    ``xyz`` (n, 3) are the corners ring after ring, a ring's first corner not repeated at its end;
    ``ring_start`` (r + 1,), ``face_start`` (f + 1,) and ``shape_start`` (s + 1,) say where the corners
    of a ring, the rings of a face and the faces of a shape begin. ``surface`` (f,) is the semantic
    surface of each face (-1: none), ``color`` (f,) its RGBA as a little-endian number, ``texture``
    (f,) its image (-1: none) with ``uv`` (n, 2), or (0, 2) where the batch has no texture.
    """

    xyz: FloatArray
    ring_start: IntArray
    face_start: IntArray
    shape_start: IntArray
    surface: NDArray[np.int32]
    color: NDArray[np.uint32]
    texture: NDArray[np.int32]
    uv: NDArray[np.float32]

    @property
    def corner_start(self) -> IntArray:
        """First corner of each shape, shape (s + 1,)."""
        return self.ring_start[self.face_start[self.shape_start]]

    @property
    def shape_of_face(self) -> IntArray:
        """Shape of each face, shape (f,)."""
        return np.repeat(np.arange(len(self.shape_start) - 1), np.diff(self.shape_start))

    def keep_faces(self, keep: NDArray[np.bool_]) -> "Shapes":
        """The same shapes with only the faces of ``keep`` (shape (f,))."""
        if keep.all():
            return self
        n_rings = np.diff(self.face_start)
        rings = np.repeat(keep, n_rings)
        corners = np.repeat(rings, np.diff(self.ring_start))
        counts = np.add.reduceat(np.append(keep, False).astype(np.int64), self.shape_start[:-1]) * (
            np.diff(self.shape_start) > 0
        )
        return Shapes(
            self.xyz[corners],
            starts_of(np.diff(self.ring_start)[rings]),
            starts_of(n_rings[keep]),
            starts_of(counts),
            self.surface[keep],
            self.color[keep],
            self.texture[keep],
            self.uv[corners] if len(self.uv) else self.uv,
        )

    def of(self, shapes: NDArray[np.bool_], faces: NDArray[np.bool_]) -> "Shapes":
        """Only some of the shapes (``shapes`` (s,)), whose faces are ``faces`` (f,)."""
        if shapes.all():
            return self
        part = self.keep_faces(faces)
        start = np.append(part.shape_start[:-1][shapes], part.shape_start[-1])
        return replace(part, shape_start=start)

    def without_corners(self, gone: NDArray[np.bool_]) -> "Shapes":
        """The same without some corners (``gone`` (n,)); rings, faces and shapes stay, if shorter."""
        lost = starts_of(gone)
        keep = ~gone
        return Shapes(
            self.xyz[keep],
            self.ring_start - lost[self.ring_start],
            self.face_start,
            self.shape_start,
            self.surface,
            self.color,
            self.texture,
            self.uv[keep] if len(self.uv) else self.uv,
        )


@dataclass(frozen=True, slots=True)
class Built:
    """Meshes and measures of :class:`Shapes` with s shapes and f faces.

    ``meshes`` has the columns of MESHES and MESH_EXTRAS but the names; ``origin`` (s, 3) is where each
    mesh's own origin lies in the source's coordinates, ``scale`` (s, 3) metres per unit there,
    ``area`` (f,) square metres, ``normal_z`` (f,), ``meshed`` (s,) whether there is a triangle.
    """

    meshes: dict[str, pa.Array]
    origin: FloatArray
    scale: FloatArray
    area: FloatArray
    normal_z: FloatArray
    meshed: NDArray[np.bool_]


def starts_of(counts: NDArray[Any] | Sequence[int]) -> IntArray:
    """Starts (n + 1,) of runs with these lengths (n,)."""
    out = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(np.asarray(counts, np.int64), out=out[1:])
    return out


def degrees_in_metres(lat: FloatArray) -> FloatArray:
    """Metres in a degree of longitude and of latitude, and in a metre of height, shape (n, 3).

    Parameters
    ----------
    lat : ndarray of float64, shape (n,)
        Degrees. Series of the GRS 80 ellipsoid, right to a centimetre a degree.
    """
    phi = np.deg2rad(lat)
    east = 111412.84 * np.cos(phi) - 93.5 * np.cos(3 * phi) + 0.118 * np.cos(5 * phi)
    north = (
        111132.92 - 559.82 * np.cos(2 * phi) + 1.175 * np.cos(4 * phi) - 0.0023 * np.cos(6 * phi)
    )
    return np.stack([np.maximum(east, 1.0), north, np.ones_like(phi)], axis=1)


def build(shapes: Shapes, geographic: bool) -> Built:
    """Meshes of all shapes of a batch.

    Parameters
    ----------
    shapes : Shapes
        Finite corners; rings of three corners or more.
    geographic : bool
        Whether x and y are degrees.

    Returns
    -------
    Built
        Positions are metres from an origin of each shape's own: the middle of its box in x and y,
        its lowest z.
    """
    corner_start = shapes.corner_start
    low, high = bounds(shapes.xyz, corner_start)
    middle = np.stack(
        [(low[:, 0] + high[:, 0]) / 2, (low[:, 1] + high[:, 1]) / 2, low[:, 2]], axis=1
    )
    origin = np.nan_to_num(np.round(middle, 8 if geographic else 3))
    scale = degrees_in_metres(origin[:, 1]) if geographic else np.ones_like(origin)
    local, near = localised(shapes.xyz, corner_start, origin, scale)
    normal, area = planes(local, shapes.ring_start, shapes.face_start)
    triangles, face = triangulate(local, shapes.ring_start, shapes.face_start, normal)
    textured = bool(len(shapes.uv))
    if textured:  # triangles of one image lie together, so that they can be drawn together
        of_face = shapes.shape_of_face[face]
        order = np.lexsort((np.arange(len(face)), shapes.texture[face], of_face))
        triangles, face = triangles[order], face[order]
    uv = np.ascontiguousarray(shapes.uv)
    positions, corner, vertex_of, vertex_start = weld(
        near,
        near.view(np.int32),
        uv.view(np.int32).reshape(-1, 2),
        shapes.ring_start,
        shapes.face_start,
        shapes.shape_start,
        normal,
        shapes.texture,
    )
    indices, counts, surface, paint, triangle_start, face_start = columns_of(
        triangles, face, vertex_of, shapes.surface, shapes.color, shapes.shape_start
    )
    n = len(vertex_start) - 1
    meshes = {
        "positions": binaries(positions.astype("<f4", copy=False), vertex_start),
        "normals": pa.nulls(n, pa.binary()),
        "colors": pa.nulls(n, pa.binary()),
        "indices": binaries(indices.astype("<u4", copy=False), triangle_start),
        "faces": binaries(counts.astype("<u4", copy=False), face_start),
        "paint": binaries(paint.astype("<u4", copy=False), face_start),
    }
    if (surface >= 0).any():
        meshes["surface"] = binaries(surface.astype("<i4", copy=False), face_start)
    if textured:
        meshes["uv"] = binaries(uv[corner].astype("<f4"), vertex_start)
        meshes["texture"] = binaries(shapes.texture[face].astype("<i4"), triangle_start)
    return Built(meshes, origin, scale, area, normal[:, 2], np.diff(triangle_start) > 0)


def mesh_rows(built: Built, names: pa.Array, surfaces: pa.Array | None) -> pa.Table:
    """Meshes under MESHES and, where there are any, the columns of MESH_EXTRAS; shapes without a triangle left out."""
    columns = {"mesh_id": names, **built.meshes}
    if surfaces is not None:
        columns["surfaces"] = surfaces
    fields = [*MESHES, *(f for f in MESH_EXTRAS if f.name in columns)]
    table = pa.table([columns[f.name] for f in fields], schema=pa.schema(fields))
    return table if built.meshed.all() else table.filter(pa.array(built.meshed))
