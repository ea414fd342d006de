"""Attributes of things with each value kept once, so that a tile numbers its values without looking at their bytes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiles.mvt_values import Values

__all__ = ["Coded", "coded"]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Whole = NDArray[np.int32]
TYPES = {0x38: "Boolean", 0x30: "Number", 0x19: "Number"}
"""TileJSON's name of a value's type by the key its message begins with, after two bytes."""


@dataclass(frozen=True, slots=True)
class Coded:
    """Attributes of n things.

    ``code`` (all keys, n) is the number of each value, -1 where there is none; the message of value v is
    ``pool[start[v]:start[v + 1]]``. ``columns`` are the rows of ``code`` that ``keys`` stand in. Safe to use from any thread.
    """

    keys: list[str]
    columns: Ints
    code: Whole
    start: Ints
    pool: Bytes
    _free: list[Whole] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return self.code.nbytes + self.start.nbytes + self.pool.nbytes

    def only(self, keys: frozenset[str]) -> Coded:
        """Some of the keys."""
        picked = [i for i, key in enumerate(self.keys) if key in keys]
        return Coded(
            [self.keys[i] for i in picked], self.columns[picked], self.code, self.start, self.pool, self._free
        )  # fmt: skip

    def fields(self) -> dict[str, str]:
        """Type of each key as TileJSON has it; a key of several types is a String."""
        out = {}
        for k, key in zip(self.columns.tolist(), self.keys, strict=True):
            codes = self.code[k]
            kinds = np.unique(self.pool[self.start[codes[codes >= 0]] + 2]).tolist()
            found = {TYPES.get(kind, "String") for kind in kinds}
            out[key] = found.pop() if len(found) == 1 else "String"
        return out

    @contextmanager
    def scratch(self) -> Iterator[Whole]:
        """An array with a place for each value, -1 everywhere; it must be so again at the end."""
        try:
            local = self._free.pop()
        except IndexError:
            local = np.full(len(self.start), -1, np.int32)
        yield local
        self._free.append(local)

    def values_at(self, column: int, rows: Ints) -> list[bytes]:
        """Messages of one column (none of them missing)."""
        codes = self.code[column, rows]
        starts, ends = self.start[codes].tolist(), self.start[codes + 1].tolist()
        return [self.pool[a:b].tobytes() for a, b in zip(starts, ends, strict=True)]


def coded(values: Values) -> Coded:
    """Number all values, those of the first key first; equal ones of any key are one."""
    code, used, ends = _coded(values.pool, values.at)
    start = np.concatenate([np.zeros(1, np.int64), np.cumsum(ends - used)])
    pool = _gathered(values.pool, used, start)
    return Coded(values.keys, np.arange(len(values.keys)), code, start, pool)


@njit(cache=True, nogil=True)
def _blob_end(pool: Bytes, at: int) -> int:
    """Where a value message that begins at ``at`` ends."""
    at += 1
    size, shift = np.int64(0), 0
    while pool[at] > 127:
        size |= np.int64(pool[at] & 127) << shift
        shift += 7
        at += 1
    return int(at + 1 + (size | np.int64(pool[at]) << shift))


@njit(cache=True, nogil=True)
def _coded(pool: Bytes, at: Ints) -> tuple[Whole, Ints, Ints]:  # noqa: C901 - an open hash table
    """Number of each value (keys, n), -1 where absent, and where the values begin and end, by number."""
    rows, keys = at.shape
    code = np.full((keys, rows), -1, np.int32)
    slots = 64
    while slots < 2 * keys * rows:
        slots *= 2
    table = np.full(slots, -1, np.int32)
    used = np.empty(keys * rows, np.int64)
    ends = np.empty(keys * rows, np.int64)
    count = 0
    for k in range(keys):
        for n in range(rows):
            a = at[n, k]
            if a < 0:
                continue
            b = _blob_end(pool, a)
            mixed = np.uint64(14695981039346656037)
            for j in range(a, b):
                mixed = (mixed ^ np.uint64(pool[j])) * np.uint64(1099511628211)
            slot = np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(slots - 1))
            while True:
                v = table[slot]
                if v < 0:
                    table[slot] = count
                    used[count], ends[count] = a, b
                    code[k, n] = count
                    count += 1
                    break
                if ends[v] - used[v] == b - a:
                    same = True
                    for j in range(b - a):
                        if pool[used[v] + j] != pool[a + j]:
                            same = False
                            break
                    if same:
                        code[k, n] = v
                        break
                slot = (slot + 1) & (slots - 1)
    return code, used[:count].copy(), ends[:count].copy()


@njit(cache=True, nogil=True)
def _gathered(pool: Bytes, used: Ints, start: Ints) -> Bytes:
    out = np.empty(start[-1], np.uint8)
    for v in range(len(used)):
        at = start[v]
        for j in range(start[v + 1] - at):
            out[at + j] = pool[used[v] + j]
    return out
