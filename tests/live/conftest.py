"""A city with many streams, and a server over it as its own process or in this one."""

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from twin.city import City
from twin.live import register_streams
from twin.schema import STREAMS
from twin.store import Store

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # crashing.py and listening.py stand beside the tests
LOAD = "0190a000-0000-7000-8000-000000000001"


def many_streams(n):
    """``n`` streams ``d0`` … with an alarm threshold."""
    schema = STREAMS
    for column in ("lon", "lat", "z_ell"):
        schema = schema.append(pa.field(column, pa.float64()))
    fixed = {
        "subject": "燃气",
        "property": "p",
        "unit": "1",
        "lon": 114.0,
        "lat": 30.0,
        "z_ell": 1.0,
    }
    rows = [
        {"row": i, "key": f"d{i}", "interval_s": 1.0, "alarm_high": 1e6, **fixed} for i in range(n)
    ]
    return pa.Table.from_pylist(rows, schema=schema)


@pytest.fixture
def city(tmp_path):
    made = City.init(tmp_path / "city", name="test")
    with Store.open(made) as store, store.transaction() as con:
        register_streams(con, many_streams(50), LOAD, datetime.now(UTC))
    return made


@pytest.fixture
def make_streams():
    """Makes more streams known."""

    def make(store, n):
        with store.transaction() as con:
            register_streams(con, many_streams(n), LOAD, datetime.now(UTC))

    return make


@pytest.fixture(name="free_port")
def _free_port():
    return free_port


@pytest.fixture
def listen(city, free_port):
    from listening import Listening

    made = []

    def make(**settings):
        made.append(Listening(city, free_port(), **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process that can be killed and started again on the same port (``serving.py``)."""

    def __init__(self, folder, env=(), broker=(), program="serving.py"):
        self.mqtt = free_port()
        command = [sys.executable, str(HERE / program), str(folder), str(self.mqtt), *broker]
        env = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), **dict(env)}
        pipe = subprocess.PIPE
        self._parent = subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, text=True)
        self._child = 0

    def start(self):
        self._parent.stdin.write("start\n")
        self._parent.stdin.flush()
        self._child = int(self._parent.stdout.readline())
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.mqtt), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise AssertionError("the server does not answer")

    def kill(self):
        os.kill(self._child, signal.SIGKILL)

    def end(self):
        """End it and wait until it has gone."""
        if self._child:
            self.kill()
        self._parent.communicate("")


@pytest.fixture
def running(city):
    """Makes servers over the city, and ends them."""
    made = []

    def make(env=(), broker=(), program="serving.py"):
        made.append(Server(city.path, env, broker, program))
        return made[-1]

    yield make
    for server in made:
        if server._parent.poll() is None:
            server.end()
