"""The loaders, in the order in which they are asked, and what lies under a path."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loaders.archives import DEEPEST, Unpacking, is_archive, unpack
from loaders.base import LayerInfo, Loader, RasterLayer
from loaders.cityjson import CityJsonLoader
from loaders.dxf import DxfLoader
from loaders.ifc import IfcLoader
from loaders.networks import NetworkLoader
from loaders.osm import OsmLoader
from loaders.parquet import ParquetLoader
from loaders.points import PointsLoader
from loaders.raster import RasterLoader
from loaders.sensors.loader import SensorLoader
from loaders.skipped import Skipped, part_of, why_skipped
from loaders.tables import TableLoader
from loaders.vector import VectorLoader
from twin.errors import SourceError, UnsafeSourceError, UnsupportedFormatError
from twin.plan import LayerPlan

__all__ = [
    "LOADERS",
    "Scanned",
    "Survey",
    "discover",
    "loader_for",
    "read_raster",
    "scan",
    "scan_all",
    "survey",
]

_RASTER = RasterLoader()
LOADERS: tuple[Loader, ...] = (
    IfcLoader(),  # .ifc
    CityJsonLoader(),  # .city.json(l), and .json that says CityJSON
    _RASTER,  # GeoTIFF and the grids of terrain models
    PointsLoader(),  # LAS, LAZ
    SensorLoader(),  # SensorThings, NGSI, WaterML
    DxfLoader(),  # DXF, layer by layer
    NetworkLoader(),  # EPANET and SWMM
    OsmLoader(),  # OSM PBF and XML
    ParquetLoader(),  # GeoParquet, GeoArrow in Feather
    VectorLoader(),  # what GDAL reads with features in it
    TableLoader(),  # CSV, and .json that nobody above took
)

MAX_FILES = 200_000
"""A folder with more files than this is refused."""


def loader_for(path: Path) -> Loader:
    """The first loader that takes ``path``.

    Raises
    ------
    UnsupportedFormatError
        If none does.
    """
    for loader in LOADERS:
        if loader.supports(path):
            return loader
    known = ", ".join(loader.name for loader in LOADERS)
    raise UnsupportedFormatError(
        path,
        f"no loader knows this kind of file (asked: {known}); convert it to GeoPackage, GeoTIFF, IFC, CityJSON or CSV",
    )


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
        if path.is_file() or path.suffix.lower() == ".gdb":
            found[path] = None
            continue
        for thing in _walk(path):
            if isinstance(thing, Skipped):
                skipped[thing.path] = thing
            else:
                found[thing] = None
    return Survey(list(found), list(skipped.values()))


def _walk(folder: Path) -> Iterable[Path | Skipped]:
    seen = 0
    for root, folders, names in os.walk(folder, followlinks=False):
        databases = sorted(f for f in folders if f.lower().endswith(".gdb"))
        folders[:] = sorted(f for f in folders if f not in databases and not f.startswith("."))
        yield from (Path(root) / f for f in databases)
        seen += len(names)
        if seen > MAX_FILES:
            raise SourceError(folder, f"holds more than {MAX_FILES} files; give smaller folders")
        for path in (Path(root) / name for name in sorted(names)):
            if part_of(path) is not None:
                continue
            hidden = path.name.startswith((".", "~$"))
            if not hidden and (
                any(loader.supports(path) for loader in LOADERS) or is_archive(path)
            ):
                yield path
            else:
                yield Skipped(path, why_skipped(path))


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
        if any(loader.supports(path) for loader in LOADERS) or not is_archive(path):
            return Scanned(loader_for(path).scan(path), [])
        if depth > DEEPEST:
            raise UnsafeSourceError(
                path, f"archives are nested deeper than {DEEPEST}; unpack the outer ones"
            )
        return _inside(path, shown or str(path), unpacking or Unpacking(), depth)
    except SourceError as err:
        return Scanned(
            [LayerInfo(path, path.stem, "features", "unreadable", findings=(err.reason,))], []
        )


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


def read_raster(layer: LayerInfo, plan: LayerPlan) -> RasterLayer:
    """The whole raster of a layer of kind ``raster``; see :meth:`loaders.raster.RasterLoader.read_raster`.

    Raises
    ------
    SourceError
        If it cannot be read or has no georeference.
    """
    return _RASTER.read_raster(layer, plan)
