"""Boundaries of CityJSON geometries, a batch at a time: nested lists become rings, faces and shapes in columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.cityjson.appearance import Look, flattened
from loaders.cityjson.plain import Plain, lod_text
from loaders.cityjson.scanning import Packed
from loaders.citymodel.cleaning import corners_at, runs_of
from loaders.citymodel.drafts import ShapeInfo
from loaders.citymodel.shapes import Shapes, starts_of
from loaders.citymodel.surfaces import SurfaceTable

__all__ = ["DEPTH", "ShapeCollector"]

Json = Mapping[str, Any]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
DEPTH = {
    "MultiSurface": 1,
    "CompositeSurface": 1,
    "Solid": 2,
    "MultiSolid": 3,
    "CompositeSolid": 3,
}
"""Nesting above a surface (a list of rings)."""
MOST_TURNS = 64
"""Turns from one text to another up to which the numbers of shapes are gathered text by text, without joining the texts."""
Face = Sequence[Sequence[int]]


def _is_face(face: Any) -> bool:  # noqa: ANN401 (JSON)
    return (
        isinstance(face, list)
        and bool(face)
        and all(
            isinstance(ring, list) and all(type(i) is int and abs(i) < 2**62 for i in ring)
            for ring in face
        )
    )


def _values(
    values: Any,  # noqa: ANN401 (JSON)
    boundaries: Any,  # noqa: ANN401 (JSON)
    depth: int,
    n: int,
    packed: Packed | None,
) -> Sequence[int | None] | IntArray:
    """The semantic surface of each of a shape's n faces; None or -1 where it has none."""
    if type(values) is int and packed is not None:
        values = packed.list_of(values)
        return values if len(values) == n else np.full(n, -1, np.int64)
    if not isinstance(values, list):
        return np.full(n, -1, np.int64)
    if type(boundaries) is int and packed is not None:
        return _by_shell(values, depth, n, packed.upper_of(boundaries).tolist())
    try:
        told = flattened(values, depth)
    except TypeError:  # a shell or solid without semantics has null in place of its list
        told = _nested_values(values, boundaries, depth, n)
    return told if len(told) == n else _nested_values(values, boundaries, depth, n)


def _by_shell(values: list[Any], depth: int, n: int, shells: list[int]) -> list[int | None]:
    """Numbers of faces whose shells, for the rest in columns, have a list or null each."""
    lists = values if depth == 2 else [v for one in values for v in (one or [None])]
    if depth == 1 or len(lists) != len(shells):
        return [None] * n
    out: list[int | None] = []
    for said, count in zip(lists, shells, strict=True):
        own = list(said) if isinstance(said, list) else []
        out += (own + [None] * count)[:count]
    return out


def _nested_values(values: Any, boundaries: Any, depth: int, n: int) -> list[int | None]:  # noqa: ANN401 (JSON)
    """The number each face has in a list nested like the boundaries; None where it has none."""
    if not isinstance(values, list) or not isinstance(boundaries, list):
        return [None] * n
    out: list[int | None] = []
    if depth == 1:
        out = list(values)
    for i, child in enumerate(boundaries if depth > 1 else ()):
        try:
            count = len(flattened(child, depth - 1))
        except TypeError:
            count = 0
        out += _nested_values(values[i] if i < len(values) else None, child, depth - 1, count)
    return (out + [None] * n)[:n]


@dataclass(slots=True)
class _Source:
    """Where shapes' numbers come from: faces as columns, as :class:`Packed` has them."""

    numbers: IntArray
    inner: IntArray
    outer: IntArray


@dataclass(slots=True)
class _Run:
    """Plain geometries taken one after another: rows ``first`` to ``last``."""

    plain: Plain
    first: int
    last: int


@dataclass(slots=True)
class ShapeCollector:
    """Geometries of one batch.

    Faces that are no lists of rings of whole numbers, or point past the vertex list, are left out and
    counted in their shape's ``skipped``.
    """

    infos: list[ShapeInfo] = field(default_factory=list)
    _order: list[_Run | list[int]] = field(default_factory=list)
    _faces: list[Face] = field(default_factory=list)
    _packs: dict[int, Packed] = field(default_factory=dict)
    _ranges: list[tuple[int, ...]] = field(default_factory=list)
    _places: list[int] = field(default_factory=list)
    _told: list[Sequence[int | None] | IntArray] = field(default_factory=list)
    _vertices: list[FloatArray] = field(default_factory=list)
    _source: list[int] = field(default_factory=list)
    _looks: dict[int, Look] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.infos)

    def add_plain(self, plain: Plain, first: int, last: int) -> range:
        """Take plain geometries, rows ``first`` to ``last``; their places among the shapes."""
        place = len(self.infos)
        self.infos += plain.infos[first:last]
        run = self._order[-1] if self._order else None
        if isinstance(run, _Run) and run.plain is plain and run.last == first:
            run.last = last
        else:
            self._order.append(_Run(plain, first, last))
        return range(place, place + last - first)

    def add(
        self,
        geometry: Json,
        vertices: FloatArray,
        look: Look | None = None,
        packed: Packed | None = None,
    ) -> int | None:
        """Take one geometry of surfaces; its place among the shapes, None where it has no faces at all.

        Parameters
        ----------
        geometry : dict
            A CityJSON geometry object of a type in :data:`DEPTH`.
        vertices : ndarray of float64, shape (n, 3)
            The list its numbers point into.
        look : Look, optional
            Materials and textures of its faces.
        packed : Packed, optional
            Where boundaries and values lie that are no lists but numbers.
        """
        kind, boundaries = str(geometry.get("type")), geometry.get("boundaries")
        depth = DEPTH[kind]
        semantics = geometry.get("semantics")
        semantics = semantics if isinstance(semantics, dict) else {}
        found = semantics.get("surfaces")
        surfaces = (
            [s if isinstance(s, dict) else {} for s in found] if isinstance(found, list) else []
        )
        place = len(self.infos)
        if type(boundaries) is int:
            if packed is None or packed.depth_of(boundaries) != depth + 2:
                return None
            span = packed.spans_of(np.array([boundaries]))[0].tolist()
            n = span[1] - span[0]
            self._packs[id(packed)] = packed
            self._ranges.append((id(packed), *span))
        else:
            try:
                faces = flattened(boundaries, depth)
            except TypeError:
                return None
            n, at = len(faces), len(self._faces)
            self._faces += faces
            self._ranges.append((0, at, at + n, 0, 0, 0, 0))
        values = semantics.get("values") if surfaces else None
        self._told.append(_values(values, boundaries, depth, n, packed))
        if not self._vertices or self._vertices[-1] is not vertices:
            self._vertices.append(vertices)
        if look is not None and look.touches(geometry):
            self._looks[place] = look.of(geometry, depth, n)
        singles = self._order[-1] if self._order else None
        if not isinstance(singles, list):
            self._order.append(singles := [])
        singles.append(len(self._places))
        self._places.append(place)
        self.infos.append(ShapeInfo(lod_text(geometry.get("lod")), surfaces, (), 0, kind))
        self._source.append(len(self._vertices) - 1)
        return place

    def shapes(self) -> Shapes:
        """All geometries taken so far, in columns."""
        if self._faces:
            self._sift()
        packs = {id(r.plain.packed): r.plain.packed for r in self._order if isinstance(r, _Run)}
        packs |= self._packs
        sources = {key: _Source(p.numbers, p.inner, p.outer) for key, p in packs.items()}
        if not sources or any(key == 0 for key, *_ in self._ranges):
            sources[0] = _of_lists(self._faces)
            self._locate(sources[0])
        number = {key: i for i, key in enumerate(sources)}
        columns = self._in_order(number)
        spans = columns.spans
        n_rings, n_corners, index = (
            _gathered(
                [getattr(s, name) for s in sources.values()],
                columns.source,
                np.ascontiguousarray(spans[:, i]),
                spans[:, i + 1] - spans[:, i],
            )
            for i, name in ((0, "outer"), (2, "inner"), (4, "numbers"))
        )
        return self._columns(index, n_corners, n_rings, columns)

    def _in_order(self, number: Mapping[int, int]) -> "_Columns":
        """What was taken, in the order it was taken in; ``number`` is the place of each source."""
        plains = {id(r.plain): r.plain for r in self._order if isinstance(r, _Run)}
        vertices = [*self._vertices, *(plain.points for plain in plains.values())]
        start = starts_of([len(v) for v in vertices])
        place = {key: int(start[len(self._vertices) + i]) for i, key in enumerate(plains)}
        single = self._singles(number, start)
        parts: list[tuple[IntArray, ...]] = []
        for one in self._order:
            if isinstance(one, _Run):
                plain, rows = one.plain, slice(one.first, one.last)
                source = np.full(one.last - one.first, number[id(plain.packed)], np.int64)
                first = plain.first[rows] + place[id(plain)]
                parts.append(
                    (plain.spans(rows), source, first, plain.count[rows], plain.told(rows))
                )
            else:
                at = slice(one[0], one[-1] + 1)
                said = [
                    _numbers(self._told[i], r[2] - r[1])
                    for i, r in zip(one, self._ranges[at], strict=True)
                ]
                parts.append((*(column[at] for column in single), np.concatenate(said)))
        if not parts:
            parts.append((*single, np.zeros(0, np.int64)))
        spans, source, first, count, told = (np.concatenate(c) for c in zip(*parts, strict=True))
        return _Columns(spans, source, first, count, told, vertices)

    def _singles(self, number: Mapping[int, int], start: IntArray) -> tuple[IntArray, ...]:
        """Spans, source, first and count of vertices of the geometries that were taken one by one."""
        spans = np.array([span for _, *span in self._ranges], np.int64).reshape(-1, 6)
        source = np.array([number[key] for key, *_ in self._ranges], np.int64)
        own = np.array(self._source, np.int64)
        return spans, source, start[own], np.diff(start)[own]

    def _sift(self) -> None:
        """Leave out of the lists what is no face; nothing to do where all are."""
        keep = [_is_face(face) for face in self._faces]
        if all(keep):
            return
        gone = starts_of(~np.array(keep, bool)).tolist()
        for one, (k, a, b, *rest) in enumerate(self._ranges):
            if k != 0:
                continue
            lost = gone[b] - gone[a]
            if lost:
                place = self._places[one]
                info = self.infos[place]
                self.infos[place] = replace(info, skipped=info.skipped + lost)
                self._told[one] = _numbers(self._told[one], b - a)[keep[a:b]]
                if place in self._looks:
                    self._looks[place].sift(keep[a:b])
            self._ranges[one] = (k, a - gone[a], b - gone[b], *rest)
        self._faces = [f for f, good in zip(self._faces, keep, strict=True) if good]

    def _locate(self, lists: _Source) -> None:
        """Rings and numbers of the shapes that came as lists."""
        ring, number = starts_of(lists.outer), starts_of(lists.inner)
        for place, (k, a, b, *_) in enumerate(self._ranges):
            if k == 0:
                c, d = int(ring[a]), int(ring[b])
                self._ranges[place] = (0, a, b, c, d, int(number[c]), int(number[d]))

    def _columns(
        self, index: IntArray, n_corners: IntArray, n_rings: IntArray, columns: "_Columns"
    ) -> Shapes:
        spans, vertices = columns.spans, columns.vertices
        whole = vertices[0] if len(vertices) == 1 else np.concatenate([*vertices, np.zeros((0, 3))])
        xyz = corners_at(whole, index, spans[:, 5] - spans[:, 4], columns.first, columns.count)
        n_faces = spans[:, 1] - spans[:, 0]
        table = SurfaceTable(self.infos)
        count = np.repeat(table.counts, n_faces)
        told = columns.told
        shapes = Shapes(
            xyz,
            starts_of(n_corners),
            starts_of(n_rings),
            starts_of(n_faces),
            np.where((told >= 0) & (told < count), told, -1).astype(np.int32),
            np.zeros(0, np.uint32),
            np.full(len(n_rings), -1, np.int32),
            np.zeros((0, 2), np.float32),
        )
        shapes.color = table.colors(shapes.surface, shapes.shape_of_face)
        self._dress(shapes)
        return shapes

    def _dress(self, shapes: Shapes) -> None:
        """Colours of materials, textures and their coordinates, where a shape has them."""
        if any(look.textured for look in self._looks.values()):
            shapes.uv = np.zeros((len(shapes.xyz), 2), np.float32)
        corner_start = shapes.corner_start
        for place, look in self._looks.items():
            faces = slice(shapes.shape_start[place], shapes.shape_start[place + 1])
            rings = slice(shapes.face_start[faces.start], shapes.face_start[faces.stop])
            look.apply(shapes, faces, int(corner_start[place]), np.diff(shapes.ring_start)[rings])
            self.infos[place] = replace(self.infos[place], textures=look.textures)


@dataclass(slots=True)
class _Columns:
    """Shapes in order.

    ``spans`` (s, 6) of their numbers in the ``source`` (s,) they come from, ``first`` and ``count`` (s,) of their
    vertices among all ``vertices``, ``told`` (f,) surface of each face.
    """

    spans: IntArray
    source: IntArray
    first: IntArray
    count: IntArray
    told: IntArray
    vertices: list[FloatArray]


def _gathered(
    parts: list[IntArray], which: IntArray, start: IntArray, length: IntArray
) -> IntArray:
    """Runs of the parts, one after another: run i lies in ``parts[which[i]]``."""
    cut = [0, *(np.flatnonzero(np.diff(which)) + 1).tolist(), len(which)]
    if len(cut) <= MOST_TURNS:
        found = [
            runs_of(parts[int(which[a])], start[a:b], length[a:b])
            for a, b in pairwise(cut)
            if b > a
        ]
        return found[0] if len(found) == 1 else np.concatenate([*found, np.zeros(0, np.int64)])
    base = starts_of([len(part) for part in parts])[which]
    return runs_of(np.concatenate(parts), start + base, length)


def _of_lists(faces: Sequence[Face]) -> _Source:
    """Faces that came as lists, all sound, in columns."""
    rings = list(chain.from_iterable(faces))
    inner = np.fromiter(map(len, rings), np.int64, len(rings))
    numbers = np.fromiter(chain.from_iterable(rings), np.int64, int(inner.sum()))
    return _Source(numbers, inner, np.fromiter(map(len, faces), np.int64, len(faces)))


def _numbers(told: Sequence[int | None] | IntArray, n: int) -> IntArray:
    """Semantic numbers of a shape's n faces."""
    if isinstance(told, np.ndarray):
        return told
    return np.array(
        [v if type(v) is int else -1 for v in told[:n]] + [-1] * (n - len(told)), np.int64
    )
