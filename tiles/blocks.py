"""LoD1 blocks: footprints with base and roof, extruded into the content of one tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from tiles import columnwise, extrusion, rings, roofs
from tiles.earclip import MOST_EARCUT, triangulate
from tiles.extrusion import UV_EXPONENT, Soup, Style
from tiles.features import feature_columns
from tiles.fitted import fitted, place
from tiles.footprints import Footprints, extents, footprints_of
from tiles.glb import Packed, Texture, feature_elements, write_glb
from tiles.meshopt import MANTISSA, exponential
from tiles.palette import BAY_WIDTH, FLOOR_HEIGHT, facade, linear, seeds_of, wall_and_roof
from tiles.placement import M_PER_DEGREE
from tiles.rings import Rings
from tiles.roofs import Pitch, with_roofs
from tiles.source import column, floats

if TYPE_CHECKING:
    from twin.terrain import Surface


__all__ = ["FACADE", "Blocks", "content", "prepare"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Objects = NDArray[np.object_]

SKIRT_M = 0.8
"""How far walls go below the lowest ground along the footprint."""
DEFAULT_HEIGHT_M = 6.0
HIGHEST_M = 1000.0
"""No building stands higher: such a height is not believed."""
SMALLEST_M2 = 0.01
"""A footprint whose largest polygon is smaller is not drawn."""
FOOT_SHADE = 0.7
ROOF_PITCH, ROOF_RISE_M, MOST_ROOF = 0.3, (0.3, 6.0), 0.5
"""A roof of unknown height rises by 0.3 of the width, by 0.3 to 6 m; none by more than half the height."""
TEXTS = ("eid", "class_code", "name")
FINEST_STEP = -11
"""Points are multiples of 2^-11 m within 4 km of the tile's origin, of twice that within 8 km …"""
FACADE = "facade.png"
"""Name of the façade's picture where it lies beside the contents."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Buildings ready to be drawn; metres, ellipsoidal heights, degrees.

    ``row`` is where each stands in the table, ``height_m`` what the base says (NaN where unknown),
    ``top - base`` what is drawn; ``box`` (n, 4) is west, south, east, north, ``area`` that of the largest
    polygon in m²; ``rise`` is how far the roof stands above the eaves, 0 where it is flat. ``noted`` are the
    rows of the table about which something was assumed or which were left out, by what.
    """

    row: Ints
    texts: dict[str, pa.Array]
    height_m: Floats
    floors: Floats
    footprints: Footprints
    box: Floats
    area: Floats
    bottom: Floats
    base: Floats
    top: Floats
    size: Floats
    wall: Bytes
    foot: Bytes
    roof: Bytes
    windows: NDArray[np.bool_]
    roof_shape: NDArray[np.int8]
    rise: Floats
    noted: dict[str, Ints]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed or left out, with the number of rows."""
        return tuple(f"{len(rows)} {text}" for text, rows in self.noted.items())

    def __len__(self) -> int:
        return len(self.top)

    @property
    def eid(self) -> Objects:
        """The eid of each building as str."""
        return self._objects("eid")

    @property
    def name(self) -> Objects:
        """The name of each building, "" where it has none."""
        return self._objects("name")

    @property
    def lon(self) -> Floats:
        """Middle of each box, degrees."""
        return np.asarray((self.box[:, 0] + self.box[:, 2]) / 2)

    @property
    def lat(self) -> Floats:
        """Middle of each box, degrees."""
        return np.asarray((self.box[:, 1] + self.box[:, 3]) / 2)

    @property
    def geometry(self) -> Objects:
        """Footprints as multipolygons of GEOS, for what is not done in columns."""
        f = self.footprints
        vertex, _, ring_start, polygon_start, owner = columnwise.gather(
            f.ring_start, f.polygon_start, f.first, f.last
        )
        parts = np.searchsorted(owner, np.arange(len(self) + 1))
        corners = np.column_stack([f.lon[vertex], f.lat[vertex]])
        kind = shapely.GeometryType.MULTIPOLYGON
        shapes = shapely.from_ragged_array(kind, corners, (ring_start, polygon_start, parts))
        return np.asarray(shapes, dtype=object)

    def _objects(self, name: str) -> Objects:
        return np.asarray(self.texts[name].to_numpy(zero_copy_only=False), dtype=object)


def prepare(
    table: pa.Table, terrain: Surface | None, *, compiled: bool = True, ordered: bool = False
) -> Blocks:
    """Decide base, roof, size and paint of every building.

    Parameters
    ----------
    table : pyarrow.Table
        Schema :data:`tiles.source.BUILDINGS`.
    terrain : Surface or None
        Gives the lowest ground along each footprint, and the base where ``base_z`` is null.
    compiled : bool
        Whether compiled loops are taken; the numbers are the same.
    ordered : bool
        Whether rows stay in the order of the table; else they are sorted by eid.

    Returns
    -------
    Blocks
        Without the rows that cannot be drawn; ``notes`` counts what was assumed or left out.
    """
    footprints = footprints_of(table, compiled=compiled)
    size = extents(footprints, compiled=compiled)
    box, area = size[:, :4], size[:, 4]
    raw_height, floors = floats(table, "height_m"), floats(table, "floors")
    believed = (raw_height > 0) & (raw_height <= HIGHEST_M)
    counted = (floors > 0) & (floors * FLOOR_HEIGHT <= HIGHEST_M)
    height = np.where(believed, raw_height, np.where(counted, floors * FLOOR_HEIGHT, np.nan))
    placed = np.isfinite(area)
    usable = placed & (area >= SMALLEST_M2)
    ground, lowest = _ground(footprints, placed, terrain)
    base_z = floats(table, "base_z")
    base = np.where(np.isfinite(base_z), base_z, ground)
    counts = (
        (~placed, "without a polygon, left out"),
        (placed & ~usable, f"without area or smaller than {SMALLEST_M2 * 1e4:g} cm², left out"),
        (np.isnan(height) & usable, f"without height or floors, drawn {DEFAULT_HEIGHT_M:g} m high"),
        ((raw_height > HIGHEST_M) & usable, f"said to be higher than {HIGHEST_M:g} m, height not believed"),
        (
            usable & (np.diff(footprints.vertex_ranges(), axis=0)[0] > MOST_EARCUT),
            f"with more than {MOST_EARCUT} corners, roof drawn coarser",
        ),
        (np.isnan(base) & usable, "without ground height, drawn at the ellipsoid"),
    )  # fmt: skip
    if ordered or not table.num_rows:
        u = np.flatnonzero(usable)
    else:
        order = pc.sort_indices(column(table, "eid")).to_numpy()
        u = order[usable[order]]
    height = np.where(np.isnan(height), DEFAULT_HEIGHT_M, height)[u]
    base = np.where(np.isnan(base), 0.0, base)[u]
    texts = {name: _texts(table, name, u) for name in TEXTS}
    seed = seeds_of(texts["eid"], compiled=compiled)
    wall, roof, windows = wall_and_roof(_texts(table, "usage", u), height, seed)
    wall, roof = linear(wall)[:, :3], linear(roof)[:, :3]
    roof_shape, rise, roof_notes = _roofs(table, u, footprints, size, height, compiled=compiled)
    return Blocks(
        row=u,
        texts=texts,
        height_m=raw_height[u],
        floors=floors[u],
        footprints=footprints.take(u),
        box=box[u],
        area=area[u],
        bottom=np.fmin(base, lowest[u]) - SKIRT_M,
        base=base,
        top=base + height,
        size=_diagonal(box[u], height),
        wall=wall,
        foot=np.rint(wall * FOOT_SHADE).astype(np.uint8),
        roof=roof,
        windows=windows,
        roof_shape=roof_shape,
        rise=rise,
        noted={text: np.flatnonzero(m) for m, text in counts if m.any()} | roof_notes,
    )


def _roofs(
    table: pa.Table,
    rows: Ints,
    footprints: Footprints,
    size: Floats,
    height: Floats,
    *,
    compiled: bool,
) -> tuple[NDArray[np.int8], Floats, dict[str, Ints]]:
    """Shape of each roof, how far it rises above the eaves, and what cannot be drawn so."""
    shape, rise = np.zeros(len(rows), np.int8), np.zeros(len(rows))
    words = _texts(table, "roof_shape", rows).dictionary_encode()
    known, other = roofs.shapes_of(words.dictionary.to_pylist())
    if not known.any() and not other.any():
        return shape, rise, {}
    place = words.indices.to_numpy(zero_copy_only=False)
    shape = known[place]
    wanted = np.flatnonzero(shape)
    fits = roofs.can_be_pitched(footprints, rows[wanted], compiled=compiled)
    shape[wanted[~fits]] = roofs.FLAT
    box = size[rows]
    area = box[:, 4]
    width = area / np.maximum(_diagonal(box, np.zeros(len(box))), 0.1)
    given = floats(table, "roof_height_m")[rows]
    rise = np.where(given > 0, given, np.clip(ROOF_PITCH * width, *ROOF_RISE_M))
    rise = np.where(shape == roofs.FLAT, 0.0, np.minimum(rise, height * MOST_ROOF))
    found = (
        (wanted[~fits], "with a gabled or hipped roof over no convex outline, drawn flat"),
        (np.flatnonzero(other[place]), "with another shape of roof, drawn flat"),
    )
    return shape, rise, {text: rows[which] for which, text in found if len(which)}


def _texts(table: pa.Table, name: str, rows: Ints) -> pa.Array:
    """Some rows of a text column, "" where null or where the column is missing."""
    return column(table, name).cast(pa.string()).take(pa.array(rows)).fill_null("")


def _diagonal(box: Floats, height: Floats) -> Floats:
    """How large a building is, metres."""
    middle = np.deg2rad((box[:, 1] + box[:, 3]) / 2)
    across = (box[:, 2] - box[:, 0]) * M_PER_DEGREE * np.cos(middle)
    along = (box[:, 3] - box[:, 1]) * M_PER_DEGREE
    return np.asarray(np.sqrt(across**2 + along**2 + height**2))


def _ground(
    footprints: Footprints, placed: NDArray[np.bool_], terrain: Surface | None
) -> tuple[Floats, Floats]:
    """(mean, lowest) terrain height along each footprint; NaN where there is none."""
    n = len(footprints)
    mean, lowest = np.full(n, np.nan), np.full(n, np.nan)
    if terrain is None or not placed.any():
        return mean, lowest
    begin, end = footprints.vertex_ranges()
    vertex, start = columnwise.ranges(begin, end)
    lon, lat = footprints.lon[vertex], footprints.lat[vertex]
    z = np.asarray(terrain.height(lon, lat), dtype=np.float64)
    owner = np.repeat(np.arange(n), end - begin)
    known = np.isfinite(z)
    count = np.bincount(owner[known], minlength=n)
    total = np.bincount(owner[known], weights=z[known], minlength=n)
    np.divide(total, count, out=mean, where=count > 0)
    rows = np.flatnonzero(end > begin)
    least = np.minimum.reduceat(np.where(known, z, np.inf), start[rows])
    lowest[rows] = np.where(np.isfinite(least), least, np.nan)
    return mean, lowest


def content(
    blocks: Blocks,
    rows: NDArray[np.intp],
    frame: Floats,
    *,
    facade_uri: str = "",
    compiled: bool = True,
) -> tuple[bytes, Floats, Floats]:
    """The content of one tile.

    Parameters
    ----------
    blocks : Blocks
    rows : ndarray of int, shape (m,)
        Which buildings, at least one; feature id i is ``rows[i]``.
    frame : ndarray of float64, shape (4, 4)
        Local (east, north, up) → ECEF.
    facade_uri : str
        Where the façade's picture (:func:`tiles.palette.facade`) lies, relative to the content; ""
        embeds it.
    compiled : bool
        Whether compiled loops are taken; the bytes are the same.

    Returns
    -------
    glb : bytes
    low, high : ndarray of float64, shape (3,)
        Corners of the geometry's box in the frame, metres.
    """
    on_grid, exponent = _on_grid(blocks, rows, frame, compiled=compiled)
    per_metre = 2.0**-exponent
    triangles, count = triangulate(on_grid, per_metre, compiled=compiled)
    extrude = extrusion.extrude if compiled else columnwise.extrude
    style = _style(blocks, rows, per_metre)
    soup = extrude(on_grid, triangles, count, style)
    pitch = Pitch(blocks.roof_shape[rows], blocks.rise[rows] * per_metre)
    soup = with_roofs(soup, on_grid, style, pitch, per_metre, compiled=compiled)
    sides = np.ascontiguousarray(soup.at.T)
    low, high = sides.min(axis=1) / per_metre, sides.max(axis=1) / per_metre
    picture = Texture(facade().png, facade_uri)
    eid, class_code, name = (blocks.texts[n].take(pa.array(rows)) for n in TEXTS)
    columns = feature_columns(
        eid, class_code, name, blocks.height_m[rows], floors=blocks.floors[rows]
    )
    mesh = _packed(soup, exponent, len(rows), (low, high), picture)
    glb = write_glb([mesh], columns, len(rows), compiled=compiled)
    return glb, np.array([low[0], -high[2], low[1]]), np.array([high[0], -low[2], high[1]])


def _on_grid(
    blocks: Blocks, rows: NDArray[np.intp], frame: Floats, *, compiled: bool
) -> tuple[Rings, int]:
    """Footprints of some buildings as whole steps of 2^exponent metres, and the exponent."""
    loops: Any = rings if compiled else columnwise
    f = blocks.footprints
    vertex, feature_start, ring_start, polygon_start, owner = loops.gather(
        f.ring_start, f.polygon_start, f.first[rows], f.last[rows]
    )
    points = np.diff(feature_start)
    eaves = blocks.top[rows] - blocks.rise[rows]
    bottom, top = np.repeat(blocks.bottom[rows], points), np.repeat(eaves, points)
    box = blocks.box[rows]
    west, south, east, north = box[:, 0].min(), box[:, 1].min(), box[:, 2].max(), box[:, 3].max()
    fit = fitted(frame, (west, south, east, north), float(blocks.bottom[rows].min()))
    low, high = place(fit, frame, f.lon[vertex], f.lat[vertex], bottom, top, compiled=compiled)
    farthest = max(float(np.abs(low).max()), float(np.abs(high).max()))
    exponent = FINEST_STEP
    while farthest * 2.0**-exponent > MANTISSA - 2:
        exponent += 1
    below, above = loops.snap(low, high, feature_start, 2.0**-exponent)
    kept, ring_start, polygon_start, owner = loops.clean(below, ring_start, polygon_start, owner)
    return Rings(below[kept], above[kept], ring_start, polygon_start, owner), exponent


def _style(blocks: Blocks, rows: NDArray[np.intp], per_metre: float) -> Style:
    """How some buildings are painted."""
    tall = (blocks.top - blocks.base - blocks.rise)[rows]
    known = blocks.floors[rows]
    storeys = np.maximum(np.where(known > 0, known, np.rint(tall / FLOOR_HEIGHT)), 1.0)
    storeys = np.minimum(storeys, HIGHEST_M)
    below = (blocks.base - blocks.bottom)[rows] / tall * storeys
    units = 2.0**-UV_EXPONENT
    return Style(
        blocks.wall[rows], blocks.foot[rows], blocks.roof[rows],
        np.rint(np.minimum(below, HIGHEST_M) * units).astype(np.int32),
        np.rint(-storeys * units).astype(np.int32),
        np.where(blocks.windows[rows], BAY_WIDTH * per_metre, 0.0),
    )  # fmt: skip


def _packed(
    soup: Soup, exponent: int, n_features: int, box: tuple[Floats, Floats], picture: Texture
) -> Packed:
    return Packed(
        exponential(soup.at, exponent),
        box[0].tolist(),
        box[1].tolist(),
        soup.normal,
        soup.color,
        feature_elements(soup.feature, n_features),
        soup.corners,
        exponential(soup.uv, UV_EXPONENT),
        picture,
        in_sequence=True,
    )
