"""The tiles folder: written beside, swapped in whole, described by a manifest."""

from __future__ import annotations

import hashlib
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from twin.cog import Cog

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "FORMAT",
    "Hashes",
    "Patch",
    "Pending",
    "Staging",
    "digest_of",
    "digest_pixels",
    "digest_table",
    "is_tile",
    "manifest_bytes",
    "read_manifest",
    "swap",
]

FORMAT = 5
"""Part of every input hash: raise it when the same input should give other bytes."""
MANIFEST = "manifest.json"


class Staging:
    """A layer's folder under construction; remembers the hash and size of every file.

    Parameters
    ----------
    path : Path
    old : Path, optional
        The layer as it is: a file that stays the same is taken by link, so that nothing about it changes.
    known : mapping of str to (sha256, size), optional
        Its files.
    """

    def __init__(
        self, path: Path, old: Path | None = None, known: Mapping[str, Sequence[Any]] | None = None
    ) -> None:
        self.path, self.old, self.known = path, old, known or {}
        self.files: dict[str, tuple[str, int]] = {}
        self._folders: set[str] = set()

    def write(self, name: str, data: bytes) -> None:
        """Write one file, path relative to the layer."""
        found = hashlib.sha256(data).hexdigest(), len(data)
        same = self.old is not None and tuple(self.known.get(name, ())) == found
        if same and self.old is not None and self.adopt(name, self.old, found):
            return
        with open(self._place(name), "wb", buffering=0) as file:  # noqa: PTH123 - many files
            file.write(data)
        self.files[name] = found

    def adopt(self, name: str, layer: Path, found: tuple[str, int]) -> bool:
        """Take a file of another folder as it is; False where it is not there any more."""
        target = Path(self._place(name))
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(layer / name)
        except FileNotFoundError:
            return False
        except OSError:  # a file system without links
            shutil.copy2(layer / name, target)
        self.files[name] = found
        return True

    def _place(self, name: str) -> str:
        target = f"{self.path}/{name}"
        folder = target.rpartition("/")[0]
        if folder not in self._folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        return target

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(size for _, size in self.files.values())


class Pending:
    """Files that will take the place of others, all together (:mod:`tiles.patch`).

    Parameters
    ----------
    path : Path
        Folder that takes them, on the file system of the tiles folder; made with the first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: list[str] = []
        self.gone: list[str] = []

    def add(self, name: str, data: bytes) -> str:
        """Take the bytes of a file by its path in the tiles folder; gives where they lie until then."""
        if not self.names:
            self.path.mkdir(parents=True, exist_ok=True)
        beside = f"{self.path}/{len(self.names)}"
        with open(beside, "wb", buffering=0) as file:  # noqa: PTH123 - many files
            file.write(data)
        self.names.append(name)
        return beside

    def drop(self, start: str) -> None:
        """Forget the files whose paths begin so, which are the last."""
        while self.names and self.names[-1].startswith(start):
            (self.path / str(len(self.names) - 1)).unlink()
            self.names.pop()

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        return (self.path / str(self.names.index(name))).read_bytes()


class Patch:
    """Files that take the place of some of a layer's; all others stay as they are.

    Parameters
    ----------
    pending : Pending
        Takes what is new.
    layer : str
        Its folder.
    known : mapping of str to (sha256, size)
        Its files.
    """

    def __init__(self, pending: Pending, layer: str, known: Mapping[str, Sequence[Any]]) -> None:
        self.pending, self.layer, self.known = pending, layer, known
        self.told: dict[str, tuple[str, int]] = {}
        self.gone: set[str] = set()

    def write(self, name: str, data: bytes) -> None:
        """Write one file, unless the layer has it so."""
        found = self.told[name] = hashlib.sha256(data).hexdigest(), len(data)
        if tuple(self.known.get(name, ())) != found:
            self.keep(name, data)

    def keep(self, name: str, data: bytes) -> str:
        """Write one file that is not served; gives where it lies until the patch is carried out."""
        return self.pending.add(f"{self.layer}/{name}", data)

    def settled(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """``files``, ``tiles`` and ``bytes`` of the layer's entry as they will be, from those of now."""
        self.gone -= self.told.keys()
        self.gone &= self.known.keys()
        self.pending.gone += [f"{self.layer}/{name}" for name in sorted(self.gone)]
        fresh = self.told.keys() - self.known.keys()
        tiles = sum(map(is_tile, fresh)) - sum(map(is_tile, self.gone))
        size = sum(found[1] for found in self.told.values())
        size -= sum(self.known[name][1] for name in (self.told.keys() - fresh) | self.gone)
        files = {**self.known, **self.told}
        if fresh or self.gone:
            files = {k: files[k] for k in sorted(files.keys() - self.gone)}
        return {"files": files, "tiles": entry["tiles"] + tiles, "bytes": entry["bytes"] + size}


def is_tile(name: str) -> bool:
    """Whether a file of a layer is a content as it is told of."""
    return not name.endswith((".json", ".subtree", ".gz"))


def digest_of(*parts: str) -> str:
    """sha256 of some texts, in order."""
    return hashlib.sha256("".join(f"{part}\0" for part in parts).encode()).hexdigest()


class _Sink:
    """A file that only counts: bytes go into a hash."""

    closed = False

    def __init__(self) -> None:
        self.hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing to release."""


def digest_table(table: pa.Table) -> str:
    """sha256 of a table's content; rows of equal eid keep their order."""
    keys = [(c, "ascending") for c in ("eid", "mesh_id") if c in table.column_names]
    if table.num_rows and keys:
        table = table.sort_by(keys)
    sink = _Sink()
    bare = table.combine_chunks().replace_schema_metadata(None)
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), bare.schema) as writer:
        writer.write_table(bare, max_chunksize=1 << 16)
    return sink.hash.hexdigest()


def digest_pixels(data: NDArray[np.generic] | Cog) -> str:
    """sha256 of an array's shape, type and bytes, a band of rows at a time; an asset's name is one already."""
    if isinstance(data, Cog):
        return data.name
    h = hashlib.sha256(f"{data.shape}{data.dtype.str}".encode())
    band = max(1, (1 << 24) // max(1, data[:1].nbytes))
    for start in range(0, len(data), band):
        h.update(data[start : start + band].tobytes())
    return h.hexdigest()


def read_manifest(out: Path) -> dict[str, Any]:
    """Layers of the manifest of a tiles folder; empty where there is none of this format."""
    path = out / MANIFEST
    try:
        found = signature(path)
        with _lock:
            if path in _manifests and _manifests[path][0] == found:
                return dict(_manifests[path][1])
        document = orjson.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, orjson.JSONDecodeError):
        return {}
    layers: dict[str, Any] = document.get("layers", {}) if document.get("format") == FORMAT else {}
    _remember(path, found, layers)
    return dict(layers)


Signature = tuple[int, int, int]
_lock = threading.Lock()
_manifests: dict[Path, tuple[Signature, dict[str, Any]]] = {}
"""Manifests read or written last, while their files are the same."""
MOST_KEPT = 4


def signature(path: Path) -> Signature:
    """What changes when a file is replaced: time, size and number of the file."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _remember(path: Path, found: Signature, layers: dict[str, Any]) -> None:
    with _lock:
        _manifests.pop(path, None)
        _manifests[path] = found, layers
        while len(_manifests) > MOST_KEPT:
            _manifests.pop(next(iter(_manifests)))


class Hashes:
    """Content hashes of built files, from the manifest; safe to use from any thread.

    Parameters
    ----------
    out : Path
        The tiles folder.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], dict[str, Any]] = (0, 0), {}

    def find(self, name: str, size: int) -> str | None:
        """sha256 of a file by its path in the tiles folder; None where the manifest has none of that size (bytes)."""
        try:
            found = (self._out / MANIFEST).stat()
        except OSError:
            return None
        now = found.st_mtime_ns, found.st_ino
        with self._lock:
            if self._read[0] != now:
                self._read = now, read_manifest(self._out)
            layers = self._read[1]
        parts = name.split("/")
        for depth in (1, 2):
            entry = layers.get("/".join(parts[:depth]))
            known = entry and entry["files"].get("/".join(parts[depth:]))
            if known and known[1] == size:
                return str(known[0])
        return None


def write_manifest(out: Path, layers: Mapping[str, Any]) -> None:
    """Put the manifest in place in one step; entries are not changed afterwards."""
    beside = out / (MANIFEST + ".new")
    beside.write_bytes(manifest_bytes(layers))
    remember_manifest(out, layers, beside)
    beside.replace(out / MANIFEST)


def manifest_bytes(layers: Mapping[str, Any]) -> bytes:
    """A manifest as it is written."""
    body = {"format": FORMAT, "layers": {k: layers[k] for k in sorted(layers)}}
    return orjson.dumps(body, option=orjson.OPT_INDENT_2)


def remember_manifest(out: Path, layers: Mapping[str, Any], beside: Path) -> None:
    """Keep what was written to a file that will be the manifest; entries are not changed afterwards."""
    ordered = {k: layers[k] for k in sorted(layers)}
    _remember(out / MANIFEST, signature(beside), ordered)


def swap(built: Path, target: Path, old: Path) -> None:
    """Put a built layer where the old one was; ``built`` may not exist (an empty layer)."""
    if target.exists():
        old.parent.mkdir(parents=True, exist_ok=True)
        target.rename(old)
    if built.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        built.rename(target)
    if old.exists():
        shutil.rmtree(old)
