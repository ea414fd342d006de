"""A segment: all things of a collection at one version, in files that any number of processes map."""

import mmap
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.arena.columns import Column
from twin.arena.files import DamagedArenaError, read_document
from twin.arena.tree import most_within, search
from twin.features.asking import Kind
from twin.features.values import TYPED

__all__ = ["FEATURES", "FORMAT", "META", "SHAPES", "TABLES", "Segment", "hashed"]

FORMAT: Final = 1
META, TABLES, FEATURES, SHAPES = "meta.json", "tables.bin", "features.json", "shapes.wkb"
_MIXED: Final = 0x9E3779B97F4A7C15
_WORD: Final = 2**64 - 1
MIXED: Final = np.uint64(_MIXED)


def hashed(eids: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A number for each identifier (n, 16) that two of them seldom share."""
    halves = np.ascontiguousarray(eids).view(">u8").astype(np.uint64)
    return np.asarray(halves[:, 0] * MIXED ^ halves[:, 1])


class Segment:
    """Files of a folder, mapped; nothing is read before it is asked for.

    Rows are things in the order of the version: place on the Hilbert curve, then id.

    Attributes
    ----------
    version : int
        The change in the log after which the base was read.
    n : int
    eids : ndarray of uint8, shape (n, 16)
    place : ndarray of int64, shape (n,)
    boxes, heights, form : ndarray
        As in :class:`twin.features.things.Things`.
    feature_at, shape_at : ndarray of int64, shape (n + 1,)
        Where features and shapes begin; features have a comma after each, shapes are WKB, empty for none.

    Raises
    ------
    DamagedArenaError
        If a file is missing or of another length or format.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        meta: dict[str, Any] = read_document(folder / META)
        if meta.get("format") != FORMAT:
            raise DamagedArenaError(f"{folder} is of another format; it is made again.")
        self.meta = meta
        self.n = int(meta["n"])
        self.version = int(meta["version"])
        self._raw = self._mapped(TABLES)
        self.features = self._mapped(FEATURES)
        self.wkb = self._mapped(SHAPES)
        self.eids = self["eids"]
        self.place = self["place"]
        self.boxes, self.heights, self.form = self["boxes"], self["heights"], self["form"]
        self.feature_at, self.shape_at = self["feature_at"], self["shape_at"]
        self._nodes, self._counts = self["nodes"], self["counts"]
        self._hashes, self._hash_rows = self["hashes"], self["hash_rows"]
        self._sorted, self._sorted_rows = self._hashes.data, self._hash_rows.data
        self._own = self.eids.reshape(-1).data
        self._begins = self.feature_at.data
        self.columns = {name: Column(name, own, self) for name, own in meta["columns"].items()}

    def __getitem__(self, name: str) -> NDArray[Any]:
        """An array by its name, read-only, where it is mapped."""
        dtype, shape, at = self.meta["sections"][name]
        kind = np.dtype(dtype)
        count = int(np.prod(shape))
        return np.frombuffer(self._raw, kind, count, at).reshape(shape)

    def _mapped(self, name: str) -> memoryview:
        path, size = self.folder / name, int(self.meta["files"][name][0])
        try:
            if path.stat().st_size != size:
                raise DamagedArenaError(
                    f"{path} is not as long as it was written; it is made again."
                )
            if not size:
                return memoryview(b"")
            with path.open("rb") as file:
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except OSError as error:
            raise DamagedArenaError(f"{path}: {error.strerror}; it is made again.") from error

    def check(self) -> None:
        """Read everything and compare checksums.

        Raises
        ------
        DamagedArenaError
            If a byte is not as it was written.
        """
        for name, (_, crc) in self.meta["files"].items():
            found = 0
            data = {TABLES: self._raw, FEATURES: self.features, SHAPES: self.wkb}[name]
            for at in range(0, len(data), 1 << 22):
                found = zlib.crc32(data[at : at + (1 << 22)], found)
            if found != crc:
                raise DamagedArenaError(f"{self.folder / name} is damaged; it is made again.")

    def find(self, eids: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Rows of identifiers (k, 16); -1 where there is none."""
        wanted = hashed(eids)
        at = np.searchsorted(self._hashes, wanted)
        found = np.full(len(wanted), -1, np.int64)
        for i, (k, number) in enumerate(zip(at.tolist(), wanted.tolist(), strict=True)):
            while k < self.n and int(self._hashes[k]) == number:
                row = int(self._hash_rows[k])
                if self.eids[row].tobytes() == eids[i].tobytes():
                    found[i] = row
                    break
                k += 1
        return found

    def find_one(self, eid: bytes) -> int:
        """Row of an identifier (16 bytes), -1 where there is none: what :meth:`find` gives, without arrays."""
        high, low = int.from_bytes(eid[:8], "big"), int.from_bytes(eid[8:], "big")
        number = (high * _MIXED & _WORD) ^ low
        k = bisect_left(self._sorted, number)
        while k < self.n and self._sorted[k] == number:
            row: int = self._sorted_rows[k]
            if self._own[16 * row : 16 * row + 16] == eid:
                return row
            k += 1
        return -1

    def feature(self, row: int) -> memoryview:
        """The encoded feature of a row."""
        return self.features[self._begins[row] : self._begins[row + 1] - 1]

    def search(
        self, window: NDArray[np.float64], exact: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows that meet a window; see :func:`twin.arena.tree.search`."""
        return search(self.boxes, self.heights, self.form, self._nodes, self._counts, window, exact)

    def most_within(self, window: NDArray[np.float64], most: int) -> int:
        """At most how many rows meet a window, counted up to ``most``; see :func:`twin.arena.tree.most_within`."""
        return int(most_within(self._nodes, self._counts, window, most))

    def shapes(self, rows: NDArray[np.int64]) -> NDArray[np.object_]:
        """Shapes of rows in degrees, None for none."""
        starts, ends = self.shape_at[rows].tolist(), self.shape_at[rows + 1].tolist()
        wkb = self.wkb
        made = np.empty(len(starts), object)
        made[:] = [bytes(wkb[a:b]) if b > a else None for a, b in zip(starts, ends, strict=True)]
        return np.asarray(shapely.from_wkb(made))

    def class_mask(self, classes: frozenset[str]) -> NDArray[np.bool_]:
        """Which rows are of some classes."""
        column = self.columns.get("class_code")
        if column is None:
            return np.zeros(self.n, bool)
        allowed = np.array([value in classes for value in column.dictionary()] + [False])
        mask = np.zeros(self.n, bool)
        codes = column.codes()
        mask[: len(codes)] = allowed[codes]
        return mask

    def column(
        self, name: str, rows: NDArray[np.int64], kind: Kind
    ) -> tuple[NDArray[Any], NDArray[np.bool_]] | None:
        """Values of a field in rows; None where no row has it."""
        own = self.columns.get(name)
        return None if own is None else own.take(rows, kind)

    def types(self) -> dict[str, int]:
        """Types of its attributes."""
        return {name: own.types for name, own in self.columns.items() if name not in TYPED}

    def few(self) -> dict[str, Sequence[str] | None]:
        """Texts of its fields where they are few."""
        return {name: own.few for name, own in self.columns.items()}
