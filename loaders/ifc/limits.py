"""What a process that reads foreign files may use."""

import contextlib
import os
import resource
from pathlib import Path

__all__ = ["cpu_seconds", "limit_memory"]

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


def limit_memory(more: float) -> None:
    """Let this process take at most ``more`` bytes of address space beyond what it has.

    Past it an allocation fails, which ends the process or the element, not the machine. Where the
    system does not tell the present size (no ``/proc``) nothing is limited.
    """
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = int(pages * _PAGE + more)
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def cpu_seconds(process: int) -> float | None:
    """CPU seconds of a process so far; None where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK
    return None
