"""What is kept of each district beside its files: enough to use it again without making it.

A record stands in the layer's folder under :data:`FOLDER`, which is not served, and is written after the files
it speaks of. A run looks for a district of the same digest in the layer as it is and in what an interrupted
run left behind, and takes its files by link.
"""

from __future__ import annotations

import hashlib
import itertools
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from tiles.districts import MEMBER, Area, District, Massing, Part, name_of
from tiles.massing import BLOCK

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tiles.districts import Cell

__all__ = [
    "FOLDER",
    "Record",
    "Shelf",
    "digest_parts",
    "read_record",
    "record_bytes",
    "write_record",
]

FOLDER = ".records"
Files = dict[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Record:
    """A district: hash of what it was made of, sha256 and size of each of its files, its buildings as an area has them."""

    digest: str
    files: Files
    district: District
    members: NDArray[np.void]


def digest_parts(area: Area, ground: str) -> list[str]:
    """Hash of all that each tile of an area is made of.

    Parameters
    ----------
    area : Area
    ground : str
        Hash of the terrain and of the format.
    """
    names = sorted(area.table.column_names)
    table = area.table.select(names).combine_chunks()
    first = hashlib.sha256(f"{ground}{area.cell}{table.schema}".encode())
    starts = area.starts.tolist()
    found = []
    for a, b in itertools.pairwise(starts):
        h = first.copy()
        h.update(area.members[["key", "level"]][a:b].tobytes())
        sink = pa.BufferOutputStream()
        # a stream cuts buffers to the slice: equal values give equal bytes
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.slice(a, b - a))
        h.update(sink.getvalue())
        found.append(h.hexdigest())
    return found


def write_record(path: Path, record: Record) -> None:
    """Write a record in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(record_bytes(record))
    beside.replace(path)


def record_bytes(record: Record) -> bytes:
    """A record as it is written."""
    d = record.district
    massed = ([d.massing] if d.massing else []) + d.inner
    meta = {
        "digest": record.digest,
        "files": record.files,
        "cell": d.cell,
        "parts": [
            [p.cell, p.rows, p.features, p.digest, p.span, len(p.blocks), p.notes] for p in d.parts
        ],
        "massed": d.massing is not None,
        "massing": [[m.cell, m.deviation, m.seen] for m in massed],
        "blocks": len(d.blocks),
        "members": len(record.members),
    }
    boxes = [(p.low, p.high) for p in d.parts] + [(m.low, m.high) for m in massed]
    numbers = np.concatenate([d.frame.ravel(), np.array(boxes, dtype=np.float64).ravel()])
    text = orjson.dumps(meta)
    rows = [p.blocks.tobytes() for p in d.parts]
    return b"".join((
        struct.pack("<I", len(text)), text, numbers.tobytes(), *rows, d.blocks.tobytes(),
        record.members.tobytes(),
    ))  # fmt: skip


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
        return _record(meta, blob, 4 + size)
    except (struct.error, orjson.JSONDecodeError, KeyError, TypeError, IndexError) as err:
        raise ValueError(f"{path} is no record: {err}") from err


def _record(meta: dict[str, Any], blob: bytes, at: int) -> Record:
    def taken(dtype: Any, count: int) -> NDArray[Any]:  # noqa: ANN401 - whatever NumPy takes
        nonlocal at
        found = np.frombuffer(blob, dtype, count, at)
        at += found.nbytes
        return found

    frame = taken("<f8", 16).reshape(4, 4)
    n = len(meta["parts"])
    boxes = taken("<f8", 6 * (n + len(meta["massing"]))).reshape(-1, 2, 3)
    parts = [
        Part((c[0], c[1], c[2]), rows, drawn, digest, box[0], box[1], (s[0], s[1]), taken(BLOCK, k), notes)
        for (c, rows, drawn, digest, s, k, notes), box in zip(meta["parts"], boxes, strict=False)
    ]  # fmt: skip
    massed = [
        Massing((c[0], c[1], c[2]), box[0], box[1], error, seen)
        for (c, error, seen), box in zip(meta["massing"], boxes[n:], strict=True)
    ]
    blocks = taken(BLOCK, meta["blocks"])
    members = taken(MEMBER, meta["members"])
    level, x, y = meta["cell"]
    whole = massed.pop(0) if meta["massed"] else None
    district = District((level, x, y), frame, parts, whole, massed, blocks)
    files = {k: (v[0], v[1]) for k, v in meta["files"].items()}
    return Record(meta["digest"], files, district, members)


class Shelf:
    """Layers that districts may be taken from."""

    def __init__(self, *layers: Path) -> None:
        self.layers = layers

    def find(self, cell: Cell, digest: str) -> tuple[Path, Record] | None:
        """(layer, record) of a district of this digest whose files are all there, as large as they were."""
        for layer in self.layers:
            try:
                record = read_record(layer / FOLDER / name_of(cell))
            except (OSError, ValueError):
                continue
            if digest == record.digest and _there(layer, record.files):
                return layer, record
        return None


def _there(layer: Path, files: Files) -> bool:
    try:
        return all((layer / name).stat().st_size == size for name, (_, size) in files.items())
    except OSError:
        return False
