"""What is kept of each district beside its files: enough to use it again without making it.

A record stands in the layer's folder under :data:`FOLDER`, which is not served, and is written after the files
it speaks of. A run looks for a district of the same digest in the layer as it is and in what an interrupted
run left behind, and takes its files by link.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from tiles.districts import Area, District, Part, name_of
from tiles.edits import Index, read_index
from tiles.massing import BLOCK

if TYPE_CHECKING:
    from pathlib import Path

    from tiles.districts import Cell

__all__ = ["FOLDER", "Record", "Shelf", "digest_area", "read_record", "write_record"]

FOLDER = ".records"
Files = dict[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Record:
    """A district, the digest of what it was made of, and sha256 and size of each of its files."""

    digest: str
    files: Files
    district: District


def digest_area(area: Area, ground: str) -> str:
    """Hash of all that a district is made of.

    Parameters
    ----------
    area : Area
    ground : str
        Hash of the terrain and of the format.
    """
    h = hashlib.sha256(f"{ground}{area.cell}".encode())
    for values in (area.key, area.tile_level, area.size):
        h.update(np.ascontiguousarray(values).tobytes())
    for name in sorted(area.table.column_names):
        column = area.table[name].combine_chunks()
        h.update(f"\0{name}{column.type}{len(column)}".encode())
        h.update(_bytes_of(column))
    return h.hexdigest()


def _bytes_of(column: Any) -> bytes:  # noqa: ANN401 - pyarrow ships no types
    """The column as a stream of its own: equal values give equal bytes."""
    sink = pa.BufferOutputStream()
    batch = pa.record_batch([column], names=["v"])
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def write_record(path: Path, record: Record) -> None:
    """Write a record in one step."""
    d = record.district
    meta = {
        "digest": record.digest,
        "files": record.files,
        "cell": d.cell,
        "deviation": d.deviation,
        "span": d.span,
        "levels": d.levels,
        "notes": d.notes,
        "parts": [[*p.cell, p.features, p.omitted] for p in d.parts],
        "massed": d.massing is not None,
        "blocks": len(d.blocks),
    }
    boxes = [(p.low, p.high) for p in d.parts] + ([d.massing] if d.massing else [])
    numbers = np.concatenate([d.frame.ravel(), np.array(boxes, dtype=np.float64).ravel()])
    text = orjson.dumps(meta)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(struct.pack("<I", len(text)) + text + numbers.tobytes() + d.blocks.tobytes())
    beside.replace(path)


def read_record(path: Path) -> Record:
    """Read a record.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    blob = path.read_bytes()
    try:
        size = struct.unpack_from("<I", blob)[0]
        meta = orjson.loads(blob[4 : 4 + size])
        n = len(meta["parts"]) + meta["massed"]
        numbers = np.frombuffer(blob, "<f8", 16 + 6 * n, 4 + size)
        blocks = np.frombuffer(blob, BLOCK, meta["blocks"], 4 + size + numbers.nbytes)
    except (struct.error, orjson.JSONDecodeError, KeyError, TypeError) as err:
        raise ValueError(f"{path} is no record: {err}") from err
    boxes = numbers[16:].reshape(n, 2, 3)
    parts = [
        Part((p[0], p[1], p[2]), p[3], box[0], box[1], p[4])
        for p, box in zip(meta["parts"], boxes, strict=False)
    ]
    massing = (boxes[-1][0], boxes[-1][1]) if meta["massed"] else None
    span = (meta["span"][0], meta["span"][1])
    level, x, y = meta["cell"]
    district = District(
        (level, x, y), numbers[:16].reshape(4, 4), parts, massing, meta["deviation"], blocks, span,
        meta["levels"], meta["notes"],
    )  # fmt: skip
    files = {k: (v[0], v[1]) for k, v in meta["files"].items()}
    return Record(meta["digest"], files, district)


class Shelf:
    """Layers that districts may be taken from."""

    def __init__(self, *layers: Path) -> None:
        self.layers = layers

    def index(self) -> Index | None:
        """The index of the last layer, the one that is served."""
        return read_index(self.layers[-1] / FOLDER / "index") if self.layers else None

    def find(self, cell: Cell, digest: str | None = None) -> tuple[Path, Record] | None:
        """(layer, record) of a district of this digest whose files are all there, as large as they were.

        Without a digest, of the last layer as it is.
        """
        if digest is None:
            return self._find(self.layers[-1:], cell, None)
        return self._find(self.layers, cell, digest)

    def _find(
        self, layers: tuple[Path, ...], cell: Cell, digest: str | None
    ) -> tuple[Path, Record] | None:
        for layer in layers:
            try:
                record = read_record(layer / FOLDER / name_of(cell))
            except (OSError, ValueError):
                continue
            if digest in (None, record.digest) and _there(layer, record.files):
                return layer, record
        return None


def _there(layer: Path, files: Files) -> bool:
    try:
        return all((layer / name).stat().st_size == size for name, (_, size) in files.items())
    except OSError:
        return False
