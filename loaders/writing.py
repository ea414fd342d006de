"""Tables of things as files for other programs: CSV, GeoParquet, FlatGeobuf; written batch by batch.

A table has ``eid`` (text), fields, and ``geometry`` (WKB), all coordinates in one system.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import shapely

from loaders.gdalio import pyogrio
from twin.errors import InvalidRequestError

__all__ = ["csv_parts", "write_flatgeobuf", "write_geoparquet"]

TYPES = (
    "Point", "LineString", "LinearRing", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection",
)  # fmt: skip
_PROJJSON_CRS84: dict[str, Any] = {
    "$schema": "https://proj.org/schemas/v0.7/projjson.schema.json",
    "type": "GeographicCRS",
    "name": "WGS 84 longitude-latitude",
    "datum": {
        "type": "GeodeticReferenceFrame",
        "name": "World Geodetic System 1984",
        "ellipsoid": {"name": "WGS 84", "semi_major_axis": 6378137, "inverse_flattening": 298.257223563},
    },
    "coordinate_system": {
        "subtype": "ellipsoidal",
        "axis": [
            {"name": "Geodetic longitude", "abbreviation": "Lon", "direction": "east", "unit": "degree"},
            {"name": "Geodetic latitude", "abbreviation": "Lat", "direction": "north", "unit": "degree"},
        ],
    },
    "id": {"authority": "OGC", "code": "CRS84"},
}  # fmt: skip


def csv_parts(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """UTF-8 CSV with a header (and the mark that spreadsheets look for); the shape as WKT in ``geometry``."""
    first = True
    for batch in batches:
        table = pa.Table.from_batches([_worded(batch)])
        sink = pa.BufferOutputStream()
        options = pa.csv.WriteOptions(include_header=first)
        pa.csv.write_csv(table, sink, options)
        yield (b"\xef\xbb\xbf" if first else b"") + sink.getvalue().to_pybytes()
        first = False


def write_geoparquet(
    path: Path, batches: Iterable[pa.RecordBatch], projjson: dict[str, Any] | None = None
) -> None:
    """GeoParquet 1.1 (OGC 24-013): ``geometry`` as WKB, with its types and box.

    Parameters
    ----------
    path : Path
    batches : iterable of pyarrow.RecordBatch
        All of one schema, at least one.
    projjson : dict, optional
        The system of the coordinates; None for CRS84 (longitude, latitude).
    """
    writer: pa.parquet.ParquetWriter | None = None
    types: set[str] = set()
    box: list[float] | None = None
    try:
        for batch in batches:
            if writer is None:
                writer = pa.parquet.ParquetWriter(path, batch.schema, compression="zstd")
            writer.write_batch(batch)
            shapes = shapely.from_wkb(batch["geometry"].to_numpy(zero_copy_only=False))
            types |= {_named(shape) for shape in shapes if shape is not None}
            if len(shapes):
                box = _joined(box, shapely.total_bounds(shapes).tolist())
        if writer is None:
            raise InvalidRequestError("no table to write: not even an empty one was given")
        column: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": sorted(types),
            "crs": projjson or _PROJJSON_CRS84,
        }
        if box is not None:
            column["bbox"] = box
        geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
        writer.add_key_value_metadata({"geo": json.dumps(geo)})
    finally:
        if writer is not None:
            writer.close()


def write_flatgeobuf(path: Path, batches: Iterable[pa.RecordBatch], crs: str, layer: str) -> None:
    """FlatGeobuf with its packed R-tree.

    Parameters
    ----------
    path : Path
    batches : iterable of pyarrow.RecordBatch
        All of one schema, at least one.
    crs : str
        EPSG code of the coordinates, x before y.
    layer : str
        Name of the layer.
    """
    table = pa.Table.from_batches([_flat(batch) for batch in batches])
    shapes = shapely.from_wkb(table["geometry"].combine_chunks().to_numpy(zero_copy_only=False))
    kinds = {_named(shape) for shape in shapes if shape is not None}
    pyogrio.write_arrow(
        table, path, driver="FlatGeobuf", layer=layer, geometry_name="geometry", crs=crs,
        geometry_type=kinds.pop() if len(kinds) == 1 else "Unknown",
    )  # fmt: skip


def _named(shape: shapely.Geometry) -> str:
    name = TYPES[int(shapely.get_type_id(shape))]
    return f"{name} Z" if shapely.has_z(shape) else name


def _joined(box: list[float] | None, more: list[float]) -> list[float] | None:
    if more[0] != more[0]:
        return box
    if box is None:
        return more
    return [min(box[0], more[0]), min(box[1], more[1]), max(box[2], more[2]), max(box[3], more[3])]


def _worded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its shapes as WKT and lists as JSON."""
    flat = _flat(batch)
    shapes = shapely.from_wkb(flat["geometry"].to_numpy(zero_copy_only=False))
    words = pa.array(shapely.to_wkt(shapes, rounding_precision=9), pa.string())
    return flat.set_column(flat.schema.get_field_index("geometry"), "geometry", words)


def _flat(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with nested columns as JSON text and dictionaries as their values."""
    for i, field in enumerate(batch.schema):
        if pa.types.is_nested(field.type):
            texts = [
                None if v is None else json.dumps(v, ensure_ascii=False)
                for v in batch[i].to_pylist()
            ]
            batch = batch.set_column(i, field.name, pa.array(texts, pa.string()))
        elif pa.types.is_dictionary(field.type):
            batch = batch.set_column(i, field.name, batch[i].cast(field.type.value_type))
    return batch
