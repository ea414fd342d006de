"""Meshes as they are drawn out of meshes as they are kept: normals split at hard edges, a colour at each vertex.

A mesh that tells its faces is kept without normals and with one colour a face, a third of what is drawn.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from twin.fingerprint import one_array

__all__ = ["binaries", "rows", "shaded"]

SOFT = np.cos(np.deg2rad(25.0))
"""Corners whose faces lean less than 25° off their mean share one normal."""
IntArray = NDArray[np.int64]
Floats = NDArray[np.float32]


def rows(column: pa.Array | pa.ChunkedArray) -> tuple[IntArray, NDArray[np.uint8]]:
    """Offsets (n + 1,) and bytes of a binary column, the first offset 0; null is empty."""
    array = one_array(column)
    array = array.fill_null(b"") if array.null_count else array
    _, offsets, data = array.buffers()
    at = np.frombuffer(offsets, np.int32, len(array) + 1, array.offset * 4).astype(np.int64)
    size = int(at[-1] - at[0])
    found = np.frombuffer(data, np.uint8, size, int(at[0])) if size else np.zeros(0, np.uint8)
    return at - at[0], found


def binaries(values: NDArray[Any], start: IntArray) -> pa.Array:
    """Rows ``start[i]:start[i+1]`` of a contiguous array as one binary value each."""
    width = values.dtype.itemsize * (values.shape[1] if values.ndim == 2 else 1)
    offsets = start * width
    data = pa.py_buffer(np.ascontiguousarray(values))
    n = len(start) - 1
    if offsets[-1] < 2**31:
        at = pa.py_buffer(offsets.astype(np.int32))
        return pa.Array.from_buffers(pa.binary(), n, [None, at, data])
    large = pa.Array.from_buffers(pa.large_binary(), n, [None, pa.py_buffer(offsets), data])
    return large.cast(pa.binary())


def shaded(meshes: pa.Table) -> pa.Table:
    """Meshes with normals and colours at their vertices, whatever way they are kept.

    Parameters
    ----------
    meshes : pyarrow.Table
        Columns of :data:`twin.schema.MESHES` and any of :data:`twin.schema.MESH_EXTRAS`.

    Returns
    -------
    pyarrow.Table
        The same columns but ``faces`` and ``paint``. Vertices of meshes that have them are split where normals or
        colours differ; their ``uv`` follow, ``surface`` is told of each triangle. Other meshes are as they were.
    """
    if "faces" not in meshes.column_names:
        return meshes
    parts = [
        _shaded(pa.Table.from_batches([batch])) for batch in meshes.to_batches() if batch.num_rows
    ]
    bare = meshes.schema.empty_table().drop_columns(["faces", "paint"])
    return pa.concat_tables(parts) if parts else bare


def _shaded(table: pa.Table) -> pa.Table:
    kept = table.drop_columns(["faces", "paint"])
    told = table["faces"].is_valid()
    n_told = table.num_rows - table["faces"].null_count
    if n_told == 0:
        return kept
    if n_told < table.num_rows:  # each on its own way, in order again
        mask = told.to_numpy()
        apart = [
            _shaded(table.filter(pa.array(mask))),
            kept.filter(pa.array(~mask)),
        ]
        place = np.empty(table.num_rows, np.int64)
        place[np.flatnonzero(mask)] = np.arange(n_told)
        place[np.flatnonzero(~mask)] = np.arange(n_told, table.num_rows)
        return pa.concat_tables(apart).take(pa.array(place))
    (p_at, positions), (i_at, indices), (f_at, faces), (_, paint) = (
        rows(table[name]) for name in ("positions", "indices", "faces", "paint")
    )
    xyz = positions.view("<f4").reshape(-1, 3)
    starts = (p_at // 12, i_at // 12, f_at // 4)
    normals, color, source, corners, start = _split(
        xyz,
        positions.view("<i4").reshape(-1, 3),
        indices.view("<u4").reshape(-1, 3),
        faces.view("<u4"),
        paint.view("<u4"),
        *starts,
        float(SOFT),
    )
    number = np.repeat(np.arange(len(faces) // 4), faces.view("<u4"))
    made = {
        "positions": binaries(xyz[source], start),
        "normals": binaries(normals.astype("<f4", copy=False), start),
        "colors": binaries(color.astype("<u4", copy=False), start),
        "indices": binaries(corners.astype("<u4", copy=False), starts[1]),
    }
    for name, width in (("surface", "face"), ("uv", "vertex")):
        if name not in table.column_names or table[name].null_count == table.num_rows:
            continue
        at, data = rows(table[name])
        empty = np.diff(at) == 0
        if width == "face":
            there = np.repeat(~empty, np.diff(starts[2]))
            values = np.full(len(faces) // 4, -1, np.int32)
            values[there] = data.view("<i4")
            spread: NDArray[Any] = values[number]
            cut = starts[1]
        else:
            there = np.repeat(~empty, np.diff(starts[0]))
            pairs = np.zeros((len(xyz), 2), np.float32)
            pairs[there] = data.view("<f4").reshape(-1, 2)
            spread = pairs[source]
            cut = start
        column = binaries(spread.astype(spread.dtype.newbyteorder("<"), copy=False), cut)
        made[name] = _without(column, table[name].is_null().to_numpy())
    for name, column in made.items():
        place = kept.schema.get_field_index(name)
        kept = kept.set_column(place, kept.schema.field(place), column)
    return kept


def _without(column: pa.Array, null: NDArray[np.bool_]) -> pa.Array:
    """The column with nulls where ``null``."""
    if not null.any():
        return column
    mask = pa.py_buffer(np.packbits(~null, bitorder="little"))
    return pa.Array.from_buffers(column.type, len(column), [mask, *column.buffers()[1:]])


@njit(cache=True, nogil=True, inline="always")
def _mixed(a: Any, b: Any, c: Any) -> Any:  # noqa: ANN401 (64-bit numbers)
    h = (a * 73856093) ^ (b * 19349663) ^ (c * 83492791)
    h ^= h >> 29
    h *= 0x5BD1E995
    return h ^ (h >> 17)


@njit(cache=True, nogil=True)
def _together(bits: NDArray[np.int32], a: int, b: int, slot: IntArray, at: IntArray) -> None:
    """For vertices ``a`` to ``b``, one for all that fall together, counted from ``a``."""
    size = 16
    while size < 2 * (b - a):
        size *= 2
    slot[:size] = -1
    for i in range(a, b):
        h = _mixed(bits[i, 0], bits[i, 1], bits[i, 2]) & (size - 1)
        while slot[h] >= 0:
            j = a + slot[h]
            if bits[j, 0] == bits[i, 0] and bits[j, 1] == bits[i, 1] and bits[j, 2] == bits[i, 2]:
                break
            h = (h + 1) & (size - 1)
        if slot[h] < 0:
            slot[h] = i - a
        at[i - a] = slot[h]


@njit(cache=True, nogil=True)
def _angle(p: Floats, q: Floats, r: Floats) -> float:
    """Angle at ``p`` between ``q`` and ``r``, radians; 0 where two of them fall together."""
    ax, ay, az = q[0] - p[0], q[1] - p[1], q[2] - p[2]
    bx, by, bz = r[0] - p[0], r[1] - p[1], r[2] - p[2]
    lengths = (ax * ax + ay * ay + az * az) * (bx * bx + by * by + bz * bz)
    if not lengths > 0:
        return 0.0
    cosine = (ax * bx + ay * by + az * bz) / np.sqrt(lengths)
    return float(np.arccos(min(1.0, max(-1.0, cosine))))


@njit(cache=True, nogil=True)
def _split(  # noqa: C901 (one pass over the meshes)
    xyz: Floats,
    bits: NDArray[np.int32],
    indices: NDArray[np.uint32],
    faces: NDArray[np.uint32],
    paint: NDArray[np.uint32],
    v_start: IntArray,
    t_start: IntArray,
    f_start: IntArray,
    soft: float,
) -> tuple[Floats, NDArray[np.uint32], IntArray, NDArray[np.uint32], IntArray]:
    """Vertices as they are drawn: their normals, colours, the vertex each came from, the triangles that join them.

    ``faces`` (f,) are the triangles of each face, ``paint`` (f,) its colour; the starts say where the vertices,
    triangles and faces of each mesh begin. The last answer is where its vertices begin now.
    """
    n = len(v_start) - 1
    most_v = most_f = 1
    for m in range(n):
        most_v = max(most_v, v_start[m + 1] - v_start[m])
        most_f = max(most_f, f_start[m + 1] - f_start[m])
    slot, at = np.empty(4 * most_v + 16, np.int64), np.empty(most_v, np.int64)
    mean, head = np.empty((most_v, 3)), np.empty(most_v, np.int64)
    normal = np.empty((most_f, 3))
    room = 3 * len(indices)
    normals = np.empty((room, 3), np.float32)
    source, before = np.empty(room, np.int64), np.empty(room, np.int64)
    packed = np.empty(room, np.int64)
    color = np.empty(room, np.uint32)
    corners = np.empty_like(indices)
    start = np.zeros(n + 1, np.int64)
    made = 0
    for m in range(n):
        a, b = v_start[m], v_start[m + 1]
        first = made
        _together(bits, a, b, slot, at)
        mean[: b - a] = 0.0
        head[: b - a] = -1
        t = t_start[m]
        for f in range(f_start[m], f_start[m + 1]):
            nx = ny = nz = 0.0
            for k in range(t, t + faces[f]):
                p, q, r = xyz[a + indices[k, 0]], xyz[a + indices[k, 1]], xyz[a + indices[k, 2]]
                ux, uy, uz = float(q[0] - p[0]), float(q[1] - p[1]), float(q[2] - p[2])
                vx, vy, vz = float(r[0] - p[0]), float(r[1] - p[1]), float(r[2] - p[2])
                nx += uy * vz - uz * vy
                ny += uz * vx - ux * vz
                nz += ux * vy - uy * vx
            length = np.sqrt(nx * nx + ny * ny + nz * nz)
            if length > 0:
                nx, ny, nz = nx / length, ny / length, nz / length
            else:  # rounded to nothing: it has to look somewhere
                nx, ny, nz = 0.0, 0.0, 1.0
            one = normal[f - f_start[m]]
            one[0], one[1], one[2] = nx, ny, nz
            for k in range(t, t + faces[f]):
                for c in range(3):
                    i, j, g = indices[k, c], indices[k, (c + 1) % 3], indices[k, (c + 2) % 3]
                    w = _angle(xyz[a + i], xyz[a + j], xyz[a + g])
                    total = mean[at[i]]
                    total[0] += nx * w
                    total[1] += ny * w
                    total[2] += nz * w
            t += faces[f]
        t = t_start[m]
        for f in range(f_start[m], f_start[m + 1]):
            one = normal[f - f_start[m]]
            for k in range(t, t + faces[f]):
                for c in range(3):
                    i = np.int64(indices[k, c])
                    total = mean[at[i]]
                    length = np.sqrt(total[0] ** 2 + total[1] ** 2 + total[2] ** 2)
                    nx, ny, nz = one[0], one[1], one[2]
                    if total[0] * nx + total[1] * ny + total[2] * nz > soft * length:
                        nx, ny, nz = total[0] / length, total[1] / length, total[2] / length
                    # directions that differ by less than 1/500 are one
                    key = (
                        (np.int64(nx * 500 + 512.5) << 22)
                        | (np.int64(ny * 500 + 512.5) << 11)
                        | np.int64(nz * 500 + 512.5)
                    )
                    v = head[i]
                    while v >= 0 and (packed[v] != key or color[v] != paint[f]):
                        v = before[v]
                    if v < 0:
                        v = made
                        made += 1
                        before[v], head[i] = head[i], v
                        packed[v], color[v], source[v] = key, paint[f], a + i
                        normals[v, 0], normals[v, 1], normals[v, 2] = nx, ny, nz
                    corners[k, c] = v - first
            t += faces[f]
        start[m + 1] = made
    return normals[:made].copy(), color[:made].copy(), source[:made].copy(), corners, start
