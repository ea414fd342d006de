"""Where a model without a georeference stands: its outline fitted to the footprints of the city.

Pure geometry in metres: rotation and translation, no mirroring, no scaling. Candidates come from
shape descriptors, rotations from edge directions, the place from the best overlap, refined on the
boundaries. What fits several buildings or in several turns is told, never decided.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import affine_transform
from shapely.geometry.base import BaseGeometry

__all__ = ["Fit", "Fits", "fit_outline"]

Array = NDArray[np.float64]
Objects = NDArray[Any]

CANDIDATES, REFINED = 80, 12
"""Footprints that are tried in all turns; fits that are refined."""
LEAST = 0.5
"""Overlap (IoU) below which a fit is not offered at all."""
CLEAR, MARGIN = 0.8, 0.05
"""Overlap and lead over the next from which a fit counts as clear."""
TURN = 5.0
"""Degrees apart from which two turns of one footprint are two fits."""
_SAMPLES = 240
_TRIM = 0.8


@dataclass(frozen=True, slots=True)
class Fit:
    """One way to put the outline on a footprint.

    ``index`` is the footprint's; ``rotation`` degrees counter-clockwise; ``east``, ``north`` where
    the model's origin comes to lie (metres of the footprints); ``iou`` the overlap, 0 … 1.
    """

    index: int
    rotation: float
    east: float
    north: float
    iou: float


@dataclass(frozen=True, slots=True)
class Fits:
    """Fits by falling overlap, each footprint and turn once, and how sure the first is.

    ``margin`` is its lead over the best fit on another footprint, ``turn_margin`` over another turn
    on the same one (small for shapes that look alike after a half turn).
    """

    fits: tuple[Fit, ...]
    margin: float
    turn_margin: float

    @property
    def clear(self) -> bool:
        """Whether the first fit is good and nothing else comes close."""
        return bool(
            self.fits
            and self.fits[0].iou >= CLEAR
            and self.margin >= MARGIN
            and self.turn_margin >= MARGIN / 5
        )


def _descriptors(shapes: Objects) -> Array:
    """Area, perimeter and sides of the oriented box of each shape, logarithms, shape (n, 4)."""
    area, length = shapely.area(shapes), shapely.length(shapes)
    box = shapely.oriented_envelope(shapes)
    sides = np.zeros((len(shapes), 2))
    for k, one in enumerate(box):
        ring = shapely.get_coordinates(one)
        if len(ring) >= 4:
            sides[k] = np.sort(np.hypot(*(ring[1:3] - ring[0:2]).T))[::-1]
    with np.errstate(divide="ignore"):
        return np.log(np.column_stack([area, length, sides]))


def _ranked(outline: BaseGeometry, shapes: Objects, first: Sequence[int]) -> list[int]:
    """Footprints most like the outline by their descriptors; those of ``first`` in any case."""
    want = _descriptors(np.array([outline], dtype=object))[0]
    apart = np.abs(_descriptors(shapes) - want)
    weight = np.array([1.0, 0.5, 1.0, 1.0])
    far = (apart * weight).sum(axis=1)
    far[~np.isfinite(far) | (apart[:, 0] > np.log(2.5))] = np.inf
    order = [int(k) for k in np.argsort(far, kind="stable")[:CANDIDATES] if np.isfinite(far[k])]
    return [*dict.fromkeys([*first, *order])]


def _directions(shape: BaseGeometry, most: int = 4) -> Array:
    """Directions that carry most of the boundary, degrees in [0, 180), longest first."""
    angles, weights = [], []
    for ring in shapely.get_parts(shapely.get_rings(shape)):
        steps = np.diff(shapely.get_coordinates(ring), axis=0)
        angles.append(np.degrees(np.arctan2(steps[:, 1], steps[:, 0])) % 180.0)
        weights.append(np.hypot(*steps.T))
    angle, weight = np.concatenate(angles), np.concatenate(weights)
    bins = np.round(angle / 2.0).astype(int) % 90
    total = np.bincount(bins, weight, minlength=90)
    out = []
    for best in np.argsort(-total)[:most]:
        if total[best] <= 0:
            break
        near = np.abs((angle - best * 2.0 + 90.0) % 180.0 - 90.0) <= 2.0
        shifted = (angle[near] - best * 2.0 + 90.0) % 180.0 - 90.0
        out.append((best * 2.0 + float(np.average(shifted, weights=weight[near]))) % 180.0)
    return np.array(out)


def _turns(model: Array, shape: BaseGeometry) -> Array:
    """Rotations that bring a direction of the model onto one of the footprint, degrees, distinct."""
    found = (_directions(shape)[None, :] - model[:, None]).ravel()
    found = np.concatenate([found, found + 180.0]) % 360.0
    found.sort()
    keep = np.ones(len(found), dtype=bool)
    keep[1:] = np.diff(found) > 1.0
    return found[keep]


def _turned(points: Array, degrees: Array) -> Array:
    """Points (n, 2) under k rotations: (k, n, 2)."""
    angle = np.deg2rad(degrees)
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.stack([np.stack([c, -s], axis=-1), np.stack([s, c], axis=-1)], axis=-2)
    return np.asarray(np.einsum("kij,nj->kni", matrix, points), dtype=np.float64)


def _placed(outline: BaseGeometry, rotation: float, east: float, north: float) -> BaseGeometry:
    c, s = np.cos(np.deg2rad(rotation)), np.sin(np.deg2rad(rotation))
    return affine_transform(outline, [c, -s, s, c, east, north])


def _iou(a: Objects, b: BaseGeometry | Objects) -> Array:
    """Overlap of areas."""
    both = shapely.area(shapely.intersection(a, b))
    either = shapely.area(a) + shapely.area(b) - both
    return np.asarray(np.divide(both, either, out=np.zeros_like(both), where=either > 0))


def _tried(outline: BaseGeometry, model: Array, shape: BaseGeometry, index: int) -> list[Fit]:
    """The outline on one footprint in all promising turns, centroid on centroid and box on box."""
    turns = _turns(model, shape)
    middle = np.array([outline.centroid.coords[0]])
    target = np.array(shape.centroid.coords[0])
    turned = [_placed(outline, t, 0.0, 0.0) for t in turns]
    centres = _turned(middle, turns)[:, 0, :]
    bounds = shapely.bounds(np.array(turned, dtype=object))
    box = (bounds[:, :2] + bounds[:, 2:]) / 2
    goal = np.array(shape.bounds)
    shifts = np.concatenate([target - centres, (goal[:2] + goal[2:]) / 2 - box])
    placed = np.array(
        [
            affine_transform(turned[k % len(turns)], [1, 0, 0, 1, *shift])
            for k, shift in enumerate(shifts)
        ],
        dtype=object,
    )
    iou = _iou(placed, shape)
    return [
        Fit(
            index,
            float(turns[k % len(turns)]),
            float(shifts[k, 0]),
            float(shifts[k, 1]),
            float(iou[k]),
        )
        for k in range(len(shifts))
    ]


def _rigid(source: Array, target: Array) -> tuple[float, Array]:
    """Rotation (degrees) and translation that bring points onto others with least squares."""
    a, b = source.mean(axis=0), target.mean(axis=0)
    p, q = source - a, target - b
    angle = np.arctan2((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum(), (p * q).sum())
    c, s = np.cos(angle), np.sin(angle)
    return float(np.degrees(angle)), b - np.array([c * a[0] - s * a[1], s * a[0] + c * a[1]])


def _refined(outline: BaseGeometry, shape: BaseGeometry, fit: Fit) -> Fit:
    """Boundary on boundary (trimmed ICP), then the best overlap nearby."""
    edge, goal = _lines(outline.boundary), _lines(shape.boundary)
    steps = np.linspace(0.0, edge.length, _SAMPLES, endpoint=False)
    points = shapely.get_coordinates(shapely.line_interpolate_point(edge, steps))
    best = fit
    rotation, shift = fit.rotation, np.array([fit.east, fit.north])
    for _ in range(30):
        moved = _turned(points, np.array([rotation]))[0] + shift
        along = shapely.line_locate_point(goal, np.atleast_1d(shapely.points(moved)))
        near = shapely.get_coordinates(shapely.line_interpolate_point(goal, along))
        gap = np.hypot(*(moved - near).T)
        keep = gap <= np.quantile(gap, _TRIM)
        turn, step = _rigid(moved[keep], near[keep])
        c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
        shift = np.array([c * shift[0] - s * shift[1], s * shift[0] + c * shift[1]]) + step
        rotation += turn
        if abs(turn) < 1e-4 and np.hypot(*step) < 1e-9:
            break
    best = max(best, _valued(outline, shape, fit.index, rotation, shift), key=lambda f: f.iou)
    return _polished(outline, shape, best)


def _lines(boundary: BaseGeometry) -> shapely.LineString:
    """The boundary as one line: the longest of its rings."""
    rings = [r for r in shapely.get_parts(boundary) if isinstance(r, shapely.LineString)]
    return max(rings, key=lambda line: float(line.length))


def _valued(
    outline: BaseGeometry, shape: BaseGeometry, index: int, rotation: float, shift: Array
) -> Fit:
    placed = np.array([_placed(outline, rotation, shift[0], shift[1])], dtype=object)
    return Fit(
        index, rotation % 360.0, float(shift[0]), float(shift[1]), float(_iou(placed, shape)[0])
    )


def _polished(outline: BaseGeometry, shape: BaseGeometry, fit: Fit) -> Fit:
    """Highest overlap in the neighbourhood, by shrinking steps about the middle of the outline."""
    middle = np.array(outline.centroid.coords[0])
    best = fit
    step, turn = 0.8, 1.0
    while step > 0.01:
        tried = []
        for dt, dx, dy in _STEPS:
            rotation = best.rotation + dt * turn
            pivot = _turned(middle[None], np.array([best.rotation, rotation]))[:, 0]
            shift = np.array([best.east, best.north]) + pivot[0] - pivot[1]
            tried.append(
                _valued(outline, shape, fit.index, rotation, shift + np.array([dx, dy]) * step)
            )
        better = max(tried, key=lambda f: f.iou)
        if better.iou > best.iou + 1e-6:
            best = better
        else:
            step, turn = step / 2, turn / 2
    return best


_STEPS = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))


def fit_outline(outline: BaseGeometry, footprints: Objects, first: Sequence[int] = ()) -> Fits:
    """Fit a model's outline to the footprints of a city.

    Parameters
    ----------
    outline : polygon or multipolygon
        Valid, model metres, any origin and turn.
    footprints : ndarray of polygons, shape (n,)
        Valid, metres of one projected system; None and empty ones are skipped.
    first : sequence of int
        Footprints that are tried whatever their shape (same name or code).

    Returns
    -------
    Fits
        Empty where nothing overlaps by half; otherwise at most five fits.

    Examples
    --------
    >>> house = shapely.Polygon([(0, 0), (20, 0), (20, 8), (8, 8), (8, 14), (0, 14)])
    >>> town = np.array([_placed(house, 30.0, 500.0, 300.0), shapely.box(0, 0, 30, 9)], dtype=object)
    >>> best = fit_outline(house, town).fits[0]
    >>> best.index, round(best.rotation, 1), round(best.east, 1), round(best.north, 1)
    (0, 30.0, 500.0, 300.0)
    """
    shapes = np.asarray(footprints, dtype=object)
    usable = np.flatnonzero(~shapely.is_missing(shapes) & (shapely.area(shapes) > 1.0))
    if outline.is_empty or outline.area <= 1.0 or not len(usable):
        return Fits((), 0.0, 0.0)
    plain = outline.simplify(0.05)
    place = {int(k): n for n, k in enumerate(usable)}
    order = _ranked(plain, shapes[usable], [place[k] for k in first if k in place])
    model = _directions(plain)
    rough = [f for k in order for f in _tried(plain, model, shapes[usable[k]], int(usable[k]))]
    fits = [
        _refined(plain, shapes[f.index], f) for f in _distinct(rough)[:REFINED] if f.iou > LEAST / 2
    ]
    ranked = [f for f in _distinct(fits) if f.iou >= LEAST]
    if not ranked:
        return Fits((), 0.0, 0.0)
    best = ranked[0]
    other = max((f.iou for f in ranked if f.index != best.index), default=0.0)
    turned = max((f.iou for f in ranked[1:] if f.index == best.index), default=0.0)
    return Fits(tuple(ranked[:5]), best.iou - other, best.iou - turned)


def _distinct(fits: list[Fit]) -> list[Fit]:
    """Best first; of one footprint only turns that differ by more than ``TURN``."""
    kept: list[Fit] = []
    for fit in sorted(fits, key=lambda f: (-f.iou, f.index, f.rotation)):
        same = (
            k.index == fit.index and abs((k.rotation - fit.rotation + 180) % 360 - 180) <= TURN
            for k in kept
        )
        if not any(same):
            kept.append(fit)
    return kept
