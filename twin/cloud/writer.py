"""Points in any order into an asset in order of place."""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from twin.cloud.summary import Batch, CloudSpec, CloudSummary

__all__ = ["CHUNK", "morton", "write_cloud"]

CHUNK = 65_536
"""Points of one chunk (a row group): what a reader takes at a time."""
IN_MEMORY = 3_000_000
"""Clouds up to this size are ordered in memory; larger ones in runs on disk that are merged by place."""
COARSE = 4_000_000
"""Clouds up to this size are ordered on a raster of 256 × 256 cells: points of a cell stay in the order of
the scan, which packs better and sorts seven times as fast; larger ones on one of 65,536 × 65,536."""
_BINS = 1 << 12
Columns = dict[str, NDArray[np.generic]]


def write_cloud(
    folder: Path,
    spec: CloudSpec,
    crs: str,
    z_reference: str,
    batches: Iterable[Batch],
    progress: Callable[[int], None] | None = None,
) -> tuple[str, CloudSummary]:
    """Write one cloud.

    Parameters
    ----------
    folder : Path
        The assets folder.
    spec : CloudSpec
    crs, z_reference : str
        What the coordinates are in; kept in the file.
    batches : iterable of Batch
        Read once; all have the same columns. A batch may hold a million points.
    progress : callable, optional
        Told the points read.

    Returns
    -------
    name : str
        Of the file in ``folder``: sha256 over points and meaning, so it does not depend on the
        compressor, and ``.parquet``. Points in Morton order of the plane (points of one place in the
        order of the source), in chunks of 65,536.
    summary : CloudSummary
    """
    summary = CloudSummary(spec)
    order = _Order(spec)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".cloud-") as name, ExitStack() as stack:
        runs = _Runs(Path(name), stack)
        for batch in batches:
            summary.add(batch)
            runs.add(order.of(batch), dict(batch))
            if progress is not None:
                progress(summary.n)
        digest = hashlib.sha256(orjson.dumps([spec.scale, spec.offset, crs, z_reference]))
        part = Path(name) / "whole"
        _write(part, runs.merged(), digest, _meaning(summary, crs, z_reference))
        target = folder / f"{digest.hexdigest()}.parquet"
        if not target.exists():
            part.replace(target)
    return target.name, summary


def _meaning(summary: CloudSummary, crs: str, z_reference: str) -> dict[bytes, bytes]:
    spec = summary.spec
    seen = summary.n > summary.nowhere
    content = {
        "version": 1,
        "points": summary.n,
        "scale": spec.scale,
        "offset": spec.offset,
        "z_metres": spec.z_metres,
        "crs": crs,
        "z_reference": z_reference,
        "low": summary.low.tolist() if seen else None,
        "high": summary.high.tolist() if seen else None,
        "classes": summary.histogram,
        "color_bits": summary.color_bits,
    }
    return {b"citytwin.cloud": orjson.dumps(content)}


def morton(col: NDArray[np.uint32], row: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Keys of the Z-order curve of places on a 65,536 × 65,536 raster, shape (n,)."""
    return _spread(col) | (_spread(row) << np.uint32(1))


def _spread(v: NDArray[np.uint32]) -> NDArray[np.uint32]:
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        v = (v | (v << np.uint32(shift))) & np.uint32(mask)
    return v


class _Order:
    """Keys of points by place: over the declared box, or that of the first batch where there is none or it lies."""

    def __init__(self, spec: CloudSpec) -> None:
        self.low: NDArray[np.float64] | None = None
        self.step = np.ones(2)
        few = spec.declared is not None and spec.declared <= COARSE
        self.mask = np.uint32(0xFFFF0000 if few else 0xFFFFFFFF)
        if spec.low is not None and spec.high is not None:
            scale, offset = np.array(spec.scale[:2]), np.array(spec.offset[:2])
            ends = [(np.array(v[:2]) - offset) / scale for v in (spec.low, spec.high)]
            if np.isfinite(ends).all():
                self._set(np.minimum(*ends), np.maximum(*ends))

    def _set(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        self.low, self.step = low, np.maximum((high - low) / 65_535.0, 1e-12)

    def of(self, batch: Batch) -> NDArray[np.uint32]:
        """Key of every point."""
        plane = [batch["x"], batch["y"]]
        if len(plane[0]) and (self.low is None or not self._holds(plane)):
            finite = [c[np.isfinite(c)] if c.dtype.kind == "f" else c for c in plane]
            if all(len(c) for c in finite) and not getattr(self, "_taken", False):
                self._taken = True
                low, high = (np.array([float(f(c)) for c in finite]) for f in (np.min, np.max))
                self._set(low - (high - low), high + (high - low))
        low = np.zeros(2) if self.low is None else self.low
        cells = []
        for i, column in enumerate(plane):
            at = (column - low[i]) * (1.0 / self.step[i])
            cells.append(np.clip(np.nan_to_num(at), 0, 65_535).astype(np.uint32))
        return morton(cells[0], cells[1]) & self.mask

    def _holds(self, plane: list[NDArray[np.generic]]) -> bool:
        """Whether the middle of a batch lies in the box."""
        assert self.low is not None  # noqa: S101 -- asked only then
        middle = np.array(
            [float(np.nanmedian(c[:: max(1, len(c) // 1000)].astype(np.float64))) for c in plane]
        )
        at = (middle - self.low) / self.step
        return bool(((at >= -1) & (at <= 65_536)).all())


def _sorted(keys: NDArray[np.uint32], columns: Columns) -> tuple[NDArray[np.uint32], Columns]:
    """Points by key; equal keys keep their order (radix sorts of the two halves, the low one where it is used)."""
    high = (keys >> np.uint32(16)).astype(np.uint16)
    low = (keys & np.uint32(0xFFFF)).astype(np.uint16)
    if low.any():
        order = np.argsort(low, kind="stable")
        order = order[np.argsort(high[order], kind="stable")]
    else:
        order = np.argsort(high, kind="stable")
    return keys[order], {name: column[order] for name, column in columns.items()}


class _Runs:
    """Sorted runs of points: the last ones in memory, older ones in one file per column."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.pending: list[tuple[NDArray[np.uint32], Columns]] = []
        self.held = 0
        self.types: dict[str, np.dtype[np.generic]] = {}
        self.files: dict[str, BinaryIO] = {}
        self.starts = [0]

    def add(self, keys: NDArray[np.uint32], columns: Columns) -> None:
        """Take one batch."""
        if not self.types:
            self.types = {name: column.dtype for name, column in columns.items()}
        self.pending.append((keys, columns))
        self.held += len(keys)
        if self.held > IN_MEMORY:
            self._spill()

    def _together(self) -> tuple[NDArray[np.uint32], Columns]:
        if len(self.pending) == 1:
            keys, columns = self.pending.pop()
            self.held = 0
            return _sorted(keys, columns)
        keys = np.concatenate([np.zeros(0, np.uint32), *(k for k, _ in self.pending)])
        columns = {name: np.concatenate([c[name] for _, c in self.pending]) for name in self.types}
        self.pending, self.held = [], 0
        return _sorted(keys, columns)

    def _spill(self) -> None:
        keys, columns = self._together()
        for name, column in {"#key": keys, **columns}.items():
            if name not in self.files:
                path = self.folder / str(len(self.files))
                self.files[name] = self.stack.enter_context(path.open("w+b"))
            column.tofile(self.files[name])
        self.starts.append(self.starts[-1] + len(keys))

    def merged(self) -> Iterator[Columns]:
        """All points in order, at most about ``IN_MEMORY`` at a time."""
        if len(self.starts) == 1:
            yield self._together()[1]
            return
        if self.held:
            self._spill()
        for file in self.files.values():
            file.flush()
        mapped = {
            name: np.memmap(file, dtype=np.uint32 if name == "#key" else self.types[name], mode="r")
            for name, file in self.files.items()
        }
        keys = [mapped["#key"][a:b] for a, b in zip(self.starts, self.starts[1:], strict=False)]
        edges = np.arange(_BINS + 1, dtype=np.uint64) << np.uint64(20)
        cuts = np.array([np.searchsorted(k, edges.astype(np.uint64)) for k in keys])
        for low, high in _buckets(cuts.sum(axis=0)):
            spans = [slice(s + int(c[low]), s + int(c[high])) for s, c in zip(self.starts, cuts, strict=False)]  # fmt: skip
            joined = {n: np.concatenate([m[s] for s in spans]) for n, m in mapped.items()}
            yield _sorted(joined.pop("#key"), joined)[1]


def _buckets(cumulative: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of bins that hold about half of ``IN_MEMORY`` points each, none left out."""
    low = 0
    for high in range(1, len(cumulative)):
        full = cumulative[high] - cumulative[low] >= IN_MEMORY // 2
        if full or high == len(cumulative) - 1:
            yield low, high
            low = high


def _write(
    path: Path,
    parts: Iterator[Columns],
    digest: "hashlib._Hash",
    meaning: dict[bytes, bytes],
) -> None:
    """Parquet with the encodings that suit neighbours: differences for whole numbers, byte planes for floats."""
    writer: pq.ParquetWriter | None = None
    rest: Columns = {}
    try:
        for columns in parts:
            if rest:
                columns = {n: np.concatenate([rest[n], c]) for n, c in columns.items()}
            whole = len(next(iter(columns.values()), ())) // CHUNK * CHUNK
            if writer is None:
                writer = _opened(path, columns, meaning)
            _put(writer, {n: c[:whole] for n, c in columns.items()}, digest)
            rest = {n: c[whole:] for n, c in columns.items()}
        if writer is None:
            writer = _opened(path, {n: np.zeros(0, np.int32) for n in "xyz"}, meaning)
        _put(writer, rest, digest)
    finally:
        if writer is not None:
            writer.close()


def _put(writer: pq.ParquetWriter, columns: Columns, digest: "hashlib._Hash") -> None:
    n = len(next(iter(columns.values()), ()))
    if not n:
        return
    for start in range(0, n, CHUNK):  # per chunk, so that the hash does not depend on the runs
        for name, column in columns.items():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(column[start : start + CHUNK]).view(np.uint8).data)
    writer.write_table(pa.table(columns), row_group_size=CHUNK)


def _opened(path: Path, columns: Columns, meaning: dict[bytes, bytes]) -> pq.ParquetWriter:
    schema = pa.schema([(n, pa.from_numpy_dtype(c.dtype)) for n, c in columns.items()], meaning)
    encodings = {}
    for name, column in columns.items():
        if column.dtype.kind == "f" and column.dtype.itemsize >= 4:
            encodings[name] = "BYTE_STREAM_SPLIT"
        elif column.dtype.kind in "iu" and column.dtype.itemsize >= 2:
            encodings[name] = "DELTA_BINARY_PACKED"
    return pq.ParquetWriter(
        path, schema, compression="lz4", use_dictionary=False,
        column_encoding=encodings, write_statistics=["x", "y", "z"],
    )  # fmt: skip
