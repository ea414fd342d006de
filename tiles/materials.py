"""Materials of a content: what its primitives look like, and the pictures they show.

Sources: glTF 2.0 specification; EXT_texture_webp of KhronosGroup/glTF.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tiles.views import Views

__all__ = ["CLAMP", "MIRROR", "REPEAT", "WEBP", "Materials", "Texture"]

WEBP = "EXT_texture_webp"
CLAMP, MIRROR, REPEAT = 33071, 33648, 10497
"""How a picture goes on beyond its borders: its last pixels, itself mirrored, itself."""
_LINEAR, _TRILINEAR = 9729, 9987


@dataclass(frozen=True, slots=True)
class Texture:
    """An image that multiplies the vertex colour.

    ``png`` or ``webp`` is embedded, unless ``uri`` says where the picture lies beside the content. ``wrap``
    (CLAMP, MIRROR, REPEAT) holds in both directions.
    """

    png: bytes = b""
    uri: str = ""
    webp: bytes = b""
    wrap: int = REPEAT


@dataclass(slots=True)
class Materials:
    """Materials, textures, images and samplers under construction."""

    found: list[dict[str, Any]] = field(default_factory=list)
    textures: list[Texture] = field(default_factory=list)

    @property
    def webp(self) -> bool:
        """Whether a picture needs EXT_texture_webp."""
        return any(t.webp for t in self.textures)

    def add(self, texture: Texture | None, blend: bool, cutout: bool, double_sided: bool) -> int:
        """A new material; returns its place in the document."""
        surface: dict[str, Any] = {
            "metallicFactor": 0,
            "roughnessFactor": 1 if texture is None else 0.85,
        }
        if texture is not None:
            if texture not in self.textures:
                self.textures.append(texture)
            surface["baseColorTexture"] = {"index": self.textures.index(texture)}
        material: dict[str, Any] = {"pbrMetallicRoughness": surface, "doubleSided": double_sided}
        if blend or cutout:
            material["alphaMode"] = "BLEND" if blend else "MASK"
        self.found.append(material)
        return len(self.found) - 1

    def described(self, buffer: Views) -> dict[str, Any]:
        """The document's ``materials`` and, where there are any, ``textures``, ``images``, ``samplers``."""
        out: dict[str, Any] = {"materials": self.found}
        if not self.textures:
            return out
        wraps = sorted({t.wrap for t in self.textures})
        samplers = [
            {"magFilter": _LINEAR, "minFilter": _TRILINEAR, "wrapS": wrap, "wrapT": wrap}
            for wrap in wraps
        ]
        pictures = list(dict.fromkeys((t.png, t.uri, t.webp) for t in self.textures))
        used = []
        for t in self.textures:
            source = pictures.index((t.png, t.uri, t.webp))
            said: dict[str, Any] = {"sampler": wraps.index(t.wrap)}
            if t.webp:
                said["extensions"] = {WEBP: {"source": source}}
            else:
                said["source"] = source
            used.append(said)
        images = [_image(buffer, *picture) for picture in pictures]
        return out | {"images": images, "samplers": samplers, "textures": used}


def _image(buffer: Views, png: bytes, uri: str, webp: bytes) -> dict[str, Any]:
    if uri:
        return {"uri": uri}
    mime = "image/webp" if webp else "image/png"
    return {"bufferView": buffer.view(webp or png), "mimeType": mime}
