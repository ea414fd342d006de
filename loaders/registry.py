"""The loaders, in the order in which they are asked, and what lies under a path."""

import os
from collections.abc import Iterable
from pathlib import Path

from loaders.base import LayerInfo, Loader, RasterLayer
from loaders.citygml import CityGmlLoader
from loaders.cityjson import CityJsonLoader
from loaders.ifc import IfcLoader
from loaders.points import PointsLoader
from loaders.raster import RasterLoader
from loaders.shapefile import SIDECARS, sibling
from loaders.tables import TableLoader
from loaders.vector import VectorLoader
from twin.errors import SourceError, UnsupportedFormatError
from twin.plan import LayerPlan

__all__ = ["LOADERS", "discover", "loader_for", "read_raster", "scan"]

_RASTER = RasterLoader()
LOADERS: tuple[Loader, ...] = (
    IfcLoader(),  # .ifc
    CityJsonLoader(),  # .city.json(l), and .json that says CityJSON
    CityGmlLoader(),  # .gml and .xml whose root is a CityModel
    _RASTER,  # GeoTIFF and the grids of terrain models
    PointsLoader(),  # LAS, LAZ
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
        if path.is_file() or path.suffix.lower() == ".gdb":
            found[path] = None
            continue
        for source in _walk(path):
            found[source] = None
    return list(found)


def _walk(folder: Path) -> Iterable[Path]:
    seen = 0
    for root, folders, names in os.walk(folder, followlinks=False):
        databases = sorted(f for f in folders if f.lower().endswith(".gdb"))
        folders[:] = sorted(f for f in folders if f not in databases and not f.startswith("."))
        yield from (Path(root) / f for f in databases)
        seen += len(names)
        if seen > MAX_FILES:
            raise SourceError(folder, f"holds more than {MAX_FILES} files; give smaller folders")
        for path in (Path(root) / name for name in sorted(names)):
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


def read_raster(layer: LayerInfo, plan: LayerPlan) -> RasterLayer:
    """The whole raster of a layer of kind ``raster``; see :meth:`loaders.raster.RasterLoader.read_raster`.

    Raises
    ------
    SourceError
        If it cannot be read or has no georeference.
    """
    return _RASTER.read_raster(layer, plan)
