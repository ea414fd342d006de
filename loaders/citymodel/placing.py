"""Where the shapes of a batch stand: footprints, matrices, the finest mesh of each object and the coarser ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from loaders.citymodel.choosing import outlined, settled
from loaders.citymodel.classes import role_of
from loaders.citymodel.drafts import Draft, Drafted, FloatArray
from loaders.citymodel.footprints import footprints
from loaders.citymodel.shapes import Built, Shapes, degrees_in_metres, starts_of
from loaders.citymodel.surfaces import Surfaces, SurfaceTable
from loaders.meshing import matrix_column

__all__ = ["Place", "Places", "Placing"]


@dataclass(slots=True)
class Place:
    """Geometry columns of one record; ``matrix`` is a row of the placing's matrices, -1 for none."""

    geometry: bytes | None = None
    role: str = "none"
    lod: str | None = None
    mesh_id: str | None = None
    matrix: int = -1


@dataclass(slots=True)
class Places:
    """Columns of :class:`Place`, a row for each record."""

    geometry: list[bytes | None] = field(default_factory=list)
    role: list[str] = field(default_factory=list)
    lod: list[str | None] = field(default_factory=list)
    mesh_id: list[str | None] = field(default_factory=list)
    matrix: list[int] = field(default_factory=list)


@cache
def _rank(lod: str) -> float:
    try:
        return float(lod)
    except ValueError:
        return -1.0


class Placing:
    """Places of the objects of one batch.

    ``extra`` collects further representations (rows of REPRESENTATIONS), ``drawn`` (s,) says which
    shapes are a mesh of their own; both are complete when all objects were placed.

    Parameters
    ----------
    drafted : Drafted
    shapes : Shapes
        Its shapes without what is no face.
    built : Built or None
        Their meshes; None where there is no shape.
    """

    def __init__(self, drafted: Drafted, shapes: Shapes, built: Built | None) -> None:
        self.drafted = drafted
        self.shapes = shapes
        self.built = built
        counts = np.diff(shapes.shape_start)
        self.n_faces = counts.tolist()
        self.drawn = np.ones(len(drafted.infos), bool)
        self.meshed = built.meshed.tolist() if built is not None else []
        self.names = [f"{drafted.first_row}/{i}/{info.lod}" for i, info in enumerate(drafted.infos)]
        self._matrices = [self._own_matrices()]
        self.table = SurfaceTable(drafted.infos)
        self.surfaces: Surfaces | None = None
        if built is not None and self.table.counts.any():
            self.surfaces = Surfaces(self.table, shapes, built.area)
        lods = [info.lod for info in drafted.infos]
        rank, level = {v: _rank(v) for v in set(lods)}, {v: v[:1] == "0" for v in set(lods)}
        self._lods = (
            starts_of([len(d.shapes) for d in drafted.drafts]),
            np.array([*chain.from_iterable(d.shapes for d in drafted.drafts)], np.int64),
            np.array([rank[v] for v in lods], np.float64),
            np.array([level[v] for v in lods], bool),
        )
        self.outline = self._outlines(counts > 0)
        self.areas: list[float] | None = None
        self._origin: list[list[float]] = []
        self._scale: list[list[float]] = []
        self.extra: list[tuple[Any, ...]] = []
        self._settled = self._settle(counts > 0)

    def _own_matrices(self) -> FloatArray:
        """Matrices of the shapes where they stand, shape (s, 16)."""
        if self.built is None:
            return np.zeros((0, 16))
        out = np.zeros((len(self.names), 4, 4))
        for axis in range(3):
            out[:, axis, axis] = 1.0 / self.built.scale[:, axis]
        out[:, :3, 3] = self.built.origin
        out[:, 3, 3] = 1.0
        return out.reshape(-1, 16)

    def matrix_column(self, rows: Sequence[int]) -> pa.Array:
        """Rows of the matrices as a column, null where -1."""
        at = np.array(rows, np.int64)
        return matrix_column(np.concatenate(self._matrices)[at[at >= 0]], at >= 0)

    def _outlines(self, whole: NDArray[np.bool_]) -> list[bytes | None]:
        """WKB of the footprint of the one shape of each object that has the best say about it."""
        out: list[bytes | None] = [None] * (len(self.names) + 1)  # the last one stands for none
        best = outlined(*self._lods, whole)
        self._best = best.tolist()
        wanted = np.zeros(len(self.names), bool)
        wanted[best[best >= 0]] = True
        if not wanted.any():
            return out
        at = np.flatnonzero(wanted)
        ground = self.table.ground(self.shapes.surface, self.shapes.shape_of_face)
        metres = 1e5 if self.drafted.geographic else 1.0
        found = footprints(self.shapes, at, self._lods[3][at], ground, metres)
        for i, value in zip(at.tolist(), found, strict=True):
            out[i] = value
        return out

    def _settle(self, whole: NDArray[np.bool_]) -> list[tuple[bool, int, list[int]]]:
        """Whether there is nothing to decide about each object, and then its mesh and its coarser ones."""
        if self.built is None:
            return [(False, -1, [])] * len(self.drafted.drafts)
        infos = self.drafted.infos
        sound = whole & self.built.meshed & (np.array([info.skipped for info in infos]) == 0)
        drafts = self.drafted.drafts
        building = np.array([d.class_code in ("building", "building_part") for d in drafts], bool)
        plain, mesh, owner, extra = settled(*self._lods, sound, building)
        plain &= np.array(
            [not (d.notes or d.instances or d.lines or d.plain is not None) for d in drafts], bool
        )
        beside: list[list[int]] = [[] for _ in drafts]
        for i, s in zip(owner.tolist(), extra.tolist(), strict=True):
            beside[i].append(s)
        return list(zip(plain.tolist(), mesh.tolist(), beside, strict=True))

    def alike(self, i: int, j: int) -> bool:
        """Whether two shapes have the same area and origin."""
        if self.built is None or not self.n_faces[i] or not self.n_faces[j]:
            return False
        if self.areas is None:
            start = self.shapes.shape_start
            total = np.concatenate([[0.0], np.cumsum(self.built.area)])
            self.areas = (total[start[1:]] - total[start[:-1]]).tolist()
            self._origin, self._scale = self.built.origin.tolist(), self.built.scale.tolist()
        near = all(
            abs((a - b) * k) < 0.05
            for a, b, k in zip(self._origin[i], self._origin[j], self._scale[i], strict=True)
        )
        return near and abs(self.areas[i] - self.areas[j]) < 0.001 * self.areas[i] + 1e-6

    def places(self) -> Places:
        """Geometry columns of all records, in order."""
        out = Places()
        infos, names, extra, outline = self.drafted.infos, self.names, self.extra, self.outline
        geometry, role, lod = out.geometry.append, out.role.append, out.lod.append
        mesh_id, matrix = out.mesh_id.append, out.matrix.append
        for draft, best, (plain, i, beside) in zip(
            self.drafted.drafts, self._best, self._settled, strict=True
        ):
            if not plain:
                place = self._place(draft)
                geometry(place.geometry)
                role(place.role)
                lod(place.lod)
                mesh_id(place.mesh_id)
                matrix(place.matrix)
                continue
            found = outline[best]
            geometry(found)
            matrix(i)
            if i < 0:
                role("none" if found is None else role_of(draft.class_code))
                lod(None if found is None else "0")
                mesh_id(None)
                continue
            role("mesh")
            lod(infos[i].lod or None)
            mesh_id(names[i])
            if infos[i].surfaces:
                self._measure(draft, i)
            for s in beside:
                extra.append((draft.key, None, "mesh", infos[s].lod or None, names[s], s))
        return out

    def _measure(self, draft: Draft, i: int) -> None:
        """Areas of the surfaces of its finest mesh."""
        if self.surfaces is not None and self.drafted.infos[i].surfaces:
            draft.attributes["surface_area_m2"] = self.surfaces.by_type(i)

    def _place(self, draft: Draft) -> Place:
        """Geometry columns of one record; what is coarser becomes a further representation."""
        infos = self.drafted.infos
        order = draft.shapes
        if len(order) > 1:
            order = sorted(order, key=lambda i: _rank(infos[i].lod), reverse=True)
        out = self._on_the_ground(draft, order)
        solid = [i for i in order if self.n_faces[i] and infos[i].lod[:1] != "0"]
        if not solid and draft.class_code not in ("building", "building_part"):
            solid = [i for i in order if self.n_faces[i]]
        for i in self._distinct(solid, draft):
            if not self.meshed[i]:
                draft.notes.append(f"LoD {infos[i].lod} has no area or a vertex that is no number")
                continue
            if out.mesh_id is None:
                self._measure(draft, i)
            self._mesh(draft, out, infos[i].lod, self.names[i], i)
        for level, line in draft.lines:
            wkb = shapely.to_wkb(line, output_dimension=3, flavor="iso")
            self.extra.append((draft.key, wkb, "centreline", level, None, -1))
        for template, level, local, at in draft.instances:
            matrix = self._instance(template, local, at)
            if matrix is None:
                draft.notes.append(f"{template} has no usable face")
            else:
                self._mesh(draft, out, level, template, len(self.names) + len(self._matrices) - 1)
                self._matrices.append(matrix[None])
        return out

    def _on_the_ground(self, draft: Draft, order: Sequence[int]) -> Place:
        """Footprint, else points or lines; faces that fell out are noted."""
        out = Place()
        for i in order:
            info = self.drafted.infos[i]
            if not self.n_faces[i]:
                draft.notes.append(f"geometry {info.kind!r} of LoD {info.lod} has no usable face")
            elif info.skipped:
                draft.notes.append(
                    f"{info.skipped} faces of LoD {info.lod} were skipped (corners missing or out of range)"
                )
            if self.outline[i] is not None:
                out = Place(self.outline[i], role_of(draft.class_code), "0")
        if draft.plain is not None and out.geometry is None:
            wkb = shapely.to_wkb(draft.plain[0], output_dimension=3, flavor="iso")
            out = Place(wkb, draft.plain[1], "0")
        return out

    def _mesh(self, draft: Draft, out: Place, lod: str, mesh_id: str, matrix: int) -> None:
        """The first mesh goes with the record, the others beside it."""
        if out.mesh_id is None:
            out.role, out.lod, out.mesh_id, out.matrix = "mesh", lod or None, mesh_id, matrix
        else:
            self.extra.append((draft.key, None, "mesh", lod or None, mesh_id, matrix))

    def _distinct(self, order: list[int], draft: Draft) -> list[int]:
        """Shapes without those that say the same as another of their LoD with less: a solid beside its own surfaces."""
        infos = self.drafted.infos
        if len({infos[i].lod for i in order}) == len(order):
            return order
        out: list[int] = []
        for i in sorted(order, key=lambda i: (-_rank(infos[i].lod), not infos[i].surfaces)):
            twin = next((j for j in out if infos[j].lod == infos[i].lod and self.alike(i, j)), None)
            if twin is None:
                out.append(i)
            else:
                self.drawn[i] = False
                draft.attributes.setdefault("also_as", []).append(
                    f"{infos[i].kind} of LoD {infos[i].lod}"
                )
        return out

    def _instance(self, template: str, matrix: FloatArray, at: FloatArray) -> FloatArray | None:
        """Matrix of a placed template: its mesh's metres to the source's coordinates."""
        origin = self.drafted.templates.get(template)
        if origin is None or not np.isfinite(at).all():
            return None
        moved = matrix.copy()
        moved[:3, 3] += matrix[:3, :3] @ origin
        scale = np.ones(3)
        if self.drafted.geographic:
            scale = degrees_in_metres(np.array([at[1]]))[0]
        moved = np.diag([*(1.0 / scale), 1.0]) @ moved
        moved[:3, 3] += at
        return np.asarray(moved.ravel(), dtype=np.float64)
