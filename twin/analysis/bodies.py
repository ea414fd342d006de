"""From rows of the base to solids in metres: which body stands for a thing, and how high it is where no one said."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.crs import ecef_to_geographic
from twin.crs.local import LocalFrame
from twin.ingest.meshes import read_asset
from twin.solids import Solids
from twin.terrain import Surface

__all__ = ["FLOOR_M", "Bodies", "bodies_of", "heights_of"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
FLOOR_M: Final = 3.0
"""Height of a storey where only floors are known."""
LOW_HOUSE_M: Final = 6.0
"""Height of a building of which nothing is known."""
HIGHEST_M: Final = 1000.0
_BUILT: Final = ("buildings", "building_parts", "bridges", "tunnels")


@dataclass(frozen=True, slots=True)
class Bodies:
    """Solids (n), the row of the table each belongs to (n,), and how many heights were assumed."""

    solids: Solids
    row: Ints
    assumed: int


def heights_of(height: Array, floors: Array, span: Array) -> Array:
    """Height of buildings in metres: as told, else floors of :data:`FLOOR_M`, else the span of the shape, else 6 m.

    The tiles draw them so.

    Examples
    --------
    >>> heights_of(np.array([12.0, np.nan, np.nan]), np.array([9.0, 2, np.nan]), np.full(3, np.nan)).tolist()
    [12.0, 6.0, 6.0]
    """
    with np.errstate(invalid="ignore"):
        told = (height > 0) & (height <= HIGHEST_M)
        counted = (floors > 0) & (floors * FLOOR_M <= HIGHEST_M)
        spanned = span > 0
    rest = np.where(spanned, span, LOW_HOUSE_M)
    return np.where(told, height, np.where(counted, floors * FLOOR_M, rest))


def bodies_of(table: pa.Table, frame: LocalFrame, terrain: Surface | None, assets: Path) -> Bodies:
    """Solids of the rows of :func:`twin.store.solids.bodies`.

    Footprints of buildings are prisms from the ground to the roof, other areas lie flat on the ground, pipes are as thick
    as their diameter, lines without heights follow the ground at their vertices, meshes stand where they are placed.
    """
    shapes = _shapes(table)
    kind = shapely.get_type_id(shapes).astype(np.int64)
    ground = _ground(table, shapes, terrain)
    assumed = int(np.isnan(ground[kind >= 0]).sum())
    ground = np.nan_to_num(ground)
    parts = [
        _points(shapes, kind, table, ground), _lines(shapes, kind, table, terrain, ground), _areas(shapes, kind, table, ground),
    ]  # fmt: skip
    for solids, _ in parts:
        solids.xyz[:, 0], solids.xyz[:, 1] = frame.forward(solids.xyz[:, 0], solids.xyz[:, 1])
    parts.append(_meshes(table, frame, assets))
    solids = Solids.joined([part for part, _ in parts])
    return Bodies(solids, np.concatenate([row for _, row in parts]), assumed)


def _floats(table: pa.Table, name: str) -> Array:
    values = table[name].to_numpy(zero_copy_only=False).astype(np.float64)
    return np.asarray(values)


def _shapes(table: pa.Table) -> NDArray[np.object_]:
    raw = np.array(table["wkb"].to_pylist(), dtype=object)
    return np.asarray(shapely.from_wkb(raw, on_invalid="ignore"), dtype=object)


def _ground(table: pa.Table, shapes: NDArray[np.object_], terrain: Surface | None) -> Array:
    """Where each thing stands: its anchor's ground, else its lowest height, else the terrain below its middle."""
    ground = _floats(table, "ground_z")
    for name in ("zmin", "z"):
        ground = np.where(np.isnan(ground), _floats(table, name), ground)
    open_ = np.flatnonzero(np.isnan(ground) & ~shapely.is_missing(shapes))
    if terrain is not None and len(open_):
        box = shapely.bounds(shapes[open_])
        ground[open_] = terrain.height((box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2)
    return ground


def _points(
    shapes: NDArray[np.object_], kind: Ints, table: pa.Table, ground: Array
) -> tuple[Solids, Ints]:
    rows = np.flatnonzero((kind == 0) | (kind == 4))
    xyz, of = shapely.get_coordinates(shapes[rows], include_z=True, return_index=True)
    own = _floats(table, "z")[rows[of]]
    rest = np.where(np.isnan(own), ground[rows[of]], own)
    xyz[:, 2] = np.where(np.isnan(xyz[:, 2]), rest, xyz[:, 2])
    return Solids.points(xyz), rows[of]


def _lines(
    shapes: NDArray[np.object_], kind: Ints, table: pa.Table, terrain: Surface | None, ground: Array
) -> tuple[Solids, Ints]:
    rows = np.flatnonzero((kind == 1) | (kind == 5))
    diameter = np.nan_to_num(_floats(table, "diameter_mm")[rows])
    solids = Solids.lines(shapes[rows], np.clip(diameter, 0, 20_000) / 2000)
    flat = np.isnan(solids.xyz[:, 2])
    if flat.any():
        if terrain is not None:
            solids.xyz[flat, 2] = terrain.height(solids.xyz[flat, 0], solids.xyz[flat, 1])
        owner = np.repeat(np.arange(len(rows)), np.diff(solids.at[solids.piece]))
        rest = np.isnan(solids.xyz[:, 2])
        solids.xyz[rest, 2] = ground[rows[owner[rest]]]
        low, high = np.full(len(rows), np.inf), np.full(len(rows), -np.inf)
        np.minimum.at(low, owner, solids.xyz[:, 2])
        np.maximum.at(high, owner, solids.xyz[:, 2])
        solids.low[:], solids.high[:] = low - solids.radius, high + solids.radius
    return solids, rows


def _areas(
    shapes: NDArray[np.object_], kind: Ints, table: pa.Table, ground: Array
) -> tuple[Solids, Ints]:
    rows = np.flatnonzero((kind == 3) | (kind == 6))
    parts, of = shapely.get_parts(shapes[rows], return_index=True)
    span = _floats(table, "zmax") - _floats(table, "zmin")
    height = heights_of(_floats(table, "height_m"), _floats(table, "floors"), span)
    built = np.isin(table["collection"].to_numpy(zero_copy_only=False), _BUILT)
    height = np.where(built, height, np.nan_to_num(np.maximum(span, 0.0)))
    sound = ~shapely.is_empty(parts)
    parts, row = parts[sound], rows[of[sound]]
    return Solids.prisms(parts, ground[row], ground[row] + height[row]), row


def _meshes(table: pa.Table, frame: LocalFrame, assets: Path) -> tuple[Solids, Ints]:
    rows, triangles, owner = [], [], []
    asset = np.array(table["asset"].to_pylist(), dtype=object)
    name = np.array(table["mesh_id"].to_pylist(), dtype=object)
    matrix = table["matrix"]
    for file in sorted({a for a, n in zip(asset, name, strict=True) if a and n}):
        if not (assets / file).is_file():
            continue
        found = read_asset(assets, file)
        index = {m: k for k, m in enumerate(found["mesh_id"].to_pylist())}
        points, joined = found["positions"], found["indices"]
        for row in np.flatnonzero(asset == file):
            k = index.get(name[row])
            if k is None:
                continue
            xyz = np.frombuffer(points[k].as_buffer(), "<f4").reshape(-1, 3).astype(np.float64)
            corner = np.frombuffer(joined[k].as_buffer(), "<u4")
            if not len(corner):
                continue
            place = np.array(matrix[int(row)].as_py()).reshape(4, 4)
            triangles.append((xyz @ place[:3, :3].T + place[:3, 3])[corner])
            rows.append(int(row))
            owner.append(len(corner) // 3)
    if not rows:
        return Solids.none(), np.zeros(0, np.int64)
    lon, lat, height = ecef_to_geographic(*np.concatenate(triangles).T)
    x, y = frame.forward(lon, lat)
    soup = np.stack([x, y, height], axis=1).reshape(-1, 3, 3)
    return Solids.meshes(np.split(soup, np.cumsum(owner)[:-1])), np.array(rows, np.int64)
