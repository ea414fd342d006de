"""Any question's answer as a file: CSV as it comes, GeoParquet and FlatGeobuf through a file that is gone afterwards."""

import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import shapely
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from api.access import view_of
from api.ogc.formats import CSV, FGB, PARQUET
from api.ogc.question import Question
from api.ogc.readers import told
from api.ogc.reshape import in_system
from api.ogc.systems import CRS84, CRS84H
from loaders.writing import csv_parts, write_flatgeobuf, write_geoparquet
from twin import crs
from twin.features.asking import Kind

__all__ = ["response"]

_TYPES: Final = {
    Kind.NUMBER: pa.float64(),
    Kind.WHOLE: pa.int64(),
    Kind.TRUTH: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.INSTANT: pa.timestamp("us", tz="UTC"),
}


def response(request: Request, asked: Question, headers: dict[str, str]) -> Response:
    """The file.

    ``limit`` and ``offset`` count here too; the default page is not what a download is for, so without
    ``limit`` everything that matches is written.
    """
    name = f"{asked.info.id}.{asked.form.name}"
    headers = {**headers, "Content-Disposition": f'attachment; filename="{name}"'}
    made = _batches(request, asked)
    batches = chain([next(made)], made)  # what cannot be answered is said before an answer begins
    if asked.form is CSV:
        return StreamingResponse(
            csv_parts(batches), 200, headers, "text/csv; charset=utf-8; header=present"
        )
    with tempfile.NamedTemporaryFile(suffix=f".{asked.form.name}", delete=False) as file:
        path = Path(file.name)
    try:
        path.unlink()
        if asked.form is PARQUET:
            stored = asked.system.uri in (CRS84, CRS84H)
            write_geoparquet(path, batches, None if stored else crs.projjson(asked.system.name))
        else:
            write_flatgeobuf(path, batches, crs.with_x_first(asked.system.name), asked.info.id)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    gone = BackgroundTask(path.unlink, missing_ok=True)
    return FileResponse(
        path, 200, headers, PARQUET.media if asked.form is PARQUET else FGB.media, gone
    )


def _batches(request: Request, asked: Question) -> Iterator[pa.RecordBatch]:
    """The answer by column, in the system asked for; files keep x before y, whatever the order of its axes."""
    ask = asked.ask if "limit" in request.query_params else asked.everything()
    view, fields = view_of(request), asked.fields()
    names = None
    if view is not None or asked.properties is not None:
        seen = told(fields, asked.info.id, view)
        chosen = seen if asked.properties is None else asked.properties
        names = [n for n in seen if n in chosen and n not in ("eid", "geometry")]
    empty = True
    for batch in asked.reader.table(ask, names):
        yield _moved(batch, asked)
        empty = False
    if empty:
        yield _nothing(asked, names)


def _nothing(asked: Question, names: Sequence[str] | None) -> pa.RecordBatch:
    """A table without rows."""
    fields = asked.fields()
    shown = [n for n in (names or fields) if n not in ("eid", "geometry")]
    columns = [
        ("eid", pa.string()),
        *((n, _TYPES.get(fields[n].kind, pa.string())) for n in shown),
        ("geometry", pa.binary()),
    ]
    return pa.RecordBatch.from_pylist([], schema=pa.schema(columns))


def _moved(batch: pa.RecordBatch, asked: Question) -> pa.RecordBatch:
    if asked.system.stored and not asked.system.flat:
        return batch
    system = asked.system.with_x_first()
    shapes = np.asarray(
        shapely.from_wkb(batch["geometry"].to_numpy(zero_copy_only=False)), dtype=object
    )
    moved = shapely.to_wkb(in_system(shapes, system), output_dimension=3, flavor="iso")
    at = batch.schema.get_field_index("geometry")
    return batch.set_column(at, "geometry", pa.array(moved, pa.binary()))
