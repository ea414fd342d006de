"""Areas of the map (街道, 社区, 单元网格 …) and which of them things lie in."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.analysis.scene import Scene
from twin.containment import PolygonIndex
from twin.features.asking import Reach
from twin.store import Store
from twin.store.flat import flat_rows

__all__ = ["Areas", "areas_of", "middles"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Areas:
    """Polygons of one collection in order of their ids: shapes in degrees."""

    eid: list[str]
    code: list[str | None]
    name: list[str | None]
    shapes: NDArray[np.object_]

    def holding(self, lon: Array, lat: Array) -> NDArray[np.int64]:
        """Which area each place lies in; -1: none."""
        return PolygonIndex(self.shapes).locate(lon, lat)


def areas_of(store: Store, collection: str, reach: Reach) -> Areas:
    """Areas of a collection within reach."""
    table = flat_rows(store, collection)
    table = table.take(pa.array(np.argsort(np.array(table["eid"].to_pylist(), dtype="U36"))))
    shapes = shapely.from_wkb(np.array(table["wkb"].to_pylist(), dtype=object), on_invalid="ignore")
    keep = np.isin(shapely.get_type_id(shapes), (3, 6))
    if reach.classes is not None:
        keep &= np.isin(
            np.array(table["class_code"].to_pylist(), dtype=object), list(reach.classes)
        )
    if reach.area is not None:
        keep &= shapely.intersects(reach.area, shapes)
    table, shapes = table.filter(pa.array(keep)), shapes[keep]
    attributes: list[dict[str, Any]] = [orjson.loads(a or "{}") for a in table["attributes"].to_pylist()]  # fmt: skip
    codes = [None if a.get("code") is None else str(a["code"]) for a in attributes]
    return Areas(table["eid"].to_pylist(), codes, table["name"].to_pylist(), shapes)


def middles(scene: Scene) -> tuple[Array, Array]:
    """Longitude and latitude of the middle of the box of each thing; NaN where it has no body any more."""
    n = len(scene.things)
    box = np.full((n, 4), np.nan)
    low, high = np.full((n, 2), np.inf), np.full((n, 2), -np.inf)
    alive = np.isfinite(scene.tree.boxes[:, 0])
    np.minimum.at(low, scene.thing[alive], scene.tree.boxes[alive, :2])
    np.maximum.at(high, scene.thing[alive], scene.tree.boxes[alive, 3:5])
    there = np.isfinite(low[:, 0])
    box[there] = np.hstack([low, high])[there]
    return scene.frame.inverse((box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2)
