"""CityJSON files as a header and features: one document, or one feature per line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from twin.errors import SourceError, UnsafeSourceError

__all__ = ["Feature", "Header", "crs_of", "features_of", "header_of"]

MAX_DOCUMENT = 4 * 1024**3
"""A single-document CityJSON is parsed at once; past 4 GiB only CityJSONSeq is taken."""
Json = dict[str, Any]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Header:
    """What holds for the whole file: version, CRS as declared, transform, templates."""

    version: str
    crs: str | None
    scale: FloatArray
    translate: FloatArray
    templates: list[Json]
    template_vertices: FloatArray
    extent: tuple[float, float, float, float] | None
    sequence: bool
    appearance: Json


@dataclass(frozen=True, slots=True)
class Feature:
    """City objects that share vertices, in the source CRS (n, 3)."""

    objects: Json
    vertices: FloatArray
    fault: str | None = None


def crs_of(metadata: Any) -> str | None:  # noqa: ANN401 (JSON)
    """Declared CRS as ``EPSG:n``; None where there is none.

    Examples
    --------
    >>> crs_of({"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/7415"})
    'EPSG:7415'
    >>> crs_of({"referenceSystem": "urn:ogc:def:crs:EPSG::4326"}), crs_of({"crs": {"epsg": 28992}}), crs_of({})
    ('EPSG:4326', 'EPSG:28992', None)
    """
    known = metadata if isinstance(metadata, dict) else {}
    given = known.get("referenceSystem") or known.get("crs")
    if isinstance(given, dict):
        given = given.get("epsg") or (given.get("properties") or {}).get("name")
    text = "" if given is None else str(given)
    if "CRS84" in text:
        return "EPSG:4326"
    found = re.search(r"EPSG[:/]+(?:[\d.]*[:/]+)?(\d{4,6})", text, re.I) or re.fullmatch(
        r"(\d{4,6})", text
    )
    if found:
        return f"EPSG:{found[1]}"
    return text if text else None


def _vertices(raw: Any) -> FloatArray:  # noqa: ANN401 (JSON)
    """Vertices (n, 3); one that is no triple of numbers is NaN."""
    rows = raw if isinstance(raw, list) else []
    try:
        array = np.array(rows, dtype=np.float64)
    except (ValueError, TypeError):
        array = np.array([_triple(row, np.nan) for row in rows], dtype=np.float64)
    return array if array.ndim == 2 and array.shape[1] == 3 else np.zeros((0, 3))


def _header(path: Path, document: Any, sequence: bool) -> Header:  # noqa: ANN401 (JSON)
    if not isinstance(document, dict) or document.get("type") != "CityJSON":
        raise SourceError(path, 'is no CityJSON ("type": "CityJSON" is missing)')
    metadata = document.get("metadata") or {}
    transform = document.get("transform") or {}
    templates = document.get("geometry-templates") or {}
    extent = metadata.get("geographicalExtent") or metadata.get("bbox")
    box = None
    if (
        isinstance(extent, list)
        and len(extent) == 6
        and all(isinstance(e, int | float) for e in extent)
    ):
        box = (float(extent[0]), float(extent[1]), float(extent[3]), float(extent[4]))
    return Header(
        str(document.get("version", "?")),
        crs_of(metadata),
        _triple(transform.get("scale"), 1.0),
        _triple(transform.get("translate"), 0.0),
        list(templates.get("templates") or []),
        _vertices(templates.get("vertices-templates")),
        box,
        sequence,
        document.get("appearance") or {},
    )


def _triple(value: Any, default: float) -> FloatArray:  # noqa: ANN401 (JSON)
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return np.full(3, default)
    return array if array.shape == (3,) else np.full(3, default)


def _loads(path: Path, data: bytes) -> Any:  # noqa: ANN401 (JSON)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as err:
        raise SourceError(path, f"is no valid JSON: {err}") from err


def _document(path: Path) -> Json:
    if path.stat().st_size > MAX_DOCUMENT:
        raise UnsafeSourceError(
            path, "larger than 4 GiB; save it as CityJSONSeq (one feature per line)"
        )
    document: Json = _loads(path, path.read_bytes().lstrip(b"\xef\xbb\xbf"))
    return document


def is_sequence(path: Path) -> bool:
    """Whether the first line is a whole document of its own and a feature follows."""
    if path.suffix.lower() in (".jsonl", ".ndjson", ".jsons"):
        return True
    with path.open("rb") as file:
        first, second = file.readline(1 << 24), file.readline(4096)
    return first.rstrip().endswith(b"}") and b"CityJSONFeature" in second


def header_of(path: Path) -> tuple[Header, Json | None]:
    """Header of a file, and its document unless it is a sequence.

    Raises
    ------
    SourceError
        If it is no CityJSON.
    """
    if not is_sequence(path):
        document = _document(path)
        return _header(path, document, False), document
    with path.open("rb") as file:
        line = file.readline()
        while line and not line.strip():
            line = file.readline()
    first = _loads(path, line.lstrip(b"\xef\xbb\xbf"))
    if isinstance(first, dict) and first.get("type") == "CityJSONFeature":
        raise SourceError(
            path,
            "the first line must be the CityJSON header with the transform, but it is a feature",
        )
    return _header(path, first, True), None


def features_of(path: Path, header: Header, document: Json | None) -> Iterator[Feature]:
    """Features in file order; a line that is no feature comes with a fault.

    Parameters
    ----------
    header, document
        As :func:`header_of` gives them.
    """
    if document is not None:
        scaled = "transform" in document
        vertices = _vertices(document.get("vertices"))
        yield Feature(
            document.get("CityObjects") or {},
            vertices * header.scale + header.translate if scaled else vertices,
        )
        return
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if not line.strip():
                continue
            try:
                record = orjson.loads(line.lstrip(b"\xef\xbb\xbf"))
            except orjson.JSONDecodeError as err:
                yield Feature({}, np.zeros((0, 3)), f"line {number + 1} is no valid JSON: {err}")
                continue
            if number == 0 or (isinstance(record, dict) and record.get("type") == "CityJSON"):
                if isinstance(record, dict) and record.get("CityObjects"):
                    yield Feature(
                        record["CityObjects"],
                        _vertices(record.get("vertices")) * header.scale + header.translate,
                    )
                continue
            if not isinstance(record, dict) or record.get("type") != "CityJSONFeature":
                yield Feature({}, np.zeros((0, 3)), f"line {number + 1} is no CityJSONFeature")
                continue
            vertices = _vertices(record.get("vertices")) * header.scale + header.translate
            yield Feature(record.get("CityObjects") or {}, vertices)
