"""Texture images beside a city model: found without leaving its folder, read once, named by content."""

import hashlib
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from twin.schema import IMAGES

__all__ = ["ImageShelf", "local_file"]

MAX_IMAGE = 64 * 1024**2
"""A texture image larger than this is not taken (64 MiB)."""
MAX_IMAGES = 20_000
_MAGIC = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG\r\n\x1a\n": ".png",
    b"II*\x00": ".tif",
    b"MM\x00*": ".tif",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"RIFF": ".webp",
}


def local_file(source: Path, given: str, above: int = 0) -> Path | None:
    """File that a source names by a relative path, if it lies where it may.

    Parameters
    ----------
    source : Path
        The file that names it.
    given : str
        Relative path or URI without a scheme; backslashes are taken as slashes.
    above : int
        Folders above the source's own that the path may climb to.

    Returns
    -------
    Path or None
        None for absolute names, schemes, links that lead outside, and what is no file.
    """
    text = unquote(given.strip()).replace("\\\\", "/").replace("\\", "/")
    if not text or "\0" in text or "://" in text or text.startswith(("/", "~")) or text[1:2] == ":":
        return None
    folder = source.parent.resolve()
    root = folder
    for _ in range(above):
        root = root.parent
    try:
        path = (folder / text).resolve()
    except (OSError, RuntimeError):
        return None
    return path if path.is_relative_to(root) and path.is_file() else None


class ImageShelf:
    """Images of one source: each read once and given out with the batch that names it first.

    Parameters
    ----------
    source : Path
        The city model.
    """

    def __init__(self, source: Path) -> None:
        self.source = source
        self.missing: set[str] = set()
        self._names: dict[str, str | None] = {}
        self._fresh: dict[str, bytes] = {}
        self._given: set[str] = set()

    @property
    def pending(self) -> int:
        """Bytes of images not yet taken."""
        return sum(map(len, self._fresh.values())) if self._fresh else 0

    def name_of(self, given: str) -> str | None:
        """Name in ``assets/`` of an image; None where it is not there, too large or no image."""
        if given not in self._names:
            self._names[given] = self._read(given)
            if self._names[given] is None:
                self.missing.add(given)
        return self._names[given]

    def _read(self, given: str) -> str | None:
        path = local_file(self.source, given) if len(self._names) < MAX_IMAGES else None
        if path is None or path.stat().st_size > MAX_IMAGE:
            return None
        content = path.read_bytes()
        ending = next((e for magic, e in _MAGIC.items() if content.startswith(magic)), None)
        if ending is None:
            return None
        name = hashlib.sha256(content).hexdigest() + ending
        if name not in self._given:
            self._given.add(name)
            self._fresh[name] = content
        return name

    def take(self) -> pa.Table | None:
        """Images met since the last call."""
        if not self._fresh:
            return None
        table = pa.table(
            {"image": list(self._fresh), "content": list(self._fresh.values())}, schema=IMAGES
        )
        self._fresh = {}
        return table
