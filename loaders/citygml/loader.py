"""The CityGML loader."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loaders.base import Batch, LayerInfo
from loaders.citygml.appearance import Skin, global_surface_data
from loaders.citygml.features import FeatureReader, ShapeDraft
from loaders.citygml.geometry import Faces, FaceStore
from loaders.citygml.properties import CodeLists
from loaders.citygml.reading import Head, Member, head_of_model, members
from loaders.citygml.srs import Reference, reference_of
from loaders.citymodel.attributes import AttributeMapper
from loaders.citymodel.batches import batch_of, template_meshes
from loaders.citymodel.classes import surface_color
from loaders.citymodel.drafts import Draft, Drafted, ShapeInfo
from loaders.citymodel.images import ImageShelf
from loaders.citymodel.shapes import Shapes, starts_of
from loaders.gdalio import head_of, refuse_dangerous
from twin import crs
from twin.errors import CrsError
from twin.plan import LayerPlan

__all__ = ["CityGmlLoader"]

MAX_OBJECTS = 8192
BATCH_TEXT = 1024**2
IMAGE_BYTES = 64 * 1024**2
"""A batch ends when it has this many objects, coordinate text or images of this size."""
_ENDINGS = (".gml", ".xml", ".citygml")


class CityGmlLoader:
    """CityGML 2.0 and 3.0 (and 1.0, whose elements are the same)."""

    name = "citygml"

    def supports(self, path: Path) -> bool:
        """Whether the name and the first 4 KiB say CityGML."""
        if not path.name.lower().endswith(_ENDINGS):
            return False
        head = head_of(path)
        return b"opengis.net/citygml" in head and b"CityModel" in head

    def scan(self, path: Path) -> list[LayerInfo]:
        """The file as one layer; objects are counted only when they are read.

        Raises
        ------
        SourceError
            If it is no CityGML.
        """
        refuse_dangerous(path)
        head, first = head_of_model(path)
        reference = reference_of(head, first, None)
        findings = [f"CityGML {head.version}", *reference.findings]
        return [
            LayerInfo(
                path,
                path.name.removesuffix(path.suffix),
                "model",
                f"CityGML {head.version}",
                None,
                "mesh",
                {},
                reference.crs,
                _bounds(head, reference),
                "UTF-8",
                tuple(findings),
            )
        ]

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:
        """One record per city object, parts and rooms after the object they belong to; see :mod:`loaders.base`.

        Raises
        ------
        SourceError
            If it is no CityGML, or breaks before its first object.
        UnsafeSourceError
            If it has a document type or an object without end.
        """
        refuse_dangerous(layer.path)
        head, first = head_of_model(layer.path)
        desk = _Desk(layer.path, head, reference_of(head, first, plan.crs), plan)
        size = min(batch_size, MAX_OBJECTS)
        for member in members(layer.path, desk.broken):
            desk.add(member)
            if desk.is_full(size):
                yield from desk.take(size)
        desk.end()
        if desk.reader.drafts:
            yield from desk.take(size)


def _bounds(head: Head, reference: Reference) -> tuple[float, float, float, float] | None:
    if head.lower is None or head.upper is None or min(len(head.lower), len(head.upper)) < 2:
        return None
    a, b = (1, 0) if reference.swap else (0, 1)
    x, y = reference.offset[:2]
    return (head.lower[a] + x, head.lower[b] + y, head.upper[a] + x, head.upper[b] + y)


class _Desk:
    """The batch under way of one file."""

    def __init__(self, path: Path, head: Head, reference: Reference, plan: LayerPlan) -> None:
        self.path = path
        self.reference = reference
        self.geographic = _is_geographic(reference.crs)
        self.shelf = ImageShelf(path)
        self.codes = CodeLists(path)
        self.reader = FeatureReader(
            AttributeMapper(plan), self.codes, reference.swap, reference.offset, head.dimension or 0
        )
        self.skin = Skin()
        for data in global_surface_data(path):
            self.skin.add(data)
        self.store_wants()
        self.row = 0
        self.origins: dict[str, NDArray[np.float64]] = {}
        self.findings: list[str] = list(reference.findings)
        self.fault: str | None = None

    def store_wants(self) -> None:
        """Geometries of many faces whose ids a material names."""
        self.reader.store.wanted = self.skin.colors.keys()

    def broken(self, reason: str) -> None:
        """The file breaks after some objects: one more record says so."""
        self.fault = reason

    def add(self, member: Member) -> None:
        """Draft a member, after the appearances inside it."""
        data = list(member.element.iter("{*}X3DMaterial", "{*}ParameterizedTexture"))
        if data:
            for one in data:
                self.skin.add(one)
            self.store_wants()
        self.reader.read(member)

    def end(self) -> None:
        """The last record, if the file ended badly."""
        if self.fault is not None:
            fault = f"the file {self.fault}; objects after this place were not read"
            self.reader.drafts.append(Draft(None, "", "other", faults=[fault]))

    def is_full(self, size: int) -> bool:
        """Whether a batch should be given out."""
        reader = self.reader
        text = reader.store.size + reader.template_store.size
        return len(reader.drafts) >= size or text > BATCH_TEXT or self.shelf.pending > IMAGE_BYTES

    def take(self, size: int) -> Iterator[Batch]:
        """Batches of at most ``size`` records of what was drafted so far; the desk is clear again."""
        reader = self.reader
        faces = reader.store.parsed(self.reference.swap, self.reference.offset)
        meshes, origins = self._templates()
        self.origins |= origins
        color, texture, uv, textures = self.skin.dress(reader.store, faces, self.shelf)
        drafts, shapes = reader.drafts, reader.shapes
        for start in range(0, len(drafts), size):
            some = drafts[start : start + size]
            mine = shapes
            if len(drafts) > size:
                ids = {id(d) for d in some}
                mine = [s for s in shapes if id(s.owner) in ids]
            infos, whole = _shapes_of(mine, faces, color, texture, uv, textures)
            drafted = Drafted(
                some,
                whole,
                infos,
                self.geographic,
                self.row,
                self.shelf.take(),
                self.origins,
                meshes,
                tuple(self._findings()),
            )
            meshes = None
            self.row += len(some)
            yield batch_of(drafted)
        reader.store, reader.template_store = FaceStore(), FaceStore()
        reader.drafts, reader.shapes, reader.templates = [], [], []
        self.store_wants()

    def _templates(self) -> tuple[pa.Table | None, dict[str, NDArray[np.float64]]]:
        """Meshes of the templates met in this batch."""
        reader = self.reader
        if not reader.templates:
            return None, {}
        faces = reader.template_store.parsed(False, (0.0, 0.0, 0.0))
        color, texture, uv, textures = self.skin.dress(reader.template_store, faces, self.shelf)
        nobody = Draft(None, "", "other")
        drafts = []
        for template in reader.templates:
            drafts.append(ShapeDraft(nobody, template.lod, "template"))
            drafts[-1].take(template.part, -1)
        infos, shapes = _shapes_of(drafts, faces, color, texture, uv, textures)
        nobody.shapes.clear()
        return template_meshes(shapes, infos, [t.name for t in reader.templates])

    def _findings(self) -> list[str]:
        out, self.findings = self.findings, []
        for missing, what in (
            (
                self.shelf.missing,
                "texture images are not beside the file; the shapes stay without them",
            ),
            (
                self.codes.missing,
                "code lists are not beside the file; their codes are kept as they are",
            ),
        ):
            if missing:
                out.append(
                    f"{len(missing)} {what} ({', '.join(sorted(missing)[:3])}{' …' if len(missing) > 3 else ''})"
                )
        self.shelf.missing.clear()
        self.codes.missing.clear()
        return out


def _shapes_of(
    drafts: list[ShapeDraft],
    faces: Faces,
    color: NDArray[np.int64],
    texture: NDArray[np.int32],
    uv: NDArray[np.float32],
    textures: list[dict[str, Any]],
) -> tuple[list[ShapeInfo], Shapes]:
    """Shapes in columns, each face where its shape has it, turned over where it should be."""
    infos: list[ShapeInfo] = []
    for place, shape in enumerate(drafts):
        shape.owner.shapes.append(place)
        infos.append(
            ShapeInfo(
                shape.lod, shape.surfaces, (), shape.skipped, shape.kind or "boundary surfaces"
            )
        )
    pick = np.array([f for s in drafts for f in s.faces], np.int64)
    turned = np.array([t for s in drafts for t in s.flipped], bool)
    surface = np.array([k for s in drafts for k in s.surface], np.int32)
    n_rings = np.diff(faces.face_start)[pick]
    rings = _runs(faces.face_start[pick], n_rings)
    n_corners = np.diff(faces.ring_start)[rings]
    corners = _runs(
        faces.ring_start[rings], n_corners, np.repeat(turned, n_rings) if turned.any() else None
    )
    palette = [surface_color(s.get("type")) for d in drafts for s in d.surfaces]
    table = np.array([*palette, surface_color(None)], np.uint32)
    shape_start = starts_of(np.array([len(s.faces) for s in drafts], np.int64))
    owner = np.repeat(np.arange(len(drafts)), np.diff(shape_start))
    base = starts_of(np.array([len(s.surfaces) for s in drafts], np.int64))[:-1]
    tint = table[
        np.where(surface >= 0, surface + base[owner] if len(owner) else surface, len(palette))
    ]
    given = color[pick]
    tint = np.where(given >= 0, given, tint).astype(np.uint32)
    image = texture[pick]
    for i in np.unique(owner[image >= 0]).tolist():  # each mesh lists only its own images
        run = slice(shape_start[i], shape_start[i + 1])
        used, inverse = np.unique(image[run], return_inverse=True)
        infos[i] = replace(infos[i], textures=[textures[t] for t in used.tolist() if t >= 0])
        image[run] = inverse - int(used[0] < 0)
    whole = Shapes(
        faces.xyz[corners],
        starts_of(n_corners),
        starts_of(n_rings),
        shape_start,
        surface,
        tint,
        image.astype(np.int32),
        uv[corners] if len(uv) and (image >= 0).any() else np.zeros((0, 2), np.float32),
    )
    return infos, whole


def _runs(
    start: NDArray[np.int64], length: NDArray[np.int64], backwards: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Numbers of runs one after another, those of ``backwards`` from their end."""
    end = np.cumsum(length)
    total = int(end[-1]) if len(end) else 0
    k = np.arange(total) - np.repeat(end - length, length)
    if backwards is not None:
        back = np.repeat(backwards, length)
        k = np.where(back, np.repeat(length, length) - 1 - k, k)
    return np.asarray(np.repeat(start, length) + k, np.int64)


def _is_geographic(name: str | None) -> bool:
    """Whether x and y are degrees; a system that is not known counts as projected."""
    try:
        return name is not None and crs.is_geographic(name)
    except CrsError:
        return False
