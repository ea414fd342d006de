"""LoD1 blocks: footprints with base and roof, extruded into the content of one tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from tiles.features import feature_columns
from tiles.footprints import Rings, rings_of, triangulate
from tiles.glb import Primitive, write_glb
from tiles.palette import BAY_WIDTH, FLOOR_HEIGHT, facade, linear, wall_and_roof
from tiles.placement import from_y_up, to_local, to_y_up
from tiles.source import floats, geometries, texts

if TYPE_CHECKING:
    import pyarrow as pa

    from twin.terrain import Surface


__all__ = ["Blocks", "content", "extrude", "prepare"]

Floats = NDArray[np.float64]
Objects = NDArray[np.object_]

SKIRT_M = 0.8
"""How far walls go below the lowest ground along the footprint."""
DEFAULT_HEIGHT_M = 6.0
HIGHEST_M = 1000.0
"""No building stands higher: such a height is not believed."""
FOOT_SHADE = 0.7
M_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class Blocks:
    """Buildings ready to be drawn, sorted by eid; metres, ellipsoidal heights.

    ``height_m`` is what the base says (NaN where unknown), ``top - base`` what is drawn.
    """

    eid: Objects
    class_code: Objects
    name: Objects
    usage: Objects
    height_m: Floats
    floors: Floats
    geometry: Objects
    lon: Floats
    lat: Floats
    bottom: Floats
    base: Floats
    top: Floats
    size: Floats
    notes: tuple[str, ...]


def prepare(table: pa.Table, terrain: Surface | None) -> Blocks:
    """Decide base, roof and size of every building.

    Parameters
    ----------
    table : pyarrow.Table
        Schema :data:`tiles.source.BUILDINGS`.
    terrain : Surface or None
        Gives the lowest ground along each footprint, and the base where ``base_z`` is null.

    Returns
    -------
    Blocks
        Without the rows that have no usable polygon; ``notes`` counts what was assumed or left out.
    """
    table = table.sort_by("eid") if table.num_rows else table
    geometry = geometries(table)
    bounds = shapely.bounds(geometry)
    usable = np.isfinite(bounds).all(axis=1) & (shapely.area(geometry) > 0)
    raw_height, floors = floats(table, "height_m"), floats(table, "floors")
    believed = (raw_height > 0) & (raw_height <= HIGHEST_M)
    counted = (floors > 0) & (floors * FLOOR_HEIGHT <= HIGHEST_M)
    estimate = np.where(counted, floors * FLOOR_HEIGHT, np.nan)
    height = np.where(believed, raw_height, estimate)
    doubted = (raw_height > HIGHEST_M) & usable
    assumed = np.isnan(height) & usable
    height = np.where(np.isnan(height), DEFAULT_HEIGHT_M, height)
    ground, lowest = _ground(geometry, terrain)
    base_z = floats(table, "base_z")
    base = np.where(np.isfinite(base_z), base_z, ground)
    unplaced = np.isnan(base) & usable
    base = np.where(np.isnan(base), 0.0, base)
    bottom = np.fmin(base, lowest) - SKIRT_M
    lon, lat = (bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2
    width = (bounds[:, 2] - bounds[:, 0]) * M_PER_DEGREE * np.cos(np.deg2rad(lat))
    size = np.sqrt(width**2 + ((bounds[:, 3] - bounds[:, 1]) * M_PER_DEGREE) ** 2 + height**2)
    counts = (
        (~usable, "without a polygon, left out"),
        (assumed, f"without height or floors, drawn {DEFAULT_HEIGHT_M:g} m high"),
        (doubted, f"said to be higher than {HIGHEST_M:g} m, height not believed"),
        (unplaced, "without ground height, drawn at the ellipsoid"),
    )
    notes = tuple(f"{int(m.sum())} {text}" for m, text in counts if m.any())
    u = usable
    return Blocks(
        eid=texts(table, "eid")[u],
        class_code=texts(table, "class_code")[u],
        name=texts(table, "name")[u],
        usage=texts(table, "usage")[u],
        height_m=raw_height[u],
        floors=floors[u],
        geometry=geometry[u],
        lon=lon[u],
        lat=lat[u],
        bottom=bottom[u],
        base=base[u],
        top=(base + height)[u],
        size=size[u],
        notes=notes,
    )


def _ground(geometry: Objects, terrain: Surface | None) -> tuple[Floats, Floats]:
    """(mean, lowest) terrain height along each footprint; NaN where there is none."""
    mean, low = np.full(len(geometry), np.nan), np.full(len(geometry), np.nan)
    if terrain is None or not len(geometry):
        return mean, low
    xy, owner = shapely.get_coordinates(geometry, return_index=True)
    z = np.asarray(terrain.height(xy[:, 0], xy[:, 1]), dtype=np.float64)
    known = np.isfinite(z)
    z, owner = z[known], owner[known]
    count = np.bincount(owner, minlength=len(geometry))
    total = np.bincount(owner, weights=z, minlength=len(geometry))
    np.divide(total, count, out=mean, where=count > 0)
    lowest = np.full(len(geometry), np.inf)
    np.minimum.at(lowest, owner, z)
    return mean, np.where(np.isfinite(lowest), lowest, np.nan)


def extrude(blocks: Blocks, rows: NDArray[np.intp], frame: Floats) -> tuple[Primitive, Primitive]:
    """Walls and roofs of some buildings in a tile's frame.

    Parameters
    ----------
    blocks : Blocks
    rows : ndarray of int, shape (m,)
        Which buildings; feature id i is ``rows[i]``.
    frame : ndarray of float64, shape (4, 4)
        Local (east, north, up) → ECEF.

    Returns
    -------
    walls, roofs : Primitive
        Walls carry the façade picture. There is no floor: it would never be seen.
    """
    rings = rings_of(blocks.geometry[rows])
    feature = rings.vertex_owner
    building = rows[feature]
    low = to_local(frame, rings.lon, rings.lat, blocks.bottom[building])
    high = to_local(frame, rings.lon, rings.lat, blocks.top[building])
    wall, roof, windows = wall_and_roof(
        blocks.usage[rows], (blocks.top - blocks.base)[rows], blocks.eid[rows]
    )  # fmt: skip
    uv = _facade_uv(blocks, rings, building, high, windows[feature])
    walls = _walls(rings, low, high, linear(wall)[feature], feature, uv)
    up = np.broadcast_to(np.array([0.0, 1.0, 0.0]), high.shape)
    roofs = Primitive(
        to_y_up(high).astype(np.float32),
        up,
        linear(roof)[feature],
        feature,
        triangulate(rings, high[:, :2]).ravel(),
    )
    return walls, roofs


def _walls(
    rings: Rings,
    low: Floats,
    high: Floats,
    color: NDArray[np.uint8],
    feature: NDArray[np.int64],
    uv: Floats,
) -> Primitive:
    """Four vertices per edge: foot and top at both ends, darker at the foot."""
    after = rings.following
    n = len(after)
    quads = np.stack([low, low[after], high[after], high], axis=1)  # (n, 4, 3)
    along = high[after] - high
    normal = np.column_stack([along[:, 1], -along[:, 0], np.zeros(n)])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    foot = color.copy()
    foot[:, :3] = np.rint(color[:, :3] * FOOT_SHADE).astype(np.uint8)
    start = np.arange(n, dtype=np.uint32)[:, None] * 4
    return Primitive(
        to_y_up(quads.reshape(-1, 3)).astype(np.float32),
        np.repeat(to_y_up(normal), 4, axis=0),
        np.stack([foot, foot, color, color], axis=1).reshape(-1, 4),
        np.repeat(feature, 4),
        np.concatenate(
            [start + np.array([0, 1, 2], np.uint32), start + np.array([0, 2, 3], np.uint32)], axis=1
        ).ravel(),
        uv=uv.reshape(-1, 2).astype(np.float32),
        texture=facade(),
    )


def _facade_uv(
    blocks: Blocks,
    rings: Rings,
    building: NDArray[np.intp],
    high: Floats,
    windows: NDArray[np.bool_],
) -> Floats:
    """Texture coordinates (n, 4, 2): whole bays along, whole storeys up, or a plain spot."""
    length = np.linalg.norm(high[rings.following] - high, axis=1)
    bays = np.rint(length / BAY_WIDTH)
    tall = blocks.top[building] - blocks.base[building]
    known = blocks.floors[building]
    storeys = np.maximum(np.where(known > 0, known, np.rint(tall / FLOOR_HEIGHT)), 1.0)
    below = (blocks.base - blocks.bottom)[building] / tall * storeys
    zero = np.zeros_like(bays)
    uv = np.stack([zero, below, bays, below, bays, -storeys, zero, -storeys], axis=1).reshape(
        -1, 4, 2
    )
    uv[~windows | (bays == 0)] = 0.06
    return uv


def content(blocks: Blocks, rows: NDArray[np.intp], frame: Floats) -> tuple[bytes, Floats, Floats]:
    """The content of one tile.

    Parameters
    ----------
    blocks : Blocks
    rows : ndarray of int, shape (m,)
        Which buildings; feature id i is ``rows[i]``.
    frame : ndarray of float64, shape (4, 4)
        Local (east, north, up) → ECEF.

    Returns
    -------
    glb : bytes
    low, high : ndarray of float64, shape (3,)
        Corners of the geometry's box in the frame, metres.
    """
    walls, roofs = extrude(blocks, rows, frame)
    columns = feature_columns(
        blocks.eid[rows],
        blocks.class_code[rows],
        blocks.name[rows],
        blocks.height_m[rows],
        floors=blocks.floors[rows],
    )
    local = from_y_up(walls.positions.astype(np.float64))
    glb = write_glb([walls, roofs], columns, len(rows))
    return glb, local.min(axis=0), local.max(axis=0)
