"""What outlives a power cut: content that is synced, under a name whose folder is synced."""

import os
import secrets
from pathlib import Path

__all__ = ["sync_folder", "write_once"]


def sync_folder(folder: Path) -> None:
    """Make new, renamed and removed names in a folder durable (``fsync`` of the folder, POSIX)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_once(path: Path, content: bytes | memoryview) -> None:
    """Write a file whose name tells its content, whole and durable or not at all; one that is there stays."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{secrets.token_hex(8)}.part")
    with beside.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)
