"""Durable readings per second through the hub, beside the bare insert of the same columns.

Run as ``python tests/bench/live/ingest.py [streams]``; prints rates per wall and per CPU second for
three levels of alarm traffic, and what share of the bare insert's rate the hub reaches.
"""

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from twin.city import City
from twin.live import LiveHub, register_streams
from twin.schema import STREAMS
from twin.store import Store

BATCHES = 60


def streams(n):
    """``n`` streams with four thresholds at ±2 and ±4."""
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
    limits = {"warn_low": -2.0, "warn_high": 2.0, "alarm_low": -4.0, "alarm_high": 4.0}
    rows = [{"key": f"s{i}", "interval_s": 1.0, **fixed, **limits} for i in range(n)]
    return pa.Table.from_pylist(rows, schema=schema)


def rates(work, n):
    """Readings per wall second and per CPU second of ``BATCHES`` calls."""
    wall, cpu = time.perf_counter(), time.process_time()
    for number in range(BATCHES):
        work(number)
    total = BATCHES * n
    return total / (time.perf_counter() - wall), total / (time.process_time() - cpu)


def bare(store, n, base, values):
    """The same columns into the same table, one transaction a batch, nothing else."""
    ids = np.arange(1, n + 1)

    def insert(number):
        moment = np.full(n, base - np.timedelta64(10_000 + number, "s"))
        table = pa.table(
            {"i": ids, "t": moment, "v": values[number], "q": pa.nulls(n, pa.string())}
        )
        with store.transaction() as con:
            con.register("batch", table)
            con.execute("INSERT INTO observation SELECT i, t, t, v, q FROM batch")
            con.unregister("batch")

    return insert


def main(n):
    """Measure and print."""
    rng = np.random.default_rng(0)
    keys = [f"s{i}" for i in range(n)]
    base = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us") - np.timedelta64(1000, "s")
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(City.init(Path(folder) / "city", name="bench")) as store,
    ):
        with store.transaction() as con:
            register_streams(con, streams(n), None, datetime.now(UTC))
        calm = rng.normal(0, 0.5, (BATCHES, n))
        floor = rates(bare(store, n, base, calm), n)
        line = f"bare insert            {floor[0]:>12,.0f}/s {floor[1]:>12,.0f}/CPU-s\n"
        sys.stdout.write(line)
        hub = LiveHub(store)
        for round_, spread in enumerate((0.5, 0.8, 1.0)):
            values = rng.normal(0, spread, (BATCHES, n))
            start = base + np.timedelta64(round_ * BATCHES, "s")

            def ingest(number, values=values, start=start):
                hub.ingest(keys, np.full(n, start + np.timedelta64(number, "s")), values[number])

            before = store.scalar("SELECT count(*) FROM alarm_event")
            wall, cpu = rates(ingest, n)
            steps = store.scalar("SELECT count(*) FROM alarm_event") - before
            share = steps / (BATCHES * n)
            sys.stdout.write(
                f"hub, {share:>6.2%} alarm steps {wall:>11,.0f}/s {cpu:>12,.0f}/CPU-s "
                f"{cpu / floor[1]:.2f} of bare\n"
            )
        hub.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
