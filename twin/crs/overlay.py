"""How well shapes lie over ground that is trusted, for every small displacement at once.

Shapes of a window are drawn into a raster of 4 m cells: outlines and lines as their cells, points
as theirs, footprints also as filled areas. The correlation of two such rasters for all shifts up to
600 m is one product of Fourier transforms; a band-pass keeps what is sharp (outline on outline,
point in house) and drops what is broad (one district denser than the other). If the shapes are in
the system that was supposed, the correlation has its one peak at no shift; if they are in another
one, the peak stands where that system's displacement is, and chance gives no peak at all.

Signs say what belongs together: outlines lie on outlines and lines on lines (+), points of interest
in footprints (+), roads beside footprints, not across them (-).
"""

from dataclasses import dataclass
from functools import cached_property
from math import cos, radians

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["CELL", "REACH", "Ground", "Peak", "Window", "overlay", "peak_of", "sorts_of"]

Array = NDArray[np.float64]
Shapes = NDArray[np.object_]
Field = NDArray[np.float64]
Spectrum = NDArray[np.complex64]

CELL = 4.0
"""Metres per cell."""
SIZE = 1024
"""Cells along a window: 4.1 km."""
INNER = 1_400.0
"""Metres from the middle of a window within which shapes are laid over the ground."""
REACH = 600.0
"""Metres of displacement that are tried."""
FOOTPRINT = 20_000.0
"""Square metres; larger polygons are areas (water, districts), not footprints."""
FEW = 12
"""With fewer shapes of one sort on either side, nothing is said; of lines, every 50 m count."""
_FINE, _BROAD = 4.0, 60.0  # metres; band-pass of outlines and lines
_BROAD_FILLED = 120.0  # of points in footprints, which are larger than a line is thick
_METRES_PER_DEGREE = 111_319.490793
SORTS = ("footprint", "area", "line", "point")

# what lies on what: sort of the shapes, sort of the ground, how each is drawn, sign
_RULES: tuple[tuple[str, str, str, str, int], ...] = (
    ("footprint", "footprint", "edges", "edges", 1),
    ("footprint", "line", "filled", "edges", -1),
    ("footprint", "point", "filled", "edges", 1),
    ("area", "area", "edges", "edges", 1),
    ("area", "line", "edges", "edges", 1),
    ("line", "line", "edges", "edges", 1),
    ("line", "footprint", "edges", "filled", -1),
    ("line", "area", "edges", "edges", 1),
    ("point", "point", "edges", "edges", 1),
    ("point", "footprint", "edges", "filled", 1),
)


@dataclass(frozen=True, slots=True)
class Window:
    """A square of 4.1 km around a place; local metres are equirectangular about it."""

    lon: float
    lat: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the whole window, degrees."""
        half = SIZE * CELL / 2
        dy = half / _METRES_PER_DEGREE
        dx = dy / cos(radians(self.lat))
        return self.lon - dx, self.lat - dy, self.lon + dx, self.lat + dy

    def local(self, shapes: Shapes) -> Shapes:
        """Shapes in degrees as shapes in metres east and north of the middle, without Z."""
        squeeze = cos(radians(self.lat))

        def move(xy: Array) -> Array:
            return np.column_stack(
                [
                    (xy[:, 0] - self.lon) * _METRES_PER_DEGREE * squeeze,
                    (xy[:, 1] - self.lat) * _METRES_PER_DEGREE,
                ]
            )

        return np.asarray(shapely.transform(shapely.force_2d(shapes), move), dtype=object)


def sorts_of(local: Shapes) -> NDArray[np.str_]:
    """Sort of each shape in local metres: footprint, area, line, point, or empty."""
    kinds = shapely.get_type_id(local)
    out = np.full(len(local), "", dtype="U9")
    polygon = np.isin(kinds, (3, 6))
    small = shapely.area(local) <= FOOTPRINT * np.maximum(shapely.get_num_geometries(local), 1)
    out[polygon & small] = "footprint"
    out[polygon & ~small] = "area"
    out[np.isin(kinds, (1, 2, 5))] = "line"
    out[np.isin(kinds, (0, 4))] = "point"
    return out


def _count(local: Shapes, sort: str) -> int:
    """Number of shapes; of lines, the pieces of 50 m in them."""
    return int(shapely.length(local).sum() / 50.0) if sort == "line" else len(local)


def _cells(xy: Array) -> NDArray[np.int64]:
    cells = np.floor(xy / CELL).astype(np.int64) + SIZE // 2
    return np.asarray(cells[((cells >= 0) & (cells < SIZE)).all(axis=1)], dtype=np.int64)


def _edges(local: Shapes, sort: str) -> NDArray[np.float32]:
    """Raster of outlines, lines or points: 1 where one passes."""
    half = SIZE * CELL / 2
    inside = shapely.clip_by_rect(
        shapely.boundary(local) if sort in ("footprint", "area") else local, -half, -half, half, half
    ) if sort != "point" else local  # fmt: skip
    if sort != "point":  # what the frame cuts down to a touching point has no edge
        pieces = shapely.get_parts(inside)
        inside = shapely.segmentize(pieces[shapely.length(pieces) > 0], CELL * 0.8)
    at = shapely.get_coordinates(inside)
    raster = np.zeros((SIZE, SIZE), np.float32)
    cells = _cells(at)
    raster[cells[:, 1], cells[:, 0]] = 1.0
    return raster


def _filled(local: Shapes) -> NDArray[np.float32]:
    """Raster of the inside of polygons."""
    from PIL import Image, ImageDraw  # processes that only name systems do without

    image = Image.new("L", (SIZE, SIZE), 0)
    draw = ImageDraw.Draw(image)
    rings, owner = shapely.get_rings(shapely.get_parts(local), return_index=True)
    first = np.append(True, owner[1:] != owner[:-1]) if len(owner) else np.array([], bool)
    for ring, outer in zip(rings, first, strict=True):
        at = shapely.get_coordinates(ring) / CELL + SIZE / 2 - 0.5
        draw.polygon(at.ravel().tolist(), fill=1 if outer else 0)
    return np.asarray(image, dtype=np.float32)


def _drawn(local: Shapes, sort: str, how: str) -> NDArray[np.float32]:
    return _filled(local) if how == "filled" else _edges(local, sort)


def _square(raster: NDArray[np.float32]) -> Spectrum:
    return np.asarray(np.fft.rfft2(raster), dtype=np.complex64)


class Ground:
    """Trusted shapes of one window, drawn once and compared with as often as needed.

    Parameters
    ----------
    window : Window
    shapes : ndarray of shapely geometries
        Longitude and latitude, EPSG:4490.
    """

    def __init__(self, window: Window, shapes: Shapes) -> None:
        self.window = window
        local = window.local(shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))])
        self._local = local
        self._sorts = sorts_of(local)
        self._spectra: dict[tuple[str, str], Spectrum] = {}

    @cached_property
    def counts(self) -> dict[str, int]:
        """Number of shapes of each sort."""
        return {sort: _count(self._local[self._sorts == sort], sort) for sort in SORTS}

    def spectrum(self, sort: str, how: str) -> Spectrum:
        """Fourier transform of the raster of one sort."""
        if (sort, how) not in self._spectra:
            chosen = self._local[self._sorts == sort]
            self._spectra[sort, how] = _square(_drawn(chosen, sort, how))
        return self._spectra[sort, how]


@dataclass(frozen=True, slots=True)
class Peak:
    """Where the correlation is highest, and by how much.

    ``here`` and ``best`` are heights in standard deviations of the whole field, at no shift (within
    a few metres) and at the peak; ``east`` and ``north`` the shift of the peak in metres, that is
    how the shapes would have to be moved; ``second`` the height of the highest other peak;
    ``shapes`` how many took part; ``alike`` whether outlines or lines of the same sort were compared.
    """

    here: float
    best: float
    east: float
    north: float
    second: float
    shapes: int
    alike: bool

    @property
    def off(self) -> float:
        """Metres from no shift to the peak."""
        return float(np.hypot(self.east, self.north))


def overlay(ground: Ground, shapes: Shapes) -> tuple[dict[tuple[str, str], Field], int]:
    """Correlation of shapes with the ground, for every shift up to ``REACH``.

    Parameters
    ----------
    ground : Ground
    shapes : ndarray of shapely geometries
        Longitude and latitude under the system that is tried.

    Returns
    -------
    fields : dict of (sort, sort of ground) → ndarray of float64, shape (2 r + 1, 2 r + 1)
        Rows are shifts to the north, columns to the east, in cells, from -r to r.
    n : int
        Shapes in the window.
    """
    local = ground.window.local(shapes)
    box = shapely.bounds(local)
    middle = (box[:, :2] + box[:, 2:]) / 2
    sorts = sorts_of(local)
    large = np.isin(sorts, ("line", "area"))
    reaching = (box[:, :2] <= INNER).all(axis=1) & (box[:, 2:] >= -INNER).all(axis=1)
    near = np.where(large, reaching, (np.abs(middle) <= INNER).all(axis=1))
    local, sorts = local[near], sorts[near]
    fields: dict[tuple[str, str], Field] = {}
    drawn: dict[tuple[str, str], Spectrum] = {}
    for sort, under, how, below, sign in _RULES:
        mine = sorts == sort
        if _count(local[mine], sort) < FEW or ground.counts[under] < FEW:
            continue
        if (sort, how) not in drawn:
            drawn[sort, how] = _square(_inner(_drawn(local[mine], sort, how)))
        field = _correlation(
            ground.spectrum(under, below), drawn[sort, how], "filled" in (how, below)
        )
        fields[sort, under] = sign * field
    return fields, int(near.sum())


def _inner(raster: NDArray[np.float32]) -> NDArray[np.float32]:
    """The raster without its margin, so that a shift never leads around the edge."""
    margin = SIZE // 2 - int(INNER / CELL)
    out = np.zeros_like(raster)
    out[margin:-margin, margin:-margin] = raster[margin:-margin, margin:-margin]
    return out


def _bands() -> dict[bool, NDArray[np.float32]]:
    """Band-pass in the domain of frequencies, for outlines (False) and filled shapes (True)."""
    f2 = (
        np.fft.fftfreq(SIZE, CELL)[:, None] ** 2 + np.fft.rfftfreq(SIZE, CELL)[None, :] ** 2
    ) * -2 * np.pi**2  # fmt: skip
    return {
        filled: (np.exp(f2 * _FINE**2) - np.exp(f2 * broad**2)).astype(np.float32)
        for filled, broad in ((False, _BROAD), (True, _BROAD_FILLED))
    }


_BAND: dict[bool, NDArray[np.float32]] = {}


def _correlation(ground: Spectrum, shapes: Spectrum, filled: bool) -> Field:
    if not _BAND:
        _BAND.update(_bands())
    full = np.fft.irfft2(ground * np.conj(shapes) * _BAND[filled], s=(SIZE, SIZE))
    r = int(REACH / CELL)
    rows = np.arange(-r, r + 1) % SIZE
    return np.asarray(full[np.ix_(rows, rows)], dtype=np.float64)


def _normal(field: Field) -> Field:
    """Field in standard deviations about its median.

    The spread is the larger of a robust one and that of the field without its peak: where few
    points meet, most shifts give nothing at all and the robust spread would be none.
    """
    middle = np.median(field)
    row, col = np.unravel_index(int(np.argmax(field)), field.shape)
    spread = 1.4826 * float(np.median(np.abs(field - middle)))
    apart = _without(field, int(row), int(col))
    spread = max(spread, float(np.nanstd(apart)))
    return (field - middle) / spread if spread > 0 else np.zeros_like(field)


def _without(field: Field, row: int, col: int) -> Field:
    """The field with the neighbourhood of a place left out (NaN)."""
    out = field.copy()
    apart = int(36.0 / CELL)
    out[max(row - apart, 0) : row + apart + 1, max(col - apart, 0) : col + apart + 1] = np.nan
    return out


def _exact(rule: tuple[str, str]) -> bool:
    """Whether a rule compares shapes to the metre; two sources of points put them where they like."""
    return rule[0] == rule[1] != "point"


def peak_of(fields: dict[tuple[str, str], Field], shapes: int) -> Peak | None:
    """The peak of several fields together; None where there is none to look at.

    Outlines on outlines and lines on lines decide where they say anything (a peak of eight
    deviations); else all rules are heard together.
    """
    normal = {rule: _normal(field) for rule, field in fields.items()}
    alike = {rule: f for rule, f in normal.items() if _exact(rule)}
    chosen = {rule: f for rule, f in alike.items() if f.max() >= 8.0} or normal
    if not chosen:
        return None
    total = _normal(sum(chosen.values()) / np.sqrt(len(chosen)))
    r = total.shape[0] // 2
    near = 2
    around = total[r - near : r + near + 1, r - near : r + near + 1]
    row, col = np.unravel_index(int(np.argmax(total)), total.shape)
    others = _without(total, int(row), int(col))
    return Peak(
        here=float(around.max()),
        best=float(total[row, col]),
        east=float(col - r) * CELL,
        north=float(row - r) * CELL,
        second=float(np.nanmax(others)),
        shapes=shapes,
        alike=all(_exact(rule) for rule in chosen),
    )
