"""A city with three streams, and a hub over it whose clock the test sets."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from twin.city import City
from twin.live import LiveHub, register_streams
from twin.schema import STREAMS
from twin.store import Store

LOAD = "0190a000-0000-7000-8000-000000000001"
START = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
GAS = {
    "key": "G1/ch4",
    "thing_key": "G1",
    "thing_name": "燃气井1",
    "subject": "燃气",
    "property": "甲烷",
    "unit": "%",
    "lon": 114.05,
    "lat": 30.45,
    "z_ell": 9.5,
    "interval_s": 60.0,
    "warn_high": 0.5,
    "alarm_high": 1.0,
}
WATER = {
    "key": "W1/p",
    "thing_key": "W1",
    "thing_name": "供水站1",
    "subject": "供水",
    "property": "压力",
    "unit": "MPa",
    "lon": 114.06,
    "lat": 30.46,
    "z_ell": 10.0,
    "interval_s": 60.0,
    "alarm_low": 0.2,
}
PLAIN = {
    "key": "L1/on",
    "thing_key": "L1",
    "thing_name": "路灯1",
    "subject": "照明",
    "property": "电流",
    "unit": "A",
    "lon": 114.10,
    "lat": 30.50,
    "z_ell": 12.0,
}


def stream_table(rows):
    placed = STREAMS
    for column in ("lon", "lat", "z_ell"):
        placed = placed.append(pa.field(column, pa.float64()))
    return pa.Table.from_pylist([{"row": i, **row} for i, row in enumerate(rows)], schema=placed)


class Clock:
    """A clock the test moves."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    def forward(self, **spans):
        self.now += timedelta(**spans)
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="session")
def open_city():
    """Opens a new city with the three streams in a folder."""

    def opened(folder):
        store = Store.open(City.init(folder, name="test"))
        with store.transaction() as con:
            register_streams(con, stream_table([GAS, WATER, PLAIN]), LOAD, START)
        return store

    return opened


@pytest.fixture(scope="session")
def register_water():
    """Registers one more water station of a key."""

    def register(store, key):
        more = {**WATER, "key": key, "thing_key": key}
        with store.transaction() as con:
            register_streams(con, stream_table([GAS, WATER, PLAIN, more]), LOAD, START)

    return register


@pytest.fixture
def store(tmp_path, open_city):
    with open_city(tmp_path / "city") as opened:
        yield opened


@pytest.fixture
def hub(store, clock):
    return LiveHub(store, clock)


@pytest.fixture
def register(store, clock):
    """Registers a stream like the lamp's, beside what the hub knows; gives its id."""

    def registered(**row):
        with store.transaction() as con:
            register_streams(con, stream_table([{**PLAIN, **row}]), LOAD, clock.now)
            (found,) = con.execute("SELECT max(stream_id) FROM datastream").fetchone()
        return found

    return registered
