"""Semantic surfaces of the shapes of a batch, each distinct description looked at once."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from loaders.citymodel.classes import surface_color
from loaders.citymodel.drafts import ShapeInfo
from loaders.citymodel.shapes import FloatArray, IntArray, Shapes, starts_of
from twin.shading import binaries

__all__ = ["SurfaceTable", "Surfaces"]

Bytes = NDArray[np.uint8]


class SurfaceTable:
    """Descriptions of surfaces, one list for all shapes that share it.

    Parameters
    ----------
    infos : sequence of ShapeInfo, length s

    Attributes
    ----------
    sets : list of lists of surfaces
    which : ndarray of int64, shape (s,)
        Set of each shape.
    counts : ndarray of int64, shape (s,)
        Surfaces of each shape.
    base : ndarray of int64, shape (s,)
        Where the surfaces of its set begin among those of all sets.
    kinds : list of str or None
        Types of surfaces that occur.
    kind : ndarray of int64, shape (n,)
        Type of each surface of all sets, a place in ``kinds``.
    """

    def __init__(self, infos: Sequence[ShapeInfo]) -> None:
        own = np.fromiter(map(id, infos), np.int64, len(infos))
        _, first, same = np.unique(own, return_index=True, return_inverse=True)
        sets = [infos[i].surfaces for i in first.tolist()]
        known: dict[int, int] = {}
        place = [known.setdefault(id(one), len(known)) for one in sets]
        self.sets: list[Sequence[Mapping[str, Any]]] = [()] * len(known)
        for one, i in zip(sets, place, strict=True):
            self.sets[i] = one
        self.which = np.array(place, np.int64)[same]
        start = starts_of([len(s) for s in self.sets])
        self.counts = np.diff(start)[self.which]
        self.base = start[:-1][self.which]
        said = [s.get("type") for one in self.sets for s in one]
        if not set(map(type, said)) <= {str}:
            said = [kind if kind is None else str(kind) for kind in said]
        self.kinds: list[str | None] = list(dict.fromkeys(said))
        number = {kind: i for i, kind in enumerate(self.kinds)}
        self.kind = np.fromiter(map(number.__getitem__, said), np.int64, len(said))

    def _of_faces(self, surface: NDArray[np.int32], shape_of_face: IntArray) -> IntArray:
        """Type of the surface of each face, a place in ``kinds``; ``len(kinds)`` for none."""
        place = np.where(surface >= 0, surface + self.base[shape_of_face], len(self.kind))
        return np.append(self.kind, len(self.kinds))[place]

    def colors(self, surface: NDArray[np.int32], shape_of_face: IntArray) -> NDArray[np.uint32]:
        """Packed colour of each face by the type of its surface (-1: none)."""
        palette = np.array([surface_color(kind) for kind in [*self.kinds, None]], np.uint32)
        return palette[self._of_faces(surface, shape_of_face)]

    def ground(self, surface: NDArray[np.int32], shape_of_face: IntArray) -> NDArray[np.bool_]:
        """Whether each face is one of a ground surface."""
        flags = np.array([kind == "GroundSurface" for kind in [*self.kinds, None]], bool)
        return flags[self._of_faces(surface, shape_of_face)]


class Surfaces:
    """Areas of the semantic surfaces of built shapes.

    Parameters
    ----------
    table : SurfaceTable
        Of the shapes.
    shapes : Shapes
        As they were built.
    area : ndarray of float64, shape (f,)
        Square metres of each face.
    """

    def __init__(self, table: SurfaceTable, shapes: Shapes, area: FloatArray) -> None:
        self.table = table
        self.start = starts_of(table.counts)
        told = shapes.surface >= 0
        place = (shapes.surface + self.start[:-1][shapes.shape_of_face])[told]
        n = int(self.start[-1])
        self.area: FloatArray = np.bincount(place, area[told], n).astype(np.float64).round(3)
        self.faces = np.bincount(place, minlength=n)
        self._kinds: list[str] = []
        self._kind_start: list[int] = []
        self._kind_area: list[float] = []

    def by_type(self, i: int) -> dict[str, float]:
        """Square metres of the surfaces of each type of shape i, those without an area left out."""
        if not self._kind_start:
            self._count_types()
        a, b = self._kind_start[i], self._kind_start[i + 1]
        return dict(zip(self._kinds[a:b], self._kind_area[a:b], strict=True))

    def _count_types(self) -> None:
        names = list(dict.fromkeys(str(kind) for kind in self.table.kinds))
        number = np.array([*(names.index(str(kind)) for kind in self.table.kinds), 0], np.int64)
        kinds = number[np.append(self.table.kind, len(number) - 1)]
        kind, start, area = _by_type(self.start, self.table.base, kinds, self.area)
        self._kinds = [names[k] for k in kind.tolist()]
        self._kind_start, self._kind_area = start.tolist(), area.tolist()

    def texts(self) -> pa.Array:
        """JSON of the surfaces of each shape with their areas and faces, null where it has none."""
        table = self.table
        sets = [orjson.dumps(one, default=str) for one in table.sets]
        areas, faces = (
            orjson.dumps(v, option=orjson.OPT_SERIALIZE_NUMPY) for v in (self.area, self.faces)
        )
        data, end = _joined(
            np.frombuffer(b"".join(sets), np.uint8),
            starts_of([len(s) for s in sets]),
            table.which,
            self.start,
            np.frombuffer(areas, np.uint8),
            np.frombuffer(faces, np.uint8),
            _WORDS,
            _WORD_START,
        )
        there = pa.array(table.counts > 0).buffers()[1]
        return pa.Array.from_buffers(
            pa.string(), len(end) - 1, [there, *binaries(data, end).buffers()[1:]]
        )


_PIECES = (b'{"surfaces":', b',"area_m2":[', b'],"faces":[', b"]}")
_WORDS = np.frombuffer(b"".join(_PIECES), np.uint8)
_WORD_START = starts_of([len(p) for p in _PIECES])


@njit(cache=True, nogil=True)
def _by_type(
    start: IntArray, base: IntArray, kinds: IntArray, area: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Types with an area of each shape in the order of its surfaces, where its types begin, and their areas."""
    kind, total = np.empty(len(area), np.int64), np.empty(len(area), np.int64)
    begin = np.zeros(len(start), np.int64)
    at = 0
    for s in range(len(start) - 1):
        first = at
        for k in range(start[s], start[s + 1]):
            size = np.int64(np.rint(area[k] * 1000))
            if size == 0:
                continue
            own = kinds[base[s] + k - start[s]]
            i = first
            while i < at and kind[i] != own:
                i += 1
            if i == at:
                kind[at], total[at] = own, 0
                at += 1
            total[i] += size
        begin[s + 1] = at
    area_of = np.empty(at)
    for i in range(at):
        area_of[i] = total[i] / 1000
    return kind[:at], begin, area_of


@njit(cache=True, nogil=True)
def _copied(out: Bytes, at: int, data: Bytes, a: int, b: int) -> int:
    for k in range(a, b):
        out[at] = data[k]
        at += 1
    return at


@njit(cache=True, nogil=True)
def _item_end(data: Bytes, i: int, n: int) -> int:
    """The comma or bracket behind ``n`` items of a flat list of numbers that go on at ``data[i]``."""
    while n > 0:
        if data[i] == 44 or data[i] == 93:
            n -= 1
            if n == 0:
                return i
        i += 1
    return i


@njit(cache=True, nogil=True)
def _joined(
    sets: Bytes,
    set_start: IntArray,
    which: IntArray,
    start: IntArray,
    areas: Bytes,
    faces: Bytes,
    words: Bytes,
    word_start: IntArray,
) -> tuple[Bytes, IntArray]:
    """Texts of the shapes one after another, and where each begins."""
    size = len(areas) + len(faces)
    for s in range(len(which)):
        if start[s + 1] > start[s]:
            size += set_start[which[s] + 1] - set_start[which[s]] + len(words)
    out = np.empty(size, np.uint8)
    end = np.zeros(len(which) + 1, np.int64)
    at, area, face = 0, 1, 1
    for s in range(len(which)):
        n = start[s + 1] - start[s]
        if n > 0:
            at = _copied(out, at, words, word_start[0], word_start[1])
            at = _copied(out, at, sets, set_start[which[s]], set_start[which[s] + 1])
            at = _copied(out, at, words, word_start[1], word_start[2])
            stop = _item_end(areas, area, n)
            at = _copied(out, at, areas, area, stop)
            area = stop + 1
            at = _copied(out, at, words, word_start[2], word_start[3])
            stop = _item_end(faces, face, n)
            at = _copied(out, at, faces, face, stop)
            face = stop + 1
            at = _copied(out, at, words, word_start[3], word_start[4])
        end[s + 1] = at
    return out[:at], end
