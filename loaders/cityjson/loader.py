"""The CityJSON loader."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loaders.base import Batch, LayerInfo
from loaders.cityjson.appearance import Wardrobe
from loaders.cityjson.boundaries import DEPTH, ShapeCollector
from loaders.cityjson.document import Feature, Header, features_of, header_of
from loaders.cityjson.records import Drafter
from loaders.citymodel.attributes import AttributeMapper
from loaders.citymodel.batches import batch_of, template_meshes
from loaders.citymodel.drafts import Draft, Drafted
from loaders.citymodel.images import ImageShelf
from loaders.gdalio import head_of, refuse_dangerous
from twin import crs
from twin.errors import CrsError
from twin.plan import LayerPlan

__all__ = ["CityJsonLoader"]

MAX_OBJECTS = 8192
BATCH_BYTES = 4 * 1024**2
IMAGE_BYTES = 64 * 1024**2
"""A batch ends when it has this many objects, or text or images of this size."""


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
            objects = document.content.get("CityObjects") or {}
            count = len(objects) if isinstance(objects, dict) else None
            xyz = next(features_of(path, header, document)).xyz
            finite = xyz[np.isfinite(xyz).all(axis=1)]
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
        desk = _Desk(layer.path, header, plan)
        size = min(batch_size, MAX_OBJECTS)
        for feature in features_of(layer.path, header, document):
            for part in _parts(feature, size) if len(feature.objects) > size else (feature,):
                if desk.drafts and len(desk.drafts) + max(1, len(part.objects)) > size:
                    yield desk.take()
                desk.add(part)
                if desk.size > BATCH_BYTES or desk.shelf.pending > IMAGE_BYTES:
                    yield desk.take()
        if desk.drafts:
            yield desk.take()


class _Desk:
    """The batch under way of one file."""

    def __init__(self, path: Path, header: Header, plan: LayerPlan) -> None:
        self.geographic = _is_geographic(plan.crs or header.crs)
        self.shelf = ImageShelf(path)
        self.drafts: list[Draft] = []
        self.size = self.row = 0
        self.look = Wardrobe(header.appearance, self.shelf).look()
        self.appearance: object = header.appearance
        self.findings: tuple[str, ...] = ()
        self.templates, self.fresh = self._templates(header)
        lods = {
            int(n.rpartition("/")[2]): header.templates[int(n.rpartition("/")[2])]
            for n in self.templates
        }
        self.drafter = Drafter(
            AttributeMapper(plan), {n: str(t.get("lod", "")) for n, t in lods.items()}
        )

    def _templates(self, header: Header) -> tuple[dict[str, NDArray[np.float64]], pa.Table | None]:
        """Origins and meshes of the file's templates."""
        collector, names = ShapeCollector(), []
        for number, template in enumerate(header.templates):
            known = _kind(template) in DEPTH
            if known and collector.add(template, header.template_vertices, self.look) is not None:
                names.append(f"template/{number}")
        if not names:
            return {}, None
        table, origins = template_meshes(collector.shapes(), collector.infos, names)
        return origins, table

    def add(self, feature: Feature) -> None:
        """Draft all objects of a feature, or the one record that says why there are none."""
        if feature.fault is not None:
            self.drafts.append(Draft(None, "", "other", faults=[feature.fault]))
            return
        if feature.appearance is not self.appearance and feature.appearance is not None:
            self.look = Wardrobe(feature.appearance, self.shelf).look()
            self.appearance = feature.appearance
        self.size += feature.text.size
        self.drafter.look, draft = self.look, self.drafter.draft
        self.drafts += [draft(key, item, feature) for key, item in feature.objects.items()]

    def take(self) -> Batch:
        """The batch drafted so far; the desk is clear again."""
        collector = self.drafter.collector
        shapes = collector.shapes()
        missing = sorted(self.shelf.missing)
        batch = batch_of(
            Drafted(
                self.drafts,
                shapes,
                collector.infos,
                self.geographic,
                self.row,
                self.shelf.take(),
                self.templates,
                self.fresh,
                (
                    f"{len(missing)} texture images are not beside the file; the shapes stay without them "
                    f"({', '.join(missing[:3])}{' …' if len(missing) > 3 else ''})",
                )
                if missing
                else (),
            )
        )
        self.shelf.missing.clear()
        self.row += len(self.drafts)
        self.drafts, self.size, self.fresh = [], 0, None
        self.drafter.collector = ShapeCollector()
        return batch


def _kind(geometry: object) -> object:
    return geometry.get("type") if isinstance(geometry, dict) else None


def _parts(feature: Feature, size: int) -> Iterator[Feature]:
    """The feature, cut into pieces of at most ``size`` objects."""
    items = list(feature.objects.items())
    for start in range(0, len(items), size):
        yield feature.with_objects(dict(items[start : start + size]))


def _is_geographic(name: str | None) -> bool:
    """Whether x and y are degrees; a system that is not known counts as projected."""
    try:
        return name is not None and crs.is_geographic(name)
    except CrsError:
        return False
