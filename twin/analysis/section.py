"""A vertical cut along a line: what it cuts of buildings, pipes and everything else, and the ground, as polygons."""

from typing import Annotated, Any, Final

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from pydantic import Field

from twin.analysis.model import (
    Analysis,
    Inputs,
    Names,
    Place,
    Study,
    coordinates,
    error_bound,
    named,
)
from twin.errors import InvalidRequestError
from twin.solids.cuts import TUBE_SIDES, cut

__all__ = ["ANALYSIS"]

Array = NDArray[np.float64]
LONGEST_M: Final = 20_000.0
MOST_BODIES: Final = 50_000
_STRETCH_M: Final = 100.0


class SectionInputs(Inputs):
    """Where to cut, and what."""

    line: Annotated[
        list[Place], Field(min_length=2, max_length=200, description="Corners of the cut; heights are not used.")
    ]  # fmt: skip
    collections: Annotated[Names | None, Field(description="Only things of these collections.")] = None  # fmt: skip
    classes: Annotated[Names | None, Field(description="Only things of these classes.")] = None
    step_m: Annotated[
        float, Field(ge=0.1, le=100, description="Metres between heights of the ground.")
    ] = 2.0
    margin_m: Annotated[
        float, Field(ge=0, le=1000, description="Metres of ground drawn below all that is cut.")
    ] = 5.0


def _run(given: SectionInputs, study: Study) -> dict[str, Any]:
    scene = study.scene
    x, y = scene.frame.forward([p[0] for p in given.line], [p[1] for p in given.line])
    corner = np.stack([x, y], axis=1)
    leg = np.hypot(*np.diff(corner, axis=0).T)
    if not 0 < leg.sum() <= LONGEST_M:
        raise InvalidRequestError(
            f"line: {leg.sum():.0f} m long; expected more than nothing and at most {LONGEST_M:.0f} m", "line"
        )  # fmt: skip
    corner, leg = corner[np.append(True, leg > 0)], leg[leg > 0]
    begin = np.append(0.0, np.cumsum(leg))
    wanted = scene.wanted(given.collections, given.classes, study.reach)
    found: dict[int, list[shapely.Geometry]] = {}
    for k in range(len(leg)):
        study.tell(k / len(leg))
        bodies = _crossed(study, corner[k], corner[k + 1], wanted)
        shapes = cut(scene.solids.take(bodies), corner[k], corner[k + 1])
        for body, shape in zip(bodies.tolist(), shapes, strict=True):
            if shape is not None:
                found.setdefault(int(scene.thing[body]), []).append(_moved(shape, begin[k]))
    rows = np.array(sorted(found, key=lambda r: scene.things.eid[r]), np.int64)
    features = [
        _feature(who, shapely.union_all(found[row]))
        for who, row in zip(named(scene, rows), rows.tolist(), strict=True)
    ]
    lowest = min([f["properties"]["low_m"] for f in features], default=np.inf)
    profile = _profile(study, corner, begin, given, lowest)
    tube = float(scene.solids.radius.max(initial=0.0)) * (1 / np.cos(np.pi / TUBE_SIDES) - 1)
    return {
        "type": "Section",
        "axes": {"x": "metres along the line", "y": "metres above the ellipsoid"},
        "error_bound": error_bound(scene, float(leg.sum()), tube, "outlines"),
        "length_m": round(float(leg.sum()), 3),
        "corners": [
            {"distance_m": round(float(d), 3), "at": c[:2]}
            for d, c in zip(begin, coordinates(scene, np.hstack([corner, np.zeros((len(corner), 1))])), strict=True)
        ],
        "ground": profile,
        "features": features,
    }  # fmt: skip


def _moved(shape: shapely.Geometry, metres: float) -> shapely.Geometry:
    """A cut of one stretch, moved along the line."""

    def along(xy: Array) -> Array:
        return np.asarray(xy + np.array([metres, 0.0]))

    return shapely.transform(shape, along)


def _crossed(
    study: Study, a: Array, b: Array, wanted: NDArray[np.bool_] | None
) -> NDArray[np.int64]:
    """Bodies whose boxes a stretch of the line crosses in plan."""
    tree = study.scene.tree
    n = max(1, int(np.ceil(np.hypot(*(b - a)) / _STRETCH_M)))
    ends = a + np.linspace(0, 1, n + 1)[:, None] * (b - a)
    boxes = np.hstack([np.minimum(ends[:-1], ends[1:]), np.maximum(ends[:-1], ends[1:])])
    near = [tree.near([w, s, -1e6, e, n_, 1e6], 0.0, wanted) for w, s, e, n_ in boxes]
    found = np.unique(np.concatenate(near))
    box = tree.boxes[found]
    corners = box[:, [0, 3, 0, 3]], box[:, [1, 1, 4, 4]]
    side = (b[0] - a[0]) * (corners[1] - a[1]) - (b[1] - a[1]) * (corners[0] - a[0])
    found = found[(side.min(axis=1) <= 0) & (side.max(axis=1) >= 0)]
    if len(found) > MOST_BODIES:
        raise InvalidRequestError(
            f"line: {len(found)} bodies; at most {MOST_BODIES}: name collections", "line"
        )
    return np.asarray(found)  # fmt: skip


def _feature(who: dict[str, Any], shape: shapely.Geometry) -> dict[str, Any]:
    shape = shapely.set_precision(shape, 1e-4)
    west, low, east, high = shapely.bounds(shape).tolist()
    return {
        "type": "Feature", "id": who["eid"], "geometry": orjson.loads(shapely.to_geojson(shape)),
        "properties": {
            **who, "from_m": round(west, 3), "to_m": round(east, 3), "low_m": round(low, 3), "high_m": round(high, 3),
            "area_m2": round(float(shapely.area(shape)), 3),
        },
    }  # fmt: skip


def _profile(
    study: Study, corner: Array, begin: Array, given: SectionInputs, lowest: float
) -> dict[str, Any] | None:
    """The line of the ground and what lies under it, down to below all that is cut."""
    if study.scene.terrain is None:
        return None
    n = min(100_000, max(2, int(np.ceil(begin[-1] / given.step_m)) + 1))
    d = np.unique(np.concatenate([np.linspace(0, begin[-1], n), begin]))
    x, y = np.interp(d, begin, corner[:, 0]), np.interp(d, begin, corner[:, 1])
    z = study.scene.ground(x, y)
    known = np.isfinite(z)
    if not known.any():
        return None
    lines, areas = [], []
    floor = min(float(np.nanmin(z)), lowest) - given.margin_m
    for run in np.split(np.arange(len(d)), np.flatnonzero(np.diff(known)) + 1):
        if known[run[0]] and len(run) > 1:
            points = np.round(np.stack([d[run], z[run]], axis=1), 3).tolist()
            lines.append(points)
            areas.append([[*points, [points[-1][0], floor], [points[0][0], floor], points[0]]])
    return {
        "profile": {"type": "MultiLineString", "coordinates": lines},
        "area": {"type": "MultiPolygon", "coordinates": areas},
        "step_m": given.step_m,
    }


ANALYSIS = Analysis(
    "section",
    "Vertical section",
    "剖面分析",
    "What a vertical cut along a line goes through: buildings, pipes, rooms and all other bodies as polygons in (metres "
    "along the line, metres above the ellipsoid) with their attributes, and the ground below.",
    SectionInputs,
    {"type": "object"},
    _run,
    {"line": [[114.0823, 30.477], [114.0843, 30.478]]},
    "application/json",
)
