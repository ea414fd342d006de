"""A STEP text as columns: what stands where and has which shape, without an object per statement.

Asking the parsed model costs some 2 µs for each reference that is followed, a dozen for each object;
here one pattern over the text yields all of them. Only statements in their usual form are
understood; what is written otherwise is missing here and is asked of the model.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["StepColumns", "read_columns", "text_blocks"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Values = TypeVar("Values", Ints, Floats)
BLOCK = 1 << 18
"""Bytes of text that are taken apart at once; as objects they take some ten times as much."""
_STATEMENT = re.compile(
    rb"#(\d++)\s*+=\s*+IFC(LOCALPLACEMENT|AXIS2PLACEMENT3D|CARTESIANPOINT|DIRECTION|MAPPEDITEM|SHAPEREPRESENTATION"
    rb"|PRODUCTDEFINITIONSHAPE|(?!REL|PROPERTY)\w++(?=\s*+\(\s*+'[0-9A-Za-z_$]{22}'))\s*+\(([^;]*)\)"
)
_STRING = rb"\s*(?:'(?:[^']|'')*+'|\$)\s*,"
_PRODUCT = re.compile(
    rb"'[^']{22}'\s*,\s*(?:#\d+|\$)\s*," + 3 * _STRING + rb"\s*#(\d+)\s*,\s*#(\d+)\s*(?:,|\Z)"
)
_STEP = rb"\s*#\d+\s*"
_STEP_OR_NONE = rb"\s*(?:#\d+|\$)\s*"
_LINK = {
    b"LOCALPLACEMENT": re.compile(_STEP_OR_NONE + b"," + _STEP),
    b"AXIS2PLACEMENT3D": re.compile(_STEP + 2 * (b"," + _STEP_OR_NONE)),
    b"MAPPEDITEM": re.compile(_STEP + b"," + _STEP),
}
_NUMBER = rb"\s*[-+]?\d++(?:\.\d*+)?(?:[Ee][-+]?\d++)?\s*"
_PLAIN = re.compile(rb"\s*\d+\s*(?:,\s*\d+\s*)*+")
_SINGLE = re.compile(rb"\(\s*#(\d+)\s*\)\s*;")
_TRIPLE = re.compile(rb"\(" + _NUMBER + 2 * (b"," + _NUMBER) + rb"\)")
Rows = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Table(Generic[Values]):
    """Rows by ascending step id: ``step`` int64 (n,), ``values`` (n, k); a step that occurs twice is left out."""

    step: Ints
    values: Values

    def rows(self, steps: Ints) -> Ints:
        """Row of each step id, -1 where there is none."""
        if not len(self.step):
            return np.full(len(steps), -1)
        at = np.minimum(np.searchsorted(self.step, steps), len(self.step) - 1)
        return np.where(self.step[at] == steps, at, -1)


@dataclass(slots=True)
class StepColumns:
    """Tables of the statements of a model that place and shape its objects.

    ``product``: placement, representation. ``place``: placement above (0 for none), axes. ``axes``:
    point, axis, direction (0 for none). ``point``, ``direction``: three coordinates. ``mapped``: source,
    operator. ``part``: of each shape representation its head (a number into ``heads``: context, identifier
    and type as written) and its only item (0 for several). ``shapes``: representations of a product's shape.
    """

    product: Table[Ints]
    place: Table[Ints]
    axes: Table[Ints]
    point: Table[Floats]
    direction: Table[Floats]
    mapped: Table[Ints]
    part: Table[Ints]
    heads: list[bytes]
    shapes: dict[int, tuple[int, ...]]


@dataclass(slots=True)
class _Gathered:
    """Statements so far, block by block."""

    found: dict[bytes, list[tuple[Ints, Ints | Floats]]] = field(default_factory=dict)
    heads: dict[bytes, int] = field(default_factory=dict)
    shapes: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def add(self, kind: bytes, steps: list[bytes], values: Ints | Floats) -> None:
        if steps:
            self.found.setdefault(kind, []).append((_numbers(steps), values))

    def table(self, kind: bytes, columns: int) -> Table[Any]:
        parts = self.found.pop(kind, [])
        if not parts:
            return Table(np.zeros(0, np.int64), np.zeros((0, columns), np.int64))
        step = np.concatenate([p[0] for p in parts])
        values = np.concatenate([p[1] for p in parts])
        order = np.argsort(step, kind="stable")
        step, values = step[order], values[order]
        twice = np.flatnonzero(step[1:] == step[:-1])
        once = np.ones(len(step), dtype=bool)
        once[twice] = once[twice + 1] = False
        return Table(step[once], values[once])


def text_blocks(path: Path) -> Iterator[bytes]:
    """A file in pieces of whole statements, about a quarter of a megabyte each."""
    rest = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            end = block.rfind(b";") + 1
            if not end:
                rest += block
                continue
            yield rest + block[:end]
            rest = block[end:]
    yield rest


def read_columns(blocks: Iterable[bytes]) -> StepColumns:
    """Columns of a STEP text.

    Parameters
    ----------
    blocks : iterable of bytes
        Pieces of whole statements.

    Returns
    -------
    StepColumns
    """
    out = _Gathered()
    for block in blocks:
        _read(block, out)
    return StepColumns(
        product=out.table(b"product", 2),
        place=out.table(b"LOCALPLACEMENT", 2),
        axes=out.table(b"AXIS2PLACEMENT3D", 3),
        point=out.table(b"CARTESIANPOINT", 3),
        direction=out.table(b"DIRECTION", 3),
        mapped=out.table(b"MAPPEDITEM", 2),
        part=out.table(b"SHAPEREPRESENTATION", 2),
        heads=list(out.heads),
        shapes=out.shapes,
    )


def _read(block: bytes, out: _Gathered) -> None:
    """Take the statements of one block."""
    kinds: dict[bytes, Rows] = {kind: [] for kind in _TAKEN}
    products: Rows = []
    for step, kind, text in _STATEMENT.findall(block):
        kinds.get(kind, products).append((step, text))
    for kind, rows in kinds.items():
        if rows:
            _TAKEN[kind](kind, rows, out)
    if products:
        _products(products, out)


def _written_as(pattern: re.Pattern[bytes], rows: Rows) -> Rows:
    """Rows whose text is of a form; looked at one by one only where not all are."""
    whole = re.compile(b"(?:" + pattern.pattern + b";)*+")
    if whole.fullmatch(b"".join([text + b";" for _, text in rows])):
        return rows
    return [row for row in rows if pattern.fullmatch(row[1])]


def _numbers(steps: Iterable[bytes]) -> Ints:
    return np.fromstring(b",".join(steps), dtype=np.int64, sep=",")


def _links(kind: bytes, rows: Rows, out: _Gathered) -> None:
    """References of statements that hold nothing else; 0 for none."""
    fine = _written_as(_LINK[kind], rows)
    text = b",".join([text for _, text in fine]).replace(b"#", b"").replace(b"$", b"0")
    values = np.fromstring(text, dtype=np.int64, sep=",")
    out.add(kind, [step for step, _ in fine], values.reshape(len(fine), -1))


def _vectors(kind: bytes, rows: Rows, out: _Gathered) -> None:
    """Triples of numbers."""
    fine = _written_as(_TRIPLE, [row for row in rows if row[1].count(b",") == 2])
    text = b",".join([text[1:-1] for _, text in fine])
    values = np.fromstring(text, dtype=np.float64, sep=",")
    out.add(kind, [step for step, _ in fine], values.reshape(len(fine), 3))


def _parts(kind: bytes, rows: Rows, out: _Gathered) -> None:
    """Head and item of shape representations."""
    split = [text.rpartition(b",(") for _, text in rows]
    heads = np.array([out.heads.setdefault(head, len(out.heads)) for head, _, _ in split])
    items = [b"0" if b"," in item else item.strip(b"#) \r\n") for _, _, item in split]
    steps = [step for step, _ in rows]
    if not all(map(bytes.isdigit, items)):
        fine = [k for k, item in enumerate(items) if item.isdigit()]
        steps, items, heads = [steps[k] for k in fine], [items[k] for k in fine], heads[fine]
    out.add(kind, steps, np.column_stack([heads, _numbers(items)]))


def _shapes(_: bytes, rows: Rows, out: _Gathered) -> None:
    """Representations of a product's shape."""
    single = _SINGLE.findall(b"".join([text + b";" for _, text in rows]))
    if len(single) == len(rows):
        steps = _numbers([step for step, _ in rows]).tolist()
        out.shapes.update(zip(steps, zip(_numbers(single).tolist()), strict=True))
        return
    for step, text in rows:
        items = text.rpartition(b"(")[2].rstrip(b") \r\n").replace(b"#", b"")
        if items.isdigit():
            out.shapes[int(step)] = (int(items),)
        elif _PLAIN.fullmatch(items):
            out.shapes[int(step)] = tuple([int(item) for item in items.split(b",")])


def _products(rows: Rows, out: _Gathered) -> None:
    """Placement and representation of products; no statement of another class has this form."""
    match = _PRODUCT.match
    found = [(step, at.group(1, 2)) for step, text in rows if (at := match(text))]
    values = _numbers([one for _, row in found for one in row]).reshape(-1, 2)
    out.add(b"product", [step for step, _ in found], values)


_TAKEN = {
    **dict.fromkeys(_LINK, _links),
    b"CARTESIANPOINT": _vectors,
    b"DIRECTION": _vectors,
    b"SHAPEREPRESENTATION": _parts,
    b"PRODUCTDEFINITIONSHAPE": _shapes,
}
"""How the statements of each class are taken; all others are products."""
