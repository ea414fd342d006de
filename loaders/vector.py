"""Vector files: everything GDAL reads with features in it, streamed as Arrow."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from loaders.addresslayers import address_batch
from loaders.announced import announced, remarks
from loaders.base import Batch, LayerInfo
from loaders.columns import Faults, build_table
from loaders.features import feature_records
from loaders.gdalio import (
    head_of,
    listening,
    open_options,
    pyogrio,
    refuse_dangerous,
    refuse_overlaps,
)
from loaders.keys import KeyLedger
from loaders.sequences import broken_records
from loaders.shapefile import encoding_of, table_remarks
from loaders.staged import openable
from loaders.tilepyramids import told_pyramids
from loaders.wkb import checked
from twin.errors import SourceError, UnsafeSourceError
from twin.plan import LayerPlan
from twin.schema import RECORDS

__all__ = ["VectorLoader"]

DRIVERS = {
    "shp": "ESRI Shapefile",
    "dbf": "ESRI Shapefile",
    "gpkg": "GPKG",
    "geojson": "GeoJSON",
    "geojsonl": "GeoJSONSeq",
    "geojsons": "GeoJSONSeq",
    "ndjson": "GeoJSONSeq",
    "topojson": "TopoJSON",
    "fgb": "FlatGeobuf",
    "kml": "LIBKML",
    "kmz": "LIBKML",
    "gml": "GML",
    "dxf": "DXF",
    "tab": "MapInfo File",
    "mif": "MapInfo File",
    "gdb": "OpenFileGDB",
    "json": "GeoJSON",
    "sqlite": "SQLite",
    "db": "SQLite",
    "gpx": "GPX",
    "xml": "GML",
    "seq": "GeoJSONSeq",
}
"""Extension → driver expected; GDAL decides by content."""
ALLOWED = frozenset(DRIVERS.values()) | {"KML", "ESRIJSON", "JSONFG", "GeoRSS", "LVBAG"}
"""Drivers whose opening is accepted, whatever the extension."""

_JSON_MARKS = (
    b'"FeatureCollection"',
    b'"Feature"',
    b'"Topology"',
    b'"geometryType"',
    b'"esriGeometry',
    b'"coordinates"',
)
_XML_MARKS = re.compile(
    rb"opengis\.net/(gml|wfs)|fgd\.gsi\.go\.jp|bag/(extract|product-lvc|imbag|lvc|stelsel)|<rss[\s>]|www\.w3\.org/2005/Atom|<gpx[\s>]|<kml[\s>]"
)
"""Signs of vector data in files named ``.xml``; city models are asked for before (see the registry)."""
_NO_FEATURES = re.compile(
    rb"<[\w:]*(schema|CityModel|Capabilities|GetRecordsResponse|MD_Metadata|coverage)[\s>]", re.I
)
_GEOMETRY_COLUMN = "\0geometry"
"""Of a batch: no field of a file can be called so."""
_RFC = "no crs member: WGS 84 by RFC 7946, not stated by the file"
_KML = "WGS 84 because KML knows nothing else, not stated by the file"
_DEFAULTS = {
    "GeoJSON": _RFC, "GeoJSONSeq": _RFC, "TopoJSON": _RFC, "KML": _KML, "LIBKML": _KML, "GPX": _KML,
}  # fmt: skip
"""Driver → the finding where the CRS is the default of the format."""


def _is_shapefile_part(path: Path) -> bool:
    return path.suffix.lower() in (".shp", ".dbf")


class VectorLoader:
    """Shapefile, GeoPackage, FileGDB, GeoJSON, FlatGeobuf, KML, GML, DXF, MapInfo."""

    name = "vector"

    def supports(self, path: Path) -> bool:
        """Whether the extension (for ``.json`` also the first 4 KiB) is that of a vector format."""
        extension = path.suffix.lower().lstrip(".")
        if extension == "json":
            head = head_of(path).lstrip(b"\xef\xbb\xbf \r\n\t")
            return head.startswith(b"{") and any(mark in head for mark in _JSON_MARKS)
        if extension == "xml":
            head = head_of(path)
            return _XML_MARKS.search(head) is not None and _NO_FEATURES.search(head) is None
        if extension in ("seq", "jsons", "txt"):
            head = head_of(path).lstrip(b"\xef\xbb\xbf\x1e \r\n\t")
            return head.startswith(b"{") and b'"Feature"' in head
        if extension == "db":  # also what file managers call their picture caches
            return head_of(path, 16).startswith(b"SQLite format 3")
        if extension == "gdb":
            return path.is_dir()
        return extension in DRIVERS

    def scan(self, path: Path) -> list[LayerInfo]:
        """Layers of the file, in file order.

        Raises
        ------
        SourceError
            If GDAL cannot open the file, or it must not be opened.
        """
        refuse_dangerous(path)
        pyramids = told_pyramids(path)
        findings: list[str] = [] if pyramids is None else [pyramids]
        try:
            layers = self._layers(path, findings)
        except SourceError as err:
            if pyramids is None:
                raise
            raise SourceError(path, pyramids) from err
        return [replace(layer, findings=(*layer.findings, *findings)) for layer in layers]

    def _layers(self, path: Path, findings: list[str]) -> list[LayerInfo]:
        with (
            openable(path) as (opened, notes),
            listening(path, findings, [(str(opened), str(path))]),
        ):
            names = [str(name) for name, _ in pyogrio.list_layers(opened).tolist()]
            if not names:
                raise SourceError(path, "holds no layer with records; nothing to load from it")
            layers = [self._layer(path, opened, name, notes) for name in names]
            findings += _passed_over(path, layers)
            return layers

    def _layer(self, path: Path, opened: Path, name: str, notes: list[str]) -> LayerInfo:
        findings = list(notes)
        verdict = encoding_of(path) if _is_shapefile_part(path) else None
        if verdict is not None:
            findings += [f"text read as {verdict.encoding}: {verdict.why}", *verdict.findings]
        options = open_options(opened, DRIVERS.get(path.suffix.lower().lstrip("."), ""))
        with listening(path, findings, [(str(opened), str(path))]):
            info = pyogrio.read_info(
                opened, layer=name, encoding=verdict.encoding if verdict else None, **options
            )
        if info["driver"] not in ALLOWED:
            raise UnsafeSourceError(
                path, f"is a {info['driver']} source by its content, which is not opened here"
            )
        if path.suffix.lower() == ".shp":
            findings += table_remarks(path, int(info["features"]))
        return _described(path, name, info, findings, verdict.encoding if verdict else None)

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:
        """Records of one layer; see :mod:`loaders.base`.

        Raises
        ------
        SourceError
            If the file cannot be opened or breaks off.
        PlanError
            If the plan names a field the layer does not have.
        """
        refuse_dangerous(layer.path)
        encoding = plan.encoding or layer.encoding
        if encoding is None and _is_shapefile_part(layer.path):
            verdict = encoding_of(layer.path)
            encoding = verdict.encoding if verdict else None
        ledger, start = KeyLedger(), 0
        required = layer.geometry_type is not None
        for table, findings in _stream(layer, encoding, batch_size):
            if plan.kind == "addresses":
                batch = address_batch(table, _GEOMETRY_COLUMN, plan, start, ledger)
                start += table.num_rows
                yield replace(batch, findings=tuple(findings))
                continue
            records, more = _records(table, plan, start, ledger, required)
            start += table.num_rows
            yield Batch(records, findings=(*findings, *more))
        if layer.format == "GeoJSONSeq":
            for batch in _unread_lines(layer.path, plan, start, batch_size):
                start += batch.records.num_rows
                yield batch
        if layer.count not in (None, start):
            said = f"the header says {layer.count} records, the layer holds {start}"
            yield Batch(RECORDS.empty_table(), findings=(said,))


def _passed_over(path: Path, layers: Sequence[LayerInfo]) -> list[str]:
    """What a JSON-FG file holds beyond the features of its layers; for other formats each layer knows itself."""
    if layers[0].format != "JSONFG":
        return []
    told = (announced(path, "GeoJSON") or {}).get("")
    found = sum(layer.count or 0 for layer in layers)
    if told is None or told == found:
        return []
    return [
        f"the file holds {told} features, its layers {found}: the others are no features to GDAL"
    ]


def _unread_lines(path: Path, plan: LayerPlan, start: int, size: int) -> Iterator[Batch]:
    """Faulty records for those of a sequence that are no features, after all others."""
    lines = broken_records(path)
    while part := list(islice(lines, size)):
        n = len(part)
        columns = {
            "row": pa.array(range(start, start + n), pa.int64()),
            "class_code": pa.array([plan.class_code] * n, pa.string()),
            "attributes": pa.array([_as_text(text) for _, text in part], pa.string()),
            "role": pa.array(["none"] * n, pa.string()),
            "fault": pa.array([reason for reason, _ in part], pa.string()),
        }
        yield Batch(build_table(RECORDS, n, columns))
        start += n


def _as_text(record: str) -> str:
    return orjson.dumps({"record": record}).decode()


def _distinct(names: Iterable[str]) -> list[str]:
    """Field names, those that come again with a number behind them."""
    out: dict[str, None] = {}
    for name in names:
        spelled, n = name, 1
        while spelled in out:
            n += 1
            spelled = f"{name}_{n}"
        out[spelled] = None
    return list(out)


def _described(
    path: Path, name: str, info: dict[str, Any], findings: list[str], encoding: str | None
) -> LayerInfo:
    driver, crs = str(info["driver"]), info["crs"]
    findings += remarks(path, driver)
    count = int(info["features"]) if info["features"] >= 0 else None
    told = announced(path, driver)
    if told is not None:
        count = told.get(name, told.get("", count))
    if driver == "GeoJSONSeq" and count is not None:
        count += sum(1 for _ in broken_records(path))
    stated = not _by_default(path, driver, crs)
    if not stated and _DEFAULTS[driver] not in findings:
        findings.append(_DEFAULTS[driver])
    bounds = info["total_bounds"]
    finite = bounds is not None and bool(np.isfinite(np.asarray(bounds, dtype=float)).all())
    fields = dict(
        zip(
            _distinct(str(f) for f in info["fields"]), (str(t) for t in info["dtypes"]), strict=True
        )
    )
    return LayerInfo(
        path=path,
        name=name,
        kind="features",
        format=driver,
        fields=fields,
        crs=crs,
        findings=tuple(findings),
        count=count,
        geometry_type=str(info["geometry_type"]) if info["geometry_type"] else None,
        bounds=(bounds[0], bounds[1], bounds[2], bounds[3]) if finite else None,
        encoding=encoding,
        crs_stated=stated,
    )


def _by_default(path: Path, driver: str, crs: str | None) -> bool:
    """Whether the CRS is the default of the format, not what the file says.

    A crs member of GeoJSON stands before or behind the features; one that says another system than
    the default has been read by GDAL.
    """
    if crs != "EPSG:4326" or driver not in _DEFAULTS:
        return False
    return "JSON" not in driver or not (b'"crs"' in head_of(path) or b'"crs"' in _tail_of(path))


def _tail_of(path: Path, size: int = 4096) -> bytes:
    """The last bytes of a file; empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return file.read(size)
    except OSError:
        return b""


@contextmanager
def _opened(
    layer: LayerInfo, encoding: str | None, batch_size: int, findings: list[str]
) -> Iterator[tuple[str, Any]]:
    """Geometry column name and Arrow reader of a layer."""
    options = open_options(layer.path, layer.format)
    bare = (
        not layer.fields and layer.geometry_type is None
    )  # without a column a batch has no length
    with ExitStack() as stack:
        path, _ = stack.enter_context(openable(layer.path))
        with listening(layer.path, findings, [(str(path), str(layer.path))]):
            meta, reader = stack.enter_context(
                pyogrio.raw.open_arrow(
                    path,
                    layer=layer.name,
                    encoding=encoding,
                    batch_size=batch_size,
                    use_pyarrow=True,
                    return_fids=bare,
                    **options,
                )
            )
        yield meta["geometry_name"] or "wkb_geometry", reader


def _stream(
    layer: LayerInfo, encoding: str | None, batch_size: int
) -> Iterator[tuple[pa.Table, list[str]]]:
    """Batches as read, geometry in column ``_GEOMETRY_COLUMN`` (if any), with what GDAL said meanwhile."""
    findings: list[str] = []
    with _opened(layer, encoding, batch_size, findings) as (geometry, reader):
        while True:
            with listening(layer.path, findings):
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
            refuse_overlaps(layer.path, batch)
            table = pa.Table.from_batches([batch])
            names = table.column_names
            if geometry in names:  # the last of that name: a field may be called so too
                names[len(names) - 1 - names[::-1].index(geometry)] = _GEOMETRY_COLUMN
                table = table.rename_columns(names)
            for at in range(0, table.num_rows, batch_size):
                yield table.slice(at, batch_size), findings
                findings = []


def _records(
    table: pa.Table,
    plan: LayerPlan,
    start: int,
    ledger: KeyLedger,
    required: bool,
) -> tuple[pa.Table, list[str]]:
    faults = Faults(table.num_rows)
    findings: list[str] = []
    wkb = dimension = None
    if _GEOMETRY_COLUMN in table.column_names:
        wkb, dimension, findings = checked(table[_GEOMETRY_COLUMN], faults, required)
    columns = {
        name: table.column(i).combine_chunks()
        for i, name in enumerate(_distinct(table.column_names))
        if name != _GEOMETRY_COLUMN
    }
    row = np.arange(start, start + table.num_rows, dtype=np.int64)
    return feature_records(
        columns, wkb, dimension, plan, plan.fields, row, faults, ledger
    ), findings
