"""City objects of a batch as a parser drafts them → RECORDS, REPRESENTATIONS, MESHES and IMAGES."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from loaders.base import Batch
from loaders.citymodel.classes import role_of
from loaders.citymodel.footprints import footprints
from loaders.citymodel.shapes import Built, Shapes, build, degrees_in_metres, mesh_rows
from twin.schema import ALIAS, MATRIX, RECORDS, REPRESENTATIONS

__all__ = ["Draft", "Drafted", "ShapeInfo", "batch_of", "template_meshes"]

Json = dict[str, Any]
FloatArray = NDArray[np.float64]
Placed = tuple[bytes | None, str, str | None, str | None, FloatArray | None]
"""Geometry, role, LoD, mesh and matrix of one record."""


@dataclass(slots=True)
class ShapeInfo:
    """What is known of one shape besides its faces.

    ``surfaces`` describes its semantic surfaces (``type`` and whatever the source says), ``textures``
    its images; ``skipped`` faces could not be used; ``kind`` is the geometry's type in the source.
    """

    lod: str
    surfaces: Sequence[Mapping[str, Any]] = ()
    textures: Sequence[Mapping[str, Any]] = ()
    skipped: int = 0
    kind: str = ""


@dataclass(slots=True, eq=False)
class Draft:
    """One city object.

    ``shapes`` are places in the batch's shapes; ``lines`` further lines by LoD (where it meets the
    terrain); ``instances`` are (template name, LoD, 4 × 4 matrix
    of template metres to metres around the point, point in the source's coordinates); ``plain`` is
    (geometry, role) of points and lines.
    """

    key: str | None
    kind: str
    class_code: str
    name: str | None = None
    parent: str | None = None
    relation: str | None = None
    aliases: list[tuple[str, str]] = field(default_factory=list)
    attributes: Json = field(default_factory=dict)
    shapes: list[int] = field(default_factory=list)
    instances: list[tuple[str, str, FloatArray, FloatArray]] = field(default_factory=list)
    plain: tuple[shapely.Geometry, str] | None = None
    lines: list[tuple[str, shapely.Geometry]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Drafted:
    """A batch as drafted: objects, their shapes and images; ``first_row`` of its records.

    ``templates`` gives the origin of the mesh of each template known so far, ``template_meshes`` the
    meshes of those that are new in this batch (see :func:`template_meshes`).
    """

    drafts: list[Draft]
    shapes: Shapes
    infos: list[ShapeInfo]
    geographic: bool
    first_row: int = 0
    images: pa.Table | None = None
    templates: dict[str, FloatArray] = field(default_factory=dict)
    template_meshes: pa.Table | None = None
    findings: tuple[str, ...] = ()


@cache
def _rank(lod: str) -> float:
    try:
        return float(lod)
    except ValueError:
        return -1.0


def _sound(shapes: Shapes, infos: Sequence[ShapeInfo]) -> Shapes:
    """Shapes without closing corners and without faces that are no faces; what falls out is counted."""
    shapes = shapes.without_closing()
    n_ring = np.diff(shapes.ring_start)
    finite = np.isfinite(shapes.xyz).all(axis=1)
    bad_ring = n_ring < 3
    if not finite.all():
        bad_ring |= np.add.reduceat(~finite, np.minimum(shapes.ring_start[:-1], len(finite) - 1)) > 0
    if not bad_ring.any():
        return shapes
    bad = np.add.reduceat(bad_ring, shapes.face_start[:-1]) > 0
    lost = np.bincount(shapes.shape_of_face[bad], minlength=len(infos))
    for i in np.flatnonzero(lost).tolist():
        infos[i].skipped += int(lost[i])
    return shapes.keep_faces(~bad)


class _Writer:
    """Columns of the records and further representations of one batch."""

    def __init__(self, drafted: Drafted, shapes: Shapes, built: Built | None) -> None:
        self.drafted = drafted
        self.shapes = shapes
        self.built = built
        self.n_faces = np.diff(shapes.shape_start).tolist()
        self.drawn = np.ones(len(drafted.infos), bool)
        self.meshed = built.meshed.tolist() if built is not None else []
        self.names = [
            f"{drafted.first_row}/{i}/{info.lod}" for i, info in enumerate(drafted.infos)
        ]
        self.matrices = self._matrices()
        self.outline, self.lowest = self._outlines()
        self.areas: FloatArray | None = None
        self.surface_area: list[list[float]] = []
        self.extra: list[tuple[Any, ...]] = []

    def _matrices(self) -> FloatArray:
        if self.built is None:
            return np.zeros((0, 16))
        out = np.zeros((len(self.names), 4, 4))
        for axis in range(3):
            out[:, axis, axis] = 1.0 / self.built.scale[:, axis]
        out[:, :3, 3] = self.built.origin
        out[:, 3, 3] = 1.0
        return out.reshape(-1, 16)

    def _outlines(self) -> tuple[list[bytes | None], FloatArray]:
        """WKB of the footprint of the one shape of each object that has the best say about it."""
        wanted = np.zeros(len(self.names), bool)
        infos = self.drafted.infos
        for draft in self.drafted.drafts:
            whole = [i for i in draft.shapes if self.n_faces[i]]
            if whole:
                flat = [i for i in whole if infos[i].lod.startswith("0")]
                wanted[flat[0] if flat else max(whole, key=lambda i: _rank(infos[i].lod))] = True
        out: list[bytes | None] = [None] * len(self.names)
        if not wanted.any():
            return out, np.zeros(0)
        part = self.shapes.keep_faces(wanted[self.shapes.shape_of_face])
        at = np.flatnonzero(wanted)
        start = np.append(part.shape_start[:-1][wanted], part.shape_start[-1])
        dense = Shapes(part.xyz, part.ring_start, part.face_start, start, part.surface, part.color, part.texture, part.uv)
        flat_shape = np.array([infos[i].lod.startswith("0") for i in at.tolist()])
        outline, lowest = footprints(dense, flat_shape, self._ground(dense, at))
        there = np.array([g is not None for g in outline.tolist()])
        wkb = shapely.to_wkb(outline[there], output_dimension=3, flavor="iso").tolist()
        for i, value in zip(at[there].tolist(), wkb, strict=True):
            out[i] = value
        return out, lowest

    def _ground(self, dense: Shapes, at: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Faces of ground surfaces."""
        infos = self.drafted.infos
        counts = [len(infos[i].surfaces) for i in at.tolist()]
        flags = np.array(
            [s.get("type") == "GroundSurface" for i in at.tolist() for s in infos[i].surfaces] + [False],
            bool,
        )
        base = np.concatenate([[0], np.cumsum(counts)])[:-1]
        place = np.where(dense.surface >= 0, dense.surface + base[dense.shape_of_face], len(flags) - 1)
        return np.asarray(flags[place], bool)

    def alike(self, i: int, j: int) -> bool:
        """Whether two shapes have the same area and origin."""
        if self.built is None or not self.n_faces[i] or not self.n_faces[j]:
            return False
        if self.areas is None:
            start = self.shapes.shape_start
            total = np.concatenate([[0.0], np.cumsum(self.built.area)])
            self.areas = total[start[1:]] - total[start[:-1]]
        near = np.abs((self.built.origin[i] - self.built.origin[j]) * self.built.scale[i]).max() < 0.05
        return bool(near and abs(self.areas[i] - self.areas[j]) < 0.001 * self.areas[i] + 1e-6)


def _surface_columns(writer: _Writer) -> tuple[pa.Array | None, pa.Array | None]:
    """JSON of the semantic surfaces and of the textures of each shape; areas are kept by the writer."""
    infos, built, shapes = writer.drafted.infos, writer.built, writer.shapes
    images = [orjson.dumps(info.textures).decode() if info.textures else None for info in infos]
    textures = pa.array(images, pa.string()) if any(images) else None
    counts = [len(info.surfaces) for info in infos]
    if built is None or not any(counts):
        return None, textures
    base = np.concatenate([[0], np.cumsum(counts)])
    place = shapes.surface + base[:-1][shapes.shape_of_face]
    told = shapes.surface >= 0
    area = np.bincount(place[told], built.area[told], base[-1]).round(3).tolist()
    faces = np.bincount(place[told], minlength=base[-1]).tolist()
    texts: list[bytes | None] = []
    at = 0
    for info, n in zip(infos, counts, strict=True):
        own = area[at : at + n]
        writer.surface_area.append(own)
        whole = {"surfaces": info.surfaces, "area_m2": own, "faces": faces[at : at + n]}
        texts.append(orjson.dumps(whole, default=str) if n else None)
        at += n
    return pa.array(texts, pa.binary()).cast(pa.string()), textures


def _by_type(info: ShapeInfo, area: Sequence[float]) -> Json:
    """Square metres of the semantic surfaces of each type."""
    out: Json = {}
    for surface, size in zip(info.surfaces, area, strict=True):
        if size:
            kind = str(surface.get("type"))
            out[kind] = round(out.get(kind, 0.0) + size, 3)
    return out


def _place(writer: _Writer, draft: Draft) -> Placed:
    """Geometry columns of one record; what is coarser becomes a further representation."""
    infos = writer.drafted.infos
    geometry, role, lod, mesh_id, matrix = None, "none", None, None, None
    order = draft.shapes
    if len(order) > 1:
        order = sorted(order, key=lambda i: _rank(infos[i].lod), reverse=True)
    for i in order:
        info = infos[i]
        if not writer.n_faces[i]:
            draft.notes.append(f"geometry {info.kind!r} of LoD {info.lod} has no usable face")
        elif info.skipped:
            draft.notes.append(
                f"{info.skipped} faces of LoD {info.lod} were skipped (corners missing or out of range)"
            )
        if writer.outline[i] is not None:
            geometry, role, lod = writer.outline[i], role_of(draft.class_code), "0"
    if draft.plain is not None and geometry is None:
        geometry = shapely.to_wkb(draft.plain[0], output_dimension=3, flavor="iso")
        role, lod = draft.plain[1], "0"
    solid = [i for i in order if writer.n_faces[i] and infos[i].lod[:1] != "0"]
    if not solid and draft.class_code not in ("building", "building_part"):
        solid = [i for i in order if writer.n_faces[i]]
    first = True
    for i in _distinct(writer, solid, draft):
        if not writer.meshed[i]:
            draft.notes.append(f"LoD {infos[i].lod} has no area or a vertex that is no number")
        elif first:
            role, lod, mesh_id, matrix = "mesh", infos[i].lod or None, writer.names[i], writer.matrices[i]
            if infos[i].surfaces:
                draft.attributes["surface_area_m2"] = _by_type(infos[i], writer.surface_area[i])
            first = False
        else:
            writer.extra.append((draft.key, None, "mesh", infos[i].lod or None, writer.names[i], writer.matrices[i]))
    for level, line in draft.lines:
        wkb = shapely.to_wkb(line, output_dimension=3, flavor="iso")
        writer.extra.append((draft.key, wkb, "centreline", level, None, None))
    for template, level, local, at in draft.instances:
        placed = _instance(writer, template, local, at)
        if placed is None:
            draft.notes.append(f"{template} has no usable face")
        elif first:
            role, lod, mesh_id, matrix = "mesh", level or None, template, placed
            first = False
        else:
            writer.extra.append((draft.key, None, "mesh", level or None, template, placed))
    return geometry, role, lod, mesh_id, matrix


def _distinct(writer: _Writer, order: list[int], draft: Draft) -> list[int]:
    """Shapes without those that say the same as another of their LoD with less: a solid beside its own surfaces."""
    infos = writer.drafted.infos
    if len({infos[i].lod for i in order}) == len(order):
        return order
    out: list[int] = []
    for i in sorted(order, key=lambda i: (-_rank(infos[i].lod), not infos[i].surfaces)):
        twin = next((j for j in out if infos[j].lod == infos[i].lod and writer.alike(i, j)), None)
        if twin is None:
            out.append(i)
        else:
            writer.drawn[i] = False
            draft.attributes.setdefault("also_as", []).append(f"{infos[i].kind} of LoD {infos[i].lod}")
    return out


def _instance(writer: _Writer, template: str, matrix: FloatArray, at: FloatArray) -> FloatArray | None:
    """Matrix of a placed template: its mesh's metres to the source's coordinates."""
    origin = writer.drafted.templates.get(template)
    if origin is None or not np.isfinite(at).all():
        return None
    moved = matrix.copy()
    moved[:3, 3] += matrix[:3, :3] @ origin
    scale = np.ones(3)
    if writer.drafted.geographic:
        scale = degrees_in_metres(np.array([at[1]]))[0]
    moved = np.diag([*(1.0 / scale), 1.0]) @ moved
    moved[:3, 3] += at
    return np.asarray(moved.ravel(), dtype=np.float64)


def batch_of(drafted: Drafted) -> Batch:
    """The batch of drafted objects, one record each, in order.

    Parameters
    ----------
    drafted : Drafted
        Its drafts' notes and attributes are completed here.

    Returns
    -------
    Batch
    """
    shapes = _sound(drafted.shapes, drafted.infos)
    built = build(shapes, drafted.geographic) if len(drafted.infos) else None
    writer = _Writer(drafted, shapes, built)
    surfaces, textures = _surface_columns(writer)
    rows = []
    for number, draft in enumerate(drafted.drafts, drafted.first_row):
        placed = _place(writer, draft)
        if placed[1] == "none" and draft.notes and not draft.faults:
            draft.faults.append("no geometry of it can be used: " + "; ".join(draft.notes))
        if draft.notes:
            draft.attributes["notes"] = draft.notes
        said = orjson.dumps(draft.attributes, default=str)
        fault = "; ".join(draft.faults) if draft.faults else None
        head = (number, draft.key, draft.name, draft.class_code, draft.parent, draft.relation)
        rows.append((*head, draft.aliases, said, *placed, fault))
    meshes = None
    if built is not None and built.meshed.any():
        if textures is not None:
            built.meshes["textures"] = textures
        meshes = mesh_rows(built, pa.array(writer.names, pa.string()), surfaces)
        wanted = writer.drawn[built.meshed]
        meshes = meshes if wanted.all() else meshes.filter(pa.array(wanted))
    if drafted.template_meshes is not None:
        both = [drafted.template_meshes] + ([meshes] if meshes is not None else [])
        meshes = pa.concat_tables(both, promote_options="default")
    return Batch(
        _table(rows, RECORDS),
        meshes,
        _table(writer.extra, REPRESENTATIONS) if writer.extra else None,
        drafted.findings,
        drafted.images,
    )


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Rows in the order of the schema's columns, as a table."""
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in schema]
    arrays = []
    for column, values in zip(schema, columns, strict=True):
        if column.name == "matrix":
            arrays.append(_matrices(values))
        elif column.name == "aliases":
            arrays.append(_aliases(values))
        elif column.name == "attributes":
            arrays.append(pa.array(values, pa.binary()).cast(pa.string()))
        else:
            arrays.append(pa.array(values, column.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _matrices(values: Sequence[FloatArray | None]) -> pa.Array:
    given = np.array([v is not None for v in values], bool)
    flat = np.zeros((len(values), 16))
    if given.any():
        flat[given] = np.stack([v for v in values if v is not None])
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), type=MATRIX, mask=pa.array(~given))


def _aliases(values: Sequence[Sequence[tuple[str, str]]]) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum([len(v) for v in values])]).astype(np.int32)
    pairs = [pair for v in values for pair in v]
    struct = pa.StructArray.from_arrays(
        [pa.array([p[0] for p in pairs], pa.string()), pa.array([p[1] for p in pairs], pa.string())],
        fields=list(ALIAS),
    )
    return pa.ListArray.from_arrays(pa.array(offsets), struct)


def template_meshes(
    shapes: Shapes, infos: Sequence[ShapeInfo], names: Sequence[str]
) -> tuple[pa.Table | None, dict[str, FloatArray]]:
    """Meshes of shapes that instances place, and the origin of each in the template's own metres.

    Parameters
    ----------
    shapes : Shapes
        Metres of the template's own.
    infos, names : sequences of length s
        Names are what instances call them.

    Returns
    -------
    meshes : pyarrow.Table or None
        None where no template has a triangle.
    origins : dict of name → ndarray of shape (3,)
        Templates that have a mesh.
    """
    sound = _sound(shapes, infos)
    built = build(sound, geographic=False)
    if not built.meshed.any():
        return None, {}
    writer = _Writer(Drafted([], sound, list(infos), geographic=False), sound, built)
    surfaces, textures = _surface_columns(writer)
    if textures is not None:
        built.meshes["textures"] = textures
    origins = {n: o for n, o, m in zip(names, built.origin, built.meshed.tolist(), strict=True) if m}
    return mesh_rows(built, pa.array(list(names), pa.string()), surfaces), origins
