"""The newest readings of 100,000 streams as Arrow, beside the floor of copying the same bytes.

``python tests/bench/live/latest.py``
"""

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from api.routes.live import newest_arrow
from twin.city import City
from twin.live import LiveHub, register_streams
from twin.schema import STREAMS
from twin.store import Store

LOAD, N = "0190a000-0000-7000-8000-000000000001", 100_000


def main():
    placed = STREAMS
    for column in ("lon", "lat", "z_ell"):
        placed = placed.append(pa.field(column, pa.float64()))
    rows = [{"row": i, "key": f"s{i}", "subject": "燃气", "property": "p", "unit": "1", "lon": 114.0, "lat": 30.0, "z_ell": 1.0,
             "interval_s": 3600.0} for i in range(N)]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        made = City.init(Path(folder) / "city", name="latest")
        with Store.open(made) as store:
            with store.transaction() as con:
                register_streams(
                    con, pa.Table.from_pylist(rows, schema=placed), LOAD, datetime.now(UTC)
                )
            hub = LiveHub(store)
            hub.ingest([f"s{i}" for i in range(N)], datetime.now(UTC), np.arange(N) / 7)
            spent, floor, opened = [], [], []
            for _ in range(20):
                begun = time.process_time_ns()
                body = newest_arrow(hub.streams(), None)
                spent.append((time.process_time_ns() - begun) / 1e6)
                begun = time.process_time_ns()
                bytes(body)
                floor.append((time.process_time_ns() - begun) / 1e6)
            begun = time.process_time_ns()
            LiveHub(store)
            opened = (time.process_time_ns() - begun) / 1e6
    sys.stdout.write(
        f"newest of {N:,} streams as Arrow: {np.median(spent):.1f} ms CPU, {body.size / 1e6:.1f} MB; "
        f"copying it: {np.median(floor):.1f} ms; opening the hub: {opened:.0f} ms\n"
    )


if __name__ == "__main__":
    main()
