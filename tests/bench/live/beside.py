"""Readings over SensorThings per CPU-second: ours beside another server that is running, asked the same by the same client.

    python tests/bench/live/beside.py --peer http://127.0.0.1:8018/istsos4/v1.1 --of app.main:app --of postgres [seconds]

``--of`` names the peer's processes by a part of their command lines; their children count too. Both get their things
by deep insert, then single POSTs of Observations over some connections, CreateObservations of 1,000 each, and the question
for every Datastream with its newest Observation. The ends of both run on this machine.
"""

import argparse
import asyncio
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import orjson
from posts import cpu_of, load, serve

from twin.city import City

LABELS = ("single POST", "data array", "our own POST")
PER_ARRAY = 1000


def family(names, pids):
    """Processes whose command lines hold one of the names, and those they began."""
    found, parents = set(pids), {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            stat = (path / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.name)] = int(stat[1])
        if int(path.name) != os.getpid() and any(name in line for name in names):
            found.add(int(path.name))
    for _ in range(6):
        found |= {pid for pid, parent in parents.items() if parent in found and pid != os.getpid()}
    return found


def thing(name, number):
    """A Thing with one Datastream."""
    return {
        "name": f"beside {name}", "description": "", "properties": {},
        "Locations": [{"name": f"place {name}", "description": "", "encodingType": "application/vnd.geo+json",
                       "location": {"type": "Point", "coordinates": [114.0 + number / 1e4, 30.0]}}],
        "Datastreams": [{
            "name": f"stream {name}", "description": "",
            "observationType": "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement",
            "unitOfMeasurement": {"name": "percent", "symbol": "%", "definition": "http://www.qudt.org/vocab/unit/PERCENT"},
            "ObservedProperty": {"name": f"methane {name}", "definition": "http://example.org/methane", "description": ""},
            "Sensor": {"name": f"sensor {name}", "description": "", "encodingType": "application/pdf", "metadata": "none"},
        }],
    }  # fmt: skip


def filled(root, n):
    """Ids of the Datastreams of ``n`` new Things."""
    run = f"{time.time():.0f}"
    with httpx.Client(timeout=60) as client:
        links = []
        for number in range(n):
            made = client.post(f"{root}/Things", json=thing(f"{run} {number}", number))
            links.append(made.raise_for_status().headers["location"])
        ids = []
        for link in links:
            below = link[link.rindex("/Things(") :]
            answer = client.get(f"{root}{below}/Datastreams").raise_for_status().json()
            ids.append(answer["value"][0]["@iot.id"])
        return ids


def moment(ms):
    """A time as SensorThings writes it."""
    return f"{np.datetime64(ms, 'ms')}Z"


def measured(root, pids, given, labels):
    """Readings per CPU-second and second by single POST and by data array; CPU-seconds and seconds of the newest of every stream;
    Things with a Datastream made (and read) per CPU-second."""
    cpu = cpu_of(pids)
    ids = filled(root, given.streams)
    things = given.streams / (cpu_of(pids) - cpu)
    base = int(time.time() * 1000) - 86_400_000
    chosen = ids[: given.connections]

    def single(number, nth):
        reading = {
            "phenomenonTime": moment(base + nth),
            "result": 0.5,
            "Datastream": {"@iot.id": chosen[number]},
        }
        return orjson.dumps(reading)

    def array(number, nth):
        first = base - 864_000_000 + nth * PER_ARRAY
        rows = [[moment(first + i), 0.5] for i in range(PER_ARRAY)]
        part = {
            "Datastream": {"@iot.id": chosen[number]},
            "components": ["phenomenonTime", "result"],
            "dataArray": rows,
        }
        return orjson.dumps([part])

    def own(number, nth):
        return b'{"stream":%d,"time":%d,"result":0.5}' % (chosen[number], base + 43_200_000 + nth)

    found = {}
    for label, to, body, each in (
        ("single POST", f"{root}/Observations", single, 1),
        ("data array", f"{root}/CreateObservations", array, PER_ARRAY),
        ("our own POST", root.replace("/v1.1", "/observations"), own, 1),
    ):
        if label not in labels:
            continue
        cpu, begun = cpu_of(pids), time.monotonic()
        n = asyncio.run(load(to, given.connections, given.seconds, body)) * each
        found[label] = n / (cpu_of(pids) - cpu), n / (time.monotonic() - begun)
    question = f"{root}/Datastreams?$top={given.streams}&$expand=Observations($top=1;$orderby=phenomenonTime%20desc)"
    with httpx.Client(timeout=60) as client:
        client.get(question).raise_for_status()
        cpu, begun = cpu_of(pids), time.monotonic()
        for _ in range(10):
            client.get(question).raise_for_status()
        spent = (cpu_of(pids) - cpu) / 10, (time.monotonic() - begun) / 10
    return found, spent, things


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", nargs="?", type=float, default=10.0)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--of", action="append", default=[])
    given = parser.parse_args()
    multiprocessing.set_start_method("spawn")
    peer = family(given.of, ())
    theirs, their_newest, their_things = measured(given.peer, peer, given, LABELS[:2])
    with tempfile.TemporaryDirectory() as folder:
        city = City.init(Path(folder) / "city", name="bench")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = multiprocessing.Process(target=serve, args=(city.path, port), daemon=True)
        server.start()
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        root = f"http://127.0.0.1:{port}/v1.1"
        ours, newest, things = measured(root, {server.pid}, given, LABELS)
        server.terminate()
        server.join()
    for label, (rate, wall) in ours.items():
        their_rate, their_wall = theirs.get(label, theirs["single POST"])
        sys.stdout.write(
            f"{label:<12} ours {rate:>9,.0f} a CPU-s ({wall:,.0f}/s), theirs {their_rate:>7,.0f} ({their_wall:,.0f}/s): {rate / their_rate:.1f} times\n"
        )
    sys.stdout.write(
        f"deep insert  ours {things:.0f} Things a CPU-s, theirs {their_things:.0f}: {things / their_things:.1f} times\n"
    )
    sys.stdout.write(
        f"newest of {given.streams:,}  ours {newest[0] * 1e3:.1f} ms CPU ({newest[1] * 1e3:.1f} ms), theirs {their_newest[0] * 1e3:.0f} "
        f"({their_newest[1] * 1e3:.0f}): {their_newest[0] / newest[0]:.0f} times\n"
    )


if __name__ == "__main__":
    main()
