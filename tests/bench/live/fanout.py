"""Deliveries per CPU-second of one server process to many followers of the scene stream.

    python tests/bench/live/fanout.py [clients] [seconds] [hertz]

The server is the one of ``twin serve``; followers are plain sockets in another process, which counts the frames it gets. All
watch 1,000 streams of which 100 report before each frame. Floor of the same run: a bare asyncio server that writes the same bytes.
"""

import asyncio
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import uvicorn
import uvloop

from api.app import create_app
from api.standing.wire import bounded
from api.state import CityState
from twin.city import City
from twin.live import register_streams
from twin.schema import STREAMS
from twin.settings import ServerSettings
from twin.store import Store

LOAD = "0190a000-0000-7000-8000-000000000001"
N, CHANGED = 1000, 100


def city(folder):
    made = City.init(folder, name="fan")
    placed = STREAMS
    for column in ("lon", "lat", "z_ell"):
        placed = placed.append(pa.field(column, pa.float64()))
    rows = [{"row": i, "key": f"s{i}", "subject": "燃气", "property": "p", "unit": "1", "lon": 114.0, "lat": 30.0, "z_ell": 1.0, "interval_s": 3600.0} for i in range(N)]  # fmt: skip
    with Store.open(made) as store, store.transaction() as con:
        register_streams(con, pa.Table.from_pylist(rows, schema=placed), LOAD, datetime.now(UTC))
    return made


def spent(port, request, mark, clients, seconds):
    """Deliveries, wall seconds, CPU-seconds of this process, CPU-seconds of the followers."""
    program = Path(__file__).with_name("followers.py")
    command = [sys.executable, str(program), str(port), str(clients), mark, request]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as followers:

        def counted():
            followers.stdin.write("count\n")
            followers.stdin.flush()
            total, cpu = followers.stdout.readline().split()
            return int(total), float(cpu)

        assert followers.stdout.readline() == "ready\n"
        before, cpu_before = counted()
        wall, cpu = time.perf_counter(), time.process_time()
        time.sleep(seconds)
        after, cpu_after = counted()
        result = (
            after - before,
            time.perf_counter() - wall,
            time.process_time() - cpu,
            cpu_after - cpu_before,
        )
        followers.stdin.close()
        followers.kill()
    return result


def serve(state, settings, clients, seconds, hertz, stop):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(settings, state),
        log_level="error",
        http=bounded(60.0),
        backlog=8192,
        access_log=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    rng = np.random.default_rng(1)

    def change():
        while not stop.is_set():
            keys = [f"s{i}" for i in np.sort(rng.choice(N, CHANGED, replace=False)).tolist()]
            state.hub.ingest(keys, datetime.now(UTC), rng.choice([0.5, 1.5], CHANGED))
            stop.wait(1 / hertz)

    writer = threading.Thread(target=change)
    writer.start()
    request = (
        f"GET /scene/streams/events?values=true&rate={min(hertz, 20)} HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    found = spent(listener.getsockname()[1], request, "event: delta", clients, seconds)
    stop.set()
    writer.join()
    server.should_exit = True
    thread.join(20)
    return found


async def bare(clients, seconds, hertz):
    """The floor: the same number of bytes to as many, with nothing around it."""
    told = set()

    class Told(asyncio.Protocol):
        def connection_made(self, transport):
            told.add(transport)

        def connection_lost(self, _):
            told.clear()

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Told, "127.0.0.1", 0, backlog=8192)
    chunk = b"1a0\r\nevent: delta\n" + b"x" * 380 + b"\r\n"

    async def tell():
        while True:
            for transport in list(told):
                transport.write(chunk)
            await asyncio.sleep(1 / hertz)

    task = asyncio.create_task(tell())
    port = server.sockets[0].getsockname()[1]
    found = await loop.run_in_executor(None, spent, port, "", "event: delta", clients, seconds)
    task.cancel()
    server.close()
    return found


def say(line):
    sys.stdout.write(f"{line}\n")


def main():
    clients, seconds, hertz = (
        int(v) for v in [*sys.argv[1:], *("5000", "20", "2")[len(sys.argv) - 1 :]]
    )
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with tempfile.TemporaryDirectory() as folder:
        settings = ServerSettings(city=city(Path(folder) / "city").path)
        with CityState.open(settings) as state:
            quiet = time.process_time()
            time.sleep(2)
            quiet = (time.process_time() - quiet) / 2
            n, wall, cpu, theirs = serve(
                state, settings, clients, seconds, hertz, threading.Event()
            )
    floor_n, _, floor_cpu, _ = uvloop.run(bare(clients, seconds, hertz))
    say(f"{clients:,} followers, {hertz} Hz, load {os.getloadavg()[0]:.1f}")
    say(
        f"  {n / wall:,.0f} deliveries/s ({n / wall / clients:.2f} each), {n / cpu:,.0f} per CPU-second of the server, {cpu / n * 1e6:.1f} µs each"
    )
    say(
        f"  floor (bare asyncio): {floor_n / floor_cpu:,.0f} per CPU-second; ratio {n / cpu / (floor_n / floor_cpu):.2f}; idle server {quiet:.3f} CPU"
    )
    say(f"  the followers' process: {theirs / n * 1e6:.1f} µs each")


if __name__ == "__main__":
    main()
