"""Triangles as the base stores them: local float32 positions, normals split at hard edges, colours per vertex."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.schema import MATRIX, MESHES

__all__ = ["Mesh", "matrix_column", "mesh_table", "shaded", "shaded_many"]

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
    shade = _shade(points, triangles, colors)
    return None if shade is None else Mesh(mesh_id, *shade[:4])


Shade = tuple[
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.uint8],
    NDArray[np.uint32],
    NDArray[np.int64],
]


def _shade(
    points: FloatArray, triangles: NDArray[np.int64], colors: NDArray[np.uint8]
) -> Shade | None:
    """Positions, normals, colours, indices, and the point each vertex came from (ascending)."""
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
    vertex = triangles.ravel()
    order, inverse = _distinct(vertex, normals, tint)
    return (
        flat[order],
        normals[order].astype(np.float32),
        tint[order],
        inverse.reshape(-1, 3).astype(np.uint32),
        vertex[order],
    )


Raw = tuple[str, FloatArray, NDArray[np.int64], NDArray[np.uint8]]
"""Mesh id, points (n, 3), triangles (m, 3), colours of the triangles (m, 4)."""
MOST_CORNERS = 1_500_000
"""Corners that are shaded at once: some 300 MB of working memory."""


def shaded_many(shapes: list[Raw]) -> list[Mesh]:
    """The same as :func:`shaded` for many shapes at once, several times cheaper where they are small.

    Parameters
    ----------
    shapes : list of (mesh_id, points, triangles, colors)
        See :func:`shaded`; a shape without an area is left out.

    Returns
    -------
    list of Mesh
        In the order given.
    """
    out: list[Mesh] = []
    start = 0
    while start < len(shapes):
        end, corners = start + 1, 3 * len(shapes[start][2])
        while end < len(shapes) and corners + 3 * len(shapes[end][2]) <= MOST_CORNERS:
            corners += 3 * len(shapes[end][2])
            end += 1
        out += _together(shapes[start:end])
        start = end
    return out


def _together(shapes: list[Raw]) -> list[Mesh]:
    """Shade shapes as one mesh and take them apart again."""
    first = np.cumsum([0] + [len(s[1]) for s in shapes])
    points = np.concatenate([s[1] for s in shapes])
    triangles = np.concatenate([s[2] + k for s, k in zip(shapes, first, strict=False)])
    shade = _shade(points, triangles, np.concatenate([s[3] for s in shapes]))
    if shade is None:
        return []
    positions, normals, tint, indices, origin = shade
    vertex_ends = np.searchsorted(origin, first[1:])
    triangle_ends = np.searchsorted(origin[indices[:, 0]], first[1:])
    out, v, t = [], 0, 0
    for shape, v_end, t_end in zip(
        shapes, vertex_ends.tolist(), triangle_ends.tolist(), strict=True
    ):
        if t_end > t:
            part = indices[t:t_end] - np.uint32(v)
            out.append(Mesh(shape[0], positions[v:v_end], normals[v:v_end], tint[v:v_end], part))
        v, t = v_end, t_end
    return out


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


def matrix_column(matrices: FloatArray, there: NDArray[np.bool_]) -> pa.Array:
    """Column of :data:`twin.schema.MATRIX`, made of buffers: no library of Arrow's functions is loaded for it.

    Parameters
    ----------
    matrices : ndarray of float64, shape (m, 4, 4) or (m, 16)
        Row-major, of the records that have one.
    there : ndarray of bool, shape (n,)
        Which records have one, m in all; the others get null.
    """
    values = np.zeros((len(there), 16))
    values[there] = matrices.reshape(-1, 16)
    flat = pa.Array.from_buffers(pa.float64(), values.size, [None, pa.py_buffer(values)])
    valid = pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.Array.from_buffers(MATRIX, len(there), [valid], children=[flat])
