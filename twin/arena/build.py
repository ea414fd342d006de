"""Make a segment from the base: one statement, batch by batch, written beside and moved into its place."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.arena.columns import ColumnWriter
from twin.arena.files import Sections, Spill, Stream, write_document
from twin.arena.segment import FEATURES, FORMAT, META, SHAPES, TABLES, hashed
from twin.arena.tree import build as build_tree
from twin.arena.tree import levels
from twin.durable import sync_folder
from twin.features.things import Things, things_of
from twin.store.read import Moment
from twin.store.store import Connection

__all__ = ["BUILDING", "BuildStoppedError", "Mark", "build_segment", "mark_of"]

BUILDING: Final = ".building-"
ORDER: Final = "ORDER BY s.hilbert NULLS LAST, w.eid"
MARK: Final = (
    "SELECT seq, epoch_us(at_time), subject_id FROM change WHERE seq = "
    "(SELECT max(seq) FROM change WHERE collection = $collection AND seq <= $most)"
)
ANCHORS: Final = "SELECT count(*), epoch_us(max(at_time)) FROM anchor WHERE subject_kind = 'entity'"
ARRAYS: Final[dict[str, tuple[str, int]]] = {
    "eids": ("|u1", 16), "place": ("<i8", 0), "boxes": ("<f8", 4), "heights": ("<f8", 2), "form": ("|u1", 0),
}  # fmt: skip


class BuildStoppedError(Exception):
    """The build was told to end."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the log of changes of a collection, told from one in another base by its time and subject."""

    version: int
    at: int = 0
    subject: str = ""


def mark_of(cursor: Connection, collection: str, most: int = (1 << 62)) -> Mark:
    """The last change of a collection, not after ``most``; version 0 where there is none."""
    found = cursor.execute(MARK, {"collection": collection, "most": most}).fetchone()
    return Mark(0) if found is None else Mark(found[0], found[1] or 0, found[2] or "")


def anchors_of(cursor: Connection) -> list[int]:
    """What tells one computation of all places from another: heights of things hang on it."""
    found = cursor.execute(ANCHORS).fetchone()
    return [int(v or 0) for v in found or (0, 0)]


def build_segment(
    cursor: Connection,
    moment: Moment,
    collection: str,
    parent: Path,
    stopping: Callable[[], bool] = lambda: False,
) -> Path:
    """Make a segment of a collection.

    Parameters
    ----------
    cursor : duckdb connection
        In a transaction: all that is read is of one state.
    moment : Moment
    collection : str
    parent : Path
        Folder it is made in.
    stopping : callable
        Asked between batches whether to give up.

    Returns
    -------
    Path
        Its folder, named by version; whole, or not there.

    Raises
    ------
    BuildStoppedError
        If it was told to end; nothing is left.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / f"{BUILDING}{os.getpid()}-{secrets.token_hex(4)}"
    folder.mkdir()
    spill = Spill(folder)
    try:
        mark = mark_of(cursor, collection)
        anchors = anchors_of(cursor)
        values = {"collection": collection}
        batches = things_of(cursor, moment, "e.collection = $collection", values, ending=ORDER)
        meta = _written(folder, spill, _until(batches, stopping))
        meta |= {
            "format": FORMAT,
            "collection": collection,
            "version": mark.version,
            "mark": [mark.version, mark.at, mark.subject],
            "anchors": anchors,
        }
        write_document(folder / META, meta)
        made = parent / f"{mark.version}-{secrets.token_hex(4)}"
        folder.rename(made)
        sync_folder(parent)
        return made
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        spill.close()


def _until(batches: Iterator[Things], stopping: Callable[[], bool]) -> Iterator[Things]:
    for things in batches:
        if stopping():
            raise BuildStoppedError
        yield things


def _written(folder: Path, spill: Spill, batches: Iterator[Things]) -> dict[str, Any]:
    """Write features, shapes and tables; what a reader must know of them."""
    columns = ColumnWriter(spill)
    n = 0
    with Stream(folder / FEATURES) as features, Stream(folder / SHAPES) as shapes:
        for things in batches:
            _put(spill, "feature_at", _features(features, things))
            _put(spill, "shape_at", _shapes(shapes, things))
            for name in ARRAYS:
                spill.put(f"/{name}", getattr(things, name))
            columns.add(things, n)
            n += things.n
    with Stream(folder / TABLES) as tables:
        sections = Sections(tables)
        for name in ("feature_at", "shape_at"):
            sections.add(name, _ends(spill, name))
        for name, (dtype, width) in ARRAYS.items():
            shape = (n, width) if width else (n,)
            sections.add_parts(name, np.dtype(dtype), shape, spill.chunks(f"/{name}"))
        boxes = _whole(spill, "boxes", n)
        sections.add("nodes", build_tree(boxes))
        sections.add("counts", np.array(levels(n), np.int64))
        del boxes
        hashes = hashed(_whole(spill, "eids", n))
        order = np.argsort(hashes)
        sections.add("hashes", hashes[order])
        sections.add("hash_rows", order.astype(np.uint32))
        described = columns.finish(sections, n)
    files = {FEATURES: features, SHAPES: shapes, TABLES: tables}
    return {
        "n": n,
        "columns": described,
        "sections": sections.layout,
        "files": {name: [stream.size, stream.crc] for name, stream in files.items()},
    }


def _features(stream: Stream, things: Things) -> NDArray[np.int64]:
    """Write features, a comma after each; their lengths."""
    texts = things.features()
    stream.write(b",".join([*texts, b""]))
    return np.fromiter(map(len, texts), np.int64, len(texts)) + 1


def _shapes(stream: Stream, things: Things) -> NDArray[np.int64]:
    """Write shapes; their lengths."""
    column = pa.array(shapely.to_wkb(things.shapes), pa.large_binary())
    offsets = np.frombuffer(column.buffers()[1], np.int64)[: len(column) + 1]
    data = column.buffers()[2]
    if data is not None and offsets[-1]:
        stream.write(memoryview(data)[: int(offsets[-1])])
    return np.diff(offsets)


def _put(spill: Spill, name: str, lengths: NDArray[np.int64]) -> None:
    spill.put(f"/{name}", lengths)


def _ends(spill: Spill, name: str) -> NDArray[np.int64]:
    lengths = [np.zeros(1, np.int64), *spill.chunks(f"/{name}")]
    return np.cumsum(np.concatenate(lengths))


def _whole(spill: Spill, name: str, n: int) -> NDArray[Any]:
    dtype, width = ARRAYS[name]
    made = np.empty((n, width) if width else n, np.dtype(dtype))
    at = 0
    for chunk in spill.chunks(f"/{name}"):
        made[at : at + len(chunk)] = chunk
        at += len(chunk)
    return made
