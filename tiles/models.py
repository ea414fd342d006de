"""Detailed models (IFC, CityJSON, CityGML) and rooms: large parts first, small ones by storey when near.

Two kinds of stand-ins are replaced by the whole when the camera comes near: a copy with small pictures, where
those of a tile are large; and the outer faces of a building that has storeys and an inside (its shell).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tiles.album import Album
from tiles.features import Layer, Progress, Write, feature_columns
from tiles.glb import write_glb
from tiles.mapped import repeated
from tiles.meshes import Instances, Shapes, batch, place
from tiles.palette import hash_of
from tiles.placement import frame_at_ecef
from tiles.quadtree import Branch, plan_quadtree
from tiles.shells import Shell, shells
from tiles.skins import COARSE, FINE, texels
from tiles.tree import Tile, settle, walk, write_explicit
from twin.crs import ecef_to_geographic

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from numpy.typing import NDArray

    from tiles.glb import Primitive
    from tiles.repeats import Repeat

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["ROOM_ALPHA", "build_models"]

EXTERIOR_M = 3.0
"""Parts at least this large (diagonal of the box) belong to the far view of their building."""
NODE_VERTICES, LEAF_VERTICES = 150_000.0, 300_000.0
ROOM_ALPHA = 115
LARGE_TEXELS = 4.0 * COARSE**2
"""Pixels of pictures from which on a tile has a copy with small ones."""
PIXEL_ERROR = 8.0
"""Error in sizes of a pixel of a stand-in: at the 16 pixels that clients allow it is seen two pixels wide."""
TEXELS_A_VERTEX = 14.0
"""What a tile's budget counts as a vertex: the budget of a leaf is then that of its sheet."""


def build_models(
    table: pa.Table,
    read: Callable[[str], pa.Table],
    write: Write,
    progress: Progress | None = None,
    image: Callable[[str], bytes | None] | None = None,
    *,
    exterior: float = EXTERIOR_M,
    alpha: int | None = None,
) -> Layer:
    """Write a layer of placed meshes: glb contents and the tileset.

    A building's large parts are drawn together with those of its neighbours; its small parts hang
    below, one tile per storey, and appear when the camera is near (additive refinement). A building
    with storeys and an inside shows its shell from afar; near, one tile per storey takes the place
    of it, what is inside and small below again. Every entity is one feature in one tile, and in
    at most one that stands in for it.

    Parameters
    ----------
    table : pyarrow.Table
        Schema :data:`tiles.source.MESH_INSTANCES`.
    read : callable
        Gives the shapes of an asset (schema :data:`twin.schema.MESHES`).
    write, progress : callable
    image : callable, optional
        Gives the content of a picture that shapes name; without it no texture is drawn.
    exterior : float
        Metres; 0 puts everything into the far view.
    alpha : int, optional
        Overrides all alphas (0–255): rooms are translucent.

    Returns
    -------
    Layer
        ``root`` is None where there is nothing to draw.
    """
    if not table.num_rows:
        return Layer(None)
    instances, shapes, notes = place(table, read)
    if not len(instances.eid):
        return Layer(None, 0, notes)
    album = None if image is None or alpha is not None else Album(image)
    work = _Work(instances, shapes, write, progress, exterior, alpha, album)
    root = work.tile(work.plan())
    settle(root)
    write_explicit(root, write, whole_error=float(work.group_size.max()))
    if album is not None and album.faults:
        first = min(album.faults)
        text = f"the first {first} {album.faults[first]}"
        notes.append(f"{len(album.faults)} pictures that cannot be drawn, {text}")
    return Layer(root, sum(t.features for t in walk(root)), notes)


class _Work:
    """One run: entities and groups of the instances, and the tiles made from them."""

    def __init__(
        self, instances: Instances, shapes: Shapes, write: Write, progress: Progress | None,
        exterior: float, alpha: int | None, album: Album | None,
    ) -> None:  # fmt: skip
        self.instances, self.shapes = instances, shapes
        self.write, self.progress, self.alpha, self.album = write, progress, alpha, album
        self.texels, self.clad = texels(shapes, album)
        self.done = 0
        self.entity_eid, first, self.entity = np.unique(
            instances.eid.astype(str), return_index=True, return_inverse=True
        )
        self.first = first
        low, high = self._bounds(self.entity, len(first))
        self.entity_size = np.linalg.norm(high - low, axis=1)
        self.group_name, self.group = np.unique(instances.group.astype(str), return_inverse=True)
        self.group_low, self.group_high = self._bounds(self.group, len(self.group_name))
        self.group_size = np.linalg.norm(self.group_high - self.group_low, axis=1)
        self.small = self.entity_size[self.entity] < exterior
        # a group that has nothing large keeps all it has in the far view
        has_large = np.zeros(len(self.group_name), dtype=bool)
        has_large[self.group[~self.small]] = True
        self.small &= has_large[self.group]
        self.shells: dict[int, Shell] = {}
        if alpha is None and exterior > 0:
            self.shells = shells(instances, shapes, self.group)
        self.shelled = np.isin(self.group, list(self.shells))
        outer = np.zeros(len(first), dtype=bool)
        for shell in self.shells.values():
            outer[self.entity[shell.rows]] = True
        # what is seen of a building with a shell stays when the shell goes
        self.small &= ~(self.shelled & outer[self.entity])

    def _bounds(self, key: Ints, n: int) -> tuple[Floats, Floats]:
        low, high = np.full((n, 3), np.inf), np.full((n, 3), -np.inf)
        np.minimum.at(low, key, self.instances.low)
        np.maximum.at(high, key, self.instances.high)
        return low, high

    def plan(self) -> Branch:
        """Groups (buildings) over a quadtree, weighed by the vertices of their far view."""
        vertices = np.diff(self.shapes.v_start)[self.instances.shape].astype(np.float64)
        vertices += self.texels[self.instances.shape] / TEXELS_A_VERTEX
        far = np.where(self.small, 0.0, vertices)
        weight = np.bincount(self.group, far, len(self.group_name)).astype(np.float64)
        centre = (self.group_low + self.group_high) / 2
        lon, lat, _ = ecef_to_geographic(centre[:, 0], centre[:, 1], centre[:, 2])
        return plan_quadtree(lon, lat, self.group_size, weight, NODE_VERTICES, LEAF_VERTICES)

    def tile(self, branch: Branch) -> Tile:
        """The tile of a branch, its storeys and its children, all written."""
        groups = np.sort(branch.take)
        stem = "{}_{}_{}".format(*branch.cell)
        mine = np.isin(self.group, groups)
        size = float(self.group_size[groups].max())
        parts = []
        plain = np.flatnonzero(mine & ~self.shelled)
        if len(plain):
            parts.append(self._together(stem, plain))
        if len(plain) < int(mine.sum()):
            parts.append(self._shelled(stem, groups))
        top = parts[0]
        if len(parts) > 1 or top.refine == "REPLACE":
            top = Tile(top.frame, omitted=max(size, *(p.omitted for p in parts)), children=parts)
        top.cell = branch.cell
        top.omitted = max(top.omitted, branch.omitted)
        top.children += [self.tile(child) for child in branch.children]
        return top

    def _together(self, stem: str, rows: Ints) -> Tile:
        """Large parts of some buildings, the small ones by storey below."""
        small = rows[self.small[rows]]
        near = self._content(f"{stem}.glb", rows[~self.small[rows]])
        near.children = [self._content(name, part) for name, part in self._storeys(small, "s")]
        if len(small):
            near.omitted = float(self.entity_size[self.entity[small]].max())
        return self._with_far(stem, rows[~self.small[rows]], near)

    def _shelled(self, stem: str, groups: Ints) -> Tile:
        """The shells of some buildings, and the storeys that take their place."""
        found = [self.shells[g] for g in groups.tolist() if g in self.shells]
        rows = np.concatenate([shell.rows for shell in found])
        keep = np.concatenate([shell.keep for shell in found])
        far = self._content(f"{stem}_shell.glb", rows, COARSE, keep)
        far.refine, far.features = "REPLACE", 0
        far.omitted = PIXEL_ERROR * max(shell.cell for shell in found)
        of = np.flatnonzero(np.isin(self.group, groups) & self.shelled)
        below = dict(self._storeys(of[self.small[of]], "s"))
        for name, part in self._storeys(of[~self.small[of]], "e"):
            far.children.append(self._replacing(name, part))
            inside = below.pop("s" + name[1:], None)
            if inside is not None:
                size = float(self.entity_size[self.entity[inside]].max())
                small = self._replacing("s" + name[1:], inside)
                far.children.append(Tile(small.frame, omitted=size, refine="REPLACE", children=[small]))  # fmt: skip
        # storeys that have small parts only
        far.children += [self._replacing(name, part) for name, part in below.items()]
        return far

    def _replacing(self, name: str, rows: Ints) -> Tile:
        """A content that is not drawn before what it replaces is gone: CesiumJS waits only for REPLACE tiles."""
        tile = self._content(name, rows)
        tile.refine = "REPLACE"
        return tile

    def _with_far(self, stem: str, rows: Ints, near: Tile) -> Tile:
        """The tile itself, or one that shows a copy with small pictures until the camera is near."""
        held = float(self.texels[self.instances.shape[rows]].sum())
        if held <= LARGE_TEXELS:
            return near
        clad = float(self.clad[self.instances.shape[rows]].sum())
        far = self._content(f"{stem}_far.glb", rows, COARSE)
        far.refine, far.features, far.children = "REPLACE", 0, [near]
        far.omitted = max(near.omitted, PIXEL_ERROR * float(np.sqrt(clad / min(held, COARSE**2))))
        return far

    def _storeys(self, rows: Ints, kind: str) -> list[tuple[str, Ints]]:
        """(file name, instances) of each storey of each building; an entity stays whole."""
        if not len(rows):
            return []
        storey = self.instances.storey[self.first][self.entity[rows]].astype(str)
        keys = np.char.add(np.char.add(self.group_name[self.group[rows]], "\n"), storey)
        names, which = np.unique(keys, return_inverse=True)
        stems = hash_of(names.astype(object)).tolist()
        return [(f"{kind}_{stems[i]:08x}.glb", rows[which == i]) for i in range(len(names))]

    def _content(
        self, name: str, rows: Ints, side: int = FINE, keep: NDArray[np.bool_] | None = None
    ) -> Tile:
        """One written tile content without children, ``keep`` of all its triangles."""
        i = self.instances
        entities, feature = np.unique(self.entity[rows], return_inverse=True)
        centre = (i.low[rows].min(axis=0) + i.high[rows].max(axis=0)) / 2
        frame = frame_at_ecef(centre)
        shared, repeats, low, high = self._repeated(rows, feature, frame, whole=keep is None)
        parts: list[Primitive] = []
        if not shared.all():
            own, lone = rows[~shared], feature[~shared]
            parts, low_, high_ = batch(
                i, self.shapes, own, lone, frame, self.alpha, self.album, side, keep
            )
            low, high = np.minimum(low, low_), np.maximum(high, high_)
        at = self.first[entities]
        columns = feature_columns(
            i.eid[at], i.class_code[at], i.name[at], i.height_m[at],
            storey=i.storey[at], discipline=i.discipline[at],
        )  # fmt: skip
        self.write(name, write_glb(parts, columns, len(entities), repeats=repeats))
        self.done += len(entities) if side == FINE else 0
        if self.progress is not None:
            self.progress(self.done, len(self.first))
        return Tile(frame, low, high, content=name, features=len(entities))

    def _repeated(
        self, rows: Ints, feature: Ints, frame: Floats, *, whole: bool
    ) -> tuple[NDArray[np.bool_], list[Repeat], Floats, Floats]:
        """See :func:`tiles.mapped.repeated`; nothing where only some triangles or other colours are drawn."""
        if self.alpha is not None or not whole:
            nothing = np.full(3, np.inf)
            return np.zeros(len(rows), dtype=bool), [], nothing, -nothing
        return repeated(self.instances, self.shapes, rows, feature, frame)
