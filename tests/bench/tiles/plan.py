"""What planning a city's tiles costs a building: outlines, distribution, gathering of shapes; and the peak of memory.

Run: ``python tests/bench/tiles/plan.py [buildings] [repeats]``. A base of footprints (octagons, uniform over a square of
1,100 a km²) is written in pieces of 200,000 in Hilbert order, as loads write it. CPU-seconds of this process, medians;
the floor is DuckDB reading the same rows once, in the order they lie in.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely

from tiles.buildings import areas
from tiles.membership import members, place
from tiles.outlines import plan_of
from twin.city import City
from twin.hilbert import hilbert_key
from twin.store import Store
from twin.store.scene import Scene

PIECE = 200_000
M_PER_DEGREE = 111_320.0
NOW = datetime(2026, 1, 1)


def piece(n: int, first: int, side: float) -> pa.Table:
    """Some octagons somewhere on a square of ``side`` metres, in Hilbert order."""
    rng = np.random.default_rng(first)
    lon = 114 + rng.random(n) * side / M_PER_DEGREE / np.cos(np.deg2rad(30))
    lat = 30 + rng.random(n) * side / M_PER_DEGREE
    order = np.argsort(hilbert_key(lon, lat))
    lon, lat = lon[order], lat[order]
    angle = np.arange(9) % 8 * np.pi / 4
    reach = (8 + rng.random((n, 1)) * 12) / M_PER_DEGREE
    ring = np.stack([lon[:, None] + reach * np.cos(angle), lat[:, None] + reach * np.sin(angle)], 2)
    shapes = shapely.polygons(ring)
    columns = {
        "eid": [f"0190{i >> 16:04x}-{i & 65535:04x}-7000-8000-{i * 7919:012x}" for i in range(first, first + n)],
        "name": [f"{i}号楼" for i in range(first, first + n)],
        "height_m": 10 + 40 * rng.random(n) ** 3,
        "wkb": pa.array(shapely.to_wkb(shapes), pa.binary()),
    }  # fmt: skip
    bounds = shapely.bounds(shapes)
    columns |= {k: bounds[:, i] for i, k in enumerate(("xmin", "ymin", "xmax", "ymax"))}
    return pa.table(columns)


def settle() -> None:
    """Wait until what a server in this process makes ready beside, once it answers, is made: it is no part of a request."""
    quiet = 0
    while quiet < 3:
        before = time.process_time()
        time.sleep(1)
        quiet = quiet + 1 if time.process_time() - before < 0.05 else 0


def side_of(n: int, spread: float = 1.0) -> float:
    """Metres of the square on which ``n`` buildings stand."""
    return 30_000 * float(np.sqrt(n / 1e6)) * spread


def timed(words: list[str]) -> tuple[float, float]:
    """CPU-seconds of a command with its children, and its peak memory, MiB; ends with what a failing one said."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(words, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(words)}: exit {process.returncode}\n{said.read()[-2000:].decode()}")  # fmt: skip
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def fill(store: Store, n: int, spread: float = 1.0) -> None:
    """Write ``n`` buildings, ``spread`` times as far apart as in the city of the module."""
    side = side_of(n, spread)
    for first in range(0, n, PIECE):
        incoming = piece(min(PIECE, n - first), first, side)
        with store.transaction() as con:
            con.register("incoming", incoming)
            con.execute(
                "INSERT INTO entity SELECT eid::UUID, 'building', 'e', 'buildings', name, height_m, "
                "(height_m / 3)::INTEGER, '{\"usage\":\"住宅\"}', 'existing', $now, NULL, $now, NULL, NULL FROM incoming",
                {"now": NOW},
            )
            con.execute(
                "INSERT INTO geometry SELECT uuid(), eid::UUID, 'footprint', '1', NULL, wkb, NULL, NULL, NULL, 12, 12, "
                "xmin, ymin, xmax, ymax, 0, NULL FROM incoming"
            )
            con.execute(
                "INSERT INTO anchor SELECT 'entity', eid, 'entity', eid::UUID, NULL, NULL, NULL, xmin, ymin, 12, 12, "
                "'terrain', 1, NULL, NULL, $now FROM incoming",
                {"now": NOW},
            )
            con.unregister("incoming")


def spent(what: Callable[[], object]) -> float:
    """CPU-seconds of a call."""
    start = time.process_time()
    what()
    return time.process_time() - start


def main(n: int = 200_000, repeats: int = 3) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        city = City.init(Path(folder) / "city")
        with Store.open(city) as store:
            fill(store, n)
        with Store.open(city, read_only=True) as store:
            measure(store, n, repeats)


def measure(store: Store, n: int, repeats: int) -> None:
    """Measure one base."""
    rng = np.random.default_rng(0)
    corner = np.array([114.0, 30.0]) + rng.random((n, 2)) * 0.3
    box = np.column_stack([corner, corner + 2.6e-4])
    taken: dict[str, list[float]] = {k: [] for k in ("distribute", "plan", "gather", "floor")}
    for _ in range(repeats):
        taken["distribute"].append(spent(lambda: members(*place(box))))
        with Scene(store).building_rows() as rows:
            start = time.process_time()
            plan = plan_of(rows.outlines())
            taken["plan"].append(time.process_time() - start)
            assert plan is not None
            start = time.process_time()
            assert sum(len(area.members) for area in areas(rows, plan)) == n
            taken["gather"].append(time.process_time() - start)
        taken["floor"].append(
            spent(
                lambda: store.table("SELECT e.*, g.wkb FROM entity e JOIN geometry g USING (eid)")
            )
        )
    for name, values in taken.items():
        sys.stdout.write(f"{name}: {statistics.median(values) / n * 1e6:.2f} µs a building\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"peak: {peak:.0f} MiB (with the making of the base)\n")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3]))
