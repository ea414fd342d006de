"""Materials and textures of CityJSON geometries."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.citymodel.classes import packed_color
from loaders.citymodel.images import ImageShelf
from loaders.citymodel.shapes import Shapes

__all__ = ["Look", "Wardrobe", "flattened"]

Json = Mapping[str, Any]


def flattened(nested: Any, depth: int) -> list[Any]:  # noqa: ANN401 (JSON)
    """What lies ``depth`` lists deep, in order; TypeError where it is nested otherwise."""
    for _ in range(depth - 1):
        nested = chain.from_iterable(nested)
    return list(nested)


def _rgba(material: Any) -> int | None:  # noqa: ANN401 (JSON)
    """Packed colour of a material; None where it names none."""
    given: Any = material.get("diffuseColor") if isinstance(material, dict) else None
    try:
        r, g, b = (round(255 * min(1.0, max(0.0, float(v)))) for v in given)
        a = round(255 * (1.0 - min(1.0, max(0.0, float(material.get("transparency") or 0.0)))))
    except (TypeError, ValueError):
        return None
    return packed_color((r, g, b, a))


class Wardrobe:
    """The ``appearance`` of a document or feature, and where its images lie.

    Parameters
    ----------
    appearance : dict
        ``materials``, ``textures``, ``vertices-texture`` and default themes.
    shelf : ImageShelf
        Images of the source.
    """

    def __init__(self, appearance: Json, shelf: ImageShelf) -> None:
        self.colors = [_rgba(m) for m in appearance.get("materials") or ()]
        self.texture_theme = appearance.get("default-theme-texture")
        self.material_theme = appearance.get("default-theme-material")
        self.images = list(appearance.get("textures") or ())
        self.shelf = shelf
        try:
            self.uv = np.array(appearance.get("vertices-texture") or (), np.float32).reshape(-1, 2)
        except (ValueError, TypeError):
            self.uv = np.zeros((0, 2), np.float32)

    def texture(self, number: int) -> dict[str, Any]:
        """What is kept of a texture: its image in ``assets/`` (null if missing) and how it is laid."""
        one = self.images[number] if isinstance(self.images[number], dict) else {}
        given = str(one.get("image", ""))
        said = {k: one[k] for k in ("wrapMode", "textureType", "borderColor") if k in one}
        return {"image": self.shelf.name_of(given), "source": given, **said}

    def look(self) -> "Look":
        """A look to dress a geometry with."""
        return Look(self)


class Look:
    """Materials and textures of one geometry."""

    def __init__(self, wardrobe: Wardrobe) -> None:
        self.wardrobe = wardrobe
        self.textures: list[dict[str, Any]] = []
        self.textured = False
        self._colors: list[int | None] = []
        self._rings: list[Any] = []

    def touches(self, geometry: Json) -> bool:
        """Whether the geometry names a material or a texture."""
        return bool(geometry.get("texture")) or bool(geometry.get("material"))

    def of(self, geometry: Json, depth: int, n_faces: int) -> "Look":
        """The look of one geometry; what is not as the standard has it is left away."""
        look = Look(self.wardrobe)
        theme = _theme(geometry.get("material"), self.wardrobe.material_theme)
        look._colors = _material_colors(theme, depth, n_faces, self.wardrobe.colors)
        texture = _theme(geometry.get("texture"), self.wardrobe.texture_theme)
        try:
            per_face = flattened(texture.get("values"), depth)
            look._rings = [list(face) for face in per_face]
        except TypeError:
            look._rings = []
        if len(look._rings) != n_faces or not len(self.wardrobe.uv):
            look._rings = []
        look.textured = bool(look._rings)
        return look

    def sift(self, keep: Sequence[bool]) -> None:
        """Leave out the faces that turned out to be none."""
        self._colors = [c for c, k in zip(self._colors, keep, strict=False) if k]
        self._rings = [r for r, k in zip(self._rings, keep, strict=False) if k]

    def apply(self, shapes: Shapes, faces: slice, corner: int, n_ring: NDArray[np.int64]) -> None:
        """Write colours, textures and coordinates of the shape's faces and corners."""
        if self._colors:
            given = np.array([c is not None for c in self._colors], bool)
            shapes.color[faces][given] = np.array(
                [c for c in self._colors if c is not None], np.uint32
            )
        if not self.textured:
            return
        numbers: dict[int, int] = {}
        rings = [ring for face in self._rings for ring in face]
        per_face = np.diff(shapes.face_start)[faces].tolist()
        if len(rings) != len(n_ring) or [len(f) for f in self._rings] != per_face:
            return
        at, ring_number = corner, 0
        for f, face in enumerate(self._rings):
            place = -1
            for ring in face:
                n = int(n_ring[ring_number])
                ring_number += 1
                uv = self._ring(ring, n)
                if uv is not None:
                    image = int(ring[0])
                    if image not in numbers:
                        numbers[image] = len(self.textures)
                        self.textures.append(self.wardrobe.texture(image))
                    place = numbers[image]
                    shapes.uv[at : at + n] = uv
                at += n
            shapes.texture[int(faces.start) + f] = place

    def _ring(self, ring: Any, n: int) -> NDArray[np.float32] | None:  # noqa: ANN401 (JSON)
        """Texture coordinates of a ring; None where it has none that hold."""
        if (
            not isinstance(ring, list)
            or len(ring) != n + 1
            or not all(type(i) is int for i in ring)
        ):
            return None
        index = np.array(ring[1:], np.int64)
        sound = 0 <= ring[0] < len(self.wardrobe.images) and (index >= 0).all()
        return self.wardrobe.uv[index] if sound and (index < len(self.wardrobe.uv)).all() else None


def _theme(given: Any, preferred: Any) -> Json:  # noqa: ANN401 (JSON)
    """The theme to draw: the preferred one, else the first."""
    if not isinstance(given, dict) or not given:
        return {}
    theme = given.get(preferred) if preferred in given else next(iter(given.values()))
    return theme if isinstance(theme, dict) else {}


def _material_colors(
    theme: Json, depth: int, n: int, colors: Sequence[int | None]
) -> list[int | None]:
    """Colour of each face, None where the material says nothing."""
    try:
        numbers = (
            [theme["value"]] * n if "value" in theme else flattened(theme.get("values"), depth)
        )
    except TypeError:
        return []
    if len(numbers) != n:
        return []
    return [colors[i] if type(i) is int and 0 <= i < len(colors) else None for i in numbers]
