"""Work for a watched child that does not end well (see isolation.py)."""

import os
import signal
import time
from pathlib import Path
from typing import Any


def dies(path: Path) -> dict[str, Any]:
    """End by a signal."""
    os.kill(os.getpid(), signal.SIGKILL)
    return {"path": str(path)}


def sleeps(path: Path) -> dict[str, Any]:
    """Outlast every limit."""
    time.sleep(60)
    return {}


def grows(path: Path) -> dict[str, Any]:
    """Hold 400 MB."""
    block = bytearray(os.urandom(1) * 400_000_000)
    time.sleep(30)
    return {"size": len(block)}
