"""What a file of SQLite says of itself, read without touching it."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

__all__ = ["BROKEN", "asked"]

BROKEN = (sqlite3.Error, UnicodeDecodeError)
"""What a damaged file raises; the second where SQLite's own words are damaged."""


def asked(path: Path, question: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]] | None:
    """Rows that answer a question; None where the file is damaged or lacks the table (GDAL says what is wrong with it).

    Parameters
    ----------
    path : Path
        Opened as it lies there: no log is applied, no lock is taken.
    question : str
        One SELECT.
    given : sequence
        Values of its ``?``.
    """
    address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as base:
            return base.execute(question, given).fetchall()
    except BROKEN:
        return None
