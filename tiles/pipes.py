"""Utility pipes as octagonal tubes along their axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from tiles.features import Layer, Progress, Write, feature_columns
from tiles.glb import Column, Primitive, write_glb
from tiles.palette import class_colors, linear
from tiles.placement import M_PER_DEGREE, frame_at, to_local, to_y_up
from tiles.quadtree import Branch, plan_quadtree
from tiles.source import floats, geometries, texts
from tiles.tree import Tile, settle, walk, write_explicit

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["MINIMUM_RADIUS_M", "build_pipes", "tubes"]

MINIMUM_RADIUS_M = 0.15
"""Thinner pipes are drawn with this radius, so that they can be seen and picked."""
SIDES = 8
NODE_VERTICES, LEAF_VERTICES = 60_000.0, 120_000.0
UNKNOWN_DIAMETER_MM = 300.0


def tubes(
    points: Floats, line: Ints, radius: Floats
) -> tuple[Floats, Floats, Ints, NDArray[np.uint32]]:
    """Closed prisms around polylines.

    Parameters
    ----------
    points : ndarray of float64, shape (n, 3)
        Vertices of the axes, local (east, north, up) metres, line after line.
    line : ndarray of int, shape (n,)
        Line of each vertex, rising; each line has at least two distinct vertices.
    radius : ndarray of float64, shape (n,)
        Metres.

    Returns
    -------
    positions, normals : ndarray of float64, shape (v, 3)
    owner : ndarray of int, shape (v,)
        Index of the axis vertex each came from.
    triangles : ndarray of uint32, shape (t, 3)
        Counter-clockwise from outside.
    """
    n = len(points)
    joined = line[1:] == line[:-1]
    step = np.diff(points, axis=0)
    step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-12)
    tangent = np.zeros((n, 3))
    tangent[:-1][joined] += step[joined]
    tangent[1:][joined] += step[joined]
    length = np.linalg.norm(tangent, axis=1, keepdims=True)
    ahead = np.vstack([step, step[-1:]])
    tangent = np.where(length > 1e-6, tangent / np.maximum(length, 1e-12), ahead)
    side = np.column_stack([tangent[:, 1], -tangent[:, 0], np.zeros(n)])
    flat = np.linalg.norm(side, axis=1, keepdims=True)
    side = np.where(flat > 1e-6, side / np.maximum(flat, 1e-12), (1.0, 0.0, 0.0))
    over = np.cross(side, tangent)
    angle = np.arange(SIDES) * (2 * np.pi / SIDES)
    normal = (
        np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * over[:, None]
    )
    ring = points[:, None] + normal * radius[:, None, None]
    start = np.append(True, ~joined)
    ends = np.flatnonzero(start | np.append(~joined, True))
    cap_normal = np.where(start[ends, None], -tangent[ends], tangent[ends])
    positions = np.concatenate([ring.reshape(-1, 3), ring[ends].reshape(-1, 3)])
    normals = np.concatenate([normal.reshape(-1, 3), np.repeat(cap_normal, SIDES, axis=0)])
    owner = np.concatenate([np.repeat(np.arange(n), SIDES), np.repeat(ends, SIDES)])
    triangles = np.concatenate([_sides(np.flatnonzero(joined)), _caps(n, start[ends])])
    return positions, normals, owner, triangles.astype(np.uint32)


def _sides(first: Ints) -> Ints:
    """Two triangles per side between the ring of an axis vertex and the next."""
    k = np.arange(SIDES)
    a = first[:, None] * SIDES + k
    b = first[:, None] * SIDES + (k + 1) % SIDES
    c, d = b + SIDES, a + SIDES
    return np.stack([a, c, b, a, d, c], axis=-1).reshape(-1, 3)


def _caps(n: int, is_start: NDArray[np.bool_]) -> Ints:
    """Fans that close both ends; the first end looks backwards."""
    base = (n + np.arange(len(is_start)))[:, None, None] * SIDES
    k = np.arange(1, SIDES - 1)
    fan = np.stack([np.zeros_like(k), k, k + 1], axis=-1)[None]
    out = np.where(is_start[:, None, None], fan, fan[..., ::-1]) + base
    return np.asarray(out.reshape(-1, 3), dtype=np.int64)


class _Lines:
    """Pipes as flat arrays of axis vertices, sorted by eid."""

    def __init__(self, table: pa.Table) -> None:
        table = table.sort_by("eid") if table.num_rows else table
        parts, feature = shapely.get_parts(geometries(table), return_index=True)
        xyz, part = shapely.get_coordinates(parts, include_z=True, return_index=True)
        sound = np.isfinite(xyz).all(axis=1)
        xyz, part = xyz[sound], part[sound]
        metres = np.diff(xyz, axis=0) * (M_PER_DEGREE, M_PER_DEGREE, 1.0)
        repeat = np.append(False, (part[1:] == part[:-1]) & (np.linalg.norm(metres, axis=1) < 1e-3))
        xyz, part = xyz[~repeat[: len(xyz)]], part[~repeat[: len(xyz)]]
        long = np.bincount(part, minlength=len(parts))[part] >= 2
        self.xyz, self.part = xyz[long], part[long]
        self.feature = feature[self.part]
        self.eid, self.class_code = texts(table, "eid"), texts(table, "class_code")
        self.name = texts(table, "name")
        diameter = floats(table, "diameter_mm").copy()
        unknown = ~(diameter > 0)
        self.diameter_mm = np.where(unknown, np.nan, diameter)
        diameter[unknown] = UNKNOWN_DIAMETER_MM
        self.radius = np.maximum(diameter / 2000.0, MINIMUM_RADIUS_M)
        drawn = np.zeros(len(self.eid), dtype=bool)
        drawn[self.feature] = True
        self.rows = np.flatnonzero(drawn)
        self.notes = []
        if (~drawn).any():
            self.notes.append(f"{int((~drawn).sum())} without a line with heights, left out")
        if (unknown & drawn).any():
            text = f"without diameter, drawn {UNKNOWN_DIAMETER_MM:g} mm wide"
            self.notes.append(f"{int((unknown & drawn).sum())} {text}")


def build_pipes(table: pa.Table, write: Write, progress: Progress | None = None) -> Layer:
    """Write the pipes: glb contents and the tileset.

    Parameters
    ----------
    table : pyarrow.Table
        Schema :data:`tiles.source.PIPES`.
    write, progress : callable

    Returns
    -------
    Layer
        ``root`` is None where there is nothing to draw.
    """
    lines = _Lines(table)
    if not len(lines.rows):
        return Layer(None, 0, lines.notes)
    low, high = np.full((len(lines.eid), 3), np.inf), np.full((len(lines.eid), 3), -np.inf)
    np.minimum.at(low, lines.feature, lines.xyz)
    np.maximum.at(high, lines.feature, lines.xyz)
    bounds = np.stack([low, high], axis=1)[lines.rows]
    middle = bounds.mean(axis=1)
    squeeze = np.cos(np.deg2rad(middle[:, 1]))
    span = np.ptp(bounds, axis=1) * np.column_stack(
        [squeeze, np.ones_like(squeeze), np.ones_like(squeeze)]
    )
    size: Floats = np.linalg.norm(span * (M_PER_DEGREE, M_PER_DEGREE, 1.0), axis=1)
    weight: Floats = SIDES * np.bincount(lines.feature, minlength=len(lines.eid))[
        lines.rows
    ].astype(np.float64)
    centre: tuple[Floats, Floats] = (middle[:, 0], middle[:, 1])
    plan = plan_quadtree(centre[0], centre[1], size, weight, NODE_VERTICES, LEAF_VERTICES)
    root = _tile(lines, plan, write, progress, [0, len(lines.rows)])
    settle(root)
    write_explicit(root, write, whole_error=float(size.max()))
    return Layer(root, sum(t.features for t in walk(root)), lines.notes)


def _tile(
    lines: _Lines, branch: Branch, write: Write, progress: Progress | None, done: list[int]
) -> Tile:
    rows = lines.rows[np.sort(branch.take)]
    number = np.full(len(lines.eid), -1)
    number[rows] = np.arange(len(rows))
    mine = number[lines.feature] >= 0
    xyz, feature = lines.xyz[mine], lines.feature[mine]
    low, high = xyz.min(axis=0), xyz.max(axis=0)
    frame = frame_at(*((low + high) / 2).tolist())
    points = to_local(frame, xyz[:, 0], xyz[:, 1], xyz[:, 2])
    positions, normals, owner, triangles = tubes(points, lines.part[mine], lines.radius[feature])
    color = linear(class_colors(lines.class_code[rows]))[number[feature[owner]]]
    stored = positions.astype(np.float32)
    tube = Primitive(
        to_y_up(stored).astype(np.float32), to_y_up(normals), color, number[feature[owner]],
        triangles.ravel(),
    )  # fmt: skip
    columns = feature_columns(
        lines.eid[rows], lines.class_code[rows], lines.name[rows], np.full(len(rows), np.nan)
    )
    columns.append(Column("diameter_mm", "float32", lines.diameter_mm[rows]))
    name = "{}_{}_{}.glb".format(*branch.cell)
    write(name, write_glb([tube], columns, len(rows)))
    done[0] += len(rows)
    if progress is not None:
        progress(done[0], done[1])
    tile = Tile(
        frame, stored.min(axis=0).astype(np.float64), stored.max(axis=0).astype(np.float64),
        branch.omitted, content=name, cell=branch.cell, features=len(rows),
    )  # fmt: skip
    tile.children = [_tile(lines, child, write, progress, done) for child in branch.children]
    return tile
