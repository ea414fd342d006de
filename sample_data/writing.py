"""Files as a city hands them over, written so that a rerun gives the same bytes."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyogrio
import rasterio
import shapely
from numpy.typing import NDArray
from pyogrio.raw import write as write_vector
from rasterio import Affine

from sample_data.district import CRS

__all__ = [
    "NOT_A_NUMBER",
    "write_csv",
    "write_geojson",
    "write_geopackage",
    "write_raster",
    "write_shapefile",
]

Columns = Mapping[str, Any]

NOT_A_NUMBER: Final = 1.234567890123e15
"""Stands for NaN until the file is written: the drivers refuse NaN, real files hold it all the same."""

_STAMP = "2026-07-01T00:00:00Z"


@contextmanager
def _fixed_clock() -> Iterator[None]:
    """Let GDAL write one date into its headers."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _STAMP})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _fields(columns: Columns) -> tuple[list[NDArray[Any]], NDArray[np.object_]]:
    data = [
        np.asarray(c) if np.asarray(c).dtype.kind in "if" else np.asarray(c, dtype=object)
        for c in columns.values()
    ]
    return data, np.array(list(columns), dtype=object)


def _put_nan(path: Path) -> None:
    """Replace the stand-in by NaN, byte for byte (little-endian doubles)."""
    stand_in, nan = struct.pack("<d", NOT_A_NUMBER), struct.pack("<d", float("nan"))
    data = path.read_bytes()
    if stand_in in data:
        path.write_bytes(data.replace(stand_in, nan))


def write_shapefile(path: Path, geometry: NDArray[np.object_], columns: Columns, kind: str) -> None:
    """Shapefile in EPSG:4547 with GBK text, marked in the DBF header as ArcGIS does (0x4D), without .cpg."""
    data, names = _fields(columns)
    with _fixed_clock():
        write_vector(
            str(path),
            shapely.to_wkb(geometry),
            data,
            names,
            driver="ESRI Shapefile",
            geometry_type=kind,
            crs=CRS,
            encoding="GBK",
            layer_options={"DBF_DATE_LAST_UPDATE": _STAMP[:10]},
        )
    path.with_suffix(".cpg").unlink(missing_ok=True)
    dbf = path.with_suffix(".dbf")
    header = bytearray(dbf.read_bytes())
    header[29] = 0x4D
    dbf.write_bytes(header)
    _put_nan(path)


def write_geopackage(
    path: Path, layer: str, geometry: NDArray[np.object_], columns: Columns, kind: str
) -> None:
    """One layer of a GeoPackage, EPSG:4547; further calls add layers."""
    data, names = _fields(columns)
    with _fixed_clock():
        write_vector(
            str(path),
            shapely.to_wkb(geometry),
            data,
            names,
            driver="GPKG",
            layer=layer,
            geometry_type=kind,
            crs=CRS,
            append=path.exists(),
        )
    _put_nan(path)


def write_geojson(path: Path, geometry: NDArray[np.object_], columns: Columns) -> None:
    """RFC 7946: longitude, latitude to nine decimals."""
    data, names = _fields(columns)
    with _fixed_clock():
        write_vector(
            str(path),
            shapely.to_wkb(geometry),
            data,
            names,
            driver="GeoJSON",
            geometry_type="Unknown",
            crs="EPSG:4326",
            layer_options={"RFC7946": "YES", "COORDINATE_PRECISION": "9"},
        )


def write_csv(path: Path, columns: Columns, encoding: str = "utf-8-sig") -> None:
    """Comma-separated table; null is an empty field, numbers as given.

    Parameters
    ----------
    columns : mapping of name → sequence of length n
        Strings, or numbers (write rounded ones).
    encoding : str
        ``utf-8-sig`` or ``gb18030``.
    """
    arrays = [pa.array(c, from_pandas=True) for c in columns.values()]
    table = pa.table(arrays, names=list(columns))
    sink = pa.BufferOutputStream()
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    pyarrow.csv.write_csv(table, sink, options)
    body = sink.getvalue().to_pybytes().decode("utf-8")
    path.write_bytes((",".join(columns) + "\n" + body).encode(encoding))


def write_raster(
    path: Path,
    bands: NDArray[Any],
    origin: tuple[float, float],
    pixel: float,
    options: Mapping[str, Any],
) -> None:
    """GeoTIFF in EPSG:4547.

    Parameters
    ----------
    bands : ndarray, shape (count, rows, cols)
    origin : (float, float)
        Easting of the western and northing of the northern edge.
    pixel : float
        Metres.
    options : mapping
        Creation options of the GTiff driver, and ``nodata``.
    """
    count, rows, cols = bands.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=cols,
        height=rows,
        count=count,
        dtype=bands.dtype,
        crs=CRS,
        transform=Affine(pixel, 0.0, origin[0], 0.0, -pixel, origin[1]),
        **options,
    ) as sink:
        sink.write(bands)


def strings(values: Sequence[str]) -> NDArray[np.object_]:
    """Object array of text."""
    return np.array(values, dtype=object)
