"""From a source's coordinates to the base's longitude and latitude, and back.

Always x before y (``always_xy``), one fixed operation per system, no grid from a network: the same
numbers come out on every machine, and no seam runs through a city. CGCS2000 (EPSG:4490) and WGS 84
are taken as coincident (they differ by centimetres).
"""

import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Transformer
from pyproj.enums import TransformDirection
from pyproj.exceptions import ProjError
from pyproj.network import set_network_enabled  # type: ignore[attr-defined]  # lacks __all__
from pyproj.transformer import TransformerGroup

from twin.crs import names, offsets
from twin.errors import CrsError

__all__ = [
    "Grid", "accuracy", "area_of_use", "define_local", "from_geographic", "is_geocentric", "is_geographic",
    "moved_shapes", "to_geographic", "transform_shapes", "transform_wkb", "unit_metres",
]  # fmt: skip

set_network_enabled(active=False)

Array = NDArray[np.float64]
Triple = tuple[Array, Array, Array | None]

# Beijing 1954 has no one relation to WGS 84; this one of EPSG (code 1920) serves all of China.
_BEIJING54 = (
    "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=push +v_3 "
    "+step +proj=cart +ellps=krass +step +proj=helmert +x=15.8 +y=-154.4 +z=-82.3 "
    "+step +inv +proj=cart +ellps=WGS84 +step +proj=pop +v_3 "
    "+step +proj=unitconvert +xy_in=rad +xy_out=deg"
)
_WEB_MERCATOR = "EPSG:3857"
_building = threading.Lock()  # silencing warnings is per process, not per thread


@dataclass(frozen=True, slots=True)
class Grid:
    """A city's own grid, tied to a known system by four parameters (四参数).

    ``X + iY = (dx + i·dy) + scale·exp(i·rotation)·(x + iy)``, with (x, y) local metres, (X, Y)
    metres of ``base`` and ``rotation`` in degrees counter-clockwise.
    """

    base: str
    dx: float
    dy: float
    rotation: float = 0.0
    scale: float = 1.0


_grids: dict[str, Grid] = {}


def define_local(name: str, grid: Grid) -> None:
    """Make ``LOCAL:<name>`` known to this process (from the city's settings).

    Raises
    ------
    CrsError
        If the scale is not positive or the base is no projected system.
    """
    base = names.canonical(grid.base)
    if not grid.scale > 0 or is_geographic(base):
        raise CrsError(
            f"local grid {name!r}: expected a projected base and a positive scale, given {grid}"
        )
    _grids[name] = Grid(base, grid.dx, grid.dy, grid.rotation, grid.scale)


def _grid(crs: str) -> Grid:
    name = crs.removeprefix("LOCAL:")
    if name not in _grids:
        raise CrsError(
            f"the local grid {name!r} is not defined; its base and four parameters are missing"
        )
    return _grids[name]


@lru_cache(maxsize=256)
def _parsed(crs: str) -> CRS:
    """PROJ's view of a canonical name that is neither shifted nor local."""
    return CRS.from_user_input(crs)


@lru_cache(maxsize=64)
def _operation(crs: str) -> tuple[Transformer, Transformer | None, float | None]:
    """Projection step, datum step and accuracy in metres (None: no relation is known)."""
    try:
        return _built(crs)
    except ProjError as err:
        said = " ".join(str(err).split())[:160]
        raise CrsError(f"{_parsed(crs).name}: PROJ cannot compute it ({said})") from err


def _built(crs: str) -> tuple[Transformer, Transformer | None, float | None]:
    source = _parsed(crs)
    if source.is_geocentric:
        return Transformer.from_crs(source, "EPSG:4979", always_xy=True), None, 0.0
    zone = names.zone_of(crs)
    geodetic = None if source.is_bound else source.geodetic_crs
    if crs == "EPSG:4214" or (zone is not None and zone.family == "Beijing 1954"):
        step = Transformer.from_crs(source, "EPSG:4214", always_xy=True)
        return step, Transformer.from_pipeline(_BEIJING54), 50.0
    if geodetic is not None and geodetic.to_epsg(100) == 4490:  # PROJ searches 0.1 s to find none
        return Transformer.from_crs(source, geodetic, always_xy=True), None, 0.1
    with _building, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            group = TransformerGroup(source, "EPSG:4326", always_xy=True, allow_ballpark=False)
        except (IndexError, ProjError) as err:  # pyproj finds no operation at all
            raise CrsError(f"{source.name}: PROJ knows no way from it to the Earth") from err
    if group.transformers:
        best = group.transformers[0]
        return best, None, best.accuracy if best.accuracy >= 0 else None
    if geodetic is None:
        raise CrsError(f"{source.name}: not tied to the Earth, so it cannot be placed")
    return Transformer.from_crs(source, geodetic, always_xy=True), None, None


def accuracy(crs: str) -> float | None:
    """Metres by which placing data of this system may be off; None where no relation is known.

    Examples
    --------
    >>> accuracy("EPSG:4547"), accuracy("EPSG:2362"), accuracy("EPSG:2401")
    (0.1, None, 50.0)
    """
    name = names.plain(names.canonical(crs))
    if name in names.SHIFTED:
        return 1.0
    if name.startswith("LOCAL:"):
        return accuracy(_grid(name).base)
    return _operation(name)[2]


def is_geographic(crs: str) -> bool:
    """Whether the numbers of this system are degrees."""
    name = names.plain(names.canonical(crs))
    if name in (names.GCJ02, names.BD09):
        return True
    if name in names.SHIFTED or name.startswith("LOCAL:"):
        return False
    return bool(_parsed(name).is_geographic)


def is_geocentric(crs: str) -> bool:
    """Whether the numbers of this system are metres from the middle of the Earth, so that no place is known without z."""
    name = names.plain(names.canonical(crs))
    if name.startswith("LOCAL:"):
        return is_geocentric(_grid(name).base)
    return name not in names.SHIFTED and bool(_parsed(name).is_geocentric)


def unit_metres(crs: str) -> float:
    """Metres per unit of a system: 0.3048… for feet; a degree counts as 111 319.49 m."""
    name = names.plain(names.canonical(crs))
    if is_geographic(name):
        return 111_319.490793
    if name in names.SHIFTED or name.startswith("LOCAL:"):
        return 1.0
    return float(_parsed(name).axis_info[0].unit_conversion_factor)


def area_of_use(crs: str) -> tuple[float, float, float, float] | None:
    """West, south, east, north in degrees of where a system is meant to serve; None if unsaid."""
    name = names.plain(names.canonical(crs))
    if name in names.SHIFTED:
        return (73.0, 3.0, 136.0, 54.0)
    if name.startswith("LOCAL:"):
        return area_of_use(_grid(name).base)
    area = _parsed(name).area_of_use
    return None if area is None else area.bounds


def _as_arrays(x: ArrayLike, y: ArrayLike, z: ArrayLike | None) -> Triple:
    a, b = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    return a, b, None if z is None else np.broadcast_to(np.asarray(z, dtype=np.float64), a.shape)


def _finite(x: Array, y: Array) -> tuple[Array, Array]:
    """NaN in both where PROJ (infinity) or the source (NaN) has no answer."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    bad = ~(np.isfinite(x) & np.isfinite(y))
    return np.where(bad, np.nan, x), np.where(bad, np.nan, y)


def _undo_datum(datum: Transformer, lon: Array, lat: Array) -> tuple[Array, Array]:
    """Inverse of a datum step; PROJ's own forgets the height in between and is 0.4 mm off."""
    lon, lat = _finite(lon, lat)
    p, q = _finite(*datum.transform(lon, lat, direction=TransformDirection.INVERSE))
    for _ in range(2):
        got_lon, got_lat = datum.transform(p, q)
        p, q = p + (lon - got_lon), q + (lat - got_lat)
    return p, q


def _shifted_to(name: str, x: Array, y: Array) -> tuple[Array, Array]:
    if name == names.BD09MC:
        x, y = offsets.mercator_to_bd09(x, y)
    elif name == names.GCJ02MC:
        x, y = _finite(*_operation(_WEB_MERCATOR)[0].transform(x, y))
    if name in (names.BD09, names.BD09MC):
        x, y = offsets.bd09_to_gcj02(x, y)
    return offsets.gcj02_to_wgs84(x, y)


def _shifted_from(name: str, lon: Array, lat: Array) -> tuple[Array, Array]:
    x, y = offsets.wgs84_to_gcj02(lon, lat)
    if name == names.GCJ02MC:
        step = _operation(_WEB_MERCATOR)[0]
        return _finite(*step.transform(x, y, direction=TransformDirection.INVERSE))
    if name in (names.BD09, names.BD09MC):
        x, y = offsets.gcj02_to_bd09(x, y)
    return offsets.bd09_to_mercator(x, y) if name == names.BD09MC else (x, y)


def to_geographic(crs: str, x: ArrayLike, y: ArrayLike, z: ArrayLike | None = None) -> Triple:
    """Longitude and latitude of source coordinates.

    Parameters
    ----------
    crs : str
        Anything :func:`twin.crs.canonical` understands.
    x, y : array_like of float, any common shape
        Easting or longitude first; the other way round where ``crs`` ends in ``@yx``.
    z : array_like of float, optional
        Heights; they pass through unchanged, except for geocentric systems (EPSG:4978), which need
        them.

    Returns
    -------
    lon, lat : ndarray of float64
        Degrees, EPSG:4490. NaN where an input is NaN or infinite or where the projection ends.
    z : ndarray of float64 or None

    Raises
    ------
    CrsError
        If the system is unknown, or geocentric without z.

    Examples
    --------
    >>> lon, lat, _ = to_geographic("EPSG:4547", [500_000.0], [3_373_000.0])
    >>> round(float(lon[0]), 6), round(float(lat[0]), 6)
    (114.0, 30.477073)
    """
    full = names.canonical(crs)
    name = names.plain(full)
    a, b, c = _as_arrays(y, x, z) if full != name else _as_arrays(x, y, z)
    if name in names.SHIFTED:
        return *_shifted_to(name, a, b), c
    if name.startswith("LOCAL:"):
        grid = _grid(name)
        turn = grid.scale * np.exp(1j * np.deg2rad(grid.rotation))
        placed = turn * (a + 1j * b)
        return to_geographic(grid.base, grid.dx + placed.real, grid.dy + placed.imag, c)
    step, datum, _ = _operation(name)
    if _parsed(name).is_geocentric:
        if c is None:
            raise CrsError(f"{name} is geocentric: x, y and z are needed, z is missing")
        lon, lat, h = step.transform(a, b, c)
        return *_finite(lon, lat), np.asarray(h)
    lon, lat = step.transform(a, b)
    if datum is not None:
        lon, lat = datum.transform(lon, lat)
    return *_finite(lon, lat), c


def from_geographic(crs: str, lon: ArrayLike, lat: ArrayLike, z: ArrayLike | None = None) -> Triple:
    """Inverse of :func:`to_geographic`: coordinates of a system from EPSG:4490 degrees.

    Examples
    --------
    >>> x, y, _ = from_geographic("EPSG:4526", [114.0], [30.0])
    >>> round(float(x[0]), 3), round(float(y[0]), 3)
    (38500000.0, 3320113.398)
    """
    full = names.canonical(crs)
    name = names.plain(full)
    a, b, c = _as_arrays(lon, lat, z)
    if name in names.SHIFTED:
        x, y = _shifted_from(name, a, b)
    elif name.startswith("LOCAL:"):
        grid = _grid(name)
        east, north, _ = from_geographic(grid.base, a, b)
        turn = grid.scale * np.exp(1j * np.deg2rad(grid.rotation))
        local = ((east - grid.dx) + 1j * (north - grid.dy)) / turn
        x, y = local.real, local.imag
    else:
        step, datum, _ = _operation(name)
        if _parsed(name).is_geocentric:
            if c is None:
                raise CrsError(f"{name} is geocentric: a height is needed, z is missing")
            gx, gy, gz = step.transform(a, b, c, direction=TransformDirection.INVERSE)
            return *_finite(gx, gy), np.asarray(gz)
        if datum is not None:
            a, b = _undo_datum(datum, a, b)
        x, y = _finite(*step.transform(a, b, direction=TransformDirection.INVERSE))
    return (y, x, c) if full != name else (x, y, c)


def _moved(geoms: NDArray[np.object_], move: Callable[[Array, Array, Array | None], Triple],
           has_z: bool) -> NDArray[np.object_]:  # fmt: skip
    """Copies of geometries with their coordinates moved, all with or all without Z."""
    xyz = shapely.get_coordinates(geoms, include_z=has_z)
    lon, lat, z = move(xyz[:, 0], xyz[:, 1], xyz[:, 2] if has_z else None)
    columns = [lon, lat] if z is None or not has_z else [lon, lat, z]
    # A ring must close: NaN never equals itself, infinity does; the validity check names both.
    columns[:2] = [np.where(np.isnan(c), np.inf, c) for c in columns[:2]]
    return np.asarray(shapely.set_coordinates(geoms.copy(), np.column_stack(columns)))


def transform_wkb(crs: str, wkb: pa.Array | list[bytes | None]) -> NDArray[np.object_]:
    """Geometries of WKB records in the base's longitude and latitude.

    Parameters
    ----------
    crs : str
        System of the records; see :func:`to_geographic`.
    wkb : Arrow binary array or list of bytes or None, length n
        ISO or extended WKB, with or without Z; M is dropped.

    Returns
    -------
    ndarray of shapely geometries or None, shape (n,)
        Degrees, EPSG:4490; Z kept as given. None where the record is null or no WKB. A vertex that
        has no place (NaN, outside the projection) is infinite: its ring stays closed.
    """
    raw = wkb if isinstance(wkb, list) else wkb.to_pylist()
    with np.errstate(invalid="ignore"):  # NaN coordinates are the validity check's business
        geoms = np.asarray(
            shapely.from_wkb(np.array(raw, dtype=object), on_invalid="ignore"), dtype=object
        ).copy()
    return transform_shapes(crs, geoms)


def transform_shapes(crs: str, shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Copies of shapely geometries in the base's longitude and latitude; see :func:`transform_wkb`."""
    return moved_shapes(shapes, lambda x, y, z: to_geographic(crs, x, y, z))


def moved_shapes(
    shapes: NDArray[np.object_], move: Callable[[Array, Array, Array | None], Triple]
) -> NDArray[np.object_]:
    """Copies of shapely geometries, None among them, with their coordinates moved."""
    geoms = shapes.copy()
    has_z = shapely.has_z(geoms)
    present = ~shapely.is_missing(geoms)
    for mask, z in ((present & ~has_z, False), (present & has_z, True)):
        if mask.any():
            geoms[mask] = _moved(geoms[mask], move, has_z=z)
    return geoms
