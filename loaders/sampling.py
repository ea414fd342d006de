"""The first records of a layer as bare shapes: what the judgement about its CRS looks at."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from loaders.base import LayerInfo
from loaders.fieldnames import canonical_fields
from loaders.foreseen import foreseen
from loaders.registry import loader_for
from twin.errors import TwinError
from twin.plan import LayerPlan

__all__ = ["LayerSample", "coordinate_fields", "sample_layer"]

SAMPLE = 20_000
"""Records that are looked at."""
_TABLES = frozenset({"addresses", "streams", "cases"})


@dataclass(frozen=True, slots=True)
class LayerSample:
    """Shapes of the first records in the source's own coordinates; missing ones are left out."""

    shapes: NDArray[np.object_]

    @property
    def bounds(self) -> tuple[float, float, float, float] | None:
        """(xmin, ymin, xmax, ymax) of all shapes; None where there are none."""
        return self._box(0.0)

    @property
    def core(self) -> tuple[float, float, float, float] | None:
        """Bounds of the middle 98 % of the shapes: a few records far off do not count."""
        return self._box(0.01)

    def _box(self, cut: float) -> tuple[float, float, float, float] | None:
        box = shapely.bounds(self.shapes)
        box = box[np.isfinite(box).all(axis=1)]
        if not len(box):
            return None
        low = np.quantile(box[:, :2], cut, axis=0, method="higher")
        high = np.quantile(box[:, 2:], 1.0 - cut, axis=0, method="lower")
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def coordinate_fields(info: LayerInfo, fields: Mapping[str, str]) -> list[str]:
    """Columns a table's coordinates come from; empty where the layer has geometry of its own."""
    if info.format not in ("CSV", "TSV", "JSON", "JSONL") and info.kind == "features":
        return []
    mapped = fields or canonical_fields(info.fields, info.kind)
    return [source for source, target in mapped.items() if target in ("x", "y")]


def sample_layer(info: LayerInfo, plan: LayerPlan, limit: int = SAMPLE) -> LayerSample:
    """Shapes of at most ``limit`` records from the start of a layer.

    Parameters
    ----------
    info : LayerInfo
        As scan gives it. Models, rasters, point clouds and readings have no sample.
    plan : LayerPlan
        Says which columns are coordinates.
    limit : int
        Records to read.

    Returns
    -------
    LayerSample
        Empty where the layer has no shapes or cannot be read: loading it says why.
    """
    none = LayerSample(np.array([], dtype=object))
    if plan.kind != "features" and plan.kind not in _TABLES:
        return none
    try:
        with foreseen(info.path):
            batches = list(islice(loader_for(info.path).read(info, plan, limit), 1))
    except TwinError:
        return none
    if not batches or not batches[0].records.num_rows:
        return none
    records = batches[0].records.slice(0, limit)
    records = records.filter(pc.is_null(records["fault"]))
    shapes = _points(records) if plan.kind in _TABLES else _shapes(records)
    bad = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    bad |= ~np.isfinite(shapely.bounds(shapes)).all(axis=1)
    return LayerSample(shapes[~bad])


def _shapes(records: pa.Table) -> NDArray[np.object_]:
    raw = np.array(records["geometry"].to_pylist(), dtype=object)
    with np.errstate(invalid="ignore"):
        return np.asarray(shapely.from_wkb(raw, on_invalid="ignore"), dtype=object)


def _points(records: pa.Table) -> NDArray[np.object_]:
    x, y = (records[name].to_numpy(zero_copy_only=False).astype(float) for name in ("x", "y"))
    out = np.full(len(x), None, dtype=object)
    there = np.isfinite(x) & np.isfinite(y)
    out[there] = shapely.points(x[there], y[there])
    return out
