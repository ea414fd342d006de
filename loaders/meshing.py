"""Triangles as the base stores them: local float32 positions, normals split at hard edges, colours per vertex."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.schema import MESHES

__all__ = ["Mesh", "mesh_table", "shaded"]

SOFT = np.cos(np.deg2rad(25.0))
"""Corners whose faces lean less than 25° off their mean share one normal."""
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mesh:
    """One shape: positions and normals (n, 3) float32, colours (n, 4) uint8, indices (m, 3) uint32."""

    mesh_id: str
    positions: NDArray[np.float32]
    normals: NDArray[np.float32]
    colors: NDArray[np.uint8]
    indices: NDArray[np.uint32]


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))


def _angles(corner: FloatArray) -> FloatArray:
    """Angle of each triangle at each of its corners, radians, shape (m, 3)."""
    ahead = np.roll(corner, -1, axis=1) - corner
    back = np.roll(corner, 1, axis=1) - corner
    dot = np.einsum("ijk,ijk->ij", ahead, back)
    across = np.linalg.norm(np.cross(ahead, back), axis=2)
    return np.asarray(np.arctan2(across, dot))


def shaded(
    mesh_id: str, points: FloatArray, triangles: NDArray[np.int64], colors: NDArray[np.uint8]
) -> Mesh | None:
    """Mesh with normals: flat, but smooth over curved surfaces.

    Parameters
    ----------
    mesh_id : str
        Name of the shape.
    points : ndarray of float64, shape (n, 3)
        Local metres, near the origin.
    triangles : ndarray of int, shape (m, 3)
        Indices, counter-clockwise seen from outside.
    colors : ndarray of uint8, shape (m, 4)
        RGBA of each triangle.

    Returns
    -------
    Mesh or None
        None where no triangle has an area.
    """
    corner = points[triangles]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = np.linalg.norm(normal, axis=1)
    keep = (area > 1e-14) & np.isfinite(corner).all(axis=(1, 2))
    if not keep.any():
        return None
    triangles, normal, colors, corner = triangles[keep], normal[keep], colors[keep], corner[keep]
    face = _unit(normal)
    weight = _angles(corner).ravel()
    mean = np.empty((len(points), 3))
    for axis in range(3):
        share = np.repeat(face[:, axis], 3) * weight
        mean[:, axis] = np.bincount(triangles.ravel(), share, minlength=len(points))
    smooth = _unit(mean)[triangles]
    soft = np.einsum("ijk,ik->ij", smooth, face) > SOFT
    normals = np.where(soft[:, :, None], smooth, face[:, None, :]).reshape(-1, 3)
    flat = corner.reshape(-1, 3).astype(np.float32)
    tint = np.repeat(colors, 3, axis=0)
    order, inverse = _distinct(triangles.ravel(), normals, tint)
    return Mesh(
        mesh_id,
        flat[order],
        normals[order].astype(np.float32),
        tint[order],
        inverse.reshape(-1, 3).astype(np.uint32),
    )


def _distinct(
    vertex: NDArray[np.int64], normals: FloatArray, tint: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Corners that agree in vertex, normal (to 1/500) and colour become one."""
    quantised = np.rint(normals * 500).astype(np.int64) + 512
    direction = (quantised[:, 0] << 22) | (quantised[:, 1] << 11) | quantised[:, 2]
    color = np.ascontiguousarray(tint).view(np.uint32).ravel().astype(np.int64)
    first = (vertex.astype(np.int64) << 33) | direction
    order = np.lexsort((color, first))
    a, b = first[order], color[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    group = np.cumsum(new) - 1
    inverse = np.empty(len(order), dtype=np.int64)
    inverse[order] = group
    return order[new], inverse


def mesh_table(meshes: list[Mesh]) -> pa.Table:
    """Meshes under :data:`twin.schema.MESHES` (little-endian)."""
    columns = {
        "mesh_id": [m.mesh_id for m in meshes],
        "positions": [m.positions.astype("<f4").tobytes() for m in meshes],
        "normals": [m.normals.astype("<f4").tobytes() for m in meshes],
        "colors": [m.colors.astype(np.uint8).tobytes() for m in meshes],
        "indices": [m.indices.astype("<u4").tobytes() for m in meshes],
    }
    return pa.table(columns, schema=MESHES)
