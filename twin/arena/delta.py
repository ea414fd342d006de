"""What changed after a segment was made: a file that only grows, a record for each transaction.

A record is its length and checksum (little-endian, 4 bytes each), a line of JSON and an Arrow stream of the things as
``sql/read_things.sql`` gives them. A reader looks at the length of the file, and takes whole records; a writer that was
killed leaves at most a piece of one at the end, which the next writer cuts off.
"""

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from twin.arena.build import Mark
from twin.features.things import Things, prepared

__all__ = ["DeltaReader", "DeltaWriter", "Record"]

HEAD: Final = struct.Struct("<II")
MOST_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Record:
    """What one transaction did to a collection.

    ``behind``: more than is told here; whoever reads must wait for another segment.
    """

    mark: Mark
    gone: NDArray[np.uint8]
    things: Things | None
    behind: bool = False


class DeltaWriter:
    """Appends records; one process at a time does.

    Parameters
    ----------
    path : Path
        Made if it is not there; what lies behind its last whole record is cut off.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        reader = DeltaReader(path)
        self.last: Record | None = None
        self.count = 0
        for record in reader.news():
            self.last = record
            self.count += len(record.gone) + (record.things.n if record.things else 0)
        reader.close()
        self._end = reader.end
        os.ftruncate(self._fd, self._end)

    def append(
        self, mark: Mark, gone: list[str], things: pa.Table | None, behind: bool = False
    ) -> None:
        """Append one record: seen as a whole or not at all.

        Raises
        ------
        OSError
            If the disk does not take it; the file is as it was.
        """
        head = {"mark": [mark.version, mark.at, mark.subject], "gone": gone, "behind": behind}
        payload = orjson.dumps(head) + b"\n" + _packed(things)
        data = HEAD.pack(len(payload), zlib.crc32(payload)) + payload
        try:
            written = os.pwrite(self._fd, data, self._end)
            if written != len(data):
                raise OSError(28, "no space left for a record")
        except OSError:
            os.ftruncate(self._fd, self._end)
            raise
        self._end += len(data)
        self.count += len(gone) + (things.num_rows if things is not None else 0)

    def copy_after(self, other: Path, version: int) -> None:
        """Append the records of another file that came after a version, as they stand."""
        with other.open("rb") as file:
            data = file.read()
        at = 0
        while (end := _whole(data, at)) is not None:
            if _record(data[at + HEAD.size : end]).mark.version > version:
                os.pwrite(self._fd, data[at:end], self._end)
                self._end += end - at
            at = end

    def sync(self) -> None:
        """To the disk."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


class DeltaReader:
    """Follows a file of records."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY)
        self.end = 0

    def has_news(self, since: int) -> bool:
        """Whether the file is longer than what was taken of it: one call of the system."""
        return os.fstat(self._fd).st_size > since

    def news(self) -> list[Record]:
        """Whole records that came since the last call."""
        size = os.fstat(self._fd).st_size
        if size <= self.end:
            return []
        data = os.pread(self._fd, size - self.end, self.end)
        found, at = [], 0
        while (end := _whole(data, at)) is not None:
            found.append(_record(data[at + HEAD.size : end]))
            at = end
        self.end += at
        return found

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


def _whole(data: bytes, at: int) -> int | None:
    """End of the record that begins at a byte; None where it is not whole."""
    if len(data) - at < HEAD.size:
        return None
    length, crc = HEAD.unpack_from(data, at)
    end = at + HEAD.size + int(length)
    if length > MOST_BYTES or end > len(data) or zlib.crc32(data[at + HEAD.size : end]) != crc:
        return None
    return end


def _packed(things: pa.Table | None) -> bytes:
    if things is None or not things.num_rows:
        return b""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, things.schema) as stream:
        stream.write_table(things)
    return bytes(sink.getvalue())


def _record(payload: bytes) -> Record:
    line, _, packed = payload.partition(b"\n")
    head = orjson.loads(line)
    gone = np.frombuffer(bytes.fromhex("".join(head["gone"]).replace("-", "")), np.uint8)
    things = None
    if packed:
        table = pa.ipc.open_stream(packed).read_all().combine_chunks()
        things = prepared(table.to_batches()[0])
    return Record(Mark(*head["mark"]), gone.reshape(-1, 16), things, bool(head["behind"]))
