"""One function of one child process, watched: time, memory of the whole process group, network."""

import contextlib
import ctypes
import multiprocessing
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
ADDRESS_SPACE = 24 * 1024**3
"""RLIMIT_AS of a child: a stop for one absurd allocation between two looks at its resident memory."""
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended: ``done``, ``crashed``, ``hung`` or ``too big``; peak is resident memory, bytes."""

    how: str
    seconds: float
    peak: int
    detail: str
    value: dict[str, Any]


def cut_network() -> str:
    """Put this process into a network namespace without interfaces; how that went.

    There, each attempt to reach anything fails at once and is counted by the kernel, also those of C libraries.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET):
        if libc.unshare(flags) == 0:
            return "kernel namespace"
    return "Python sockets only (no right to make a network namespace)"


def network_attempts() -> int:
    """Packets sent and attempts that found no route in this namespace, IPv4 and IPv6."""
    total = 0
    rows = [
        line.split()
        for line in Path("/proc/net/snmp").read_text().splitlines()
        if line.startswith("Ip:")
    ]
    counts = dict(zip(rows[0], rows[1], strict=True))
    total += int(counts["OutNoRoutes"]) + int(counts["OutRequests"])
    for line in Path("/proc/net/snmp6").read_text().splitlines():
        if line.startswith("Ip6OutNoRoutes"):
            total += int(line.split()[1])
    return total


def _child(work: Callable[[Path], dict[str, Any]], path: Path, answer: Path) -> None:
    os.setsid()
    sys.stdout = sys.stderr = (answer.with_suffix(".log")).open("w", buffering=1)
    os.dup2(sys.stdout.fileno(), 1)
    os.dup2(sys.stdout.fileno(), 2)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    calls: list[str] = []

    def hook(event: str, args: tuple[Any, ...]) -> None:
        local = event == "socket.connect" and isinstance(args[1], str | bytes)
        if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request") and not local:
            calls.append(f"{event} {args[1:] if event == 'socket.connect' else args}")

    how = cut_network()
    before = network_attempts() if how.startswith("kernel") else 0
    sys.addaudithook(hook)
    socket.setdefaulttimeout(2)
    value = work(path)
    counted = network_attempts() - before if how.startswith("kernel") else 0
    value["network"] = {"how": how, "attempts": max(counted, len(calls)), "calls": calls[:5]}
    answer.write_bytes(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS))


def group_memory(session: int) -> int:
    """Resident bytes of all processes of a session, shared pages counted once for the leader only."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) != session:
                continue
            resident, shared = (int(n) for n in (stat.parent / "statm").read_text().split()[1:3])
            leader = int(stat.parent.name) == session
            total += (resident if leader else resident - shared) * PAGE
    return total


def run(
    work: Callable[[Path], dict[str, Any]],
    path: Path,
    scratch: Path,
    seconds: float,
    memory: int,
    context: multiprocessing.context.BaseContext,
) -> Ending:
    """Run ``work(path)`` in a child and say how it ended; the child's whole group is ended with it."""
    answer = scratch / "answer.json"
    for file in (answer, answer.with_suffix(".log")):
        file.unlink(missing_ok=True)
    child = context.Process(target=_child, args=(work, path, answer))  # type: ignore[attr-defined]
    started, peak, how = time.monotonic(), 0, ""
    child.start()
    while not how:
        child.join(0.03)
        if child.exitcode is not None:
            how = "done" if child.exitcode == 0 and answer.exists() else "crashed"
            break
        peak = max(peak, group_memory(child.pid or 0))
        if peak > memory:
            how = "too big"
        elif time.monotonic() - started > seconds:
            how = "hung"
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid or 0, signal.SIGKILL)
    child.join()
    log = answer.with_suffix(".log")
    detail = log.read_text(errors="replace")[-1500:].strip() if log.exists() else ""
    if how == "crashed":
        detail = f"exit code {child.exitcode}: {detail}"
    value = orjson.loads(answer.read_bytes()) if how == "done" else {}
    return Ending(how, time.monotonic() - started, peak, detail, value)
