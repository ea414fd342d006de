"""Threads that keep a hub alive: the passing of time, and simulated readings."""

import logging
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.errors import TwinError
from twin.live.hub import LiveHub

__all__ = ["Simulator", "run_committer", "run_simulator", "run_ticker"]

log = logging.getLogger("citytwin.live")


class Simulator(Protocol):
    """Something that makes believable readings."""

    def step(
        self, now: datetime
    ) -> tuple[
        Sequence[str] | NDArray[np.object_] | pa.Array,
        Sequence[datetime] | NDArray[np.datetime64] | pa.Array | datetime,
        NDArray[np.float64] | pa.Array,
    ]:
        """Keys, times and values of the readings due at ``now``."""


def run_simulator(
    hub: LiveHub, simulator: Simulator, stop_event: threading.Event, interval: float
) -> None:
    """Feed simulated readings to ``hub`` every ``interval`` seconds until ``stop_event`` is set.

    Meant to be the target of a thread. A step that fails is logged, and the next one is tried.
    """
    due = time.monotonic()
    while not stop_event.is_set():
        try:
            hub.ingest(*simulator.step(datetime.now(UTC)))
        except (TwinError, duckdb.Error, OSError):
            log.exception("a simulated step could not be stored")
        due = max(due + interval, time.monotonic())
        stop_event.wait(due - time.monotonic())


def run_ticker(hub: LiveHub, stop_event: threading.Event, interval: float = 1.0) -> None:
    """Call :meth:`LiveHub.tick` and :meth:`LiveHub.maintain` every ``interval`` seconds until ``stop_event`` is set."""
    while not stop_event.wait(interval):
        try:
            hub.tick()
            hub.maintain()
        except (TwinError, duckdb.Error, OSError):
            log.exception("the live state could not follow the clock")


def run_committer(hub: LiveHub, stop_event: threading.Event, apart_s: float = 0.005) -> None:
    """Store what others only queue (:meth:`LiveHub.submit`), until ``stop_event`` is set.

    Groups begin at least ``apart_s`` seconds apart: what comes meanwhile shares one sync. Whoever comes alone does not wait.
    """
    begun = 0.0
    while not stop_event.is_set():
        if hub.queue.filled.wait(0.2):
            stop_event.wait(begun + apart_s - time.monotonic())
            begun = time.monotonic()
            hub.commit()
