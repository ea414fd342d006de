"""Whether the pictures of a content are what its document says."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from PIL import Image

from tiles.materials import WEBP
from tiles.skins import FINE

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["check_pictures"]

_FORMATS = {"image/webp": "WEBP", "image/png": "PNG", "image/jpeg": "JPEG"}


def check_pictures(
    document: dict[str, Any],
    view: Callable[[int], bytes],
    require: Callable[[bool, str, str], None],
) -> None:
    """Every texture has its picture, every embedded picture can be read and is of its kind and no larger than allowed.

    Parameters
    ----------
    document : dict
        JSON of a glTF.
    view : callable
        Gives the bytes of a buffer view.
    require : callable
        Takes whether a rule holds, its name, and what to say where it does not.
    """
    images, textures = document.get("images", []), document.get("textures", [])
    used, needed = document.get("extensionsUsed", []), document.get("extensionsRequired", [])
    webp = False
    for i, texture in enumerate(textures):
        own = texture.get("extensions", {}).get(WEBP)
        webp |= own is not None
        source = texture.get("source") if own is None else own.get("source")
        there = isinstance(source, int) and 0 <= source < len(images)
        require(there, "texture-source", f"texture {i} has no picture")
    declared = WEBP in used and WEBP in needed
    require(declared or not webp, "extension-required", f"{WEBP} is used but not required")
    for i, image in enumerate(images):
        if "uri" in image:
            continue
        try:
            with Image.open(io.BytesIO(view(image["bufferView"]))) as found:
                found.load()
                kind, size = found.format, found.size
        except (OSError, ValueError, SyntaxError) as err:
            require(False, "picture", f"picture {i} cannot be read: {err}")
            return
        same = kind == _FORMATS.get(image.get("mimeType", ""))
        require(same, "picture-kind", f"picture {i} is {kind}, not {image.get('mimeType')}")
        require(max(size) <= FINE, "picture-size", f"picture {i} has {size[0]} × {size[1]} pixels")
