"""Counts of requests and their times, kept as they are answered."""

from typing import Final

__all__ = ["BOUNDS", "Tally"]

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
