"""Readings in columns, and the bytes one group of them is kept as in the log."""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["NO_SEQUENCE", "Readings", "decode", "encode", "joined"]

NO_SEQUENCE = -1
_HEAD = struct.Struct("<BQq")
_SEQUENCES, _MARKS = 1, 2


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of streams, columns of shape (n,).

    Parameters
    ----------
    stream_id : ndarray of int64
    time_us : ndarray of int64
        When observed, microseconds since 1970 UTC.
    value : ndarray of float64
        In the unit of the stream.
    received_us : ndarray of int64
        When they arrived here, microseconds since 1970 UTC.
    sequence : ndarray of int64
        The stream's own running number; :data:`NO_SEQUENCE` where it gives none.
    marks : pyarrow.StringArray, optional
        Source's own mark of quality; None where no reading has one.
    """

    stream_id: NDArray[np.int64]
    time_us: NDArray[np.int64]
    value: NDArray[np.float64]
    received_us: NDArray[np.int64]
    sequence: NDArray[np.int64]
    marks: pa.StringArray | None = None

    def __len__(self) -> int:
        return len(self.stream_id)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "Readings":
        """Some of the rows: indices, a mask or a slice."""
        marks = self.marks
        if marks is not None:
            if isinstance(rows, slice):
                marks = marks[rows]
            else:
                at = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
                marks = marks.take(pa.array(at))
        return Readings(
            self.stream_id[rows],
            self.time_us[rows],
            self.value[rows],
            self.received_us[rows],
            self.sequence[rows],
            marks,
        )

    def by_stream(self) -> "Readings":
        """The same, sorted by stream and time."""
        return self.take(np.lexsort((self.time_us, self.stream_id)))

    def quality(self) -> pa.StringArray:
        """Marks of quality, nulls where there are none."""
        return pa.nulls(len(self), pa.string()) if self.marks is None else self.marks


def joined(parts: Sequence[Readings]) -> Readings:
    """Several as one, in order; empty where there are none."""
    marked = any(part.marks is not None for part in parts)
    value = np.concatenate([np.empty(0), *(part.value for part in parts)])
    stream_id, time_us, received_us, sequence = (
        np.concatenate([np.empty(0, np.int64), *(getattr(part, name) for part in parts)])
        for name in ("stream_id", "time_us", "received_us", "sequence")
    )
    marks = pa.concat_arrays([part.quality() for part in parts]) if marked else None
    return Readings(stream_id, time_us, value, received_us, sequence, marks)


def encode(readings: Readings, received_us: int) -> bytes:
    """Bytes of a group that arrived at one moment: a head, then column after column.

    Examples
    --------
    >>> one = np.array([5]), np.array([10]), np.array([0.5])
    >>> group = Readings(*one, np.array([11]), np.array([NO_SEQUENCE]))
    >>> decode(memoryview(encode(group, 11))).value.tolist()
    [0.5]
    """
    sequences = bool((readings.sequence != NO_SEQUENCE).any())
    marked = readings.marks is not None and readings.marks.null_count < len(readings)
    parts = [
        _HEAD.pack(_SEQUENCES * sequences | _MARKS * marked, len(readings), received_us),
        readings.stream_id.tobytes(),
        readings.time_us.tobytes(),
        readings.value.tobytes(),
    ]
    if sequences:
        parts.append(readings.sequence.tobytes())
    if marked:
        coded = readings.quality().dictionary_encode()
        codes = coded.indices.fill_null(-1).to_numpy().astype(np.int32)
        parts += [codes.tobytes(), json.dumps(coded.dictionary.to_pylist()).encode()]
    return b"".join(parts)


def decode(payload: memoryview) -> Readings:
    """A group from its bytes; the columns look into them."""
    flags, n, received_us = _HEAD.unpack_from(payload)
    at = _HEAD.size

    def column(kind: type[np.generic]) -> NDArray[Any]:
        nonlocal at
        found = np.frombuffer(payload, kind, n, at)
        at += found.nbytes
        return found

    stream_id, time_us = column(np.int64), column(np.int64)
    value = column(np.float64)
    sequence = column(np.int64) if flags & _SEQUENCES else np.full(n, NO_SEQUENCE)
    marks = None
    if flags & _MARKS:
        codes = column(np.int32)
        words = pa.array(json.loads(bytes(payload[at:])), pa.string())
        marks = words.take(pa.array(codes, mask=codes < 0))
    received = np.full(n, received_us, np.int64)
    return Readings(stream_id, time_us, value, received, sequence, marks)
