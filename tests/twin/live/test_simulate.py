"""The threads: simulated readings arrive, time passes, both stop when told."""

import threading
import time
from datetime import UTC, datetime

import numpy as np

from twin.errors import InvalidRequestError
from twin.live import LiveHub, run_simulator, run_ticker
from twin.live.history import readings


class Pulse:
    """A simulator whose second step is nonsense."""

    def __init__(self):
        self.steps = 0

    def step(self, now):
        self.steps += 1
        if self.steps == 2:
            raise InvalidRequestError("nonsense")
        stamp = np.datetime64(now.replace(tzinfo=None), "us")
        return np.array(["G1/ch4"], object), np.array([stamp]), np.array([2.0])


def running(work):
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,))
    thread.start()
    return stop, thread


def test_simulated_readings_come_in_and_one_bad_step_stops_nothing(store, caplog):
    hub, pulse = LiveHub(store), Pulse()
    stop, thread = running(lambda stop: run_simulator(hub, pulse, stop, 0.01))
    until = time.monotonic() + 5
    while pulse.steps < 5 and time.monotonic() < until:
        time.sleep(0.01)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    assert len(readings(store, None)) == pulse.steps - 1
    assert hub.stream("G1/ch4")["state"] == "alarm"
    assert [record.exc_info[0] for record in caplog.records] == [InvalidRequestError]


def test_the_ticker_tells_key_numbers(store):
    hub = LiveHub(store)
    stop, thread = running(lambda stop: run_ticker(hub, stop, 0.01))
    told = threading.Event()
    follower = hub.subscribe(wake=told.set)
    hub.ingest(["G1/ch4"], [datetime.now(UTC)], [0.1])
    kinds = []
    until = time.monotonic() + 5
    while "indicators" not in kinds and time.monotonic() < until:
        told.wait(0.1)
        kinds += [event.kind for event in follower.take()]
    stop.set()
    thread.join(5)
    assert kinds == ["state", "indicators"]


def test_a_long_wait_ends_at_once_when_told(store):
    stop, thread = running(lambda stop: run_simulator(LiveHub(store), Pulse(), stop, 5.0))
    started = time.monotonic()
    stop.set()
    thread.join(5)
    assert time.monotonic() - started < 2
