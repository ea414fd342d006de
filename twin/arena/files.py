"""Files of a segment: arrays by name in one file with a checksum, and what is put aside while it is made."""

import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from twin.durable import sync_folder
from twin.errors import CityError

__all__ = [
    "DamagedArenaError",
    "Sections",
    "Spill",
    "Stream",
    "read_document",
    "write_document",
]

ALIGNED: Final = 64
Layout = dict[str, tuple[str, list[int], int]]
"""Name → dtype, shape, first byte."""


class DamagedArenaError(CityError):
    """A file of an arena is not what was written; it is made again."""


class Stream:
    """A file written from front to end, with its length and checksum."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("wb", buffering=1 << 20)
        self.size, self.crc = 0, 0

    def write(self, data: Any) -> None:  # noqa: ANN401 -- whatever has a buffer
        """Append bytes."""
        self._file.write(data)
        self.size += memoryview(data).nbytes
        self.crc = zlib.crc32(data, self.crc)

    def close(self) -> None:
        """To the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close() if kind is None else self._file.close()


class Sections:
    """Arrays by name, one after the other in a stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.layout: Layout = {}

    def add(self, name: str, array: NDArray[Any]) -> None:
        """Write an array."""
        self.add_parts(name, array.dtype, array.shape, iter((array,)))

    def add_parts(
        self,
        name: str,
        dtype: "np.dtype[Any]",
        shape: tuple[int, ...],
        parts: Iterator[NDArray[Any]],
    ) -> None:
        """Write an array that comes in parts along its first axis."""
        self._stream.write(bytes(-self._stream.size % ALIGNED))
        self.layout[name] = (np.dtype(dtype).str, list(shape), self._stream.size)
        for part in parts:
            self._stream.write(np.ascontiguousarray(part, dtype).view(np.uint8).ravel())


class Spill:
    """Arrays put aside in a temporary file, chunk by chunk, and read back name by name."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 -- closed by close()
        self._chunks: dict[str, list[tuple[str, tuple[int, ...], int]]] = {}
        self._size = 0

    def put(self, name: str, array: NDArray[Any]) -> None:
        """Put an array aside as the next chunk of a name."""
        data = np.ascontiguousarray(array)
        self._chunks.setdefault(name, []).append((data.dtype.str, data.shape, self._size))
        self._file.write(data.view(np.uint8).ravel().data)
        self._size += data.nbytes

    def chunks(self, name: str) -> Iterator[NDArray[Any]]:
        """Chunks of a name in the order they were put."""
        self._file.flush()
        for dtype, shape, at in self._chunks.get(name, ()):
            kind = np.dtype(dtype)
            raw = os.pread(self._file.fileno(), int(np.prod(shape)) * kind.itemsize, at)
            yield np.frombuffer(raw, kind).reshape(shape)

    def length(self, name: str) -> int:
        """Rows of all chunks of a name."""
        return sum(shape[0] for _, shape, _ in self._chunks.get(name, ()))

    def close(self) -> None:
        """Let go of everything."""
        self._file.close()


def write_document(path: Path, document: Any) -> None:  # noqa: ANN401 -- any JSON
    """Write JSON behind its checksum: beside, to the disk, then in the place of the old one."""
    data = orjson.dumps(document)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    with Stream(beside) as stream:
        stream.write(b"%08x\n" % zlib.crc32(data))
        stream.write(data)
    beside.replace(path)
    sync_folder(path.parent)


def read_document(path: Path) -> Any:  # noqa: ANN401 -- any JSON
    """Read what :func:`write_document` wrote.

    Raises
    ------
    DamagedArenaError
        If it is not there or not whole.
    """
    try:
        raw = path.read_bytes()
        if raw[8:9] == b"\n" and int(raw[:8], 16) == zlib.crc32(raw[9:]):
            return orjson.loads(raw[9:])
    except (OSError, ValueError):
        pass
    raise DamagedArenaError(f"{path} is missing or damaged; it is made again from the base.")
