"""A picture of a scan: all layers where they lie, doubtful ones at every place that comes into question."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import cos, floor, log10, radians

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from api.placing import CONFIDENT
from api.scanning import Scan, ScanRow
from twin import crs
from twin.errors import CrsError

__all__ = ["draw_scan"]

Array = NDArray[np.float64]
Shapes = NDArray[np.object_]
Box = tuple[float, float, float, float]
Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

WIDTH, HEIGHT, LEGEND = 1600, 1000, 470
"""Pixels of the picture and of its legend."""
_FINE = 2  # everything is drawn twice as large and scaled down
_MOST_SHAPES, _MOST_PANELS, _MOST_PLACES = 4_000, 4, 3
_LEAST = 0.15  # a candidate below is not drawn
_METRES_PER_DEGREE = 111_319.490793
_COLOURS: tuple[Colour, ...] = (
    (31, 119, 180), (214, 39, 40), (44, 160, 44), (148, 103, 189), (255, 127, 14), (23, 160, 170),
    (227, 70, 160), (120, 86, 60), (150, 150, 20), (70, 70, 70),
)  # fmt: skip
_GROUND: Colour = (205, 205, 200)
_INK: Colour = (50, 50, 50)
_FONTS = (
    "NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "NotoSansCJKsc-Regular.otf",
    "SourceHanSansSC-Regular.otf", "wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf",
    "msyh.ttc", "simhei.ttf", "PingFang.ttc", "DejaVuSans.ttf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Place:
    """A layer where one candidate puts it; ``sure`` is drawn solid, else dashed and hollow."""

    row: int
    label: str
    crs: str
    confidence: float
    sure: bool
    nth: int
    shapes: Shapes
    box: Box


def draw_scan(found: Scan) -> Image.Image:
    """Picture of a scan with ``pictured=True``.

    Layers that lie near each other share a panel (at most four), each with graticule and scale bar.
    Surely placed layers are solid; doubtful ones are dashed and hollow at up to three places, with
    their confidence in the legend. Trusted ground lies below in grey.

    Parameters
    ----------
    found : Scan
        With shapes.

    Returns
    -------
    PIL.Image.Image
        1600 × 1000 pixels, RGB.
    """
    places = [p for i, row in enumerate(found.rows) for p in _places(i, row, found.shapes[i])]
    panels = _panels(places)[:_MOST_PANELS]
    image = Image.new("RGB", (WIDTH * _FINE, HEIGHT * _FINE), "white")
    canvas = ImageDraw.Draw(image, "RGBA")
    across = 1 if len(panels) < 2 else 2
    down = max(1, -(-len(panels) // across))
    width, height = (WIDTH - LEGEND) // across, HEIGHT // down
    for i, panel in enumerate(panels):
        left, top = (i % across) * width, (i // across) * height
        frame = (left + 12, top + 12, left + width - 12, top + height - 12)
        _Panel(canvas, tuple(v * _FINE for v in frame), panel).draw(found.ground)  # type: ignore[arg-type]  # four numbers
    _legend(canvas, found.rows, places, [p for panel in panels for p in panel])
    return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _places(index: int, row: ScanRow, shapes: Shapes) -> list[_Place]:
    """Where a layer may lie, best first."""
    if not len(shapes):
        return []
    thinned = shapes[:: max(1, len(shapes) // _MOST_SHAPES)]
    sure = row.crs is not None and row.confidence >= CONFIDENT
    wanted = [] if row.crs is None else [(row.crs, row.confidence)]
    if not sure:
        wanted += [(c["crs"], c["confidence"]) for c in row.candidates if c["confidence"] >= _LEAST]
    out: list[_Place] = []
    for system, confidence in dict(reversed(wanted)).items().__reversed__():
        try:
            placed = crs.transform_shapes(system, thinned)
        except CrsError:
            continue
        box = shapely.bounds(placed)
        good = np.isfinite(box).all(axis=1) & (np.abs(box[:, [1, 3]]) < 89).all(axis=1)
        if good.any() and len(out) < _MOST_PLACES:
            name = row.layer or row.file
            out.append(
                _Place(
                    index, name, system, confidence, sure, len(out), placed[good], _core(box[good])
                )
            )
    return out


def _core(box: Array) -> Box:
    """Box of the middle 96 % of shapes."""
    low = np.quantile(box[:, :2], 0.02, axis=0)
    high = np.quantile(box[:, 2:], 0.98, axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _size(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1], 1e-3)


def _panels(places: Sequence[_Place]) -> list[list[_Place]]:
    """Places that lie near each other and are of like size, largest groups first."""
    groups: list[tuple[Box, list[_Place]]] = []
    for place in sorted(places, key=lambda p: _size(p.box)):
        for i, (box, members) in enumerate(groups):
            reach = 0.5 * max(_size(box), _size(place.box)) + 0.02
            near = (
                place.box[0] <= box[2] + reach
                and place.box[2] >= box[0] - reach
                and place.box[1] <= box[3] + reach
                and place.box[3] >= box[1] - reach
            )
            if near and _size(place.box) <= 25 * _size(box) + 0.2:
                joined = (
                    min(box[0], place.box[0]), min(box[1], place.box[1]),
                    max(box[2], place.box[2]), max(box[3], place.box[3]),
                )  # fmt: skip
                groups[i] = (joined, [*members, place])
                break
        else:
            groups.append((place.box, [place]))
    return [members for _, members in sorted(groups, key=lambda g: -len(g[1]))]


class _Panel:
    """One map in a frame of pixels."""

    def __init__(
        self, canvas: ImageDraw.ImageDraw, frame: tuple[int, int, int, int], places: list[_Place]
    ) -> None:
        self.canvas, self.frame, self.places = canvas, frame, places
        boxes = np.array([p.box for p in places])
        west, south = boxes[:, :2].min(axis=0)
        east, north = boxes[:, 2:].max(axis=0)
        self.lon, self.lat = (west + east) / 2, (south + north) / 2
        self.squeeze = cos(radians(min(abs(self.lat), 85.0)))
        left, top, right, bottom = frame
        metres = _METRES_PER_DEGREE
        wide = max((east - west) * metres * self.squeeze, 50.0) * 1.1
        high = max((north - south) * metres, 50.0) * 1.1
        self.scale = min((right - left) / wide, (bottom - top) / high)  # pixels per metre

    def pixels(self, xy: Array) -> Array:
        """Pixels of degrees."""
        left, top, right, bottom = self.frame
        east = (xy[:, 0] - self.lon) * _METRES_PER_DEGREE * self.squeeze * self.scale
        north = (xy[:, 1] - self.lat) * _METRES_PER_DEGREE * self.scale
        return np.column_stack([(left + right) / 2 + east, (top + bottom) / 2 - north])

    def window(self) -> Box:
        """Degrees of the frame."""
        left, top, right, bottom = self.frame
        dx = (right - left) / 2 / self.scale / _METRES_PER_DEGREE / self.squeeze
        dy = (bottom - top) / 2 / self.scale / _METRES_PER_DEGREE
        return self.lon - dx, self.lat - dy, self.lon + dx, self.lat + dy

    def draw(self, ground: Shapes) -> None:
        """Graticule, ground, layers, frame, scale bar."""
        self._graticule()
        if len(ground):
            self._shapes(ground[:: max(1, len(ground) // 20_000)], _GROUND, dashed=False)
        for place in sorted(self.places, key=lambda p: (not p.sure, -p.nth)):
            self._shapes(place.shapes, _colour(place), dashed=not place.sure)
        self.canvas.rectangle(self.frame, outline=_INK, width=2)
        self._scale_bar()

    def _shapes(self, shapes: Shapes, colour: Colour, *, dashed: bool) -> None:
        inside = shapely.clip_by_rect(shapely.force_2d(shapes), *self.window())
        parts = shapely.get_parts(inside[~shapely.is_empty(inside)])
        parts = shapely.get_parts(parts)  # a collection's parts may be collections
        kinds = shapely.get_type_id(parts)
        self._points(parts[kinds == 0], colour, hollow=dashed)
        lines = parts[np.isin(kinds, (1, 2))]
        rings = shapely.get_rings(parts[kinds == 3])
        if not dashed:
            for ring in shapely.get_exterior_ring(parts[kinds == 3]):
                at = self.pixels(shapely.get_coordinates(ring))
                self.canvas.polygon(at.ravel().tolist(), fill=(*colour, 70))
        for line in (*lines, *rings):
            at = self.pixels(shapely.get_coordinates(line))
            if dashed:
                self._dashes(at, colour)
            else:
                self.canvas.line(at.ravel().tolist(), fill=(*colour, 220), width=2)

    def _points(self, points: Shapes, colour: Colour, *, hollow: bool) -> None:
        r = 5
        for x, y in self.pixels(shapely.get_coordinates(points)).tolist():
            box = (x - r, y - r, x + r, y + r)
            if hollow:
                self.canvas.ellipse(box, outline=(*colour, 255), width=2)
            else:
                self.canvas.ellipse(box, fill=(*colour, 200))

    def _dashes(self, at: Array, colour: Colour, on: float = 7.0, off: float = 6.0) -> None:
        """A dashed line; one too short for a dash is drawn whole."""
        line = shapely.LineString(at)
        if line.length <= on:
            self.canvas.line(at.ravel().tolist(), fill=(*colour, 255), width=2)
            return
        starts = np.arange(0.0, line.length, on + off)[:2_000]
        ends = np.minimum(starts + on, line.length)
        a = shapely.get_coordinates(shapely.line_interpolate_point(line, starts))
        b = shapely.get_coordinates(shapely.line_interpolate_point(line, ends))
        for (x0, y0), (x1, y1) in zip(a.tolist(), b.tolist(), strict=True):
            self.canvas.line((x0, y0, x1, y1), fill=(*colour, 255), width=2)

    def _graticule(self) -> None:
        west, south, east, north = self.window()
        left, top, right, bottom = self.frame
        self.canvas.rectangle(self.frame, fill=(250, 250, 247))
        font = _font(11)
        step = _nice(max(east - west, north - south) / 5)
        for lon in _ticks(west, east, step):
            x = float(self.pixels(np.array([[lon, self.lat]]))[0, 0])
            self.canvas.line((x, top, x, bottom), fill=(0, 0, 0, 28), width=1)
            self.canvas.text((x + 4, bottom - 30), _degrees(lon, step), _INK, font)
        for lat in _ticks(south, north, step):
            y = float(self.pixels(np.array([[self.lon, lat]]))[0, 1])
            self.canvas.line((left, y, right, y), fill=(0, 0, 0, 28), width=1)
            self.canvas.text((left + 6, y - 26), _degrees(lat, step), _INK, font)

    def _scale_bar(self) -> None:
        left, top, right, _ = self.frame
        metres = _nice((right - left) / self.scale / 5)
        x0, y0 = left + 24, top + 24
        x1 = x0 + metres * self.scale
        text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
        self.canvas.rectangle((x0 - 10, y0 - 10, x1 + 150, y0 + 22), fill=(255, 255, 255, 220))
        self.canvas.rectangle((x0, y0, x1, y0 + 8), fill=_INK)
        self.canvas.text((x1 + 10, y0 - 8), text, _INK, _font(12))


def _legend(
    canvas: ImageDraw.ImageDraw,
    rows: Sequence[ScanRow],
    places: Sequence[_Place],
    drawn: Iterable[_Place],
) -> None:
    """Layers with their colours, places and confidence, as far as there is room."""
    x, y = (WIDTH - LEGEND + 6) * _FINE, 18 * _FINE
    shown = {id(p) for p in drawn}
    canvas.text((x, y), "solid: sure · dashed: may lie here", _INK, _font(13))
    y += 28 * _FINE
    for i, row in enumerate(rows):
        mine = [p for p in places if p.row == i]
        if y > (HEIGHT - 60) * _FINE:
            canvas.text((x, y), f"… and {len(rows) - i} more layers", _INK, _font(12))
            return
        name = row.layer or row.file
        canvas.text((x, y), _cut(f"{name}  ({row.format})", 46), _INK, _font(13))
        y += 19 * _FINE
        if not mine:
            words = "no coordinates" if row.kind == "observations" else "no place: see the table"
            canvas.text((x + 44, y), words, (130, 130, 130), _font(11))
            y += 18 * _FINE
        for place in mine:
            _swatch(canvas, x + 4, y + 14, _colour(place), dashed=not place.sure)
            note = "" if id(place) in shown else " (not drawn: too far from the others)"
            text = f"{_cut(place.crs, 30)}  {place.confidence:.0%}{note}"
            canvas.text((x + 48, y), text, _INK, _font(11))
            y += 18 * _FINE
        y += 6 * _FINE


def _swatch(canvas: ImageDraw.ImageDraw, x: int, y: int, colour: Colour, *, dashed: bool) -> None:
    if dashed:
        for k in (0, 14, 28):
            canvas.line((x + k, y, x + k + 8, y), fill=(*colour, 255), width=4)
    else:
        canvas.rectangle((x, y - 8, x + 34, y + 8), fill=(*colour, 110), outline=(*colour, 255))


def _colour(place: _Place) -> Colour:
    """Colour of a layer; less likely places are lighter."""
    base = _COLOURS[place.row % len(_COLOURS)]
    lighter = 0.28 * place.nth
    r, g, b = (round(c + (255 - c) * lighter) for c in base)
    return r, g, b


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _nice(value: float) -> float:
    """The 1, 2 or 5 times a power of ten at or below a positive number."""
    power = 10.0 ** floor(log10(max(value, 1e-9)))
    return float(next(m for m in (5, 2, 1) if m * power <= value * 1.0001) * power)


def _ticks(low: float, high: float, step: float) -> Array:
    first = np.ceil(low / step)
    return np.arange(first, np.floor(high / step) + 1) * step


def _degrees(value: float, step: float) -> str:
    return f"{value:.{max(0, -floor(log10(step)))}f}°"


_fonts: dict[int, Font] = {}


def _font(size: int) -> Font:
    """A font with Chinese characters where the system has one; sizes are of the finished picture."""
    if size not in _fonts:
        for name in _FONTS:
            try:
                _fonts[size] = ImageFont.truetype(name, size * _FINE)
                break
            except OSError:
                continue
        else:
            _fonts[size] = ImageFont.load_default(size * _FINE)
    return _fonts[size]
