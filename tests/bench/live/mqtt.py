"""Durable MQTT QoS 1 messages per second of the endpoint, and per CPU second of its process.

Run as ``python tests/bench/live/mqtt.py [seconds] [connections] [seconds not synced]``. The publisher is a process of its own that
keeps a window of messages in flight on each connection; the server acknowledges what is on disk. The
same window against an endpoint whose log is not synced shows what durability costs.
"""

import asyncio
import multiprocessing
import os
import selectors
import socket
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from ingest import streams

from api.mqtt.endpoint import listening
from twin.city import City
from twin.live import LiveHub, log, register_streams
from twin.settings import ServerSettings
from twin.store import Store

WINDOW, BLOCK = 8000, 500


def publish(port, seconds, connections, result):
    """Blocks of messages over several connections, a window of them unacknowledged each."""
    chosen = selectors.DefaultSelector()
    now_ms = int(time.time() * 1000) - 3_600_000
    state = {}
    for nth in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        name = f"b{nth}".encode()
        sock.sendall(
            b"\x10"
            + bytes([12 + len(name)])
            + b"\0\4MQTT\4\2\0\0"
            + len(name).to_bytes(2, "big")
            + name
        )
        assert sock.recv(4)[:1] == b"\x20"
        topics = [f"twin/observations/s{(nth * 100 + i) % 5000}".encode() for i in range(100)]
        state[sock] = {"n": 0, "acked": 0, "bytes": 0, "topics": topics}
        chosen.register(sock, selectors.EVENT_READ)

    def send(sock, one):
        out = bytearray()
        for number in range(one["n"], one["n"] + BLOCK):
            topic = one["topics"][number % 100]
            text = b'{"result":%d.5,"time":%d,"seq":%d}' % (
                number % 100,
                now_ms + number // 100,
                number // 100,
            )
            body = (
                len(topic).to_bytes(2, "big")
                + topic
                + (number % 65_000 + 1).to_bytes(2, "big")
                + text
            )
            out += b"\x32" + bytes([len(body)]) + body
        sock.sendall(out)
        one["n"] += BLOCK

    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        for sock, one in state.items():
            while one["n"] - one["acked"] <= WINDOW - BLOCK:
                send(sock, one)
        for key, _ in chosen.select(1):
            one = state[key.fileobj]
            one["bytes"] += len(key.fileobj.recv(1 << 18))
            one["acked"] = one["bytes"] // 4
    acked = sum(one["acked"] for one in state.values())
    result.put((acked, time.monotonic() - begun))


def measure(folder, seconds, connections, label):
    """One run; prints rates."""
    with Store.open(City.init(folder, name="bench")) as store:
        with store.transaction() as con:
            register_streams(con, streams(5000), None, datetime.now(UTC))
        hub = LiveHub(store)
        settings = ServerSettings(city=folder, mqtt_port=0)
        frames, ended = [0], threading.Event()
        result = multiprocessing.Queue()

        async def serve():
            probe = socket.socket()
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            probe.close()
            async with listening(hub, settings.model_copy(update={"mqtt_port": port})):
                worker = multiprocessing.Process(
                    target=publish, args=(port, seconds, connections, result)
                )
                first, cpu = hub.archive.next_frame, time.process_time()
                worker.start()
                while worker.is_alive():
                    await asyncio.sleep(0.2)
                    await asyncio.to_thread(hub.maintain)
                frames[0] = hub.archive.next_frame - first
                return time.process_time() - cpu

        cpu = asyncio.run(serve())
        ended.set()
        acked, wall = result.get()
        stored = len(hub.archive)
        sys.stdout.write(
            f"{label:<12} {acked / wall:>9,.0f} msg/s {acked / cpu:>9,.0f} per CPU-s, {frames[0] / wall:>5.0f} "
            f"syncs/s, {acked / max(frames[0], 1):>6.0f} messages a sync; acknowledged {acked:,}, stored {stored:,}\n"
        )
        hub.close()
        assert stored >= acked


def main(seconds, connections, unsynced):
    """Measure and print."""
    multiprocessing.set_start_method("spawn")
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder) / "a", seconds, connections, "durable")
        log._sync = lambda _: None
        if unsynced:
            measure(Path(folder) / "b", unsynced, connections, "not synced")
        path = Path(folder) / "probe"
        handle, waits = os.open(path, os.O_CREAT | os.O_WRONLY), []
        for _ in range(50):
            begun = time.perf_counter()
            os.write(handle, b"x" * 65_536)
            os.fdatasync(handle)
            waits.append(time.perf_counter() - begun)
        sys.stdout.write(f"a sync of 64 KiB here: {np.median(waits) * 1e3:.1f} ms (median of 50)\n")


if __name__ == "__main__":
    main(
        float(sys.argv[1]) if len(sys.argv) > 1 else 8.0,
        int(sys.argv[2]) if len(sys.argv) > 2 else 8,
        float(sys.argv[3]) if len(sys.argv) > 3 else 8.0,
    )
