"""A small map of shapes as SVG: no script, no tiles, nothing from elsewhere."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["sketch"]

WIDTH, HEIGHT, MARGIN = 640, 360, 14
MOST_SHAPES: Final = 1_000
_STEPS: Final = (1, 2, 5)


def sketch(
    shapes: NDArray[np.object_],
    names: Sequence[str],
    links: Sequence[str | None],
    box: Sequence[float] | None = None,
    color: str = "#2f6f8f",
) -> str:
    """An SVG document of shapes, north up, true to scale in the middle.

    Parameters
    ----------
    shapes : ndarray of shapely geometries or None, shape (n,)
        Degrees; the first thousand are drawn.
    names, links : sequence of length n
        Shown when pointed at; where a click leads.
    box : west, south, east, north, optional
        Degrees of the picture; else all shapes are in it.
    color : str
        ``#rrggbb``.
    """
    shapes = shapely.force_2d(np.asarray(shapes, dtype=object)[:MOST_SHAPES])
    bounds = np.asarray(box if box is not None else shapely.total_bounds(shapes), dtype=float)
    if len(bounds) != 4 or not np.isfinite(bounds).all():
        return ""
    west, south, east, north = bounds.tolist()
    east, north = max(east, west + 1e-5), max(north, south + 1e-5)
    squeeze = max(math.cos(math.radians((south + north) / 2)), 0.05)
    scale = min(
        (WIDTH - 2 * MARGIN) / ((east - west) * squeeze), (HEIGHT - 2 * MARGIN) / (north - south)
    )
    x0 = WIDTH / 2 - (west + east) / 2 * squeeze * scale
    y0 = HEIGHT / 2 + (south + north) / 2 * scale
    flat = shapely.transform(
        shapes, lambda xy: np.round([x0 + xy[:, 0] * squeeze * scale, y0 - xy[:, 1] * scale], 1).T
    )
    drawn = [
        _anchored(_path(shape), name, href)
        for shape, name, href in zip(flat, names, links, strict=False)
        if shape is not None and not shape.is_empty
    ]
    return (
        f'<svg class="map" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg" '
        f'style="--ink:{escape(color)}">{"".join(drawn)}{_grid(x0, y0, squeeze * scale, scale)}'
        f"{_bar(scale)}</svg>"
    )


def _anchored(drawn: str, name: str, href: str | None) -> str:
    titled = f"<g><title>{escape(name)}</title>{drawn}</g>"
    return titled if href is None else f'<a href="{escape(href)}">{titled}</a>'


def _path(shape: shapely.Geometry) -> str:
    """Elements of one shape in pixels."""
    out = []
    for part in shapely.get_parts(shape).tolist():
        kind = part.geom_type
        if kind == "Point":
            out.append(f'<circle cx="{part.x:g}" cy="{part.y:g}" r="3.5"/>')
        elif kind == "LineString":
            out.append(f'<path class="line" d="{_run(part)}"/>')
        elif kind == "Polygon":
            rings = [part.exterior, *part.interiors]
            out.append(f'<path class="area" d="{" ".join(_run(ring) + "Z" for ring in rings)}"/>')
        elif kind == "GeometryCollection":
            out.append(_path(part))
    return "".join(out)


def _run(line: shapely.LineString) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in shapely.get_coordinates(line).tolist())


def _nice(span: float) -> float:
    """The largest of 1, 2, 5 × 10ⁿ that is not above a span."""
    power: float = 10.0 ** math.floor(math.log10(span))
    return max(step * power for step in _STEPS if step * power <= span * 1.0001)


def _grid(x0: float, y0: float, per_lon: float, per_lat: float) -> str:
    """Meridians and parallels at round degrees."""
    step = _nice(max(120 / per_lon, 90 / per_lat))
    out = []
    first = math.ceil(-x0 / per_lon / step)
    for k in range(first, first + 12):
        x = x0 + k * step * per_lon
        if x <= WIDTH:
            out.append(
                f'<path class="grid" d="M{x:.1f} 0V{HEIGHT}"/><text x="{x + 3:.1f}" y="10">{k * step:.6g}°</text>'
            )
    first = math.ceil((y0 - HEIGHT) / per_lat / step)
    for k in range(first, first + 12):
        y = y0 - k * step * per_lat
        if y >= 24:
            out.append(
                f'<path class="grid" d="M0 {y:.1f}H{WIDTH}"/><text x="3" y="{y - 3:.1f}">{k * step:.6g}°</text>'
            )
    return "".join(out)


def _bar(per_lat: float) -> str:
    """A scale bar."""
    metres = _nice(140 * 111_320 / per_lat)
    long = metres * per_lat / 111_320
    said = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    y = HEIGHT - 12
    return (
        f'<path class="bar" d="M{WIDTH - MARGIN - long:.1f} {y - 4}v4h{long:.1f}v-4"/>'
        f'<text class="bar" x="{WIDTH - MARGIN - long / 2:.1f}" y="{y - 5}">{said}</text>'
    )
