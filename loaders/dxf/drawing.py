"""A DXF file as rows: entities, block references exploded or taken as one thing, texts, further data."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import ezdxf.recover
import numpy as np
import shapely
from ezdxf.entities.dxfgfx import DXFGraphic
from ezdxf.filemanagement import readfile
from ezdxf.lldxf.const import DXFError

from loaders.dxf.shapes import NOT_DRAWN, TEXTS, collected, shape_of, text_of
from loaders.encoding import decide
from loaders.gdalio import head_of
from twin.errors import SourceError, UnsafeSourceError

__all__ = ["BROKEN", "Drawing", "Row", "drawing_of"]

MOST_ROWS = 3_000_000
"""Rows and parts that block references may explode to."""
MOST_COPIES = 10_000
"""Copies of a block that one reference may make in rows and columns."""
DEEPEST = 12
BROKEN = (
    DXFError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
    StopIteration,
    NotImplementedError,
    struct.error,
    shapely.errors.GEOSException,
)
"""What ezdxf raises for drawings and entities that make no sense."""
_UNITS = {
    1: "inches",
    2: "feet",
    4: "millimetres",
    5: "centimetres",
    6: "metres",
    7: "kilometres",
    14: "decimetres",
}


@dataclass(slots=True)
class Row:
    """One record: where it is drawn, what it is, and its geometry or why it has none."""

    layer: str
    attributes: dict[str, Any]
    shape: shapely.Geometry | None
    fault: str | None = None


@dataclass(slots=True)
class Drawing:
    """Rows of all layers in drawing order, the CRS the file declares, and what there is to say about it."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    crs: str | None = None
    encoding: str = "UTF-8"
    findings: list[str] = field(default_factory=list)


def drawing_of(path: Path) -> Drawing:
    """The drawing; the last one stays in memory, because its layers are asked for one after the other.

    Raises
    ------
    SourceError
        If it cannot be read even after recovery.
    UnsafeSourceError
        If its blocks explode past ``MOST_ROWS``.
    """
    state = path.stat()
    return _drawing(path, state.st_mtime_ns, state.st_size)


_HALVES = re.compile("[\ud800-\udfff]")


@lru_cache(maxsize=1)
def _drawing(path: Path, _changed: int, _size: int) -> Drawing:
    out = Drawing()
    document = _document(path, out)
    try:
        matrix = _placement(document, out)
        units = document.header.get("$INSUNITS", 0)
        if units in _UNITS and units != 6:
            out.findings.append(f"the drawing says its units are {_UNITS[units]}")
        reading = _Reading(path, document, out)
        reading.all()
    except SourceError:
        raise
    except BROKEN as err:
        raise SourceError(
            path, f"is a DXF file whose structure cannot be followed: {_said(err)}"
        ) from err
    if matrix is not None:
        _place(out, matrix)
    papers = sum(len(layout) for layout in document.layouts if layout.name != "Model")
    if papers:
        out.findings.append(f"{papers} entities on paper layouts are frames and titles, not loaded")
    return out


def _said(err: BaseException) -> str:
    return " ".join(str(err).split())[:200] or type(err).__name__


def _document(path: Path, out: Drawing) -> Any:  # noqa: ANN401 -- ezdxf ships no strict types
    """The parsed file: as declared, or in the character set its bytes speak for, or recovered."""
    try:
        encoding = _encoding(path, out)
        return readfile(
            path, encoding=encoding
        )  # not audited: an audit deletes what it cannot mend
    except BROKEN as first:
        try:
            document, audit = ezdxf.recover.readfile(path)
        except BROKEN as err:
            raise SourceError(path, f"is no DXF file that can be read: {_said(err)}") from err
        out.findings.append(
            f"the drawing is damaged and was recovered ({_said(first)}; {len(audit.errors)} errors, "
            f"{len(audit.fixes)} mended)"
        )
        return document


def _encoding(path: Path, out: Drawing) -> str | None:
    """Character set for a text DXF whose bytes contradict its header; None to believe the file."""
    if head_of(path, 22).startswith(b"AutoCAD Binary DXF"):
        return None
    with path.open("rb") as file:
        data = file.read(8 << 20)
    lines = [line.strip() for line in data.split(b"\n") if any(b > 0x7F for b in line)]
    if not lines:
        return None
    head = data[:20_000]
    at = head.find(b"$DWGCODEPAGE")
    said = head[at:].split(b"\n")[2].strip().decode("ascii", "replace") if at >= 0 else ""
    modern = (
        b"$ACADVER" in head and head[head.find(b"$ACADVER") :].split(b"\n")[2].strip() >= b"AC1021"
    )
    name = "UTF-8" if modern else said.lower().replace("ansi_", "cp").replace("dos", "cp")
    verdict = decide(lines[:4000], [(name, "$DWGCODEPAGE")] if name else [])
    out.encoding = verdict.encoding
    out.findings += [f"text read as {verdict.encoding}: {verdict.why}", *verdict.findings]
    return verdict.encoding.lower()


def _placement(document: Any, out: Drawing) -> Any:  # noqa: ANN401
    """Matrix from drawing to map coordinates where GEODATA gives one, with its CRS in ``out``."""
    geodata = document.modelspace().get_geodata()
    if geodata is None:
        return None
    try:
        matrix, epsg = geodata.get_crs_transformation()
    except BROKEN as err:
        out.findings.append(f"its GEODATA (georeference) cannot be used: {_said(err)}")
        return None
    out.crs = f"EPSG:{epsg}"
    out.findings.append(f"placed by its GEODATA in EPSG:{epsg}")
    return matrix


def _place(out: Drawing, matrix: Any) -> None:  # noqa: ANN401
    m = np.array(list(matrix), dtype=np.float64).reshape(4, 4)  # row vectors: p' = p · m
    rows = [row for rows in out.rows.values() for row in rows if row.shape is not None]
    shapes = np.array([row.shape for row in rows], dtype=object)

    def moved(points: Any) -> Any:  # noqa: ANN401
        xyz = np.column_stack([points, np.zeros((len(points), 4 - points.shape[1]))])
        xyz[:, 3] = 1.0
        return (xyz @ m)[:, : points.shape[1]]

    flat = ~shapely.has_z(shapes)
    for mask, deep in ((flat, False), (~flat, True)):
        if mask.any():
            shapes[mask] = shapely.transform(shapes[mask], moved, include_z=deep)
    for row, shape in zip(rows, shapes, strict=True):
        row.shape = shape


def _sayable(value: Any) -> Any:  # noqa: ANN401 -- any value of an attribute
    """A text with U+FFFD where a byte could not be decoded (ezdxf keeps it as half a character); other values as they are."""
    return _HALVES.sub("\ufffd", value) if isinstance(value, str) else value


class _Reading:
    """Walks the model space once."""

    def __init__(self, path: Path, document: Any, out: Drawing) -> None:  # noqa: ANN401
        self.path, self.document, self.out = path, document, out
        self.budget = MOST_ROWS
        self.simple: dict[str, bool] = {}

    def all(self) -> None:
        for entity in self.document.modelspace():
            for row in self.rows_of(entity, {}, entity.dxf.get("layer", "0"), 0):
                row.layer = _sayable(row.layer)
                row.attributes = {_sayable(k): _sayable(v) for k, v in row.attributes.items()}
                self.out.rows.setdefault(row.layer, []).append(row)

    def spend(self) -> None:
        self.budget -= 1
        if self.budget < 0:
            raise UnsafeSourceError(
                self.path,
                f"its blocks explode to more than {MOST_ROWS:,} parts; explode or bind it in a CAD program",
            )

    def rows_of(self, entity: Any, more: dict[str, Any], layer: str, depth: int) -> Iterator[Row]:  # noqa: ANN401
        """Rows of one entity; in a block, layer 0 is the layer of the reference."""
        self.spend()
        kind = entity.dxftype()
        own = entity.dxf.get("layer", "0")
        layer = layer if own == "0" and depth else own
        told = _attributes(entity, kind) | {"layer": layer} | more
        try:
            if kind == "INSERT":
                yield from self._insert(entity, told, layer, depth)
            elif kind in NOT_DRAWN or kind.endswith("SURFACE"):
                yield Row(layer, told, None, NOT_DRAWN.get(kind, NOT_DRAWN["SURFACE"]))
            elif kind not in TEXTS and isinstance(entity, DXFGraphic) and _composed(entity):
                yield from self._composed(entity, told, layer)
            else:
                shape = shape_of(entity)
                yield Row(
                    layer, told, shape, None if shape is not None else f"{kind} has no geometry"
                )
        except SourceError:
            raise
        except BROKEN as err:
            yield Row(layer, told, None, f"{kind} makes no sense: {_said(err)}")

    def _insert(self, insert: Any, told: dict[str, Any], layer: str, depth: int) -> Iterator[Row]:  # noqa: ANN401
        values = {a.dxf.get("tag", "?"): text_of(a) for a in insert.attribs}
        told |= {"block": insert.dxf.name} | {t: v for t, v in values.items() if v}
        if depth >= DEEPEST:
            yield Row(layer, told, None, f"blocks are nested deeper than {DEEPEST}")
            return
        if insert.mcount > MOST_COPIES:
            yield Row(
                layer,
                told,
                None,
                f"repeats its block {insert.mcount:,} times; at most {MOST_COPIES:,} are taken",
            )
            return
        copies = insert.multi_insert() if insert.mcount > 1 else [insert]
        for copy in copies:
            if self._is_one_thing(insert.dxf.name):
                yield self._symbol(copy, told, layer, depth)
                continue
            inner = {k: v for k, v in told.items() if k not in ("type", "text")}
            for part in copy.virtual_entities():
                yield from self.rows_of(part, {"block": inner["block"]}, layer, depth + 1)
            if values:
                place = shapely.Point(copy.ocs().to_wcs(copy.dxf.insert).xyz)
                yield Row(layer, told, place)

    def _is_one_thing(self, name: str) -> bool:
        """Whether a block is a symbol: all of it on one layer (layer 0 is the reference's own)."""
        if name not in self.simple:
            block = self.document.blocks.get(name)
            layers = {e.dxf.get("layer", "0") for e in block} if block is not None else set()
            nested = block is not None and any(e.dxftype() == "INSERT" for e in block)
            self.simple[name] = len(layers) <= 1 and not (nested and len(block) > 50)
        return self.simple[name]

    def _symbol(self, insert: Any, told: dict[str, Any], layer: str, depth: int) -> Row:  # noqa: ANN401
        """A block reference as one record: its shapes together, its texts as attribute."""
        shapes, texts, places, unread = [], [], [], []
        for part in insert.virtual_entities():
            for row in self.rows_of(part, {}, layer, depth + 1):
                if "text" in row.attributes:
                    texts.append(str(row.attributes["text"]))
                    places.append(row.shape)
                elif row.shape is not None:
                    shapes.append(row.shape)
                elif row.fault:
                    unread.append(row.fault)
        told = (
            told
            | ({"text": "; ".join(texts)} if texts else {})
            | ({"not_read": "; ".join(unread)} if unread else {})
        )
        shape = collected(shapes or [p for p in places if p is not None])
        return Row(layer, told, shape or shapely.Point(insert.ocs().to_wcs(insert.dxf.insert).xyz))

    def _composed(self, entity: Any, told: dict[str, Any], layer: str) -> Iterator[Row]:  # noqa: ANN401
        """A dimension, leader or table: its lines as one record with its text."""
        shapes, texts = [], []
        for part in entity.virtual_entities():
            self.spend()
            if part.dxftype() in TEXTS:
                texts.append(text_of(part))
            if part.dxftype() == "INSERT":
                inner = [shape_of(p) for p in part.virtual_entities()]
                shapes += [s for s in inner if s is not None]
            elif (shape := shape_of(part)) is not None:
                shapes.append(shape)
        told = told | ({"text": "; ".join(texts)} if texts else {})
        whole = collected(shapes)
        yield Row(
            layer, told, whole, None if whole is not None else f"{told['type']} draws nothing"
        )


def _composed(entity: Any) -> bool:  # noqa: ANN401
    return entity.dxftype() not in ("POLYLINE", "LWPOLYLINE", "MESH", "POINT") and hasattr(
        entity, "virtual_entities"
    )


def _attributes(entity: Any, kind: str) -> dict[str, Any]:  # noqa: ANN401
    written = entity.dxfattribs()
    out: dict[str, Any] = {
        "type": kind,
        "layer": written.get("layer", "0"),
        "handle": written.get("handle"),
    }
    if kind in TEXTS:
        out |= {
            "text": text_of(entity),
            "text_height": written.get("height", written.get("char_height")),
        }
    for name in ("elevation", "thickness", "linetype", "color"):
        value = written.get(name)
        if isinstance(value, int | float | str) and value not in (0, 256, "BYLAYER", "ByLayer"):
            out[name] = value
    xdata = getattr(entity, "xdata", None)
    for app, tags in (xdata.data if xdata else {}).items():
        values = [str(t.value) for t in tags if t.code != 1001]
        if values and app != "ACAD":
            out[f"xdata:{app}"] = ",".join(values)[:1000]
    return out
