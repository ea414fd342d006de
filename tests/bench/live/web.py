"""Durable readings per second over HTTP: single POSTs and data arrays, per wall and CPU second of the server.

Run as ``python tests/bench/live/web.py [seconds]``. The whole application runs in a process of its own;
64 connections send one request after the other.
"""

import asyncio
import multiprocessing
import socket
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import orjson
from ingest import streams
from posts import cpu_of, load, serve

from twin.city import City
from twin.live import register_streams
from twin.store import Store

CONNECTIONS, PER_ARRAY = 64, 1000


def main(seconds):
    """Measure and print."""
    multiprocessing.set_start_method("spawn")
    base = int(time.time() * 1000) - 3_600_000

    def single(number, nth):
        return b'{"stream":"s%d","time":%d,"result":0.5}' % (number, base + nth)

    def array(number, nth):
        part = {"Datastream": {"@iot.id": number + 1}, "components": ["phenomenonTime", "result"]}
        first = base + nth * PER_ARRAY
        rows = [[first + i, 0.5] for i in range(PER_ARRAY)]
        return orjson.dumps([{**part, "dataArray": rows}])

    with tempfile.TemporaryDirectory() as folder:
        city = City.init(Path(folder) / "city", name="bench")
        with Store.open(city) as store, store.transaction() as con:
            register_streams(con, streams(5000), None, datetime.now(UTC))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = multiprocessing.Process(target=serve, args=(city.path, port))
        server.start()
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        for label, body, each, offset in (
            ("single POST", single, 1, 0),
            ("data array", array, PER_ARRAY, 10**7),
        ):
            base -= offset
            cpu, begun = cpu_of({server.pid}), time.monotonic()
            to = f"http://127.0.0.1:{port}/observations"
            n = asyncio.run(load(to, CONNECTIONS, seconds, body)) * each
            wall, cpu = time.monotonic() - begun, cpu_of({server.pid}) - cpu
            sys.stdout.write(
                f"{label:<12} {n / wall:>9,.0f} readings/s {n / cpu:>9,.0f} per CPU-s\n"
            )
        server.terminate()
        server.join()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
