"""JSON tables: a list of objects, an object that holds one, or one object per line, as columns."""

import io
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import shapely

from loaders.encoding import decide_text
from twin.errors import SourceError, UnsafeSourceError

__all__ = ["json_columns", "json_document", "json_records"]

MAX_JSON = 2 * 1024**3
"""A JSON table is read at once; past 2 GiB it is refused."""
_LIST_KEYS = (
    "observations",
    "value",
    "data",
    "records",
    "rows",
    "features",
    "items",
    "result",
    "results",
    "list",
)


def json_document(path: Path, given: str | None = None) -> tuple[Any, str, str]:
    """The JSON document of a file (one object per line becomes a list), its encoding and why.

    Raises
    ------
    UnsafeSourceError
        If the file is larger than 2 GiB.
    SourceError
        If it is no JSON.
    """
    if path.stat().st_size > MAX_JSON:
        raise UnsafeSourceError(
            path, "a JSON table larger than 2 GiB; save it as CSV or one object per line in parts"
        )
    verdict = decide_text(path, given)
    raw = path.read_bytes()
    if verdict.encoding != "UTF-8":
        raw = raw.decode(verdict.encoding, "replace").encode()
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as err:
        try:
            document = [orjson.loads(line) for line in io.BytesIO(raw) if line.strip()]
        except orjson.JSONDecodeError:
            raise SourceError(path, f"is no JSON: {err}") from err
    return document, verdict.encoding, verdict.why


def json_records(path: Path, given: str | None = None) -> tuple[list[dict[str, Any]], list[str]]:
    """Objects of a JSON table: a list of objects, an object that holds one, or one object per line.

    Raises
    ------
    UnsafeSourceError
        If the file is larger than 2 GiB.
    SourceError
        If it is no JSON or holds no list of objects.
    """
    document, encoding, why = json_document(path, given)
    if isinstance(document, dict):
        lists = [document[k] for k in _LIST_KEYS if isinstance(document.get(k), list)]
        lists += [
            v for v in document.values() if isinstance(v, list) and v and isinstance(v[0], dict)
        ]
        document = lists[0] if lists else None
    if not isinstance(document, list) or not any(isinstance(r, dict) for r in document[:100]):
        raise SourceError(path, "holds no list of objects; a JSON table is [{…}, {…}]")
    document = [_flat(r) if isinstance(r, dict) else {} for r in document]
    return document, [f"text read as {encoding}: {why}"]


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """A GeoJSON feature of a bare list as one flat object with its geometry as WKT."""
    if record.get("type") != "Feature" or not isinstance(record.get("geometry"), dict):
        return record
    geometry = shapely.from_geojson(orjson.dumps(record["geometry"]), on_invalid="ignore")
    wkt = "unreadable" if shapely.is_missing(geometry) else shapely.to_wkt(geometry, -1)
    properties = record.get("properties")
    return {**(properties if isinstance(properties, dict) else {}), "geometry": wkt}


def json_columns(records: list[dict[str, Any]]) -> dict[str, pa.Array]:
    """Columns of a list of objects; a member of mixed types becomes text.

    Parameters
    ----------
    records : list of dict
        Members that an object does not have are null.
    """
    names = list(dict.fromkeys(name for record in records for name in record))
    out: dict[str, pa.Array] = {}
    for name in names:
        values = [record.get(name) for record in records]
        try:
            out[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            out[name] = pa.array(
                [
                    v if v is None or isinstance(v, str) else orjson.dumps(v).decode()
                    for v in values
                ],
                pa.string(),
            )
    return out
