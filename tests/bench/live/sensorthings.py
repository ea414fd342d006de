"""CPU milliseconds of SensorThings questions in the process, beside one bare read of the same streams from memory.

Run as ``python tests/bench/live/sensorthings.py [streams]``.
"""

import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
from ingest import streams

from api.sensorthings.service import SensorThings
from twin.city import City
from twin.live import LiveHub, register_streams
from twin.store import Store

ROUNDS, HOURS = 15, 48
QUESTIONS = (
    ("Datastreams", "$top={n}&$expand=Observations($top=1)"),
    ("Datastreams", "$top=100&$expand=Thing,Sensor,ObservedProperty"),
    ("Datastreams({one})/Observations", "$top=100"),
    ("Datastreams({one})/Observations", "$top=100&$filter=result gt 0.5"),
    ("Things", "$top=100&$filter=Datastreams/ObservedProperty/name eq 'ch4'"),
)


def cost(ask):
    """Median CPU milliseconds of a call, after one that is not counted."""
    ask()
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        ask()
        spent.append((time.process_time() - began) * 1e3)
    return statistics.median(spent)


def main(n):
    """Print a line per question."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(City.init(Path(folder) / "city", name="bench")) as store,
    ):
        with store.transaction() as con:
            register_streams(con, streams(n), "0190a000-0000-7000-8000-000000000001", datetime.now(UTC))  # fmt: skip
        hub = LiveHub(store)
        begin = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=HOURS)
        ids = hub.catalogue.ids
        for hour in range(HOURS):
            hub.ingest(ids, begin + timedelta(hours=hour), np.random.default_rng(hour).random(len(ids)))  # fmt: skip
        service = SensorThings(store, hub)
        floor = cost(hub.latest)
        sys.stdout.write(
            f"{n} streams, {HOURS} readings each; the newest of all from memory: {floor:.2f} ms\n"
        )
        for path, query in QUESTIONS:
            path, query = path.format(one=int(ids[0])), query.format(n=n)

            def ask(path=path, query=query):
                return orjson.dumps(service.get(path, query, "http://x/v1.1").content)

            spent = cost(ask)
            sys.stdout.write(
                f"{spent:8.2f} ms  {spent / floor:6.1f} x  {len(ask()):9,} B  {path}?{query}\n"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
