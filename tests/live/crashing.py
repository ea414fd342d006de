"""Publishers with a journal of their own, a killer, and the verdict; used by the test and the bench."""

import random
import socket
import threading
import time
from collections import defaultdict

import numpy as np

from twin.city import City
from twin.live.history import readings
from twin.store import Store

BASE_MS = 1_790_000_000_000
WINDOW = 400


def _packet(kind, body):
    size, length = len(body), bytearray()
    while True:
        size, low = size >> 7, size & 127
        length.append(low | (128 if size else 0))
        if not size:
            return bytes([kind]) + bytes(length) + body


class Publisher(threading.Thread):
    """Sends numbered readings of its streams at QoS 1; journals what was acknowledged.

    After a break it sends everything again that was not, in order, as a client with a session does.
    """

    def __init__(self, name, port, streams, rate, base_ms=BASE_MS):
        super().__init__(daemon=True)
        self.name_, self.port, self.streams, self.rate = name, port, streams, rate
        self.base_ms = base_ms
        self.sent = 0
        self.open = {}  # number of message -> when it must be sent again
        self.acknowledged = set()
        self.stop = threading.Event()
        self.ended = threading.Event()

    def message(self, number):
        stream = self.streams[number % len(self.streams)]
        nth = number // len(self.streams)
        topic = f"twin/observations/d{stream}".encode()
        payload = b'{"result":%d,"time":%d,"seq":%d}' % (nth, self.base_ms + nth, nth)
        body = len(topic).to_bytes(2, "big") + topic + (number % 60_000 + 1).to_bytes(2, "big")
        return _packet(0x32, body + payload)

    def run(self):
        while not self.ended.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
                    self._talk(sock)
            except OSError:
                time.sleep(0.02)

    def _talk(self, sock):
        name = self.name_.encode()
        hello = b"\0\4MQTT\4\0\0\x3c" + len(name).to_bytes(2, "big") + name
        sock.sendall(_packet(0x10, hello))
        sock.settimeout(2)
        assert sock.recv(4)[:1] == b"\x20"
        again = sorted(self.open)
        if again:
            sock.sendall(b"".join(self.message(number) for number in again))
        buffer = b""
        sock.settimeout(0.005)
        begun, sent = time.monotonic(), 0
        while not (self.stop.is_set() and not self.open):
            due = int((time.monotonic() - begun) * self.rate) - sent
            more = min(WINDOW - len(self.open), due)
            if more > 0 and not self.stop.is_set():
                numbers = range(self.sent, self.sent + more)
                self.open.update(dict.fromkeys(numbers))
                self.sent += more
                sent += more
                sock.sendall(b"".join(map(self.message, numbers)))
            try:
                data = sock.recv(65536)
            except TimeoutError:
                continue
            if not data:
                raise OSError("the server has gone")
            buffer += data
            whole = len(buffer) // 4 * 4
            ids = np.frombuffer(buffer[:whole], np.uint8).reshape(-1, 4)
            assert (ids[:, 0] == 0x40).all()
            by_id = {number % 60_000 + 1: number for number in self.open}
            for high, low in ids[:, 2:].tolist():
                number = by_id[high << 8 | low]
                del self.open[number]
                self.acknowledged.add(number)
            buffer = buffer[whole:]
        self.ended.set()


def crash(
    server,
    kills,
    rng=None,
    publishers=4,
    rate=2500,
    calm=(0.1, 0.8),
    drain=30.0,
    tell=lambda _: None,
):
    """Kill the server ``kills`` times while publishers send; the publishers, and times to restart (``tell`` is told each)."""
    rng = rng or random.Random(7)
    server.start()
    base = int(time.time() * 1000) - 3_600_000
    workers = [
        Publisher(f"p{i}", server.mqtt, range(i * 10, i * 10 + 10), rate, base)
        for i in range(publishers)
    ]
    for worker in workers:
        worker.start()
    restarts = []
    for _ in range(kills):
        time.sleep(rng.uniform(*calm))
        server.kill()
        begun = time.monotonic()
        server.start()
        restarts.append(time.monotonic() - begun)
        tell(restarts)
    time.sleep(0.3)
    for worker in workers:
        worker.stop.set()
    until = time.monotonic() + drain
    for worker in workers:
        worker.ended.wait(max(until - time.monotonic(), 0.01))
        worker.ended.set()
        worker.join(10)
    server.end()
    return workers, restarts


def verdict(folder, workers):
    """Acknowledged − stored, duplicates, and streams whose order is broken."""
    with Store.open(City.open(folder)) as store:
        keys = dict(store.table("SELECT stream_id, key FROM datastream").to_pandas().values)
        found = readings(store, None)
    stored = defaultdict(list)
    for stream, moment, value in zip(
        found.stream_id.tolist(), found.time_us.tolist(), found.value.tolist(), strict=True
    ):
        stored[int(keys[stream][1:])].append((moment, value))
    duplicates = sum(len(rows) - len({m for m, _ in rows}) for rows in stored.values())
    disorder = sum([v for _, v in rows] != sorted(v for _, v in rows) for rows in stored.values())
    lost = 0
    for worker in workers:
        there = {(s, v) for s in worker.streams for _, v in stored[s]}
        n = len(worker.streams)
        lost += sum((worker.streams[a % n], a // n) not in there for a in worker.acknowledged)
    return {
        "acknowledged": sum(len(worker.acknowledged) for worker in workers),
        "stored": len(found),
        "lost": lost,
        "duplicates": duplicates,
        "disorder": disorder,
    }
