"""Counts of requests and their times, kept as they are answered; those of several processes summed."""

import os
from pathlib import Path
from typing import Any, Final

import orjson

__all__ = ["BOUNDS", "Tally", "summed"]

_FILES: Final = "tally-*.json"

BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the histogram of times, seconds."""


class Tally:
    """Counts requests by method, route template and status; a dict and a list, as it runs for every request.

    Asked on the event loop alone, so it needs no lock.
    """

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, int], int] = {}
        self.times: dict[str, list[float]] = {}
        self.bytes: dict[str, int] = {}
        self.open = 0

    def count(self, method: str, route: str, status: int, seconds: float, size: int) -> None:
        """A request that has been answered."""
        key = (method, route, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        self.bytes[route] = self.bytes.get(route, 0) + size
        buckets = self.times.get(route)
        if buckets is None:
            buckets = self.times[route] = [0.0] * (len(BOUNDS) + 2)
        at = 0
        for bound in BOUNDS:
            if seconds <= bound:
                break
            at += 1
        buckets[at] += 1
        buckets[-1] += seconds

    def document(self) -> dict[str, Any]:
        """The counts, as JSON can hold them."""
        requests = [[*key, n] for key, n in self.requests.items()]
        return {"requests": requests, "times": self.times, "bytes": self.bytes}

    def write(self, folder: Path) -> None:
        """Leave the counts of this process in a folder, replacing what it left before."""
        path = folder / _FILES.replace("*", str(os.getpid()))
        beside = path.with_suffix(".new")
        beside.write_bytes(orjson.dumps(self.document()))
        beside.replace(path)

    def add(self, told: dict[str, Any]) -> None:
        """Add counts that another has left."""
        for method, route, status, n in told["requests"]:
            key = (method, route, status)
            self.requests[key] = self.requests.get(key, 0) + n
        for route, size in told["bytes"].items():
            self.bytes[route] = self.bytes.get(route, 0) + size
        for route, buckets in told["times"].items():
            mine = self.times.get(route, [0.0] * len(buckets))
            self.times[route] = [a + b for a, b in zip(mine, buckets, strict=True)]


def summed(own: Tally, folder: Path | None) -> Tally:
    """A tally with what the processes that share a folder left there.

    What a process left stays when it ends, so that counters never fall.
    """
    if folder is None:
        return own
    made = Tally()
    made.open = own.open
    for told in (
        own.document(),
        *(orjson.loads(path.read_bytes()) for path in folder.glob(_FILES)),
    ):
        made.add(told)
    return made
