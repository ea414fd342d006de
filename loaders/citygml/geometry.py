"""Faces of GML geometries in columns: polygons, triangles and rings as they come, coordinates parsed a batch at a time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from loaders.citygml.numbers import parse_lists
from loaders.citygml.reading import GML, XLINK_HREF, Element, gml_id
from loaders.citymodel.shapes import starts_of

__all__ = ["FaceStore", "Faces", "Part", "parts_of"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def _tags(*names: str) -> tuple[str, ...]:
    return tuple(f"{{{ns}}}{name}" for name in names for ns in GML)


_FACES = _tags("Polygon", "Triangle", "Rectangle", "PolygonPatch")
_LISTS = _tags("posList", "coordinates", "pos")
_LINES = _tags("LineString", "LineStringSegment")
_POINTS = _tags("Point")
_FLIPPED = _tags("OrientableSurface")
_MANY = _tags(
    "MultiSurface",
    "CompositeSurface",
    "Solid",
    "OrientableSurface",
    "TriangulatedSurface",
    "Tin",
    "Surface",
)
_FACE, _RING, _LIST, _LINK, _TURN = range(5)
_KIND = {
    **dict.fromkeys(_FACES, _FACE),
    **dict.fromkeys(_tags("LinearRing", "Ring"), _RING),
    **dict.fromkeys(_LISTS, _LIST),
    **dict.fromkeys(_FLIPPED, _TURN),
    **dict.fromkeys(
        _tags(
            "surfaceMember", "baseSurface", "solidMember", "geometryMember", "exterior", "interior"
        ),
        _LINK,
    ),
}
"""What an element is for the faces of a geometry; all others only hold some of these."""
_ID_31, _ID_32 = (f"{{{ns}}}id" for ns in GML)
_NONE: frozenset[int] = frozenset()
_MOST_STRAIGHT = 8
"""Elements below a geometry up to which it is looked at whether it is one face of one ring."""


@lru_cache(maxsize=4096)
def _straight(tags: tuple[Any, ...]) -> tuple[tuple[int, ...], int, int, int] | None:
    """Places of the links, the face, the ring and the list of elements that are one face of one ring; else None."""
    kinds = [_KIND.get(tag) for tag in tags]
    links = tuple(i for i, kind in enumerate(kinds) if kind == _LINK)
    said = [(i, kind) for i, kind in enumerate(kinds) if kind not in (None, _LINK)]
    if [kind for _, kind in said] != [_FACE, _RING, _LIST]:
        return None
    (face, _), (ring, _), (numbers, _) = said
    return links, face, ring, numbers


def _named(element: Element) -> str | None:
    return (element.get(_ID_31) or element.get(_ID_32)) if element.keys() else None


class Part(NamedTuple):
    """One geometry: faces ``first:end`` of the store, those that are turned over, and names of faces elsewhere."""

    first: int
    end: int
    flipped: frozenset[int]
    refs: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Faces:
    """All faces of a store: corners (n, 3) ring after ring, starts of rings and of faces."""

    xyz: FloatArray
    ring_start: IntArray
    face_start: IntArray


@dataclass(slots=True)
class FaceStore:
    """Faces as they are met; coordinates stay text until :meth:`parsed`.

    ``face_ids`` maps ``gml:id`` of polygons (and of geometries of many) to their faces; ``ring_ids``
    has one entry per ring.
    """

    texts: list[str] = field(default_factory=list)
    dims: list[int] = field(default_factory=list)
    ring_ids: list[str | None] = field(default_factory=list)
    n_rings: list[int] = field(default_factory=list)
    face_ids: dict[str, int] = field(default_factory=dict)
    size: int = 0
    wanted: Collection[str] = ()
    aggregates: dict[str, list[int]] = field(default_factory=dict)

    def named(self, name: str) -> Sequence[int]:
        """Faces of a polygon or, if its id was among those ``wanted``, of a geometry of many."""
        face = self.face_ids.get(name)
        return (face,) if face is not None else self.aggregates.get(name, ())

    def __len__(self) -> int:
        return len(self.n_rings)

    def take(  # noqa: C901 (one pass over the elements)
        self, geometry: Element, triangles: dict[Element, list[str]], dimension: int
    ) -> Part:
        """Take all faces below an element.

        Parameters
        ----------
        geometry : Element
        triangles : dict of element → texts
            Triangles already taken out of the tree (see :class:`loaders.citygml.reading.Member`).
        dimension : int
            Of coordinates where none is said; 0 where nothing says it.
        """
        elements = list(geometry.iter())
        if len(elements) <= _MOST_STRAIGHT and not (triangles or self.wanted):
            part = self._single(elements, dimension)
            if part is not None:
                return part
        first = len(self.n_rings)
        texts, dims, ring_ids, n_rings = self.texts, self.dims, self.ring_ids, self.n_rings
        own = geometry.get("srsDimension")
        dimension = int(own) if own and own.isdigit() else dimension
        refs: list[tuple[str, bool]] = []
        ring_open = skip = turned = False
        taken = bool(triangles)
        for e in elements:
            kind = _KIND.get(e.tag)
            if kind is None:
                continue
            if kind == _LIST:
                text = e.text
                if not ring_open or not text:
                    continue
                own = e.get("srsDimension")
                if own is not None and own.isdigit():
                    dims[-1] = int(own)
                texts[-1] = f"{texts[-1]} {text}" if texts[-1] else text
                self.size += len(text)
            elif kind == _RING:
                if skip or len(n_rings) == first:
                    continue
                ring_ids.append(e.get(_ID_31) or e.get(_ID_32))
                texts.append("")
                dims.append(dimension)
                n_rings[-1] += 1
                ring_open = True
            elif kind == _FACE:
                ring_open = False
                skip = taken and e.getparent() in triangles
                if skip:
                    continue
                name = e.get(_ID_31) or e.get(_ID_32)
                if name is not None:
                    self.face_ids[name] = len(n_rings)
                n_rings.append(0)
            elif kind == _LINK:
                href = e.get(XLINK_HREF)
                if href is not None and href.startswith("#"):
                    refs.append((href[1:], _is_turned(e)))
            elif e.get("orientation") == "-":
                turned = True
        if taken:
            self._triangles(geometry, triangles, dimension)
        if self.wanted:
            self._aggregates(geometry, first)
        flipped = self._flipped(geometry, first) if turned else _NONE
        return Part(first, len(n_rings), flipped, tuple(refs))

    def _single(self, elements: list[Element], dimension: int) -> Part | None:
        """Take a geometry that is one face of one ring and says nothing unusual, in few steps; else None."""
        places = _straight(tuple([e.tag for e in elements]))
        if places is None or elements[0].keys():
            return None
        links, face, ring, numbers = places
        for i in links:
            if elements[i].keys():
                return None
        listed = elements[numbers]
        text = listed.text
        if not text:
            return None
        if listed.keys():
            own = listed.get("srsDimension")
            dimension = int(own) if own is not None and own.isdigit() else dimension
        first = len(self.n_rings)
        name = _named(elements[face])
        if name is not None:
            self.face_ids[name] = first
        self.texts.append(text)
        self.dims.append(dimension)
        self.ring_ids.append(_named(elements[ring]))
        self.n_rings.append(1)
        self.size += len(text)
        return Part(first, first + 1, _NONE, ())

    def _triangles(
        self, geometry: Element, triangles: dict[Element, list[str]], dimension: int
    ) -> None:
        """Triangles that were taken out of the tree while it was read."""
        for holder, found in triangles.items():
            if holder is not geometry and not _below(holder, geometry):
                continue
            self.texts += found
            self.dims += [dimension] * len(found)
            self.ring_ids += [None] * len(found)
            self.n_rings += [1] * len(found)
            self.size += sum(map(len, found))

    def _aggregates(self, geometry: Element, first: int) -> None:
        """Faces of geometries of many that materials name."""
        holders = [e for e in geometry.iter(*_MANY) if gml_id(e) in self.wanted]
        if not holders:
            return
        place = {e: first + i for i, e in enumerate(geometry.iter(*_FACES))}
        for holder in holders:
            name = gml_id(holder)
            if name is not None:
                self.aggregates[name] = [
                    place[e] for e in holder.iter(*_FACES) if place[e] < len(self)
                ]

    def _flipped(self, geometry: Element, first: int) -> frozenset[int]:
        """Faces below surfaces whose orientation is ``-``."""
        place = {e: first + i for i, e in enumerate(geometry.iter(*_FACES))}
        out: set[int] = set()
        for surface in geometry.iter(*_FLIPPED):
            if surface.get("orientation") == "-":
                below = {place[e] for e in surface.iter(*_FACES)}
                out ^= below
        return frozenset(out)

    def parsed(self, swap: bool, offset: tuple[float, float, float]) -> Faces:
        """Coordinates of all faces; rings whose numbers do not come out even have no corner that is one.

        Parameters
        ----------
        swap : bool
            Whether y is written before x.
        offset : (x, y, z)
            Added to all corners.
        """
        numbers, counts = parse_lists(self.texts)
        dims = np.array(self.dims, np.int64)
        # where nothing says how many make a corner, three do unless only pairs come out even
        guess = np.where((counts % 3 != 0) & (counts % 2 == 0), 2, 3)
        dims = np.where(dims == 0, guess, dims)
        flat, known = dims == 2, (dims == 2) | (dims == 3)
        width = np.where(flat, 2, 3)
        corners, odd = counts // width, ~known | (counts % width != 0)
        plain = not (flat.any() or odd.any())
        xyz = numbers.reshape(-1, 3) if plain else _mixed(numbers, counts, corners, flat, odd)
        if swap:
            xyz = np.ascontiguousarray(xyz[:, [1, 0, 2]])
        if any(offset):
            xyz = xyz + np.array(offset)
        return Faces(xyz, starts_of(corners), starts_of(np.array(self.n_rings, np.int64)))


def _below(element: Element, above: Element) -> bool:
    return any(parent is above for parent in element.iterancestors())


def _is_turned(element: Element) -> bool:
    """Whether surfaces above an element turn it over, an odd number of times."""
    turned = False
    for parent in element.iterancestors(*_FLIPPED):
        turned ^= parent.get("orientation") == "-"
    return turned


def _mixed(
    numbers: FloatArray,
    counts: IntArray,
    corners: IntArray,
    flat: NDArray[np.bool_],
    odd: NDArray[np.bool_],
) -> FloatArray:
    """Corners (n, 3) of rings of two or three dimensions; those of odd ones are no numbers."""
    start, to = starts_of(counts)[:-1], starts_of(corners)
    ring = np.repeat(np.arange(len(counts)), corners)
    k = np.arange(to[-1]) - to[ring]
    width = np.where(flat, 2, 3)[ring]
    at = start[ring] + k * width
    out = np.zeros((len(ring), 3))
    limit = max(len(numbers) - 1, 0)
    out[:, 0], out[:, 1] = numbers[np.minimum(at, limit)], numbers[np.minimum(at + 1, limit)]
    out[:, 2] = np.where(width == 3, numbers[np.minimum(at + 2, limit)], 0.0)
    out[odd[ring]] = np.nan
    return out


def parts_of(
    geometry: Element, swap: bool, offset: tuple[float, float, float]
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Lines and points of a geometry without faces, each (n, 3) in the source's CRS, x first."""
    lines = [_corners(e, swap, offset) for e in geometry.iter(*_LINES)]
    points = [_corners(e, swap, offset) for e in geometry.iter(*_POINTS)]
    return [c for c in lines if len(c) > 1], [c[:1] for c in points if len(c)]


def _corners(element: Element, swap: bool, offset: Sequence[float]) -> FloatArray:
    holders = list(element.iter(*_LISTS))
    numbers, _ = parse_lists([" ".join(h.text or "" for h in holders)])
    said = next((h.get("srsDimension") for h in (element, *holders) if h.get("srsDimension")), None)
    width = 2 if said == "2" or (len(numbers) % 3 and len(numbers) % 2 == 0) else 3
    if not len(numbers) or len(numbers) % width or not np.isfinite(numbers).all():
        return np.zeros((0, 3))
    xyz = np.zeros((len(numbers) // width, 3))
    xyz[:, :width] = numbers.reshape(-1, width)
    if swap:
        xyz[:, :2] = xyz[:, [1, 0]]
    return np.asarray(xyz + np.array(offset), np.float64)
