"""An append-only log of frames: what has been appended and synced survives any crash.

A frame is ``CTL1``, the length of its content, the content's CRC-32, its number, and the content.
Frames are numbered without a gap through all segments; a segment is a file called by the number of
its first frame. The end of the last segment may be torn by a crash: what follows its last whole
frame was never acknowledged, and is cut off when the log is opened for writing.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from twin.durable import sync_folder
from twin.errors import CityError

__all__ = ["Log"]

MAGIC = b"CTL1"
_HEAD = struct.Struct("<4sIIQ")
MOST_FRAME = 1 << 30


class Log:
    """Segments of frames in a folder.

    Parameters
    ----------
    folder : Path
        Made where it is missing and the log is written.
    read_only : bool
        Never change anything on disk.
    synced : bool
        Whether what was appended survives a loss of power; without, only the end of the process.

    Raises
    ------
    CityError
        If a frame is damaged that whole frames follow: disk fault, not a crash.
    """

    def __init__(self, folder: Path, read_only: bool = False, synced: bool = True) -> None:
        self.folder = folder
        self._synced = synced
        self._file = -1
        self._size = 0
        self._broken = False
        self._read_only = read_only
        if not read_only:
            folder.mkdir(parents=True, exist_ok=True)
        self._segments = sorted(int(path.stem) for path in folder.glob("*.log"))
        self.next = self._segments[0] if self._segments else 0

    @property
    def segments(self) -> tuple[int, ...]:
        """Number of the first frame of each segment."""
        return tuple(self._segments)

    def replay(self) -> Iterator[tuple[int, memoryview]]:
        """Every whole frame with its number, oldest first; to be exhausted before appending."""
        for segment in self._segments:
            last = segment == self._segments[-1]
            data = memoryview(self._path(segment).read_bytes())
            if segment != self.next:
                raise CityError(f"{self.folder}: frames {self.next} to {segment - 1} are missing.")
            at = 0
            while (content := self._frame(data, at)) is not None:
                yield self.next, content
                at += _HEAD.size + len(content)
                self.next += 1
            if at < len(data):
                self._torn(segment, data, at, last)
        self._size = at if self._segments else 0

    def _frame(self, data: memoryview, at: int) -> memoryview | None:
        """Content of the whole frame that begins at ``at`` and has the next number, or None."""
        if len(data) - at < _HEAD.size:
            return None
        magic, length, crc, number = _HEAD.unpack_from(data, at)
        content = data[at + _HEAD.size : at + _HEAD.size + length]
        if magic != MAGIC or number != self.next or len(content) != length:
            return None
        return content if zlib.crc32(content, number & 0xFFFFFFFF) == crc else None

    def _torn(self, segment: int, data: memoryview, at: int, last: bool) -> None:
        """Cut off what a crash left half-written; refuse to lose whole frames behind damage."""
        path = self._path(segment)
        rest = bytes(data[at:])
        found = rest.find(MAGIC, 1)
        while found >= 0:
            if len(rest) - found >= _HEAD.size:
                _, length, crc, number = _HEAD.unpack_from(rest, found)
                content = rest[found + _HEAD.size : found + _HEAD.size + length]
                whole = len(content) == length
                if whole and zlib.crc32(content, number & 0xFFFFFFFF) == crc:
                    last = False
                    break
            found = rest.find(MAGIC, found + 1)
        if not last:
            raise CityError(
                f"{path} is damaged at byte {at}: whole frames follow a broken one. Take the file "
                "from a copy of the city folder, or cut it there to go on without them."
            )
        if not self._read_only:
            with path.open("r+b") as file:
                file.truncate(at)
                os.fsync(file.fileno())

    def append(self, content: bytes) -> int:
        """Append a frame, durably before this returns its number.

        Raises
        ------
        OSError
            If it could not be written (disk full); nothing is appended then.
        """
        if self._broken or len(content) > MOST_FRAME:
            raise OSError(f"{self.folder}: the log cannot take this frame")
        if self._file < 0:
            self._open()
        number = self.next
        head = _HEAD.pack(MAGIC, len(content), zlib.crc32(content, number & 0xFFFFFFFF), number)
        frame = memoryview(head + content)
        try:
            while frame:
                frame = frame[os.write(self._file, frame) :]
            if self._synced:
                _sync(self._file)
        except OSError:
            self._undo()
            raise
        self._size += len(head) + len(content)
        self.next += 1
        return number

    def _undo(self) -> None:
        """Take back a frame that could not be written whole; if that fails too, take no more."""
        self._broken = True
        os.ftruncate(self._file, self._size)
        os.fsync(self._file)
        self._broken = False

    def _open(self) -> None:
        if not self._segments:
            self._start()
            return
        self._file = os.open(self._path(self._segments[-1]), os.O_WRONLY | os.O_APPEND)

    def _start(self) -> None:
        """Begin a segment with the next frame."""
        self._segments.append(self.next)
        path = self._path(self.next)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
        self._size = 0
        sync_folder(self.folder)

    def rotate(self) -> int:
        """Begin a new segment; its first number. All before it can be dropped once they are sealed."""
        if self._segments and self._segments[-1] == self.next:
            return self.next
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._start()
        return self.next

    def drop(self, before: int) -> None:
        """Remove the segments that hold only frames before a number."""
        while len(self._segments) > 1 and self._segments[1] <= before:
            self._path(self._segments.pop(0)).unlink()

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _path(self, segment: int) -> Path:
        return self.folder / f"{segment:016d}.log"


def _sync(handle: int) -> None:
    """The content of a file, on disk."""
    getattr(os, "fdatasync", os.fsync)(handle)
