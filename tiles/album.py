"""Pictures of the base as pixels: read when they are needed, bounded, the last ones kept."""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tiles.materials import CLAMP, MIRROR, REPEAT

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Album", "encoded", "wrap_of"]

MOST_PIXELS = 1 << 26
"""A larger picture is read smaller if it is a JPEG, else not at all."""
KEPT_BYTES = 256 << 20
QUALITY, METHOD = 82, 4


def wrap_of(said: str | None) -> int:
    """The wrap mode of glTF for one of CityGML or CityJSON.

    ``border`` and ``none`` show a border colour or nothing beyond the picture, which glTF cannot; its last
    pixels stand there. Where the source says nothing the picture repeats.
    """
    return {"mirror": MIRROR, "clamp": CLAMP, "border": CLAMP, "none": CLAMP}.get(
        said or "", REPEAT
    )


def encoded(pixels: NDArray[np.uint8]) -> bytes:
    """WebP of RGB or RGBA pixels (h, w, 3 or 4); the same pixels give the same bytes."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="WEBP", quality=QUALITY, method=METHOD)
    return out.getvalue()


class Album:
    """Pictures by their names among the assets.

    Parameters
    ----------
    read : callable
        Gives the content of a picture, None where it is missing.
    """

    def __init__(self, read: Callable[[str], bytes | None]) -> None:
        self._read = read
        self._sizes: dict[str, tuple[int, int] | None] = {}
        self._kept: OrderedDict[str, NDArray[np.uint8]] = OrderedDict()
        self._held = 0
        self.faults: dict[str, str] = {}

    def size(self, name: str) -> tuple[int, int] | None:
        """(width, height) of a picture; None where it is missing or cannot be drawn."""
        if name not in self._sizes:
            opened = self._opened(name)
            self._sizes[name] = None if opened is None else opened.size
        return self._sizes[name]

    def pixels(self, name: str) -> NDArray[np.uint8] | None:
        """RGBA (h, w, 4), first row on top; None where :meth:`size` is None or the content is damaged."""
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        opened = None if self.size(name) is None else self._opened(name)
        if opened is None:
            return None
        try:
            found = np.asarray(opened.convert("RGBA"))
        except (OSError, ValueError, SyntaxError) as err:
            self._refuse(name, str(err))
            return None
        self._kept[name] = found
        self._held += found.nbytes
        while self._held > KEPT_BYTES and len(self._kept) > 1:
            self._held -= self._kept.popitem(last=False)[1].nbytes
        return found

    def _refuse(self, name: str, why: str) -> None:
        self.faults[name] = why
        self._sizes[name] = None

    def _opened(self, name: str) -> Image.Image | None:
        content = self._read(name)
        if content is None:
            self._refuse(name, "is missing")
            return None
        try:
            image: Any = Image.open(io.BytesIO(content))
            width, height = image.size
            if width * height > MOST_PIXELS:
                image.draft("RGB", (width // 2, height // 2))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as err:
            self._refuse(name, str(err))
            return None
        if image.size[0] * image.size[1] > MOST_PIXELS:
            self._refuse(name, f"has {width} × {height} pixels, at most {MOST_PIXELS} are drawn")
            return None
        return image  # type: ignore[no-any-return]  # Image.open is typed, draft is not
