"""How GDAL is allowed to open a source: quietly, read-only, without network and without files beside it."""

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from twin.errors import SourceError, UnsafeSourceError

NEVER_OPENED = (
    *("WFS", "OAPIF", "OGCAPI", "CSW", "HTTP", "EEDA", "Elasticsearch", "Carto", "AmigoCloud"),
    *("PLSCENES", "NGW", "GPSBabel", "ADBC", "GDALG", "OGR_VRT", "MapML", "PDS4", "OGR_PDS"),
    *("GTFS", "MVT", "MBTiles", "PMTiles", "PCIDSK", "VICAR", "Selafin", "Idrisi", "MiraMonVector"),
    *("AVCBin", "AVCE00", "AIVector", "EDIGEO", "VFK", "SXF", "VDV", "WAsP", "OGR_GMT", "JML"),
    *("PDF", "PGDUMP", "OSM", "DGN", "S57", "XLSX", "ODS", "CSV"),
)
"""GDAL's vector drivers that fetch, that point at other sources, or that no loader here uses: they are not registered,
so no file, whatever its content, can bring them up."""
os.environ["OGR_SKIP"] = ",".join(NEVER_OPENED)  # read once, when GDAL registers its drivers

import pyogrio  # noqa: E402 -- after the line above
import pyogrio.errors  # noqa: E402

pyogrio.list_drivers()
os.environ.pop("OGR_SKIP")  # another GDAL in this process (rasterio's) has other drivers

__all__ = [
    "head_of",
    "listening",
    "open_options",
    "pyogrio",
    "refuse_dangerous",
    "refuse_entities",
    "refuse_overlaps",
]

MAX_BYTES = 64 * 1024**3
"""A single source file larger than this is refused (64 GiB)."""
_CONFIG = {
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "/vsicurl/none",
    "GDAL_HTTP_MAX_RETRY": "0",
    "GDAL_HTTP_CONNECTTIMEOUT": "1",
    "GDAL_PAM_ENABLED": "NO",
    "OGR_SQLITE_ALLOW_EXTERNAL_ACCESS": "NO",
    "OGR_ORGANIZE_POLYGONS": "DEFAULT",
    "OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES",  # its quick way writes over shapes where one is damaged
    "GML_SKIP_RESOLVE_ELEMS": "ALL",
    "GML_DOWNLOAD_SCHEMA": "NO",
    "GML_DOWNLOAD_WFS_SCHEMA": "NO",
    "GML_SAVE_RESOLVED_TO": "",
    "LIBKML_EXTERNAL_STYLE": "NO",
    "LIBKML_RESOLVE_STYLE": "NO",
    "KML_NETWORK_LINK_RESOLVE": "NO",
    "OSM_MAX_TMPFILE_SIZE": "512",
}
pyogrio.set_gdal_config_options(_CONFIG)

_BROKEN = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.GeometryError,
    pyogrio.errors.FieldError,
    pyogrio.errors.FeatureError,
    pyogrio.errors.CRSError,
    pa.ArrowException,
    OSError,
    RuntimeError,
    IndexError,
    ValueError,
)
"""What pyogrio and Arrow raise for sources that cannot be read."""

_POINTERS = re.compile(
    rb"<\s*(OGRVRTDataSource|VRTDataset|GDAL_WMS|GDAL_WMTS|OGRWFSDataSource|WMS_Capabilities)|gdal_streamed_alg",
    re.I,
)
_ROOT = re.compile(rb"<[A-Za-z_]")
_PROLOG = 1 << 20
_ENTITIES = re.compile(rb"<!(DOCTYPE|ENTITY)", re.I)


def head_of(path: Path, size: int = 4096) -> bytes:
    """First bytes of a file; empty where it cannot be read or is a folder."""
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def refuse_dangerous(path: Path) -> None:
    """Refuse what could fetch from the network, expand without bound or does not exist.

    Raises
    ------
    UnsafeSourceError
        For GDAL files that point elsewhere, XML with a document type, and files past ``MAX_BYTES``.
    SourceError
        If there is no such file.
    """
    if not path.exists():
        raise SourceError(path, "no such file")
    if path.is_dir():
        return
    if path.stat().st_size > MAX_BYTES:
        raise UnsafeSourceError(path, f"larger than {MAX_BYTES // 1024**3} GiB; split the file")
    head = head_of(path)
    if _POINTERS.search(head):
        raise UnsafeSourceError(
            path,
            "a GDAL file that points at other sources or services; load those sources themselves",
        )
    refuse_entities(path, head)


def refuse_entities(path: Path, head: bytes) -> None:
    """Refuse XML that declares a document type or entities anywhere before its first element.

    Raises
    ------
    UnsafeSourceError
        If it does, or if no element begins in the first MiB.
    """
    if not head.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \r\n\t").startswith(b"<"):
        return
    prolog = head_of(path, _PROLOG).replace(b"\x00", b"")  # UTF-16 spelled in ASCII
    root = _ROOT.search(prolog)
    if _ENTITIES.search(prolog[: root.start()] if root else prolog):
        raise UnsafeSourceError(
            path, "XML with a document type or entities is not opened; remove the DOCTYPE"
        )
    if root is None and len(prolog) == _PROLOG:
        raise UnsafeSourceError(
            path, "XML whose first element is not in its first MiB is not opened"
        )


def refuse_overlaps(path: Path, batch: pa.RecordBatch) -> None:
    """Refuse a batch in which a text or shape does not begin where the one before ends.

    A driver that stumbles over a record may write the next ones over those before: none of them can be believed, and
    what is read by such ends reaches beyond all memory.

    Raises
    ------
    SourceError
        If there is one.
    """
    for column in batch.columns:
        if not (pa.types.is_binary(column.type) or pa.types.is_string(column.type)):
            continue
        _, ends, data = column.buffers()
        if ends is None or not len(column):
            continue
        given = np.frombuffer(ends, np.int32, len(column) + 1, 4 * column.offset)
        size = data.size if data is not None else 0
        if given[0] < 0 or int(given[-1]) > size or (given[1:] < given[:-1]).any():
            raise SourceError(
                path, "has damaged records, over which GDAL mixes up the others; export it again"
            )


def open_options(path: Path, driver: str) -> dict[str, str]:
    """Open options that keep a driver from writing or fetching."""
    if driver == "GML":
        return {"WRITE_GFS": "NO", "DOWNLOAD_SCHEMA": "NO"}
    if driver == "GPKG" and not path.with_name(path.name + "-wal").exists():
        return {"IMMUTABLE": "YES"}
    return {}


@contextmanager
def listening(
    path: Path, findings: list[str], rename: Sequence[tuple[str, str]] = ()
) -> Iterator[None]:
    """Turn what GDAL warns about into findings, and its errors into SourceError.

    Parameters
    ----------
    path : Path
        Source to name in the error.
    findings : list of str
        Warnings are appended here, each text once.
    rename : sequence of (str, str)
        Replacements in texts, so that a temporary copy's path does not show.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except (
            UnboundLocalError
        ) as err:  # pyogrio's answer where PROJ cannot write a system out again
            raise SourceError(
                path,
                "its coordinate reference system makes no sense; correct it (.prj), or take it away and give it in the plan",
            ) from err
        except _BROKEN as err:
            raise SourceError(path, f"GDAL cannot read it: {_shown(str(err), rename)}") from err
    for warning in caught:
        if issubclass(warning.category, DeprecationWarning | PendingDeprecationWarning):
            continue
        text = _shown(str(warning.message), rename)
        if text not in findings and not text.startswith("More than one layer found"):
            findings.append(text)


def _shown(text: str, rename: Sequence[tuple[str, str]]) -> str:
    for old, new in rename:
        text = text.replace(old, new)
    return text.strip()[:400]
