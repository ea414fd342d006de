"""What could not become a reading: kept with its reason, listed, and replayed once its stream is known.

Readings of unknown streams, and second values for a time that has one. They lie in ``live/aside/`` as
frames of JSON, on disk before anyone is told they are kept. The room is bounded: where it is full
nothing more is accepted, which the sender is told.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from twin.live.events import iso_times
from twin.live.incoming import REASONS, Batch
from twin.live.log import Log
from twin.live.readings import NO_SEQUENCE
from twin.live.state import NO_TIME

__all__ = ["MOST_BYTES", "UNKNOWN", "Aside", "AsideFullError", "Parked", "aside_record"]

MOST_BYTES = 64 << 20
MOST_KEYS = 100_000
UNKNOWN = "unknown stream"


class AsideFullError(OSError):
    """There is no room for more readings that do not fit."""


@dataclass(slots=True)
class Parked:
    """Kept readings of one stream and reason: how many, and when the first and last arrived (µs UTC)."""

    n: int
    first_us: int
    last_us: int


class Aside:
    """Readings kept aside in a folder; used by one thread at a time.

    Parameters
    ----------
    folder : Path
    most_bytes : int
        Room on disk.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._log = Log(folder)
        self._most_bytes = most_bytes
        self._bytes = 0
        self.by_key: dict[tuple[str, str], Parked] = {}
        self.beyond = 0
        for _, content in self._log.replay():
            self._count(len(content), orjson.loads(content))

    def __len__(self) -> int:
        return sum(parked.n for parked in self.by_key.values()) + self.beyond

    def keep(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Keep records with ``stream``, ``reason`` and ``received_us``, durably before this returns.

        Raises
        ------
        AsideFullError
            If there is no room.
        """
        content = orjson.dumps(records, default=str)
        if self._bytes + len(content) > self._most_bytes:
            raise AsideFullError(
                f"{self._log.folder} holds {self._bytes} bytes of readings that do not fit, and is full: "
                "make their streams known, or remove them."
            )
        self._log.append(content)
        self._count(len(content), records)

    def _count(self, size: int, records: Sequence[Mapping[str, Any]]) -> None:
        self._bytes += size
        for record in records:
            key, at = (str(record["stream"]), record["reason"]), record["received_us"]
            parked = self.by_key.get(key)
            if parked is not None:
                parked.n += 1
                parked.last_us = at
            elif len(self.by_key) < MOST_KEYS:
                self.by_key[key] = Parked(1, at, at)
            else:
                self.beyond += 1

    def waits_for(self, keys: Collection[str]) -> bool:
        """Whether readings of one of these streams were parked as unknown."""
        if self.beyond:
            return True
        return any(reason == UNKNOWN and key in keys for key, reason in self.by_key)

    def summary(self, limit: int) -> dict[str, Any]:
        """How many of which stream, why, and when they arrived (RFC 3339), the most numerous first."""
        rows = sorted(self.by_key.items(), key=lambda row: -row[1].n)[:limit]
        first, last = (
            iso_times(np.array([getattr(parked, name) for _, parked in rows], np.int64))
            for name in ("first_us", "last_us")
        )
        listed = [
            {"stream": stream, "reason": reason, "count": parked.n, "first": begun, "last": ended}
            for ((stream, reason), parked), begun, ended in zip(rows, first, last, strict=True)
        ]
        return {
            "count": len(self),
            "bytes": self._bytes,
            "most_bytes": self._most_bytes,
            "streams": listed,
        }

    def records(self) -> list[dict[str, Any]]:
        """Everything kept, oldest first."""
        again = Log(self._log.folder, read_only=True)
        return [record for _, content in again.replay() for record in orjson.loads(content)]

    def replace(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Keep these records instead of all: those replayed or removed are gone."""
        first = self._log.rotate()
        self.by_key, self.beyond, self._bytes = {}, 0, 0
        for start in range(0, len(records), 10_000):
            self.keep(records[start : start + 10_000])
        self._log.drop(first)

    def close(self) -> None:
        """Let go of the file."""
        self._log.close()


def aside_record(
    batch: Batch, row: int, verdict: int, kept: float | None, now_us: int
) -> dict[str, Any]:
    """A reading of a batch as it is kept aside.

    Parameters
    ----------
    batch, row
        Which one.
    verdict : int
        Index into the reasons of :mod:`twin.live.incoming`; 0: its time has another value.
    kept : float, optional
        The value its time has.
    now_us : int
        When it arrived, microseconds since 1970 UTC.
    """
    stream, time_us = batch.streams[row], int(batch.time_us[row])
    value = float(batch.value[row])
    record: dict[str, Any] = {
        "stream": stream if isinstance(stream, str) else int(stream),
        "time_us": None if time_us == NO_TIME else time_us,
        "result": value,
        "received_us": now_us,
        "reason": REASONS[verdict] or "its time has another value",
    }
    if kept is not None:
        record["kept"] = kept
    if batch.marks is not None and (mark := batch.marks[row].as_py()) is not None:
        record["quality"] = mark
    if batch.units is not None and batch.units[row] is not None:
        record["unit"] = batch.units[row]
    if batch.sequence is not None and batch.sequence[row] != NO_SEQUENCE:
        record["sequence"] = int(batch.sequence[row])
    return record
