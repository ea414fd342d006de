"""The loaders, in the order in which they are asked."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loaders.base import LayerInfo, Loader, RasterLayer
from loaders.citygml import CityGmlLoader
from loaders.cityjson import CityJsonLoader
from loaders.dxf import DxfLoader
from loaders.ifc import IfcLoader
from loaders.networks import NetworkLoader
from loaders.oblique import ObliqueLoader, convert
from loaders.osm import OsmLoader
from loaders.parquet import ParquetLoader
from loaders.points import PointsLoader
from loaders.points.stream import PointStream
from loaders.raster import RasterLoader
from loaders.sensors.loader import SensorLoader
from loaders.tables import TableLoader
from loaders.tileset import TilesetLoader
from loaders.tileset.loader import TilesetFiles
from loaders.vector import VectorLoader
from twin.errors import UnsupportedFormatError
from twin.heights import Heights
from twin.plan import LayerPlan

__all__ = ["LOADERS", "loader_for", "read_points", "read_raster", "read_tileset"]

_RASTER = RasterLoader()
_POINTS = PointsLoader()
_TILESETS = TilesetLoader()
LOADERS: tuple[Loader, ...] = (
    IfcLoader(),  # .ifc
    ObliqueLoader(),  # folders of OSGB tiles
    _TILESETS,  # 3D Tiles, quantized-mesh terrain
    CityJsonLoader(),  # .city.json(l), and .json that says CityJSON
    CityGmlLoader(),  # .gml and .xml whose root is a CityModel
    _RASTER,  # GeoTIFF and the grids of terrain models
    _POINTS,  # LAS, LAZ, COPC, PLY, text lists
    SensorLoader(),  # SensorThings, NGSI, WaterML
    DxfLoader(),  # DXF, layer by layer
    NetworkLoader(),  # EPANET and SWMM
    OsmLoader(),  # OSM PBF and XML
    ParquetLoader(),  # GeoParquet, GeoArrow in Feather
    VectorLoader(),  # what GDAL reads with features in it
    TableLoader(),  # CSV, and .json that nobody above took
)


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
