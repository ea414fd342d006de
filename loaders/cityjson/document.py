"""CityJSON files as a header and features: one document, or one feature per line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from loaders.cityjson.plain import Plain, plain_of
from loaders.cityjson.scanning import Packed, pack, triples
from twin.errors import SourceError, UnsafeSourceError

__all__ = ["Document", "Feature", "Header", "Text", "crs_of", "features_of", "header_of"]

MAX_DOCUMENT = 4 * 1024**3
"""A single-document CityJSON is parsed at once; past 4 GiB only CityJSONSeq is taken."""
BLOCK = 1024**2
MAX_LINE = 512 * 1024**2
"""A line of a CityJSONSeq longer than this is refused."""
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
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """What the features of one text share: number lists, plain geometries, how vertices are placed, bytes of a feature."""

    packed: Packed | None = None
    plain: Plain | None = None
    scale: FloatArray | None = None
    translate: FloatArray | None = None
    size: int = 0


class Feature:
    """City objects that share vertices and an appearance.

    Parameters
    ----------
    objects : dict
    raw : JSON
        Its vertices as the text has them, or the number of their list in ``text.packed``.
    text : Text
        That it was read from.
    appearance : dict, optional
    fault : str, optional
        Why there are no objects.
    """

    __slots__ = ("_found", "_raw", "appearance", "fault", "objects", "text")

    def __init__(
        self,
        objects: Json,
        raw: Any,  # noqa: ANN401 (JSON)
        text: Text,
        appearance: Json | None = None,
        fault: str | None = None,
    ) -> None:
        self.objects, self._raw, self.text = objects, raw, text
        self.appearance, self.fault = appearance, fault
        self._found: list[FloatArray] = []

    @property
    def xyz(self) -> FloatArray:
        """Vertices in the source's CRS, shape (n, 3), placed when they are first asked for."""
        if not self._found:
            text = self.text
            self._found.append(_placed(self._raw, text.packed, text.scale, text.translate))
        return self._found[0]

    def with_objects(self, objects: Json) -> "Feature":
        """The same feature with only some of its objects."""
        part = Feature(objects, self._raw, self.text, self.appearance)
        part._found = self._found
        return part


@dataclass(frozen=True, slots=True)
class Document:
    """A single-document file: its JSON without the number lists, those in columns, its size in bytes."""

    content: Json
    packed: Packed
    plain: Plain | None
    size: int


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


def _vertices(raw: Any, packed: Packed | None = None) -> FloatArray:  # noqa: ANN401 (JSON)
    """Vertices (n, 3); one that is no triple of numbers is NaN."""
    if type(raw) is int and packed is not None:
        width = packed.inner_of(raw)
        numbers = packed.list_of(raw).astype(np.float64)
        if packed.depth_of(raw) != 2:
            return np.zeros((0, 3))
        if (width == 3).all():
            return numbers.reshape(-1, 3)
        ends = np.cumsum(width)
        raw = [
            numbers[e - w : e].tolist() for e, w in zip(ends.tolist(), width.tolist(), strict=True)
        ]
    rows = raw if isinstance(raw, list) else []
    try:
        if set(map(len, rows)) == {3}:
            flat = np.fromiter(chain.from_iterable(rows), np.float64, 3 * len(rows))
            return flat.reshape(-1, 3)
        array = np.array(rows, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        array = np.array([_triple(row, np.nan) for row in rows], dtype=np.float64)
    return array if array.ndim == 2 and array.shape[1] == 3 else np.zeros((0, 3))


def _placed(
    raw: Any,  # noqa: ANN401 (JSON)
    packed: Packed | None,
    scale: FloatArray | None,
    translate: FloatArray | None,
) -> FloatArray:
    """Vertices (n, 3) of a feature in the source's CRS."""
    if scale is None or translate is None:
        return _vertices(raw, packed)
    if type(raw) is int and packed is not None and packed.depth_of(raw) == 2:
        _, _, a, b, first, _ = packed.spans_of(np.array([raw]))[0].tolist()
        found = triples(packed.numbers, packed.inner, (a, b), first, scale, translate)
        if len(found):
            return found
    return _vertices(raw, packed) * scale + translate


def _header(path: Path, document: Any, sequence: bool) -> Header:  # noqa: ANN401 (JSON)
    if not isinstance(document, dict) or document.get("type") != "CityJSON":
        raise SourceError(path, 'is no CityJSON ("type": "CityJSON" is missing)')
    metadata = _dict(document.get("metadata"))
    templates = _dict(document.get("geometry-templates"))
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
        *_transform(document),
        given if isinstance(given := templates.get("templates"), list) else [],
        _vertices(templates.get("vertices-templates")),
        box,
        sequence,
        _dict(document.get("appearance")),
        tuple(_dict(document.get("extensions"))),
    )


def _dict(value: Any) -> Json:  # noqa: ANN401 (JSON)
    return value if isinstance(value, dict) else {}


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


def _document(path: Path) -> Document:
    if path.stat().st_size > MAX_DOCUMENT:
        raise UnsafeSourceError(
            path, "larger than 4 GiB; save it as CityJSONSeq (one feature per line)"
        )
    text = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    rest, packed = pack(text, by_line=False, plain=True)
    content, plain = _dict(_loads(path, rest)), None
    if len(packed.rows):
        try:
            plain = plain_of(text, packed, *_transform(content))
        except orjson.JSONDecodeError:
            rest, packed = pack(text, by_line=False)
            content = _dict(_loads(path, rest))
    return Document(content, packed, plain, len(text))


def _transform(content: Json) -> tuple[FloatArray, FloatArray]:
    """Scale and translation of a document."""
    transform = _dict(content.get("transform"))
    return _triple(transform.get("scale"), 1.0), _triple(transform.get("translate"), 0.0)


def _lines_packed(text: bytes, header: Header) -> tuple[bytes, Packed, Plain | None]:
    """Lines without their number lists and plain geometries, those, and what the plain ones mean."""
    rest, packed = pack(text, by_line=True, plain=True)
    if not len(packed.rows):
        return rest, packed, None
    try:
        return rest, packed, plain_of(text, packed, header.scale, header.translate)
    except orjson.JSONDecodeError:  # the line it stands in has to say so
        return *pack(text, by_line=True), None


def is_sequence(path: Path) -> bool:
    """Whether the first line is a whole document of its own and a feature follows."""
    if path.suffix.lower() in (".jsonl", ".ndjson", ".jsons"):
        return True
    with path.open("rb") as file:
        first, second = file.readline(1 << 24), file.readline(4096)
    return first.rstrip().endswith(b"}") and b"CityJSONFeature" in second


def header_of(path: Path) -> tuple[Header, Document | None]:
    """Header of a file, and its document unless it is a sequence.

    Raises
    ------
    SourceError
        If it is no CityJSON.
    """
    if not is_sequence(path):
        document = _document(path)
        return _header(path, document.content, False), document
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


def features_of(path: Path, header: Header, document: Document | None) -> Iterator[Feature]:
    """Features in file order; a line that is no feature comes with a fault.

    Parameters
    ----------
    header, document
        As :func:`header_of` gives them.

    Raises
    ------
    UnsafeSourceError
        If a line is longer than ``MAX_LINE``.
    """
    if document is not None:
        content = document.content
        text = Text(document.packed, document.plain, size=document.size)
        if "transform" in content:
            text = replace(text, scale=header.scale, translate=header.translate)
        yield _feature(content, header, text)
        return
    number = 0
    for block in _blocks(path):
        rest, packed, plain = _lines_packed(block, header)
        share = len(block) // max(1, block.count(b"\n"))
        text = Text(packed, plain, header.scale, header.translate, share)
        for line in rest.split(b"\n"):
            number += 1
            if line:
                feature = _line(number, line, header, text)
                if feature is not None:
                    yield feature
        number -= block.endswith(b"\n")


def _blocks(path: Path) -> Iterator[bytes]:
    """Whole lines, some MiB at a time."""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if not block.endswith(b"\n"):
                end = file.readline(MAX_LINE)
                if len(end) == MAX_LINE:
                    raise UnsafeSourceError(path, f"a line is longer than {MAX_LINE >> 20} MiB")
                block += end
            yield block


def _line(number: int, line: bytes, header: Header, text: Text) -> Feature | None:
    """What one line holds; None for the header and blank lines."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as err:
        if not line.strip():
            return None
        if line.startswith(b"\xef\xbb\xbf"):
            return _line(number, line[3:], header, text)
        return _faulty(f"line {number} is no valid JSON: {err}")
    kind = record.get("type") if isinstance(record, dict) else None
    if kind != "CityJSONFeature":
        if kind != "CityJSON":
            return _faulty(f"line {number} is no CityJSONFeature")
        if not record.get("CityObjects"):
            return None
    return _feature(record, header, text)


def _faulty(reason: str) -> Feature:
    return Feature({}, (), Text(), None, reason)


def _feature(record: Json, header: Header, text: Text) -> Feature:
    objects = record.get("CityObjects")
    if objects is not None and not isinstance(objects, dict):
        return _faulty("CityObjects is no JSON object")
    appearance = record.get("appearance")
    found = appearance if isinstance(appearance, dict) else header.appearance
    return Feature(objects or {}, record.get("vertices"), text, found)
