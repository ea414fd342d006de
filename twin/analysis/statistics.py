"""How much of what there is in each 街道, 社区 or 单元网格, by class."""

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from twin.analysis.areas import areas_of, middles
from twin.analysis.model import Analysis, Inputs, Names, Study, error_bound
from twin.analysis.scene import Scene
from twin.solids import LINE, PRISM

__all__ = ["ANALYSIS"]

Array = NDArray[np.float64]


class StatisticsInputs(Inputs):
    """What to count, by which areas."""

    by: Annotated[
        Literal["subdistricts", "communities", "grids"],
        Field(description="街道, 社区 or 单元网格."),
    ] = "subdistricts"
    collections: Annotated[Names | None, Field(description="Only things of these collections.")] = None  # fmt: skip
    classes: Annotated[Names | None, Field(description="Only things of these classes.")] = None


def measures(scene: Scene) -> dict[str, Array]:
    """Footprint (m²) and volume (m³) of prisms, length of lines (m) and height (m), per body."""
    solids = scene.solids
    xyz, starts = solids.xyz, solids.at[:-1]
    after = np.arange(1, len(xyz) + 1)
    after[solids.at[1:] - 1] = solids.at[1:] - 1
    cross = xyz[:, 0] * xyz[after, 1] - xyz[after, 0] * xyz[:, 1]
    size = np.linalg.norm(xyz[after] - xyz, axis=1)
    ring = np.abs(np.add.reduceat(cross, starts)) / 2 if len(starts) else np.zeros(0)
    way = np.add.reduceat(size, starts) if len(starts) else np.zeros(0)
    first = solids.piece[:-1]
    area = 2 * ring[first] - np.add.reduceat(ring, first) if len(first) else np.zeros(0)
    length = np.add.reduceat(way, first) if len(first) else np.zeros(0)
    area = np.where(solids.kind == PRISM, area, 0.0)
    tall = np.where(solids.kind == PRISM, solids.high - solids.low, 0.0)
    return {"footprint_m2": area, "volume_m3": area * tall, "length_m": np.where(solids.kind == LINE, length, 0.0)}  # fmt: skip


def _run(given: StatisticsInputs, study: Study) -> dict[str, Any]:
    scene = study.scene
    areas = areas_of(study.store, given.by, study.reach)
    lon, lat = middles(scene)
    wanted = scene.wanted(given.collections, given.classes, study.reach)
    counted = np.isfinite(lon)
    if wanted is not None:
        named = np.zeros(len(lon), bool)
        named[scene.thing[wanted]] = True
        counted &= named
    where = np.full(len(lon), -1, np.int64)
    where[counted] = areas.holding(lon[counted], lat[counted])
    n_classes = len(scene.things.classes)
    key = (where + 1) * n_classes + scene.things.class_code
    size = (len(areas.eid) + 1) * n_classes
    count = np.bincount(key[counted], minlength=size)
    alive = np.isfinite(scene.tree.boxes[:, 0]) & counted[scene.thing]
    of = key[scene.thing[alive]]
    sums = {
        name: np.bincount(of, values[alive], minlength=size)
        for name, values in measures(scene).items()
    }
    rows = []
    for k in np.flatnonzero(count):
        area, code = int(k // n_classes) - 1, scene.things.classes[k % n_classes]
        rows.append(
            {
                "area": areas.eid[area] if area >= 0 else None,
                "area_code": areas.code[area] if area >= 0 else None,
                "area_name": areas.name[area] if area >= 0 else None,
                "class_code": code,
                "count": int(count[k]),
                **{name: round(float(values[k]), 3) for name, values in sums.items()},
            }
        )
    return {
        "type": "Table",
        "by": given.by,
        "areas": len(areas.eid),
        "counted": int(counted.sum()),
        "placed_by": "middle of the box of a thing's bodies; area null: in none of the areas",
        "error_bound": {**error_bound(scene, 1.0, of="length_m, relative"), "footprint_relative": 2 * scene.relative_error},
        "rows": sorted(rows, key=lambda r: (r["area_code"] or "~", r["area"] or "~", r["class_code"])),
    }  # fmt: skip


ANALYSIS = Analysis(
    "statistics",
    "Statistics by area and class",
    "分区分类统计",
    "Count, footprint, volume and length of things by subdistrict, community or unit grid and by class. A thing counts where "
    "the middle of its box lies; one on a border counts once.",
    StatisticsInputs,
    {"type": "object"},
    _run,
    {"by": "subdistricts", "collections": ["buildings", "pipes"]},
    "application/json",
)
