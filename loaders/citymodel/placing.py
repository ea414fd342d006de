"""Where the shapes of a batch stand: footprints, matrices, the finest mesh of each object and the coarser ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from loaders.citymodel.classes import role_of
from loaders.citymodel.drafts import Draft, Drafted, FloatArray, Json, ShapeInfo
from loaders.citymodel.footprints import footprints
from loaders.citymodel.shapes import Built, Shapes, degrees_in_metres

__all__ = ["Place", "Placing"]


@dataclass(slots=True)
class Place:
    """Geometry columns of one record."""

    geometry: bytes | None = None
    role: str = "none"
    lod: str | None = None
    mesh_id: str | None = None
    matrix: FloatArray | None = None


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
        self.n_faces = np.diff(shapes.shape_start).tolist()
        self.drawn = np.ones(len(drafted.infos), bool)
        self.meshed = built.meshed.tolist() if built is not None else []
        self.names = [f"{drafted.first_row}/{i}/{info.lod}" for i, info in enumerate(drafted.infos)]
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
        dense = self.shapes.of(wanted, wanted[self.shapes.shape_of_face])
        at = np.flatnonzero(wanted)
        flat_shape = np.array([infos[i].lod.startswith("0") for i in at.tolist()])
        outline, lowest = footprints(
            dense, flat_shape, self._ground(dense, at), 1e5 if self.drafted.geographic else 1.0
        )
        for i, value in zip(at.tolist(), outline, strict=True):
            out[i] = value
        return out, lowest

    def _ground(self, dense: Shapes, at: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Faces of ground surfaces."""
        infos = self.drafted.infos
        counts = [len(infos[i].surfaces) for i in at.tolist()]
        flags = np.array(
            [s.get("type") == "GroundSurface" for i in at.tolist() for s in infos[i].surfaces]
            + [False],
            bool,
        )
        base = np.concatenate([[0], np.cumsum(counts)])[:-1]
        place = np.where(
            dense.surface >= 0, dense.surface + base[dense.shape_of_face], len(flags) - 1
        )
        return np.asarray(flags[place], bool)

    def alike(self, i: int, j: int) -> bool:
        """Whether two shapes have the same area and origin."""
        if self.built is None or not self.n_faces[i] or not self.n_faces[j]:
            return False
        if self.areas is None:
            start = self.shapes.shape_start
            total = np.concatenate([[0.0], np.cumsum(self.built.area)])
            self.areas = total[start[1:]] - total[start[:-1]]
        near = (
            np.abs((self.built.origin[i] - self.built.origin[j]) * self.built.scale[i]).max() < 0.05
        )
        return bool(near and abs(self.areas[i] - self.areas[j]) < 0.001 * self.areas[i] + 1e-6)

    def place(self, draft: Draft) -> Place:
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
            if infos[i].surfaces and out.mesh_id is None:
                draft.attributes["surface_area_m2"] = _by_type(infos[i], self.surface_area[i])
            self._mesh(draft, out, infos[i].lod, self.names[i], self.matrices[i])
        for level, line in draft.lines:
            wkb = shapely.to_wkb(line, output_dimension=3, flavor="iso")
            self.extra.append((draft.key, wkb, "centreline", level, None, None))
        for template, level, local, at in draft.instances:
            matrix = self._instance(template, local, at)
            if matrix is None:
                draft.notes.append(f"{template} has no usable face")
            else:
                self._mesh(draft, out, level, template, matrix)
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

    def _mesh(self, draft: Draft, out: Place, lod: str, mesh_id: str, matrix: FloatArray) -> None:
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


def _by_type(info: ShapeInfo, area: Sequence[float]) -> Json:
    """Square metres of the semantic surfaces of each type."""
    out: Json = {}
    for surface, size in zip(info.surfaces, area, strict=True):
        if size:
            kind = str(surface.get("type"))
            out[kind] = round(out.get(kind, 0.0) + size, 3)
    return out
