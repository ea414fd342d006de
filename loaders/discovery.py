"""What lies under a path: sources, layers, archives, and the files that are none of them."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loaders.archives import DEEPEST, Unpacking, is_archive, unpack
from loaders.base import LayerInfo
from loaders.foreseen import foreseen
from loaders.oblique import is_oblique
from loaders.registry import LOADERS, loader_for
from loaders.skipped import Skipped, part_of, why_skipped
from loaders.tileset import TilesetLoader
from loaders.tileset.members import KINDS as TILE_FILES
from twin.errors import SourceError, TwinError, UnsafeSourceError, UnsupportedFormatError

__all__ = ["Scanned", "Survey", "discover", "scan", "scan_all", "survey"]

MAX_FILES = 200_000
"""A folder with more files than this is refused."""


def discover(paths: Iterable[Path]) -> list[Path]:
    """Sources under files and folders, each once, sorted by name within a folder.

    Parameters
    ----------
    paths : iterable of Path
        A file is taken as it is; a folder is walked (symbolic links to folders are not followed). A
        ``.gdb`` folder is one
        source. Sidecars, hidden files and files that no loader takes are left out of folders.

    Returns
    -------
    list of Path

    Raises
    ------
    SourceError
        If a path does not exist or a folder holds more than ``MAX_FILES`` files.
    """
    return list(survey(paths).sources)


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies under some paths: sources in order, and the files that are none, with the reason."""

    sources: Sequence[Path]
    skipped: Sequence[Skipped]


@dataclass(frozen=True, slots=True)
class Scanned:
    """Layers of all sources, and the files that were left out."""

    layers: Sequence[LayerInfo]
    skipped: Sequence[Skipped]


def survey(paths: Iterable[Path]) -> Survey:
    """Sources under files and folders as :func:`discover` gives them, with what is left out.

    Files that belong to a source (the ``.dbf`` of a ``.shp``) are part of it and not listed.

    Raises
    ------
    SourceError
        As :func:`discover`.
    """
    found: dict[Path, None] = {}
    skipped: dict[Path, Skipped] = {}
    for path in paths:
        if not path.exists():
            raise SourceError(path, "no such file or folder")
        if path.is_file() or path.suffix.lower() == ".gdb" or is_oblique(path):
            found[path] = None
            continue
        for thing in _walk(path):
            if isinstance(thing, Skipped):
                skipped[thing.path] = thing
            else:
                found[thing] = None
    return Survey(list(found), list(skipped.values()))


def _entry_of(folder: Path, names: Iterable[str], sets: Iterable[Path]) -> Path | None:
    """First document of a tileset or terrain set at the top of a folder, unless an outer set already holds it."""
    if any(folder.is_relative_to(s) for s in sets):
        return None
    entries = (folder / name for name in ("tileset.json", "layer.json") if name in set(names))
    return next((e for e in entries if TilesetLoader().supports(e)), None)


def _walk(folder: Path) -> Iterable[Path | Skipped]:
    seen = 0
    sets: list[Path] = []
    for root, folders, names in os.walk(folder, followlinks=False):
        here = Path(root)
        whole = sorted(f for f in folders if f.lower().endswith(".gdb") or is_oblique(here / f))
        folders[:] = sorted(f for f in folders if f not in whole and not f.startswith("."))
        yield from (here / f for f in whole)
        seen += len(names)
        if seen > MAX_FILES:
            raise SourceError(folder, f"holds more than {MAX_FILES} files; give smaller folders")
        if (entry := _entry_of(here, names, sets)) is not None:
            sets.append(here)
            yield entry
        within = any(here.is_relative_to(s) for s in sets)
        for path in (here / name for name in sorted(names)):
            if part_of(path) is not None or (within and path.suffix.lower() in TILE_FILES):
                continue  # it belongs to another file, or to the tileset
            yield path if _is_source(path) else Skipped(path, why_skipped(path))


def _is_source(path: Path) -> bool:
    if path.name.startswith((".", "~$")):
        return False
    return any(loader.supports(path) for loader in LOADERS) or is_archive(path)


def scan(
    paths: Iterable[Path], progress: Callable[[str, int, int | None], None] | None = None
) -> list[LayerInfo]:
    """Layers of all sources under ``paths``; a source that cannot be opened becomes a layer with the reason as its finding.

    Returns
    -------
    list of LayerInfo
        In the order of :func:`discover`; layers of unreadable sources have format ``unreadable``
        and count None.
    """
    return list(scan_all(paths, progress).layers)


def scan_all(
    paths: Iterable[Path], progress: Callable[[str, int, int | None], None] | None = None
) -> Scanned:
    """Layers as :func:`scan` gives them, with the files that were left out."""
    surveyed = survey(paths)
    layers: list[LayerInfo] = []
    skipped = list(surveyed.skipped)
    for done, path in enumerate(surveyed.sources):
        if progress is not None:
            progress("scan", done, len(surveyed.sources))
        inside = _scanned(path)
        layers += inside.layers
        skipped += inside.skipped
    return Scanned(layers, skipped)


def _scanned(
    path: Path, shown: str = "", unpacking: Unpacking | None = None, depth: int = 1
) -> Scanned:
    """One source; of an archive, everything in it."""
    try:
        with foreseen(path):
            if any(loader.supports(path) for loader in LOADERS):
                return Scanned(loader_for(path).scan(path), [])
            if not is_archive(path):
                raise UnsupportedFormatError(path, _why_not(path))
            if depth > DEEPEST:
                raise UnsafeSourceError(
                    path, f"archives are nested deeper than {DEEPEST}; unpack the outer ones"
                )
            return _inside(path, shown or str(path), unpacking or Unpacking(), depth)
    except TwinError as err:
        reason = err.reason if isinstance(err, SourceError) else str(err)
        return Scanned(
            [LayerInfo(path, path.stem, "features", "unreadable", findings=(reason,))], []
        )


def _why_not(path: Path) -> str:
    """Why a file that was asked for by name is no source: what is known about its kind, else what is read at all."""
    reason = why_skipped(path)
    if not reason.startswith("no loader knows"):
        return reason
    try:
        loader_for(path)
    except UnsupportedFormatError as err:
        return err.reason
    return reason


def _inside(archive: Path, shown: str, unpacking: Unpacking, depth: int) -> Scanned:
    """Layers of what is in an archive, under the names people know, each holding the unpacked files."""
    folder = unpack(archive, unpacking, shown)

    def known(text: str) -> str:
        return text.replace(str(folder), shown)

    inside = survey([folder])
    layers: list[LayerInfo] = []
    skipped = [replace(s, shown=known(str(s.path))) for s in inside.skipped]
    for path in inside.sources:
        found = _scanned(path, known(str(path)), unpacking, depth + 1)
        skipped += found.skipped
        layers += [
            replace(
                layer,
                origin=layer.origin or known(str(layer.path)),
                keep=unpacking,
                findings=tuple(map(known, layer.findings)),
            )
            for layer in found.layers
        ]
    if not layers and not skipped:
        raise SourceError(archive, "the archive is empty")
    return Scanned(layers, skipped)
