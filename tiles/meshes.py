"""Placed meshes as flat arrays, and their batching into one primitive per material."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from tiles.album import wrap_of
from tiles.disciplines import disciplines
from tiles.glb import Primitive
from tiles.palette import class_colors, linear
from tiles.placement import to_y_up
from tiles.skins import FINE, dress
from tiles.source import column, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from tiles.album import Album
    from tiles.skins import Skin

__all__ = ["Instances", "Shapes", "batch", "place", "ragged", "read_shapes"]

if TYPE_CHECKING:
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Objects = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Shapes:
    """Meshes in a row: ``v_start`` and ``t_start`` (m + 1) cut vertices and triangles.

    ``colored`` (m) says which meshes bring their own colours; ``low`` and ``high`` (m, 3) are
    their local boxes, NaN for a mesh that has no triangle or a vertex that is no number. ``picture``
    is the place of each triangle's picture in ``pictures`` (name among the assets, wrap mode), -1 for
    none, ``uv`` its coordinates at the vertices (origin lower left); both are empty where no mesh
    has a picture.
    """

    positions: NDArray[np.float32]
    normals: NDArray[np.float32]
    colors: NDArray[np.uint8]
    colored: NDArray[np.bool_]
    triangles: Ints
    v_start: Ints
    t_start: Ints
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    uv: NDArray[np.float32]
    picture: NDArray[np.int32]
    pictures: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Instances:
    """Meshes placed on the earth, one row each, sorted by eid; ``matrix`` (n, 4, 4) → ECEF."""

    eid: Objects
    class_code: Objects
    name: Objects
    storey: Objects
    discipline: Objects
    group: Objects
    height_m: Floats
    shape: Ints
    matrix: Floats
    low: Floats
    high: Floats

    @property
    def size(self) -> Floats:
        """Diagonal of each box in ECEF, metres, shape (n,)."""
        return np.asarray(np.linalg.norm(self.high - self.low, axis=1))


def _flat(table: pa.Table, name: str, dtype: str, width: int) -> tuple[NDArray[Any], Ints]:
    """One binary column as (values (n, width), items per row)."""
    rows = column(table, name).to_pylist()
    blob = b"".join(r or b"" for r in rows)
    item = np.dtype(dtype).itemsize * width
    counts = np.array([len(r or b"") // item for r in rows], dtype=np.int64)
    return np.frombuffer(blob, dtype=dtype).reshape(-1, width), counts


def read_shapes(
    assets: Sequence[str], read: Callable[[str], pa.Table]
) -> tuple[Shapes, dict[tuple[str, str], int]]:
    """Load mesh assets.

    Parameters
    ----------
    assets : sequence of str
        Names of assets.
    read : callable
        Gives the table (schema :data:`twin.schema.MESHES`) of an asset.

    Returns
    -------
    shapes : Shapes
    index : dict
        (asset, mesh_id) → row of ``shapes``.
    """
    index: dict[tuple[str, str], int] = {}
    columns: list[list[NDArray[Any]]] = [[] for _ in range(8)]
    known: dict[tuple[str, int], int] = {}
    for asset in assets:
        table = read(asset)
        for mesh_id in texts(table, "mesh_id").tolist():
            index[asset, mesh_id] = len(index)
        positions, n_vertices = _flat(table, "positions", "<f4", 3)
        triangles, n_triangles = _flat(table, "indices", "<u4", 3)
        normals, n_normals = _flat(table, "normals", "<f4", 3)
        colors, n_colors = _flat(table, "colors", "u1", 4)
        given = n_normals == n_vertices
        if not given.all():
            made = _smooth_normals(positions, triangles, n_vertices, n_triangles)
            made[np.repeat(given, n_vertices)] = normals[np.repeat(given, n_normals)]
            normals = made
        colored = (n_colors == n_vertices) & (n_vertices > 0)
        painted = np.full((len(positions), 4), 255, np.uint8)
        painted[np.repeat(colored, n_vertices)] = colors[np.repeat(colored, n_colors)]
        found = positions, normals, painted, colored, triangles, n_vertices, n_triangles
        for store, values in zip(columns, found[:5], strict=False):
            store.append(values)
        columns[5].append(np.column_stack([n_vertices, n_triangles]))
        uv, picture = _pictures(table, n_vertices, n_triangles, known)
        columns[6].append(uv)
        columns[7].append(picture)
    positions, normals, colors, colored, triangles = (np.concatenate(c) for c in columns[:5])
    uv, picture = np.concatenate(columns[6]), np.concatenate(columns[7])
    if not known:
        uv, picture = uv[:0], picture[:0]
    counts = np.concatenate(columns[5])
    starts = np.concatenate([np.zeros((1, 2), np.int64), np.cumsum(counts, axis=0)])
    low, high = _boxes(positions, starts[:, 0], counts[:, 1] > 0)
    shapes = Shapes(
        positions, normals, colors, colored, triangles.astype(np.int64), starts[:, 0], starts[:, 1],
        low, high, uv, picture, tuple(known),
    )  # fmt: skip
    return shapes, index


def _pictures(
    table: pa.Table, n_vertices: Ints, n_triangles: Ints, known: dict[tuple[str, int], int]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Coordinates (v, 2) of the vertices, and the place in ``known`` of each triangle's picture."""
    uv = np.zeros((int(n_vertices.sum()), 2), np.float32)
    picture = np.full(int(n_triangles.sum()), -1, np.int32)
    pairs, n_pairs = _flat(table, "uv", "<f4", 2)
    number, n_numbers = _flat(table, "texture", "<i4", 1)
    clad = (n_pairs == n_vertices) & (n_numbers == n_triangles) & (n_triangles > 0)
    if not clad.any():
        return uv, picture
    uv[np.repeat(clad, n_vertices)] = pairs[np.repeat(clad, n_pairs)]
    told = column(table, "textures").to_pylist()
    start = np.cumsum(n_triangles) - n_triangles
    begin = np.cumsum(n_numbers) - n_numbers
    for i in np.flatnonzero(clad).tolist():
        place = np.array([_picture(t, known) for t in orjson.loads(told[i] or "[]")] + [-1])
        own = number[begin[i] : begin[i] + n_numbers[i], 0]
        picture[start[i] : start[i] + n_triangles[i]] = place[
            np.where((own >= 0) & (own < len(place) - 1), own, -1)
        ]
    return uv, picture


def _picture(said: dict[str, Any], known: dict[tuple[str, int], int]) -> int:
    """Place of a picture in ``known``, which takes it; -1 where the source had no such file."""
    if not said.get("image"):
        return -1
    return known.setdefault((said["image"], wrap_of(said.get("wrapMode"))), len(known))


def _boxes(
    positions: NDArray[np.float32], start: Ints, drawn: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Local boxes of meshes; NaN where there is nothing sound to draw."""
    low = np.full((len(start) - 1, 3), np.nan, np.float32)
    high = low.copy()
    full = np.flatnonzero((np.diff(start) > 0) & drawn)
    if len(full):
        # reduceat runs to the next start: empty meshes in between add nothing
        low[full] = np.minimum.reduceat(positions, start[full], axis=0)
        high[full] = np.maximum.reduceat(positions, start[full], axis=0)
    return low, high


def _smooth_normals(
    positions: NDArray[np.float32], triangles: NDArray[Any], n_vertices: Ints, n_triangles: Ints
) -> NDArray[np.float32]:
    """Area-weighted vertex normals, for assets that bring none."""
    offset = np.repeat(np.cumsum(n_vertices) - n_vertices, n_triangles)
    corner = triangles.astype(np.int64) + offset[:, None]
    p = positions[corner].astype(np.float64)
    face = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    out = np.zeros((len(positions), 3))
    for k in range(3):
        np.add.at(out, corner[:, k], face)
    return out.astype(np.float32)


def place(table: pa.Table, read: Callable[[str], pa.Table]) -> tuple[Instances, Shapes, list[str]]:
    """Join placed meshes with their shapes.

    Parameters
    ----------
    table : pyarrow.Table
        Schema :data:`tiles.source.MESH_INSTANCES`, at least one row.
    read : callable
        See :func:`read_shapes`.

    Returns
    -------
    instances, shapes, notes
        Rows without a shape, a finite matrix or a triangle are left out and counted in ``notes``.
    """
    table = table.sort_by([("eid", "ascending"), ("mesh_id", "ascending")])
    asset, mesh_id = texts(table, "asset"), texts(table, "mesh_id")
    shapes, index = read_shapes(sorted(set(asset.tolist()) - {""}), read)
    pairs = zip(asset.tolist(), mesh_id.tolist(), strict=True)
    shape = np.array([index.get(p, -1) for p in pairs], dtype=np.int64)
    matrix = np.full((table.num_rows, 16), np.nan)
    listed = column(table, "matrix")
    whole = np.flatnonzero(listed.is_valid().to_numpy(zero_copy_only=False))
    matrix[whole] = np.asarray(listed.drop_null().flatten(), dtype=np.float64).reshape(-1, 16)
    matrix = matrix.reshape(-1, 4, 4)
    usable = (shape >= 0) & np.isfinite(matrix).all(axis=(1, 2))
    usable[usable] &= np.isfinite(shapes.low[shape[usable]] + shapes.high[shape[usable]]).all(
        axis=1
    )
    notes = (
        [] if usable.all() else [f"{int((~usable).sum())} placed meshes without a shape, left out"]
    )
    low, high = _ecef_boxes(shapes, shape[usable], matrix[usable])
    eid, group = texts(table, "eid")[usable], texts(table, "building_eid")[usable]
    z = [
        np.asarray(column(table, c).cast("double").to_numpy(zero_copy_only=False))[usable]
        for c in ("zmin", "zmax")
    ]
    instances = Instances(
        eid, texts(table, "class_code")[usable], texts(table, "name")[usable],
        texts(table, "storey")[usable],
        disciplines(texts(table, "ifc_class")[usable]), np.where(group == "", eid, group), z[1] - z[0],
        shape[usable], matrix[usable], low, high,
    )  # fmt: skip
    return instances, shapes, notes


def _ecef_boxes(shapes: Shapes, shape: Ints, matrix: Floats) -> tuple[Floats, Floats]:
    """Boxes of instances along the ECEF axes, from their eight local corners."""
    ends = np.stack([shapes.low[shape], shapes.high[shape]], axis=1).astype(np.float64)
    pick = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])
    corner = np.take_along_axis(ends, np.broadcast_to(pick, (len(shape), 8, 3)), axis=1)
    points = np.einsum("nij,nkj->nki", matrix[:, :3, :3], corner) + matrix[:, None, :3, 3]
    return points.min(axis=1), points.max(axis=1)


def ragged(start: Ints, count: Ints) -> Ints:
    """Indices ``start[i]`` … ``start[i] + count[i] - 1`` of all rows, one after the other."""
    total = np.cumsum(count)
    out = np.arange(total[-1] if len(total) else 0)
    return np.asarray(out + np.repeat(start - (total - count), count))


def batch(
    instances: Instances,
    shapes: Shapes,
    rows: Ints,
    feature: Ints,
    frame: Floats,
    alpha: int | None,
    album: Album | None = None,
    side: int = FINE,
    keep: NDArray[np.bool_] | None = None,
) -> tuple[list[Primitive], Floats, Floats]:
    """Draw instances in a tile's frame: one opaque primitive, a translucent one, one of each texture.

    Parameters
    ----------
    rows : ndarray of int, shape (k,)
        Instances to draw.
    feature : ndarray of int, shape (k,)
        Feature id of each.
    frame : ndarray of float64, shape (4, 4)
    alpha : int or None
        Overrides the alpha of every colour (0–255); nothing has a texture then.
    album : Album, optional
        The pictures; without it no texture is drawn.
    side : int
        See :func:`tiles.skins.dress`.
    keep : ndarray of bool, optional
        Which of all their triangles are drawn, one instance after the other.

    Returns
    -------
    primitives, low, high
        ``low`` and ``high`` bound the vertices as stored, in the frame.
    """
    shape = instances.shape[rows]
    n_v, n_t = np.diff(shapes.v_start)[shape], np.diff(shapes.t_start)[shape]
    vertex = ragged(shapes.v_start[shape], n_v)
    rotation = np.einsum("ji,njk->nik", frame[:3, :3], instances.matrix[rows][:, :3, :3])
    shift = (instances.matrix[rows][:, :3, 3] - frame[:3, 3]) @ frame[:3, :3]
    of = np.repeat(np.arange(len(rows)), n_v)
    local = np.einsum("nij,nj->ni", rotation[of], shapes.positions[vertex]) + shift[of]
    normals = np.einsum("nji,nj->ni", np.linalg.pinv(rotation)[of], shapes.normals[vertex])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(length > 1e-9, normals / np.maximum(length, 1e-9), (0.0, 0.0, 1.0))
    colors = _colors(instances, shapes, rows, vertex, of, alpha)
    row = ragged(shapes.t_start[shape], n_t)
    triangles = shapes.triangles[row]
    mirrored = np.repeat(np.linalg.det(rotation) < 0, n_t)
    triangles[mirrored] = triangles[mirrored][:, ::-1]
    triangles = triangles + np.repeat(np.cumsum(n_v) - n_v, n_t)[:, None]
    points = local.astype(np.float32)
    if keep is not None:
        triangles, row = triangles[keep], row[keep]
        points = np.where(
            np.isin(np.arange(len(points)), triangles)[:, None], points, points[triangles[0, 0]]
        )
    skins: list[Skin] = []
    if album is not None and alpha is None and len(shapes.picture):
        uv = shapes.uv[vertex][triangles]
        skins = dress(album, shapes.pictures, shapes.picture[row], uv, side)
    clear = colors[triangles[:, 0], 3] < 250
    bare = np.ones(len(triangles), dtype=bool)
    for skin in skins:
        bare[skin.rows] = False
    primitives = [
        _part(points, normals, colors, feature[of], triangles[mask & bare], blend)
        for mask, blend in ((~clear, False), (clear, True))
        if (mask & bare).any()
    ]
    primitives += [
        _clad(points, normals, feature[of], triangles[skin.rows], skin) for skin in skins
    ]
    return primitives, points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)


def _colors(
    instances: Instances, shapes: Shapes, rows: Ints, vertex: Ints, of: Ints, alpha: int | None
) -> NDArray[np.uint8]:
    """Linear RGBA per vertex: the mesh's own colours, or those of the entity's class."""
    colors = shapes.colors[vertex].copy()
    plain = ~shapes.colored[instances.shape[rows]][of]
    if plain.any():
        colors[plain] = class_colors(instances.class_code[rows])[of[plain]]
    if alpha is not None:
        colors[:, 3] = alpha
    return linear(colors)


def _part(
    points: NDArray[np.float32], normals: Floats, colors: NDArray[np.uint8], feature: Ints,
    triangles: Ints, blend: bool,
) -> Primitive:  # fmt: skip
    """The vertices that some triangles use, renumbered."""
    used = np.zeros(len(points), dtype=bool)
    used[triangles] = True
    number = np.cumsum(used) - 1
    return Primitive(
        to_y_up(points[used]).astype(np.float32), to_y_up(normals[used]), colors[used],
        feature[used], number[triangles].ravel(), blend=blend, double_sided=True,
    )  # fmt: skip


def _clad(
    points: NDArray[np.float32], normals: Floats, feature: Ints, triangles: Ints, skin: Skin
) -> Primitive:
    """Triangles under a texture; a vertex with several coordinates becomes several."""
    corner = triangles.ravel()
    key = np.column_stack([corner, skin.uv.reshape(-1, 2).view("<i4")])
    found, number = np.unique(key, axis=0, return_inverse=True)
    vertex = found[:, 0]
    uv = np.ascontiguousarray(found[:, 1:]).astype("<i4").view("<f4")
    white = np.full((len(vertex), 4), 255, np.uint8)
    return Primitive(
        to_y_up(points[vertex]).astype(np.float32), to_y_up(normals[vertex]), white,
        feature[vertex], number.ravel(), blend=skin.alpha == "BLEND", double_sided=True,
        uv=uv, texture=skin.texture, cutout=skin.alpha == "MASK",
    )  # fmt: skip
