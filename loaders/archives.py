"""Archives (ZIP, 7z, tar, gz, bz2, xz) unpacked into a private folder, with bounds on everything an archive can exaggerate.

An archive is safe as a whole or refused as a whole, with the entry that is wrong: who packed ``../`` into
one entry is not believed about the others. Entry names of ZIP files without the UTF-8 flag are read
in the character set their bytes speak for (mostly GBK).
"""

import bz2
import gzip
import lzma
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any

import py7zr
import py7zr.exceptions

from loaders.encoding import decide
from twin.errors import SourceError, UnsafeSourceError

__all__ = ["DEEPEST", "Unpacking", "archive_above", "is_archive", "unpack"]

MAX_BYTES = 32 * 1024**3
"""Bytes that all archives of one source may unpack to, nested ones included."""
MAX_RATIO, RATIO_FROM = 250, 256 * 1024**2
"""Unpacked to packed size that is believed, asked from this many unpacked bytes on."""
MAX_ENTRIES = 100_000
MAX_NAME, MAX_PATH = 255, 1_000
"""Bytes of a name and characters of a whole path inside an archive."""
DEEPEST = 3
"""Archives in archives: the outermost counts one."""
_BLOCK = 1 << 20

_STREAMS: Mapping[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_MAGIC = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x1f\x8b": ".gz",
    b"BZh": ".bz2",
    b"\xfd7zXZ\x00": ".xz",
}
_ENDINGS = (".zip", ".7z", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz")
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    py7zr.exceptions.ArchiveError,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
)
"""What the readers raise for damaged archives (py7zr also lets plain Python errors through)."""


def is_archive(path: Path) -> bool:
    """Whether the name ends like an archive's; never raises."""
    return path.name.lower().endswith(_ENDINGS) and path.is_file()


def archive_above(path: Path) -> Path | None:
    """The archive on disk that a path like ``delivery.zip/roads/road.shp`` leads into, or None."""
    return next((p for p in path.parents if is_archive(p)), None)


class Unpacking:
    """A private folder, and what may still be unpacked into it; the folder goes when the last reference goes.

    Parameters
    ----------
    bytes_left, entries_left : int
        Bounds over everything unpacked into it.
    """

    def __init__(self, bytes_left: int = MAX_BYTES, entries_left: int = MAX_ENTRIES) -> None:
        self.bytes_left, self.entries_left = bytes_left, entries_left
        self._folder = Path(tempfile.mkdtemp(prefix="citytwin-archive-"))
        self._made = 0
        self.close = weakref.finalize(
            self, shutil.rmtree, self._folder, True
        )  # also at the end of the process

    def new_folder(self) -> Path:
        """An empty folder of its own for one archive."""
        self._made += 1
        folder = self._folder / str(self._made)
        folder.mkdir()
        return folder


class _Target:
    """One archive being unpacked: checks each entry before a byte of it is written."""

    def __init__(self, archive: Path, shown: str, folder: Path, unpacking: Unpacking) -> None:
        self.archive, self.shown = archive, shown
        self.folder, self.unpacking = folder, unpacking
        self.packed = max(1, archive.stat().st_size)
        self.written = 0
        self.names: set[str] = set()

    def refuse(self, entry: str, why: str) -> UnsafeSourceError:
        shown = entry if len(entry) <= 120 else entry[:117] + "…"
        return UnsafeSourceError(
            self.archive,
            f"the archive is refused: its entry {shown!r} {why}. Unpack it where you trust it, and load the folder",
        )

    def place(self, name: str, size: int = 0) -> Path:
        """Where an entry goes, if its name and announced size are acceptable."""
        unpacking = self.unpacking
        plain = name.replace("\\", "/")
        parts = PurePosixPath(plain).parts
        if plain.startswith("/") or (len(plain) > 1 and plain[1] == ":"):
            raise self.refuse(name, "has an absolute name")
        if ".." in parts:
            raise self.refuse(name, "leads out of the archive (../)")
        if any(ord(c) < 32 for c in plain) or not parts:
            raise self.refuse(name, "has control characters in its name, or none")
        if len(plain) > MAX_PATH or any(len(p.encode()) > MAX_NAME for p in parts):
            raise self.refuse(name, f"has a name longer than {MAX_NAME} bytes")
        key = "/".join(parts)
        if key in self.names:
            raise self.refuse(name, "stands twice in it")
        self.names.add(key)
        unpacking.entries_left -= 1
        if unpacking.entries_left < 0:
            raise self.refuse(name, f"is one more than the {MAX_ENTRIES:,} that are taken")
        self._afford(name, size)
        free = shutil.disk_usage(self.folder).free
        if size > free:
            raise SourceError(
                self.archive, f"unpacks to more than the {free >> 20:,} MiB that are free"
            )
        return self.folder.joinpath(*parts)

    def _afford(self, name: str, more: int) -> None:
        total = self.written + more
        if more > self.unpacking.bytes_left:
            raise self.refuse(name, f"makes it larger than {MAX_BYTES >> 30} GiB unpacked")
        if total > RATIO_FROM and total > MAX_RATIO * self.packed:
            raise self.refuse(name, f"makes it more than {MAX_RATIO} times as large as the archive")

    def count(self, name: str, size: int) -> None:
        """Take written bytes off what is left."""
        self._afford(name, size)
        self.written += size
        self.unpacking.bytes_left -= size

    def write(self, name: str, source: IO[bytes], size: int = 0) -> None:
        """Write an entry block by block, counting."""
        path = self.place(name, size)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as out:
            while block := source.read(_BLOCK):
                self.count(name, len(block))
                out.write(block)


def unpack(archive: Path, unpacking: Unpacking, shown: str = "") -> Path:
    """Unpack one archive (not the archives in it).

    Parameters
    ----------
    archive : Path
        The file; what it is, is told by its first bytes.
    unpacking : Unpacking
        Folder and bounds, shared with the archives around and in it.
    shown : str
        How the archive is called towards people; its path when empty.

    Returns
    -------
    Path
        The folder with its content. A zipped FileGDB without its own folder gets one.

    Raises
    ------
    UnsafeSourceError
        If an entry leads out of it, is a link or device, or a bound is passed.
    SourceError
        If it is damaged, encrypted or no archive at all.
    """
    folder = unpacking.new_folder()
    target = _Target(archive, shown or str(archive), folder, unpacking)
    with archive.open("rb") as file:
        head = file.read(512)
    kind = next((k for magic, k in _MAGIC.items() if head.startswith(magic)), None)
    try:
        if kind == "zip":
            _unzip(archive, target)
        elif kind == "7z":
            _un7z(archive, target)
        elif _is_tar(archive, kind):
            _untar(archive, target)
        elif kind is not None:
            _inflate(archive, kind, target)
        else:
            raise SourceError(
                archive, "is named like an archive but is none; rename it to what it is"
            )
    except SourceError:
        raise
    except _BROKEN as err:
        said = " ".join(str(err).split())[:160] or type(err).__name__
        raise SourceError(archive, f"the archive is damaged or of an unknown kind: {said}") from err
    _straighten(folder)
    return _with_database_folder(archive, folder)


def _is_tar(archive: Path, kind: str | None) -> bool:
    """Whether a plain or packed file is a tar (zeros alone are none, though Python reads them as an empty one)."""
    opened = (
        _STREAMS[kind](archive, "rb")
        if kind is not None and kind in _STREAMS
        else archive.open("rb")
    )
    with opened as file:
        head = file.read(512)
    named = re.search(r"\.(tar(\.\w+)?|tgz|tbz2|txz)$", archive.name.lower()) is not None
    return head[257:262] == b"ustar" or (named and any(head) and tarfile.is_tarfile(archive))


def _unzip(archive: Path, target: _Target) -> None:
    with zipfile.ZipFile(archive) as packed:
        infos = packed.infolist()
        names = _zip_names(infos)
        for info, name in zip(infos, names, strict=True):
            mode = info.external_attr >> 16
            if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise target.refuse(name, "is a link or a device")
            if info.flag_bits & 0x1:
                raise SourceError(
                    archive, "is encrypted; unpack it with its password and load the folder"
                )
            if info.is_dir() or name.endswith(("/", "\\")):
                target.place(name).mkdir(parents=True, exist_ok=True)
                continue
            with packed.open(info) as source:
                target.write(name, source, info.file_size)


def _zip_names(infos: Iterable[zipfile.ZipInfo]) -> list[str]:
    """Entry names; those without the UTF-8 flag in the character set that all of them together speak for."""
    listed = list(infos)
    raw = {
        i: n.orig_filename.encode("cp437") for i, n in enumerate(listed) if not n.flag_bits & 0x800
    }
    wide = [name for name in raw.values() if any(b > 0x7F for b in name)]
    if not wide:
        return [info.filename for info in listed]
    encoding = decide(wide).encoding
    return [
        raw[i].decode(encoding, "replace") if i in raw else info.filename
        for i, info in enumerate(listed)
    ]


class _Counted(py7zr.Py7zIO):
    """A file that py7zr writes to, counting."""

    def __init__(self, name: str, file: IO[bytes], target: _Target) -> None:
        self.name, self.file, self.target = name, file, target

    def write(self, s: bytes | bytearray) -> int:
        self.target.count(self.name, len(s))
        return self.file.write(s)

    def read(self, size: int | None = None) -> bytes:
        return self.file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def flush(self) -> None:
        self.file.flush()

    def size(self) -> int:
        return Path(self.file.name).stat().st_size

    def close(self) -> None:
        self.file.close()


class _Factory(py7zr.WriterFactory):
    def __init__(self, places: dict[str, Path], target: _Target) -> None:
        self.places, self.target = places, target
        self.open: list[IO[bytes]] = []

    def create(self, filename: str) -> py7zr.Py7zIO:
        path = self.places[filename]
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w+b")
        self.open.append(file)
        return _Counted(filename, file, self.target)


def _un7z(archive: Path, target: _Target) -> None:
    with py7zr.SevenZipFile(archive) as packed:
        if packed.needs_password():
            raise SourceError(
                archive, "is encrypted; unpack it with its password and load the folder"
            )
        places = {}
        for info in packed.list():
            if info.is_symlink or not (info.is_file or info.is_directory):
                raise target.refuse(info.filename, "is a link or a device")
            place = target.place(info.filename, 0 if info.is_directory else info.uncompressed or 0)
            if info.is_directory:
                place.mkdir(parents=True, exist_ok=True)
            places[info.filename] = place
        factory = _Factory(places, target)
        try:
            packed.extractall(factory=factory)  # noqa: S202 -- the factory opens each file where it was placed
        finally:
            for file in factory.open:
                file.close()


def _untar(archive: Path, target: _Target) -> None:
    with tarfile.open(archive) as packed:
        for member in packed:
            if not (member.isreg() or member.isdir()):
                raise target.refuse(member.name, "is a link or a device")
            if member.isdir():
                if member.name not in (".", "./"):
                    target.place(member.name).mkdir(parents=True, exist_ok=True)
                continue
            source = packed.extractfile(member)
            if source is not None:
                target.write(member.name, source, member.size)


def _inflate(archive: Path, kind: str, target: _Target) -> None:
    name = archive.name
    ending = next((e for e in _ENDINGS if name.lower().endswith(e)), "")
    with _STREAMS[kind](archive, "rb") as source:
        target.write(name[: -len(ending)] if ending and len(name) > len(ending) else name, source)


def _straighten(folder: Path) -> None:
    """Drop a false archive ending from entries that are none (a CSV named ``.csv.zip``)."""
    for path in sorted(folder.rglob("*")):
        plain = path.with_suffix("")
        if not is_archive(path) or "." not in plain.name or plain.exists():
            continue
        with path.open("rb") as file:
            head = file.read(16)
        if not any(head.startswith(magic) for magic in _MAGIC) and not _is_tar(path, None):
            path.rename(plain)


def _with_database_folder(archive: Path, folder: Path) -> Path:
    """Give the tables of a FileGDB that lie at the top of the archive a folder named ``.gdb``."""
    if not any(folder.glob("*.gdbtable")):
        return folder
    stem = archive.name.split(".")[0] or "database"
    inner = folder / f".{stem}"
    inner.mkdir()
    for path in [p for p in folder.iterdir() if p != inner]:
        path.rename(inner / path.name)
    inner.rename(folder / f"{stem}.gdb")
    return folder
