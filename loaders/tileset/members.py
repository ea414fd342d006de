"""Files of a tileset, in a folder or in a .3tz archive: names that stay inside, bounded in number and size."""

import io
import lzma
import os
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast
from urllib.parse import unquote, urlsplit

from twin.errors import SourceError, UnsafeSourceError

__all__ = ["FolderMembers", "Members", "ZipMembers", "inside", "members_of"]

KINDS = frozenset({
    ".json", ".b3dm", ".i3dm", ".pnts", ".cmpt", ".glb", ".gltf", ".bin", ".subtree", ".terrain", ".jpg", ".jpeg",
    ".png", ".webp", ".ktx2", ".ktx", ".geom", ".vctr", ".geojson", ".gz",
})  # fmt: skip
"""Files of a folder that can belong to a tileset; others beside it are left where they are."""
MOST = 2_000_000
MOST_BYTES = 256 * 1024**3
RATIO = 200
"""An archive may unpack to so many times its size."""


def inside(base: str, uri: str) -> str | None:
    """Name of the file a URI leads to from a document, None where it leads out of the set or to the network.

    Examples
    --------
    >>> inside("a/tileset.json", "../b/c.b3dm?v=1"), inside("tileset.json", "../x.glb")
    ('b/c.b3dm', None)
    >>> inside("tileset.json", "https://x.test/a.b3dm") is None
    True
    """
    parts = urlsplit(uri)
    path = unquote(parts.path)
    if parts.scheme or parts.netloc or path.startswith("/") or "\\" in path or "\0" in path:
        return None
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(base), path))
    return None if joined.startswith("..") or joined in (".", "") else joined


class FolderMembers:
    """A tileset in a folder; links are not followed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        path = self.root / name
        return path.is_file() and not path.is_symlink()

    def open(self, name: str) -> IO[bytes]:
        """The file, to be read."""
        return (self.root / name).open("rb")

    def size(self, name: str) -> int:
        """Bytes of the file."""
        return (self.root / name).stat().st_size

    def names(self) -> Iterator[str]:
        """All files that can belong to the set, sorted within a folder."""
        for folder, folders, files in os.walk(self.root, followlinks=False):
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            for file in sorted(files):
                path = Path(folder) / file
                if path.suffix.lower() in KINDS and not path.is_symlink():
                    yield path.relative_to(self.root).as_posix()


_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError)
"""What unpacking a damaged file of an archive raises (a NotImplementedError is a RuntimeError)."""


def _broken(path: Path, name: str, err: BaseException) -> SourceError:
    said = f"{name} cannot be unpacked ({err}); pack it again, unencrypted"
    return SourceError(path, said)


class _Unpacking(io.BufferedIOBase):
    """A file of an archive; damage found while it is read is a fault of the archive."""

    def __init__(self, file: IO[bytes], path: Path, name: str) -> None:
        self._file, self._path, self._name = file, path, name

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        try:
            return self._file.read(-1 if size is None else size)
        except _BROKEN as err:
            raise _broken(self._path, self._name, err) from err

    def close(self) -> None:
        self._file.close()
        super().close()


class ZipMembers:
    """A tileset in an archive (.3tz, .zip).

    Raises
    ------
    SourceError
        If it is no archive.
    UnsafeSourceError
        If a name leads out of it, or it unpacks beyond all bounds.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._path, self._zip = path, zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError) as err:
            raise SourceError(path, f"is no readable archive: {err}") from err
        self._infos = {i.filename: i for i in self._zip.infolist() if i.filename and not i.is_dir()}
        total = sum(i.file_size for i in self._infos.values())
        if len(self._infos) > MOST or total > min(
            MOST_BYTES, RATIO * path.stat().st_size + (1 << 20)
        ):
            raise UnsafeSourceError(
                path,
                f"unpacks to {len(self._infos):,} files of {total:,} bytes; unpack it yourself",
            )
        bad = [n for n in self._infos if inside("x", n) != n]
        if bad:
            raise UnsafeSourceError(path, f"names a file outside of itself: {bad[0]!r}")

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self._infos

    def open(self, name: str) -> IO[bytes]:
        """The file, to be read.

        Raises
        ------
        SourceError
            If it is packed in a way that cannot be unpacked, encrypted or, once it is read, found damaged.
        """
        try:
            file = _Unpacking(self._zip.open(self._infos[name]), self._path, name)
            return cast("IO[bytes]", file)
        except _BROKEN as err:
            raise _broken(self._path, name, err) from err

    def size(self, name: str) -> int:
        """Bytes of the file, unpacked."""
        return self._infos[name].file_size

    def names(self) -> Iterator[str]:
        """All files, sorted."""
        yield from (n for n in sorted(self._infos) if Path(n).suffix.lower() in KINDS)


Members = FolderMembers | ZipMembers


def members_of(path: Path) -> tuple[Members, str]:
    """The files of a tileset and the name of its first document."""
    if path.suffix.lower() in (".3tz", ".zip"):
        return ZipMembers(path), "tileset.json"
    return FolderMembers(path.parent), path.name
