"""The loaders, in the order in which they are asked, and what lies under a path."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from loaders.base import LayerInfo, Loader, RasterLayer
from loaders.cityjson import CityJsonLoader
from loaders.ifc import IfcLoader
from loaders.oblique import ObliqueLoader, convert, is_oblique
from loaders.points import PointsLoader
from loaders.points.stream import PointStream
from loaders.raster import RasterLoader
from loaders.shapefile import SIDECARS, sibling
from loaders.tables import TableLoader
from loaders.tileset import TilesetLoader
from loaders.tileset.loader import TilesetFiles
from loaders.tileset.members import KINDS as TILE_FILES
from loaders.vector import VectorLoader
from twin.errors import SourceError, UnsupportedFormatError
from twin.heights import Heights
from twin.plan import LayerPlan

__all__ = [
    "LOADERS",
    "discover",
    "loader_for",
    "read_points",
    "read_raster",
    "read_tileset",
    "scan",
]

_RASTER = RasterLoader()
_POINTS = PointsLoader()
_TILESETS = TilesetLoader()
LOADERS: tuple[Loader, ...] = (
    IfcLoader(),  # .ifc
    ObliqueLoader(),  # folders of OSGB tiles
    _TILESETS,  # 3D Tiles, quantized-mesh terrain
    CityJsonLoader(),  # .city.json(l), and .json that says CityJSON
    _RASTER,  # GeoTIFF and the grids of terrain models
    _POINTS,  # LAS, LAZ, COPC, PLY, text lists
    VectorLoader(),  # what GDAL reads with features in it
    TableLoader(),  # CSV, and .json that nobody above took
)

MAX_FILES = 200_000
"""A folder with more files than this is refused."""
_PARTS_OF = {"dbf": ("shp",), "dat": ("tab",), "map": ("tab",), "id": ("tab",), "mid": ("mif",)}
_NEVER = SIDECARS | {
    "xml",
    "aux",
    "ovr",
    "tfw",
    "jgw",
    "pgw",
    "wld",
    "tifw",
    "tiffw",
    "jpgw",
    "jpegw",
    "pngw",
    "wpw",
    "bpw",
    "j2w",
    "jp2w",
    "msk",
    "hdr",
    "ige",
    "rrd",
    "rde",
    "stx",
    "clr",
    "gfs",
    "lock",
    "md",
    "qml",
    "sld",
    "lyr",
    "tmp",
}


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


def _is_part(path: Path) -> bool:
    """Whether a file belongs to another one (the .dbf of a .shp) or is none of ours by its name."""
    extension = path.suffix.lower().lstrip(".")
    if path.name.startswith((".", "~$")) or extension in _NEVER:
        return True
    return any(sibling(path, whole) is not None for whole in _PARTS_OF.get(extension, ()))


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
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise SourceError(path, "no such file or folder")
        if path.is_file() or path.suffix.lower() == ".gdb" or is_oblique(path):
            found[path] = None
            continue
        for source in _walk(path):
            found[source] = None
    return list(found)


def _entry_of(folder: Path, names: Iterable[str], sets: Iterable[Path]) -> Path | None:
    """First document of a tileset or terrain set at the top of a folder, unless an outer set already holds it."""
    if any(folder.is_relative_to(s) for s in sets):
        return None
    entries = (folder / name for name in ("tileset.json", "layer.json") if name in set(names))
    return next((e for e in entries if _TILESETS.supports(e)), None)


def _walk(folder: Path) -> Iterable[Path]:
    seen = 0
    sets: list[Path] = []
    for root, folders, names in os.walk(folder, followlinks=False):
        databases = sorted(
            f for f in folders if f.lower().endswith(".gdb") or is_oblique(Path(root) / f)
        )
        folders[:] = sorted(f for f in folders if f not in databases and not f.startswith("."))
        yield from (Path(root) / f for f in databases)
        seen += len(names)
        if seen > MAX_FILES:
            raise SourceError(folder, f"holds more than {MAX_FILES} files; give smaller folders")
        if (entry := _entry_of(Path(root), names, sets)) is not None:
            sets.append(Path(root))
            yield entry
        within = any(Path(root).is_relative_to(s) for s in sets)
        for path in (Path(root) / name for name in sorted(names)):
            if within and path.suffix.lower() in TILE_FILES:
                continue  # it belongs to the tileset
            if not _is_part(path) and any(loader.supports(path) for loader in LOADERS):
                yield path


def scan(paths: Iterable[Path]) -> list[LayerInfo]:
    """Layers of all sources under ``paths``; a source that cannot be opened becomes a layer with the reason as its finding.

    Returns
    -------
    list of LayerInfo
        In the order of :func:`discover`; layers of unreadable sources have format ``unreadable``
        and count None.
    """
    out: list[LayerInfo] = []
    for path in discover(paths):
        try:
            out += loader_for(path).scan(path)
        except SourceError as err:
            out.append(LayerInfo(path, path.stem, "features", "unreadable", findings=(err.reason,)))
    return out


def read_points(layer: LayerInfo, plan: LayerPlan) -> PointStream:
    """The points of a layer of kind ``points``; see :meth:`loaders.points.PointsLoader.read_points`.

    Raises
    ------
    SourceError
        If it cannot be read.
    """
    return _POINTS.read_points(layer, plan)


def read_raster(layer: LayerInfo, plan: LayerPlan) -> RasterLayer:
    """The whole raster of a layer of kind ``raster``; see :meth:`loaders.raster.RasterLoader.read_raster`.

    Raises
    ------
    SourceError
        If it cannot be read or has no georeference.
    """
    return _RASTER.read_raster(layer, plan)


@contextmanager
def read_tileset(layer: LayerInfo, crs: str, heights: Heights) -> Iterator[TilesetFiles]:
    """The files of a layer of kind ``tileset``; an oblique model is converted into a folder that ends with the block.

    Parameters
    ----------
    layer : LayerInfo
    crs : str
        What the oblique model's coordinates are in; a finished tileset has its own place.
    heights : Heights
        Of the city: an oblique model stands above the geoid unless its system says otherwise.

    Raises
    ------
    SourceError
        If it is no tileset, or the converter is missing.
    """
    if layer.path.is_dir():
        with tempfile.TemporaryDirectory() as folder:
            yield convert(layer.path, Path(folder), crs, heights)
        return
    yield _TILESETS.read_files(layer.path)
