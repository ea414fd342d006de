"""From the clock of a device to the wire of an SSE client, at a steady rate: ``latency.py [messages a second] [seconds]``.

The server is that of ``twin serve`` in a process of its own, MQTT QoS 1, every reading durable and judged by four alarm rules. Devices
put their clock into each message; a follower of ``/live`` in this process compares it with its own when the state that follows from it (and
the alarm it raised) comes over the wire. A third figure is the time to the PUBACK: committed. The floor of the same run is one
``fdatasync`` of a group's bytes.
"""

import http.client
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
import orjson
from ingest import streams

from api.serving import listen, run_server, server_settings
from twin.city import City
from twin.live import register_streams
from twin.store import Store

STREAMS, CONNECTIONS, BEAT_S, WARM_S = 5_000, 8, 0.01, 3.0
ALARM_EVERY = 9_999  # of another stream each time: one that is raised again keeps the moment it was raised first


def serve(folder, port, mqtt):
    """The whole server."""
    os.environ["TWIN_MQTT_PORT"] = str(mqtt)
    settings = server_settings(Path(folder), "127.0.0.1", port, simulate=False)
    run_server(settings, listen("127.0.0.1", port), lambda _: None)


def hello(port, name):
    sock = socket.create_connection(("127.0.0.1", port))
    name = name.encode()
    head = b"\x10" + bytes([12 + len(name)]) + b"\0\4MQTT\4\2\0\0"
    sock.sendall(head + len(name).to_bytes(2, "big") + name)
    assert sock.recv(4)[:1] == b"\x20"
    return sock


def publish(port, rate, seconds, result):
    """``rate`` messages a second over several connections, whether or not they are acknowledged by then."""
    socks = [hello(port, f"d{nth}") for nth in range(CONNECTIONS)]
    chosen = selectors.DefaultSelector()
    sent_at = {sock: [] for sock in socks}  # (messages so far, when)
    acked, sent, waits = dict.fromkeys(socks, 0), dict.fromkeys(socks, 0), []
    for sock in socks:
        chosen.register(sock, selectors.EVENT_READ)
    begun, total, late = time.monotonic(), 0, 0.0
    while (now := time.monotonic()) - begun < seconds:
        due = int((now - begun) * rate) - total
        for nth, sock in enumerate(socks):
            part, out = due // CONNECTIONS, bytearray()
            for number in range(total + nth * part, total + (nth + 1) * part):
                topic = b"twin/observations/s%d" % (number % STREAMS)
                value = 5.0 if number % ALARM_EVERY == 0 else 0.5
                text = b'{"result":%.1f,"time":%.3f}' % (value, time.time() * 1e3)
                packet = sent[sock] % 65_000 + 1
                sent[sock] += 1
                body = len(topic).to_bytes(2, "big") + topic + packet.to_bytes(2, "big") + text
                out += b"\x32" + bytes([len(body)]) + body
            if out:
                sock.sendall(out)
                sent_at[sock].append((sent[sock], time.monotonic()))
        total += due // CONNECTIONS * CONNECTIONS
        for key, _ in chosen.select(BEAT_S):
            sock = key.fileobj
            acked[sock] += len(sock.recv(1 << 18)) / 4
            there = time.monotonic()
            marks = sent_at[sock]
            while marks and marks[0][0] <= acked[sock]:
                waits.append(there - marks.pop(0)[1])
        late = max(late, time.monotonic() - now - BEAT_S)
    result.put((sum(sent.values()), time.monotonic() - begun, waits, late))


def follow(port, until, states, alarms):
    """Seconds between a device's clock and now, of each change and alarm ``/live`` tells."""
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    wire.request("GET", "/live")
    answer, kind = wire.getresponse(), ""
    for line in answer:
        if line.startswith(b"event: "):
            kind = line[7:-1]
        elif line.startswith(b"data: ") and kind in (b"state", b"alarm"):
            now = np.datetime64(time.time_ns() // 1000, "us")
            told = orjson.loads(line[6:])
            if kind == b"alarm":
                if told["state"] == "active":
                    alarms.append((now - np.datetime64(told["raised_at"].rstrip("Z"))) / np.timedelta64(1, "s"))  # fmt: skip
            else:
                times = np.array([c["time"][:-1] for c in told["changes"]], "M8[us]")
                states.append((now - times) / np.timedelta64(1, "s"))
        if until.is_set():
            return


def said(name, waits):
    """One line of percentiles."""
    if not len(waits):
        return f"  {name:<34} none\n"
    p50, p95, p99 = np.percentile(waits, (50, 95, 99)) * 1e3
    return f"  {name:<34} p50 {p50:6.0f} ms   p95 {p95:6.0f} ms   p99 {p99:6.0f} ms   of {len(waits):,}\n"


def ready(port):
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            wire = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            wire.request("GET", "/healthz")
            if wire.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


def synced(folder, size):
    """Median seconds of a durable append of so many bytes."""
    handle, waits = os.open(Path(folder) / "probe", os.O_CREAT | os.O_WRONLY), []
    for _ in range(50):
        begun = time.perf_counter()
        os.write(handle, b"x" * size)
        os.fdatasync(handle)
        waits.append(time.perf_counter() - begun)
    return float(np.median(waits))


def free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main(rate, seconds):
    """Measure and print."""
    multiprocessing.set_start_method("spawn")
    with tempfile.TemporaryDirectory() as folder:
        city = City.init(Path(folder) / "city", name="bench")
        with Store.open(city) as store, store.transaction() as con:
            register_streams(con, streams(STREAMS), None, datetime.now(UTC))
        port, mqtt, result = free(), free(), multiprocessing.Queue()
        server = multiprocessing.Process(target=serve, args=(str(city.path), port, mqtt))
        server.start()
        ready(port)
        states, alarms, until = [], [], threading.Event()
        reader = threading.Thread(target=follow, args=(port, until, states, alarms), daemon=True)
        reader.start()
        devices = multiprocessing.Process(target=publish, args=(mqtt, rate, seconds, result))
        devices.start()
        time.sleep(WARM_S)
        states.clear()
        alarms.clear()
        sent, wall, waits, late = result.get()
        until.set()
        devices.join()
        floor = synced(folder, int(rate * 0.05 * 24))
        server.terminate()
        server.join(20)
    sys.stdout.write(
        f"{sent / wall:,.0f} msg/s of {rate:,} asked for, load {os.getloadavg()[0]:.1f}, devices late by {late * 1e3:.0f} ms at most\n"
        + said("committed (PUBACK)", waits[len(waits) // 5 :])
        + said("state on the wire of an SSE client", np.concatenate(states or [np.empty(0)]))
        + said("alarm on the wire", alarms)
        + f"  floor: a sync of 50 ms of readings takes {floor * 1e3:.0f} ms here\n"
    )


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 30_000,
        float(sys.argv[2]) if len(sys.argv) > 2 else 20.0,
    )
