"""Plain geometries of one text, in columns: what the rows of :class:`loaders.cityjson.scanning.Packed` mean."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numba import njit
from numpy.typing import NDArray

from loaders.cityjson.geometries import (
    BOUNDARIES,
    KIND,
    KINDS,
    LOD,
    SURFACES,
    VALUES,
    VERTICES,
    distinct,
    point_columns,
)
from loaders.cityjson.numberlists import NUMBERS, OUTER
from loaders.cityjson.scanning import Packed
from loaders.citymodel.drafts import ShapeInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Plain", "lod_text", "plain_of"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def lod_text(lod: object) -> str:
    """An LoD as the base has it."""
    return "" if lod is None else str(lod)


@dataclass(frozen=True, slots=True)
class Plain:
    """Plain geometries, one each row of ``packed.rows``.

    ``infos`` is what is known of each besides its faces, ``points`` (n, 3) their vertices in the source's CRS;
    the numbers of geometry i point into ``points[first[i]:first[i] + count[i]]``.
    """

    packed: Packed
    infos: list[ShapeInfo]
    points: FloatArray
    first: IntArray
    count: IntArray

    def spans(self, rows: slice) -> IntArray:
        """Where boundaries begin and end in ``outer``, ``inner`` and ``numbers``, shape (n, 6)."""
        return self.packed.spans_of(self.packed.rows[rows, BOUNDARIES])

    def told(self, rows: slice) -> IntArray:
        """Semantic surface of each face of the geometries, -1 where none is said."""
        packed = self.packed
        lists, values = packed.rows[rows, BOUNDARIES], packed.rows[rows, VALUES]
        return _told(packed.numbers, packed.bounds, lists, values)


@njit(cache=True, nogil=True)
def _told(numbers: IntArray, bounds: IntArray, lists: IntArray, values: IntArray) -> IntArray:
    """One number for each face; -1 where there is no list of as many."""
    total = 0
    for k in lists:
        total += bounds[OUTER, k + 1] - bounds[OUTER, k]
    out = np.full(total, -1, np.int64)
    at = 0
    for i in range(len(lists)):
        n = bounds[OUTER, lists[i] + 1] - bounds[OUTER, lists[i]]
        if values[i] >= 0:
            a = bounds[NUMBERS, values[i]]
            if bounds[NUMBERS, values[i] + 1] - a == n:
                out[at : at + n] = numbers[a : a + n]
        at += n
    return out


def _parsed(
    text: bytes, data: NDArray[np.uint8], rows: IntArray, column: int
) -> tuple[list[Any], IntArray]:
    """Distinct values of a column of texts, and which of them each row has (-1: none)."""
    start, end = rows[:, column], rows[:, column + 1]
    first, which = distinct(data, start, end)
    spans = zip(start[first].tolist(), end[first].tolist(), strict=True)
    return [orjson.loads(text[a:b]) for a, b in spans], which


def plain_of(text: bytes, packed: Packed, scale: FloatArray, translate: FloatArray) -> Plain:
    """What the plain geometries of a text mean.

    Parameters
    ----------
    text : bytes
        That ``packed`` was made of.
    packed : Packed
    scale, translate : ndarray of float64, shape (3,)
        Of whole-numbered vertices.

    Raises
    ------
    orjson.JSONDecodeError
        If an LoD or the description of surfaces is no JSON.
    """
    rows = packed.rows
    data = np.frombuffer(text, np.uint8)
    lods, lod = _parsed(text, data, rows, LOD)
    surfaces, surface = _parsed(text, data, rows, SURFACES)
    names = [lod_text(one) for one in lods]
    sets: list[Sequence[Mapping[str, Any]]] = [
        [s if isinstance(s, dict) else {} for s in one] for one in surfaces
    ]
    sets.append(())
    said = np.stack([lod, surface, rows[:, KIND]], axis=1) @ [len(sets) * len(KINDS), len(KINDS), 1]
    _, first, which = np.unique(said, return_index=True, return_inverse=True)
    distinct_infos = [
        ShapeInfo(names[lod[i]], sets[surface[i]], (), 0, KINDS[rows[i, KIND]]) for i in first
    ]
    infos = [distinct_infos[i] for i in which.tolist()]
    lists, place = np.unique(rows[:, VERTICES], return_inverse=True)
    points, start = point_columns(packed.numbers, lists, packed.bounds, scale, translate)
    return Plain(packed, infos, points, start[place], np.diff(start)[place])
