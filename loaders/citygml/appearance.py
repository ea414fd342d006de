"""Appearances of CityGML: materials and textures by the ids of the surfaces and rings they lie on."""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from loaders.citygml.geometry import Faces, FaceStore
from loaders.citygml.numbers import parse_lists
from loaders.citygml.reading import Element, local
from loaders.citymodel.classes import packed_color
from loaders.citymodel.images import ImageShelf

__all__ = ["Skin", "global_surface_data"]

BLOCK = 1024**2


@dataclass(slots=True)
class Skin:
    """Colours and textures by id; what is said first about a surface holds.

    ``colors``: id of a surface → packed RGBA. ``rings``: id of a ring → (texture, coordinate text).
    ``textures`` say image, wrap mode and border as the source does.
    """

    colors: dict[str, int] = field(default_factory=dict)
    rings: dict[str, tuple[int, str]] = field(default_factory=dict)
    textures: list[dict[str, Any]] = field(default_factory=list)

    def add(self, data: Element) -> None:
        """Take one surface datum: ``X3DMaterial`` or ``ParameterizedTexture``."""
        if local(data) == "X3DMaterial":
            self._material(data)
        elif local(data) == "ParameterizedTexture":
            self._texture(data)

    def _material(self, data: Element) -> None:
        try:
            rgb = [float(v) for v in (data.findtext("{*}diffuseColor") or "0.8 0.8 0.8").split()]
            r, g, b = (round(255 * min(1.0, max(0.0, v))) for v in rgb)
            clear = float(data.findtext("{*}transparency") or 0.0)
        except (ValueError, TypeError):
            return
        color = packed_color((r, g, b, round(255 * (1.0 - min(1.0, max(0.0, clear))))))
        for target in data.iter("{*}target"):
            name = (target.get("uri") or target.text or "").strip().removeprefix("#")
            if name:
                self.colors.setdefault(name, color)

    def _texture(self, data: Element) -> None:
        image = (data.findtext("{*}imageURI") or "").strip()
        if not image:
            return
        said = {
            name: text.strip()
            for name in ("wrapMode", "textureType", "borderColor", "mimeType")
            if (text := data.findtext(f"{{*}}{name}"))
        }
        number = len(self.textures)
        self.textures.append({"source": image, **said})
        for lists in data.iter("{*}TexCoordList"):
            for ring, text in _coordinates(lists):
                self.rings.setdefault(ring, (number, text))

    def __bool__(self) -> bool:
        return bool(self.colors or self.rings)

    def dress(
        self, store: FaceStore, faces: Faces, shelf: ImageShelf
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32], list[dict[str, Any]]]:
        """Looks of all faces of a store.

        Returns
        -------
        color : ndarray of int64, shape (f,)
            Packed RGBA, -1 where no material says anything.
        texture : ndarray of int32, shape (f,)
            Place in the list of textures, -1 for none.
        uv : ndarray of float32, shape (n, 2) or (0, 2)
        textures : list of dict
            With ``image``, its name in ``assets/``, null where the file is not there.
        """
        color = np.full(len(store), -1, np.int64)
        for name, value in self.colors.items():
            for face in store.named(name):
                if color[face] < 0:
                    color[face] = value
        texture = np.full(len(store), -1, np.int32)
        found = [(r, *self.rings[i]) for r, i in enumerate(store.ring_ids) if i in self.rings]
        if not found:
            return color, texture, np.zeros((0, 2), np.float32), []
        numbers, counts = parse_lists([text for _, _, text in found])
        uv = np.zeros((len(faces.xyz), 2), np.float32)
        face_of_ring = np.repeat(np.arange(len(store)), np.diff(faces.face_start))
        at = 0
        for (ring, number, _), n in zip(found, counts.tolist(), strict=True):
            a, b = int(faces.ring_start[ring]), int(faces.ring_start[ring + 1])
            if n == 2 * (b - a):
                uv[a:b] = numbers[at : at + n].reshape(-1, 2)
                texture[face_of_ring[ring]] = number
            at += n
        used = sorted(set(texture[texture >= 0].tolist()))
        place = {number: i for i, number in enumerate(used)}
        texture = np.array([place.get(t, -1) for t in texture.tolist()], np.int32)
        textures = [
            {"image": shelf.name_of(self.textures[n]["source"]), **self.textures[n]} for n in used
        ]
        return color, texture, np.nan_to_num(uv), textures


def _coordinates(lists: Element) -> Iterator[tuple[str, str]]:
    """Ring and its texture coordinates; 3.0 writes the rings as elements beside them."""
    waiting: str | None = None
    for child in lists:
        name = local(child)
        if name == "textureCoordinates":
            waiting = child.text or ""
            ring = child.get("ring")
            if ring is not None:
                yield ring.strip().removeprefix("#"), waiting
                waiting = None
        elif name == "ring" and waiting is not None:
            yield (child.text or "").strip().removeprefix("#"), waiting
            waiting = None


def global_surface_data(path: Path) -> Iterator[Element]:
    """Surface data of the appearances that stand beside the objects, wherever in the file they are.

    Only the part of the file between the first and the last of them is parsed.
    """
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        first = text.find(b"appearanceMember")
        root = text.find(b"CityModel")
        if first < 0 or root < 0:
            return
        head = text.find(b">", root) + 1
        start, last = text.rfind(b"<", 0, first), text.rfind(b"appearanceMember>")
        end = last + len(b"appearanceMember>")
        if start < head or end < start:
            return
        parser: Any = etree.XMLPullParser(
            events=("end",),
            tag=("{*}surfaceDataMember", "{*}surfaceData", "{*}cityObjectMember"),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=True,
        )
        try:
            parser.feed(text[:head].removeprefix(b"\xef\xbb\xbf"))
            for at in range(start, end, BLOCK):
                parser.feed(text[at : min(at + BLOCK, end)])
                for _, element in parser.read_events():
                    if local(element) != "cityObjectMember":
                        yield from (child for child in element if local(child))
                    element.clear()
        except etree.XMLSyntaxError:  # the reading of the members says what is wrong
            return
