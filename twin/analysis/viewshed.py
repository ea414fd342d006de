"""What is seen from a place: cells of ground and roofs, and façades, past buildings and terrain."""

import base64
import zlib
from typing import Annotated, Any, Final, Literal

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from pydantic import Field, model_validator

from twin.analysis.facades import facades_seen
from twin.analysis.model import (
    Analysis,
    Inputs,
    Names,
    Place,
    Study,
    coordinates,
    error_bound,
    lifted,
)
from twin.analysis.scene import Scene
from twin.analysis.sight import REFRACTION, bend_of, ignored
from twin.solids import Solids, distances
from twin.solids.views import VISIBLE, View, surface_of

__all__ = ["ANALYSIS"]

Array = NDArray[np.float64]
MOST_CELLS: Final = 2_000_000
_AT_ONCE: Final = 20_000
_DEGREE_M: Final = 111_320.0


class ViewshedInputs(Inputs):
    """An eye, how far it looks and how finely."""

    at: Annotated[Place, Field(description="Where one looks from.")]
    eye_height_m: Annotated[
        float,
        Field(ge=0, le=1000, description="Metres over the ground of an eye without a height."),
    ] = 1.6
    radius_m: Annotated[float, Field(gt=0, le=5000, description="Metres, in plan.")] = 500.0
    resolution_m: Annotated[
        float, Field(ge=0.25, le=100, description="Metres between the middles of cells.")
    ] = 5.0
    target_height_m: Annotated[
        float, Field(ge=0, le=100, description="Metres over ground or roof that are looked at.")
    ] = 0.0
    refraction: Annotated[
        float, Field(ge=-1, le=1, description="Share of the Earth's curvature taken off; 1: a flat Earth.")
    ] = REFRACTION  # fmt: skip
    output: Annotated[
        Literal["raster", "polygons"], Field(description="Cells as a grid, or their outline.")
    ] = "raster"
    facades: Annotated[bool, Field(description="Also how much of each façade is seen.")] = False
    ignore: Annotated[Names | None, Field(description="Ids of things that hide nothing.")] = None

    @model_validator(mode="after")
    def _not_too_many(self) -> "ViewshedInputs":
        side = 2 * int(self.radius_m / self.resolution_m) + 1
        if side**2 > MOST_CELLS:
            raise ValueError(
                f"{side} × {side} cells; at most {MOST_CELLS}: a coarser resolution or a smaller radius"
            )
        return self  # fmt: skip


def _run(given: ViewshedInputs, study: Study) -> dict[str, Any]:
    scene = study.scene
    eye = lifted(scene, given.at, given.eye_height_m)
    view = _view(given, study, eye)
    side = view.ground.shape[0]
    top, owner = surface_of(view.solids, view.west, view.south, view.step, view.ground)
    away = (np.arange(side) - side // 2) * view.step
    inside = away[:, None] ** 2 + away[None] ** 2 <= given.radius_m**2
    row, col = np.nonzero(inside & np.isfinite(top))
    z = top[row, col] + given.target_height_m
    targets = np.stack([view.west + col * view.step, view.south + row * view.step, z], axis=1)
    seen = np.zeros(len(targets), bool)
    for start in range(0, len(targets), _AT_ONCE):
        study.tell(start / len(targets))
        some = slice(start, start + _AT_ONCE)
        seen[some] = view.hidden_by(eye, targets[some]) == VISIBLE
    cells = np.where(inside, 2, 3).astype(np.uint8)
    cells[row, col] = seen
    area = view.step**2
    roof = owner[row, col] >= 0
    answer: dict[str, Any] = {
        "type": "FeatureCollection",
        "error_bound": error_bound(scene, given.radius_m, bend_of(given.refraction) * 1e-3, "where a sight line passes"),
        "resolution_m": view.step,
        "eye": coordinates(scene, eye)[0],
        "inside": _inside(scene, ignored(study, given.ignore), eye),
        "ground": _said(scene, view),
        "visible_m2": round(float(seen.sum()) * area, 3),
        "visible_ground_m2": round(float((seen & ~roof).sum()) * area, 3),
        "visible_roof_m2": round(float((seen & roof).sum()) * area, 3),
        "looked_at_m2": round(len(seen) * area, 3),
        "features": [],
    }  # fmt: skip
    if given.output == "raster":
        answer["raster"] = _raster(scene, view, cells)
    else:
        answer["features"].append(_outline(scene, view, cells == 1))
    if given.facades:
        bodies = _bodies(study, given, eye)
        answer["features"] += facades_seen(
            scene, view, bodies, eye, given.radius_m, given.resolution_m
        )
    return answer


def _bodies(study: Study, given: ViewshedInputs, eye: Array) -> NDArray[np.int64]:
    """Bodies that may hide something, in order."""
    r = given.radius_m
    box = [eye[0] - r, eye[1] - r, -1e6, eye[0] + r, eye[1] + r, 1e6]
    return np.sort(study.scene.tree.near(box, 0.0, ignored(study, given.ignore)))


def _view(given: ViewshedInputs, study: Study, eye: Array) -> View:
    scene = study.scene
    half = int(given.radius_m / given.resolution_m)
    west, south = eye[0] - half * given.resolution_m, eye[1] - half * given.resolution_m
    solids = scene.solids.take(_bodies(study, given, eye))
    ground = scene.ground_grid(west, south, given.resolution_m, 2 * half + 1, 2 * half + 1)
    if scene.terrain is None:
        ground[:] = np.median(solids.low) if len(solids) else eye[2] - given.eye_height_m
    return View.of(solids, west, south, given.resolution_m, ground, bend_of(given.refraction))


def _said(scene: Scene, view: View) -> str:
    if scene.terrain is None:
        return f"no terrain: level at {view.ground[0, 0]:.3f} m, the middle of the feet of the buildings"
    cell = min(scene.terrain.cell) * _DEGREE_M
    return f"terrain of {cell:.2f} m cells, taken at the cells of the view and as straight between"


def _inside(scene: Scene, hiding: NDArray[np.bool_] | None, eye: Array) -> list[str]:
    """Things the eye is inside of: they hide everything unless they are ignored."""
    bodies = scene.tree.near(np.concatenate([eye, eye]), 0.0, hiding)
    gap = distances(Solids.points(eye), scene.solids, np.zeros(len(bodies), int), bodies)
    return sorted({scene.things.eid[t].decode() for t in scene.thing[bodies[gap == 0]]})


def _raster(scene: Scene, view: View, cells: NDArray[np.uint8]) -> dict[str, Any]:
    side, half = cells.shape[0], view.step / 2
    low = np.array([view.west, view.south]) - half
    high = low + side * view.step
    corners = [
        (low[0], high[1], 0),
        (high[0], high[1], 0),
        (high[0], low[1], 0),
        (low[0], low[1], 0),
    ]
    north_up = np.ascontiguousarray(cells[::-1])
    return {
        "shape": [side, side], "order": "rows from north to south, cells from west to east",
        "corners": [c[:2] for c in coordinates(scene, np.array(corners, float))],
        "values": {"0": "hidden", "1": "visible", "2": "height unknown", "3": "beyond the radius"},
        "encoding": "base64 of zlib of one byte a cell",
        "data": base64.b64encode(zlib.compress(north_up.tobytes(), 6)).decode(),
    }  # fmt: skip


def _outline(scene: Scene, view: View, seen: NDArray[np.bool_]) -> dict[str, Any]:
    """Visible cells as one shape."""
    row, col = np.nonzero(seen)
    west, south = view.west + (col - 0.5) * view.step, view.south + (row - 0.5) * view.step
    east, north = view.west + (col + 0.5) * view.step, view.south + (row + 0.5) * view.step
    shape = shapely.coverage_union_all(shapely.box(west, south, east, north))

    def degrees(xy: Array) -> Array:
        lonlat: Array = np.stack(scene.frame.inverse(xy[:, 0], xy[:, 1]), axis=1)
        return lonlat.round(9)

    shape = shapely.transform(shape, degrees)
    parts = shapely.get_parts(shape)
    geometry = orjson.loads(shapely.to_geojson(shapely.MultiPolygon(list(parts))))
    return {
        "type": "Feature",
        "id": "visible",
        "geometry": geometry,
        "properties": {"kind": "visible"},
    }


ANALYSIS = Analysis(
    "viewshed",
    "Viewshed",
    "可视域分析",
    "Which cells of ground and roofs an eye sees within a radius, past buildings, bridges, building elements and terrain, and "
    "how much of each façade. A cell is seen when the straight line to the middle of its ground or roof is free.",
    ViewshedInputs,
    {"type": "object", "format": "geojson-feature-collection"},
    _run,
    {"at": [114.0833, 30.477, 60.0], "radius_m": 200.0, "resolution_m": 5.0},
)
