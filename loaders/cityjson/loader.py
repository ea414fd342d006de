"""The CityJSON loader."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from loaders.base import Batch, LayerInfo
from loaders.cityjson.document import Feature, Header, features_of, header_of
from loaders.cityjson.records import RecordBuilder
from loaders.gdalio import head_of, refuse_dangerous
from twin.plan import LayerPlan

__all__ = ["CityJsonLoader"]

_GEOGRAPHIC = {
    "EPSG:4326",
    "EPSG:4979",
    "EPSG:4490",
    "EPSG:4480",
    "EPSG:4269",
    "EPSG:4258",
    "EPSG:4610",
    "EPSG:4214",
}


class CityJsonLoader:
    """CityJSON 1.0, 1.1, 2.0 and CityJSONSeq."""

    name = "cityjson"

    def supports(self, path: Path) -> bool:
        """Whether the name or the first 4 KiB say CityJSON."""
        lower = path.name.lower()
        if lower.endswith((".city.json", ".city.jsonl", ".cityjson", ".cityjsonl")):
            return path.is_file()
        if not lower.endswith((".json", ".jsonl")):
            return False
        head = head_of(path)
        return b'"CityJSON"' in head or b'"CityObjects"' in head

    def scan(self, path: Path) -> list[LayerInfo]:
        """The file as one layer; objects of a sequence are counted by its lines only when they are read.

        Raises
        ------
        SourceError
            If it is no CityJSON.
        """
        refuse_dangerous(path)
        header, document = header_of(path)
        findings = [f"CityJSON {header.version}" + (" sequence" if header.sequence else "")]
        if header.crs is None:
            findings.append("no referenceSystem; give the layer's crs in the plan")
        count, bounds = None, header.extent
        if document is not None:
            objects = document.get("CityObjects") or {}
            count = len(objects)
            feature = next(features_of(path, header, document))
            finite = feature.vertices[np.isfinite(feature.vertices).all(axis=1)]
            if len(finite):
                low, high = finite.min(axis=0), finite.max(axis=0)
                bounds = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        name = path.name.removesuffix(path.suffix).removesuffix(".city")
        return [
            LayerInfo(
                path,
                name,
                "model",
                f"CityJSON {header.version}",
                count,
                "mesh",
                {},
                header.crs,
                bounds,
                "UTF-8",
                tuple(findings),
            )
        ]

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:
        """One record per city object, in file order; see :mod:`loaders.base`.

        Raises
        ------
        SourceError
            If it is no CityJSON.
        """
        refuse_dangerous(layer.path)
        header, document = header_of(layer.path)
        builder = RecordBuilder(header, plan, _metres(header, plan))
        size = min(batch_size, 8192)
        for feature in features_of(layer.path, header, document):
            for part in _parts(feature, size):
                if builder.records and len(builder.records) + max(1, len(part.objects)) > size:
                    yield builder.take()
                builder.add(part)
        if builder.records:
            yield builder.take()


def _parts(feature: Feature, size: int) -> Iterator[Feature]:
    """The feature, cut into pieces of at most ``size`` objects."""
    if len(feature.objects) <= size:
        yield feature
        return
    items = list(feature.objects.items())
    for start in range(0, len(items), size):
        yield Feature(dict(items[start : start + size]), feature.vertices)


def _metres(header: Header, plan: LayerPlan) -> NDArray[np.float64]:
    """Metres in one unit of x, y, z: 1 for a projected CRS, those of a degree for a geographic one."""
    crs = plan.crs or header.crs
    lat: float | None = None
    if crs in _GEOGRAPHIC:
        lat = (
            (header.extent[1] + header.extent[3]) / 2
            if header.extent
            else float(header.translate[1])
        )
    if lat is None or abs(lat) > 89:
        return np.ones(3)
    return np.array([111_319.490793 * math.cos(math.radians(lat)), 111_132.95, 1.0])
