"""How GDAL is allowed to open a source: quietly, read-only, without network and without files beside it."""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyogrio
import pyogrio.errors

from twin.errors import SourceError, UnsafeSourceError

__all__ = ["head_of", "listening", "open_options", "refuse_dangerous"]

MAX_BYTES = 64 * 1024**3
"""A single source file larger than this is refused (64 GiB)."""
_CONFIG = {
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "/vsicurl/none",
    "GDAL_HTTP_MAX_RETRY": "0",
    "GDAL_HTTP_CONNECTTIMEOUT": "1",
    "GDAL_PAM_ENABLED": "NO",
    "OGR_SQLITE_ALLOW_EXTERNAL_ACCESS": "NO",
    "OGR_ORGANIZE_POLYGONS": "DEFAULT",
    "GML_SKIP_RESOLVE_ELEMS": "ALL",
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
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") and _ENTITIES.search(head):
        raise UnsafeSourceError(
            path, "XML with a document type or entities is not opened; remove the DOCTYPE"
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
