"""Attribute columns of a segment: numbers as they are, texts and lists as codes of a dictionary, rare fields as pairs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from twin.arena.files import Sections, Spill
from twin.features.asking import Kind
from twin.features.things import Things
from twin.features.values import (
    INSTANT,
    MOST_VALUES,
    RESERVED,
    TYPED,
    as_column,
    as_text,
    kind_of,
    microseconds,
    type_of,
)  # fmt: skip

__all__ = ["Column", "ColumnMeta", "ColumnWriter"]

DISTINCT: Final = 1 << 15
"""Values of a field that are told apart; further ones are kept once for each thing."""
SMALL: Final = 1 << 12
"""A dictionary up to this size is kept decoded."""
RARE: Final = 4
"""A field that fewer than one thing in so many has is kept as pairs of row and value."""
TYPE_OF_KIND: Final = {
    Kind.TEXT: type_of("x"), Kind.NUMBER: type_of(0.5), Kind.WHOLE: type_of(1), Kind.INSTANT: INSTANT,
}  # fmt: skip
NUMBERS: Final = {Kind.WHOLE: "<i8", Kind.NUMBER: "<f8", Kind.TRUTH: "|u1", Kind.INSTANT: "<i8"}

ColumnMeta = dict[str, Any]
"""types, coded, sparse, few (texts where they are few, else null)."""


@dataclass(slots=True)
class _Building:
    """A field while its values come."""

    name: str
    types: int = 0
    count: int = 0
    codes: dict[str | bytes, int] = field(default_factory=dict)
    entries: int = 0
    pending: list[bytes] = field(default_factory=list)
    few: set[str] | None = field(default_factory=set)

    def code(self, value: Any) -> int:  # noqa: ANN401 -- any JSON
        """Code of a value, a new one if need be."""
        key = value if isinstance(value, str) else orjson.dumps(value)
        found = self.codes.get(key)
        if found is None:
            found = self.entries
            self.entries += 1
            if found < DISTINCT:
                self.codes[key] = found
            self.pending.append(key if isinstance(key, bytes) else orjson.dumps(key))
            self.types |= type_of(value)
            if self.few is not None:
                self.few.add(as_text(value))
                if len(self.few) > MOST_VALUES:
                    self.few = None
        return found


class ColumnWriter:
    """Takes things batch by batch and writes their columns at the end; memory for one batch and the dictionaries."""

    def __init__(self, spill: Spill) -> None:
        self._spill = spill
        self._fields: dict[str, _Building] = {}

    def add(self, things: Things, first: int) -> None:
        """Take a batch whose first thing is row ``first``."""
        found: dict[str, tuple[list[int], list[Any]]] = {
            name: _known(things.values(name)) for name in TYPED
        }
        for row, own in enumerate(things.attributes):
            for name, value in own.items():
                if name in RESERVED:
                    continue
                held = found.get(name)
                if held is None:
                    held = found[name] = ([], [])
                if value is not None:
                    held[0].append(row)
                    held[1].append(value)
        for name, (rows, values) in found.items():
            self._chunk(name, np.array(rows, np.uint32) + np.uint32(first), values)

    def _chunk(self, name: str, rows: NDArray[np.uint32], values: list[Any]) -> None:
        if name not in self._fields:
            self._fields[name] = _Building(name)
        building = self._fields[name]
        if not values:
            return
        building.count += len(values)
        kinds = {type(value) for value in values}
        if name in TYPED and TYPED[name] is not Kind.TEXT:
            if TYPED[name] is Kind.INSTANT:
                values = [microseconds(value) for value in values]
            self._put(name, "n", rows, np.array(values, NUMBERS[TYPED[name]]))
        elif len(kinds) == 1 and kinds <= {int, float, bool}:
            self._numbers(building, rows, values)
        elif kinds == {str}:
            self._put(name, "c", rows, np.array([building.code(v) for v in values], np.int32))
        else:
            for kind in sorted(kinds, key=str):
                chosen = [i for i, value in enumerate(values) if type(value) is kind]
                part, own = rows[chosen], [values[i] for i in chosen]
                if kind in (int, float, bool):
                    self._numbers(building, part, own)
                else:
                    self._put(name, "c", part, np.array([building.code(v) for v in own], np.int32))
        self._flush(building)

    def _numbers(self, building: _Building, rows: NDArray[np.uint32], values: list[Any]) -> None:
        """Put numbers or truths aside; whole ones beyond 64 bits become numbers."""
        kind = type(values[0])
        array = np.array(values)
        if kind is int and array.dtype != np.int64:
            kind, array = float, np.array([float(v) for v in values])
        building.types |= type_of(kind(values[0]))
        tag = {int: "i", float: "f", bool: "b"}[kind]
        self._put(building.name, tag, rows, array)

    def _put(self, name: str, tag: str, rows: NDArray[np.uint32], values: NDArray[Any]) -> None:
        self._spill.put(f"{name}/{tag}r", rows)
        self._spill.put(f"{name}/{tag}v", values)

    def _flush(self, building: _Building) -> None:
        if building.pending:
            lengths = np.fromiter(map(len, building.pending), np.int64, len(building.pending))
            self._spill.put(f"{building.name}/dl", lengths)
            joined = b"".join(building.pending)
            self._spill.put(f"{building.name}/db", np.frombuffer(joined, np.uint8))
            building.pending.clear()

    def finish(self, sections: Sections, n: int) -> dict[str, ColumnMeta]:
        """Write all columns of ``n`` rows; what a reader must know of them, by field."""
        return {name: self._finish(sections, self._fields[name], n) for name in self._fields}

    def _finish(self, sections: Sections, building: _Building, n: int) -> ColumnMeta:
        name = building.name
        if name in TYPED:
            building.types = TYPE_OF_KIND[TYPED[name]]
        kind = TYPED.get(name) or kind_of(building.types)
        coded = kind not in NUMBERS or (kind is Kind.INSTANT and name not in TYPED)
        dtype = np.dtype("<i4") if coded else np.dtype(NUMBERS[kind])
        sparse = building.count * RARE < n
        values = np.full(building.count if sparse else n, -1 if coded else 0, dtype)
        rows = np.empty(building.count, np.uint32)
        known = np.zeros(0 if sparse or coded else n, np.uint8)
        at = 0
        for part, own in self._parts(building, coded):
            if sparse:
                rows[at : at + len(part)], values[at : at + len(part)] = part, own
            else:
                values[part] = own
                known[part[: len(part) if len(known) else 0]] = 1
            at += len(part)
        if sparse:
            order = np.argsort(rows, kind="stable")
            sections.add(f"{name}/rows", rows[order])
            values = values[order]
        elif not coded:
            sections.add(f"{name}/known", known)
        sections.add(f"{name}/values", values)
        if coded:
            self._dictionary(sections, building)
        few = None if building.few is None or not coded else sorted(building.few)
        return {"types": building.types, "coded": coded, "sparse": sparse, "few": few}

    def _parts(
        self, building: _Building, coded: bool
    ) -> Iterable[tuple[NDArray[np.uint32], NDArray[Any]]]:
        for tag in "ncifb":
            rows = self._spill.chunks(f"{building.name}/{tag}r")
            values = self._spill.chunks(f"{building.name}/{tag}v")
            for part, own in zip(rows, values, strict=True):
                if coded and tag in "ifb":
                    codes = np.array([building.code(v) for v in own.tolist()], np.int32)
                    self._flush(building)
                    yield part, codes
                else:
                    yield part, own

    def _dictionary(self, sections: Sections, building: _Building) -> None:
        lengths = [np.zeros(1, np.int64), *self._spill.chunks(f"{building.name}/dl")]
        sections.add(f"{building.name}/at", np.cumsum(np.concatenate(lengths)))
        size = self._spill.length(f"{building.name}/db")
        chunks = self._spill.chunks(f"{building.name}/db")
        sections.add_parts(f"{building.name}/texts", np.dtype(np.uint8), (size,), iter(chunks))


def _known(values: list[Any]) -> tuple[list[int], list[Any]]:
    rows = [i for i, value in enumerate(values) if value is not None]
    return rows, values if len(rows) == len(values) else [values[i] for i in rows]


class Arrays(Protocol):
    """Named arrays of a segment."""

    def __getitem__(self, name: str) -> NDArray[Any]:
        """One of them."""
        ...


class Column:
    """A column of a segment, read where it lies."""

    def __init__(self, name: str, meta: Mapping[str, Any], arrays: Arrays) -> None:
        self.types: int = meta["types"]
        self.kind = TYPED.get(name) or kind_of(self.types)
        self.few: Sequence[str] | None = meta["few"]
        self._coded, self._sparse = bool(meta["coded"]), bool(meta["sparse"])
        self._values = arrays[f"{name}/values"]
        self._rows = arrays[f"{name}/rows"] if self._sparse else None
        self._known = arrays[f"{name}/known"] if not self._sparse and not self._coded else None
        self._at = arrays[f"{name}/at"] if self._coded else None
        self._texts = arrays[f"{name}/texts"].data if self._coded else memoryview(b"")
        self._empty = -1 if self._coded else 0
        self._decoded: dict[Kind, NDArray[Any]] = {}

    def take(self, rows: NDArray[np.int64], kind: Kind) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values of some rows as a kind (its own, or a wider one), and which are known."""
        values, known = self._raw(rows)
        if self._coded:
            return self._decode(values, kind), known
        if kind is self.kind:
            return _as_kind(values, kind), known
        if kind is Kind.NUMBER and self.kind is Kind.WHOLE:
            return values.astype(np.float64), known
        own = values.astype(bool) if self.kind is Kind.TRUTH else values
        plain = [v if k else None for v, k in zip(own.tolist(), known.tolist(), strict=True)]
        return as_column(plain, kind)

    def codes(self) -> NDArray[np.int32]:
        """Codes of all rows of a coded field that most things have; -1 where unknown."""
        if not self._sparse:
            return self._values
        codes = np.full(int(self._rows[-1]) + 1 if len(self._values) else 0, -1, np.int32)  # type: ignore[index] # sparse
        codes[self._rows] = self._values
        return codes

    def dictionary(self) -> list[Any]:
        """All values of a coded field, by code."""
        assert self._at is not None  # noqa: S101 -- asked of coded fields
        return self._loaded(np.arange(len(self._at) - 1))

    def _raw(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        if self._rows is None:
            values = self._values[rows]
            known = values >= 0 if self._known is None else self._known[rows].view(bool)
            return values, known
        if not len(self._rows):
            return np.full(len(rows), self._empty, self._values.dtype), np.zeros(len(rows), bool)
        at = np.minimum(np.searchsorted(self._rows, rows), len(self._rows) - 1)
        known = self._rows[at] == rows
        values = self._values[at]
        values[~known] = self._empty
        return values, known

    def _decode(self, codes: NDArray[np.int32], kind: Kind) -> NDArray[Any]:
        """Values by code; code -1 is what is empty."""
        assert self._at is not None  # noqa: S101 -- a coded field
        if len(self._at) - 1 <= SMALL:
            if kind not in self._decoded:
                everything, _ = as_column([*self.dictionary(), None], kind)
                self._decoded[kind] = everything
            return self._decoded[kind][codes]
        found, where = np.unique(codes, return_inverse=True)
        missing = bool(len(found)) and found[0] < 0
        loaded = self._loaded(found[1:] if missing else found)
        column, _ = as_column([None, *loaded] if missing else loaded, kind)
        return column[where]

    def _loaded(self, codes: NDArray[Any]) -> list[Any]:
        assert self._at is not None  # noqa: S101 -- a coded field
        starts, ends = self._at[codes].tolist(), self._at[codes + 1].tolist()
        texts = self._texts
        parts = [texts[a:b] for a, b in zip(starts, ends, strict=True)]
        loaded: list[Any] = orjson.loads(b"[" + b",".join(parts) + b"]")
        return loaded


def _as_kind(values: NDArray[Any], kind: Kind) -> NDArray[Any]:
    if kind is Kind.TRUTH:
        return values.astype(bool)
    return values.view("datetime64[us]") if kind is Kind.INSTANT else values
