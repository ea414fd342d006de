"""How often a caller may ask: token buckets, one for each key or address."""

import time
from collections import OrderedDict
from typing import Final

__all__ = ["Rates"]

MOST: Final = 20_000
"""Callers remembered; the one that has not asked for longest goes first."""


class Rates:
    """Buckets that fill at ``per_s`` and hold ``burst`` requests; 0 a second: no limit.

    Examples
    --------
    >>> rates = Rates(1.0, 2)
    >>> [rates.wait("a", at=0.0), rates.wait("a", at=0.0), rates.wait("a", at=0.0), rates.wait("a", at=1.0)]
    [0.0, 0.0, 1.0, 0.0]
    """

    def __init__(self, per_s: float, burst: int) -> None:
        self.per_s, self.burst = per_s, float(burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def are_limited(self) -> bool:
        """Whether there is a limit at all."""
        return self.per_s > 0

    def wait(self, who: str, at: float | None = None) -> float:
        """Take one request of a caller: 0 if he may, else the seconds until he may."""
        now = time.monotonic() if at is None else at
        left, since = self._buckets.pop(who, (self.burst, now))
        left = min(self.burst, left + (now - since) * self.per_s)
        allowed = left >= 1
        self._buckets[who] = (left - 1 if allowed else left), now
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.per_s
