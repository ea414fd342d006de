"""GeoParquet, GeoArrow and plain Parquet or Feather tables, streamed batch by batch.

Read with Arrow itself: geometry as WKB, WKT or native (nested lists of coordinates), described by the
``geo`` metadata (GeoParquet 0.1 to 1.1), by Arrow extension names or by Parquet's own logical types.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from loaders.base import Batch, LayerInfo
from loaders.columns import Faults, to_text
from loaders.features import feature_records
from loaders.gdalio import head_of, refuse_dangerous
from loaders.keys import KeyLedger
from loaders.surfaces import plain_geometry
from loaders.wkb import checked, from_wkt
from twin.errors import SourceError
from twin.plan import LayerPlan
from twin.schema import RECORDS

__all__ = ["ParquetLoader"]

_PARQUET = (".parquet", ".geoparquet", ".pq")
_FEATHER = (".feather", ".arrow")
_NATIVE = {
    "point": shapely.GeometryType.POINT,
    "linestring": shapely.GeometryType.LINESTRING,
    "polygon": shapely.GeometryType.POLYGON,
    "multipoint": shapely.GeometryType.MULTIPOINT,
    "multilinestring": shapely.GeometryType.MULTILINESTRING,
    "multipolygon": shapely.GeometryType.MULTIPOLYGON,
}
_LIKELY = {"geometry", "geom", "wkb_geometry", "the_geom", "shape", "wkb", "geography"}
"""Names of binary columns that are tried as WKB where nothing is declared."""
CRS84 = "OGC:CRS84"


@dataclass(frozen=True, slots=True)
class _Geometry:
    """A geometry column: name, encoding (``wkb``, ``wkt`` or a native one), CRS."""

    name: str
    encoding: str
    crs: str | None
    types: tuple[str, ...] = ()
    bounds: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class _Opened:
    """A table on disk: its schema, size, and what streams it."""

    schema: pa.Schema
    count: int | None
    file: pq.ParquetFile | None
    stream: pa.RecordBatchFileReader | None
    path: Path

    def batches(self, size: int) -> Iterator[pa.RecordBatch]:
        """Batches of at most ``size`` rows."""
        if self.file is not None:
            yield from self.file.iter_batches(batch_size=size)
        elif self.stream is not None:
            for i in range(self.stream.num_record_batches):
                batch = self.stream.get_batch(i)
                for at in range(0, batch.num_rows, size):
                    yield batch.slice(at, size)


class ParquetLoader:
    """Parquet and Feather tables with or without geometry."""

    name = "parquet"

    def supports(self, path: Path) -> bool:
        """Whether it starts as Parquet or Arrow does (or is named so and has a content of its own)."""
        extension = path.suffix.lower()
        if extension in _PARQUET:
            return path.is_file()
        return extension in _FEATHER and path.is_file()

    def scan(self, path: Path) -> list[LayerInfo]:
        """The table as one layer.

        Raises
        ------
        SourceError
            If it is no Parquet or Arrow file.
        """
        with _opened(path) as table:
            geometries = _geometries(table)
            main = geometries[0] if geometries else None
            findings = _remarks(table, geometries)
            inside = {g.name for g in geometries}
            fields = {f.name: str(f.type) for f in table.schema if f.name not in inside}
            fields |= dict.fromkeys(_partition(path), "string")
            kinds = main.types if main else ()
            return [
                LayerInfo(
                    path=path,
                    name=path.stem,
                    kind="features",
                    format="Parquet" if table.file is not None else "Feather",
                    count=table.count,
                    geometry_type=None
                    if main is None
                    else kinds[0]
                    if len(kinds) == 1
                    else "Unknown",
                    fields=fields,
                    crs=main.crs if main else None,
                    bounds=main.bounds if main else None,
                    findings=tuple(findings),
                )
            ]

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:
        """Records; see :mod:`loaders.base`.

        Raises
        ------
        SourceError
            If the file breaks off.
        """
        ledger, start = KeyLedger(), 0
        with _opened(layer.path) as table:
            geometries = _geometries(table)
            covering = _covering(table.schema)
            for batch in table.batches(batch_size):
                yield _batch(batch, geometries, covering, layer.path, plan, start, ledger)
                start += batch.num_rows
        if layer.count not in (None, start):
            said = f"the header says {layer.count} records, the file holds {start}"
            yield Batch(RECORDS.empty_table(), findings=(said,))


@contextmanager
def _opened(path: Path) -> Iterator[_Opened]:
    refuse_dangerous(path)
    try:
        if head_of(path, 6) == b"ARROW1":
            with pa.memory_map(str(path)) as source:
                reader = pa.ipc.open_file(source)
                yield _Opened(reader.schema, None, None, reader, path)
        else:
            with pq.ParquetFile(path) as file:
                yield _Opened(file.schema_arrow, file.metadata.num_rows, file, None, path)
    except (pa.ArrowException, OSError, ValueError, KeyError) as err:
        if isinstance(err, SourceError):
            raise
        said = " ".join(str(err).split())[:200]
        raise SourceError(path, f"is no Parquet or Feather file that can be read: {said}") from err


def _metadata(schema: pa.Schema) -> dict[str, Any]:
    try:
        found = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _covering(schema: pa.Schema) -> set[str]:
    """Columns that only repeat the boxes of a geometry column."""
    columns = _metadata(schema).get("columns", {})
    return {
        path[0]
        for column in (columns.values() if isinstance(columns, dict) else ())
        if isinstance(column, dict)
        for box in [column.get("covering", {}).get("bbox", {})]
        for path in box.values()
        if path
    }


def _geometries(table: _Opened) -> list[_Geometry]:
    """Geometry columns, the primary one first; by metadata, else extension name, logical type, or name and bytes."""
    meta, schema = _metadata(table.schema), table.schema
    columns = meta.get("columns", {})
    if isinstance(columns, dict) and columns:
        primary = meta.get("primary_column")
        names = [n for n in sorted(columns, key=lambda n: n != primary) if n in schema.names]
        return [_declared(name, columns[name]) for name in names]
    logical = _logical(table)
    found = []
    for field in schema:
        extension = _extension(field)
        if extension is not None:
            found.append(extension)
        elif field.name in logical:
            found.append(_Geometry(field.name, "wkb", logical[field.name]))
    if not found:
        found = [
            _Geometry(f.name, "wkb", None)
            for f in schema
            if f.name.lower() in _LIKELY
            and (pa.types.is_binary(f.type) or pa.types.is_large_binary(f.type))
        ]
    return found


def _declared(name: str, column: Mapping[str, Any]) -> _Geometry:
    """A column as GeoParquet metadata describes it; an absent CRS is OGC:CRS84, a null one unknown."""
    box = column.get("bbox") or []
    if len(box) == 6:
        box = [box[0], box[1], box[3], box[4]]
    numbers = len(box) == 4 and all(isinstance(v, int | float) and np.isfinite(v) for v in box)
    types = column.get("geometry_types", column.get("geometry_type", []))
    types = [types] if isinstance(types, str) else types
    return _Geometry(
        name,
        str(column.get("encoding", "WKB")).lower(),
        _crs_text(column["crs"]) if "crs" in column else CRS84,
        tuple(t for t in types if isinstance(t, str) and t != "Unknown"),
        (box[0], box[1], box[2], box[3]) if numbers else None,
    )


def _crs_text(crs: Any) -> str | None:  # noqa: ANN401 -- PROJJSON, WKT or null as JSON has it
    """``EPSG:n`` or ``OGC:CRS84`` where the CRS names its code, else its text."""
    if isinstance(crs, dict):
        code = crs.get("id", {})
        if isinstance(code, dict) and {"authority", "code"} <= code.keys():
            return f"{code['authority']}:{code['code']}"
        return json.dumps(crs)
    return crs if isinstance(crs, str) and crs else None


def _extension(field: pa.Field) -> _Geometry | None:
    """A column whose Arrow extension says what it is."""
    meta = field.metadata or {}
    name = (meta.get(b"ARROW:extension:name") or b"").decode("ascii", "replace").lower()
    encoding = {"geoarrow.wkb": "wkb", "ogc.wkb": "wkb", "wkb": "wkb", "geoarrow.wkt": "wkt"}.get(
        name, name.removeprefix("geoarrow.")
    )
    if encoding not in (*_NATIVE, "wkb", "wkt"):
        return None
    try:
        about = json.loads(meta.get(b"ARROW:extension:metadata") or b"{}")
    except ValueError:
        about = {}
    crs = about.get("crs") if isinstance(about, dict) else None
    return _Geometry(field.name, encoding, _crs_text(crs))


def _logical(table: _Opened) -> dict[str, str | None]:
    """Columns with Parquet's own GEOMETRY or GEOGRAPHY type → CRS."""
    if table.file is None:
        return {}
    out: dict[str, str | None] = {}
    for i in range(len(table.file.schema)):
        column = table.file.schema.column(i)
        found = re.match(
            r"(?:Geometry|Geography)\((?:crs=(?P<crs>[^,)]*))?", str(column.logical_type)
        )
        if found and "." not in column.path:
            out[column.path] = _logical_crs(found["crs"] or "", table.schema)
    return out


def _logical_crs(text: str, schema: pa.Schema) -> str | None:
    if not text:
        return CRS84
    if text.startswith("srid:"):
        return f"EPSG:{text[5:]}" if text != "srid:0" else None
    if text.startswith("projjson:"):
        stored = (schema.metadata or {}).get(text[9:].encode())
        return _crs_text(json.loads(stored)) if stored else None
    return text


def _partition(path: Path) -> dict[str, str]:
    """Values that a partitioned data set keeps in its folder names (``year=2020``)."""
    pairs = (part.split("=", 1) for part in path.parts[:-1] if re.fullmatch(r"[^=]+=[^=]*", part))
    return dict(pairs)


def _remarks(table: _Opened, geometries: list[_Geometry]) -> list[str]:
    out = []
    if not geometries:
        out.append("no geometry column: the records have no place of their own")
    if len(geometries) > 1:
        others = ", ".join(g.name for g in geometries[1:])
        out.append(f"{geometries[0].name} is taken as the geometry; {others} kept as text (WKT)")
    if geometries and not _metadata(table.schema):
        out.append("no GeoParquet metadata: the geometry column is told by its type or name")
    if geometries and geometries[0].crs == CRS84 and table.file is not None:
        out.append("no crs stated: OGC:CRS84 by the GeoParquet standard")
    return out


def _batch(
    batch: pa.RecordBatch,
    geometries: list[_Geometry],
    covering: set[str],
    path: Path,
    plan: LayerPlan,
    start: int,
    ledger: KeyLedger,
) -> Batch:
    faults, n = Faults(batch.num_rows), batch.num_rows
    columns: dict[str, pa.Array] = {}
    by_name = {g.name: g for g in geometries}
    for i, name in enumerate(batch.schema.names):
        if name not in by_name and name not in covering:
            columns[name] = _storage(batch.column(i))
    for name, value in _partition(path).items():
        columns.setdefault(name, pa.array([value] * n, pa.string()))
    wkb = dimension = None
    findings: list[str] = []
    for g in geometries[1:]:
        columns[g.name] = pa.array(
            shapely.to_wkt(_shapes(batch, g, Faults(n))).tolist(), pa.string()
        )
    if geometries:
        main = geometries[0]
        column = _wkb(batch, main, faults)
        wkb, dimension, findings = checked(column, faults, required=True)
    row = np.arange(start, start + n, dtype=np.int64)
    records = feature_records(columns, wkb, dimension, plan, plan.fields, row, faults, ledger)
    return Batch(records, findings=tuple(findings))


def _storage(array: pa.Array) -> pa.Array:
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _wkb(batch: pa.RecordBatch, g: _Geometry, faults: Faults) -> pa.Array:
    """The geometry column as WKB."""
    array = _storage(batch.column(batch.schema.get_field_index(g.name)))
    if g.encoding == "wkb" and not pa.types.is_nested(array.type):
        return array.cast(pa.binary())
    shapes = _shapes(batch, g, faults)
    return pa.array(shapely.to_wkb(shapes, output_dimension=3, flavor="iso"), pa.binary())


def _shapes(batch: pa.RecordBatch, g: _Geometry, faults: Faults) -> NDArray[np.object_]:
    """The geometry column as shapely objects; what cannot be read is None and a fault."""
    array = _storage(batch.column(batch.schema.get_field_index(g.name)))
    if g.encoding in _NATIVE and pa.types.is_nested(array.type):
        return _native(array, _NATIVE[g.encoding])
    if g.encoding == "wkt":
        text = to_text(array)
        shapes = from_wkt(text.to_numpy(zero_copy_only=False))
        unread = shapely.is_missing(shapes) & text.is_valid().to_numpy(zero_copy_only=False)
        faults.add(unread, f"{g.name}: is no WKT geometry")
        return np.asarray(shapes, dtype=object)
    raw = array.cast(pa.binary()).to_pylist()
    return np.array([None if w is None else plain_geometry(w) for w in raw], dtype=object)


def _native(array: pa.Array, kind: shapely.GeometryType) -> NDArray[np.object_]:
    """Geometries from nested lists of coordinates, structs (x, y, z, m) or interleaved."""
    valid = np.asarray(array.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    offsets: list[NDArray[np.int64]] = []
    inner = array
    while pa.types.is_list(inner.type) or pa.types.is_large_list(inner.type):
        lengths = pc.fill_null(pc.list_value_length(inner), 0).to_numpy(zero_copy_only=False)
        offsets.append(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
        inner = inner.flatten()
    if pa.types.is_struct(inner.type):
        names = [n for n in ("x", "y", "z") if inner.type.get_field_index(n) >= 0]
        parts = [pc.struct_field(inner, n).to_numpy(zero_copy_only=False) for n in names]
        coords = np.column_stack([np.asarray(p, dtype=np.float64) for p in parts])
    else:
        width = inner.type.list_size
        flat = pc.fill_null(inner.flatten(), np.nan).to_numpy(zero_copy_only=False)
        if (
            inner.null_count
        ):  # flatten passes over null points; here they are points without coordinates
            full = np.full((len(inner), width), np.nan)
            full[inner.is_valid().to_numpy(zero_copy_only=False)] = flat.reshape(-1, width)
            flat = full
        coords = np.asarray(flat, dtype=np.float64).reshape(-1, width)[:, :3]
    shapes = shapely.from_ragged_array(kind, coords, tuple(reversed(offsets)) or None)
    out: NDArray[np.object_] = np.asarray(shapes, dtype=object)
    out[~valid] = None
    return out
