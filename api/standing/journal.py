"""Logs of JSON lines: the access log, and the audit log that is only ever appended to."""

import os
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

__all__ = ["AUDIT", "AccessLog", "AuditLog"]

AUDIT: Final = "audit.jsonl"
OPTIONS: Final = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
REFUSALS_A_SECOND: Final = 20
"""More refusals are counted, not written one by one: nobody fills a disk by being refused."""


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)


class AccessLog:
    """A line for every request; ``-`` is standard error."""

    def __init__(self, where: str) -> None:
        self._file = sys.stderr.fileno() if where == "-" else _open(Path(where))

    def write(self, line: Mapping[str, Any]) -> None:
        """Append a line at once."""
        os.write(self._file, orjson.dumps(line, default=str, option=OPTIONS))


class AuditLog:
    """Who did what to the city, and who was refused: a line each, in a file of the city folder.

    A file that has grown to ``most`` bytes is put aside under the time it ended (``audit-20260701T080000123456.jsonl``); none
    is ever deleted or rewritten by the server.

    Parameters
    ----------
    folder : Path
    most : int
        Bytes.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._path, self._most = folder / AUDIT, most
        self._lock = threading.Lock()
        self._file = -1
        self._size = 0
        self._second, self._refused = 0, 0

    def write(self, line: Mapping[str, Any]) -> None:
        """Append a line at once."""
        data = orjson.dumps(line, default=str, option=OPTIONS)
        with self._lock:
            self._append(data)

    def refused(self, line: Mapping[str, Any]) -> None:
        """Append a line of a refusal, unless there were too many in this second."""
        with self._lock:
            second = int(time.time())
            if second != self._second:
                left_out = self._refused - REFUSALS_A_SECOND
                if left_out > 0:
                    told = {"time": datetime.now(UTC), "result": "refused", "not_listed": left_out}
                    self._append(orjson.dumps(told, option=OPTIONS))
                self._second, self._refused = second, 0
            self._refused += 1
            if self._refused <= REFUSALS_A_SECOND:
                self._append(orjson.dumps(line, default=str, option=OPTIONS))

    def _append(self, data: bytes) -> None:
        if self._file < 0 or self._size + len(data) > self._most:
            self._begin(len(data))
        self._size += os.write(self._file, data)

    def _begin(self, coming: int) -> None:
        """Open the file, or a new one where it is full; another process may have put it aside already."""
        if self._file >= 0:
            os.close(self._file)
        self._file = _open(self._path)
        self._size = os.fstat(self._file).st_size
        if self._size and self._size + coming > self._most:
            os.close(self._file)
            aside = self._path.with_name(f"audit-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.jsonl")
            self._path.rename(aside)
            self._file, self._size = _open(self._path), 0

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file = -1
