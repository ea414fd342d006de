"""History at size: bytes a reading, opening, one stream's hour, its life by hours.

Run as ``python tests/bench/live/history.py [million readings] [streams]``. Readings come one a minute and
stream, rounded to two decimals, with jitter of a second in time and of 45 ms in arrival.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from twin.live.archive import Archive
from twin.live.chunks import HOUR_US, LEAST, MOST
from twin.live.readings import NO_SEQUENCE, Readings

MINUTE_US = 60_000_000


def timed(work, times=15):
    """Median milliseconds of a call."""
    found = []
    for number in range(times):
        begun = time.perf_counter()
        work(number)
        found.append(time.perf_counter() - begun)
    return 1e3 * float(np.median(found))


def fill(archive, total, streams, base):
    """Write and seal ``total`` readings of ``streams`` streams, a million at a time."""
    rng = np.random.default_rng(0)
    ids = np.arange(1, streams + 1)
    level = rng.normal(5, 2, streams)
    per_block = max(1_000_000 // streams, 1)
    for start in range(0, total // streams, per_block):
        minutes = np.arange(start, start + per_block)
        level = level + rng.normal(0, 0.05, streams)
        values = np.round(level + rng.normal(0, 0.05, (per_block, streams)), 2)
        moments = (
            base + minutes[:, None] * MINUTE_US + rng.integers(0, 1000, (per_block, streams)) * 1000
        )
        n = values.size
        received = moments.ravel() + rng.integers(5, 50, n) * 1000
        none = np.full(n, NO_SEQUENCE)
        archive.append(
            Readings(np.tile(ids, per_block), moments.ravel(), values.ravel(), received, none), base
        )
        archive.freeze()
        archive.seal()
        while archive.merge():
            pass


def main(millions, streams):
    """Measure and print."""
    base = 1_780_000_000_000_000 // HOUR_US * HOUR_US
    total = millions * 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(Path(folder))
        begun, cpu = time.perf_counter(), time.process_time()
        fill(archive, total, streams, base)
        wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
        files = list((Path(folder) / "history").glob("*.parquet"))
        size = sum(path.stat().st_size for path in files)
        rows = len(archive)
        open_rows = min(1_000_000, total)
        rng = np.random.default_rng(1)
        archive.append(
            Readings(
                rng.integers(1, streams + 1, open_rows), base - rng.permutation(open_rows) - 1,
                rng.normal(size=open_rows), np.full(open_rows, base), np.full(open_rows, NO_SEQUENCE),
            ),
            base,
        )  # fmt: skip
        archive.close()
        opening = timed(lambda _: Archive(Path(folder)).newest(), 3)
        archive = Archive(Path(folder))
        minutes = total // streams
        some = rng.integers(1, streams + 1, 15)
        starts = base + rng.integers(0, max(minutes - 60, 1), 15) * MINUTE_US

        def hour(i):
            archive.read(some[i : i + 1], int(starts[i]), int(starts[i]) + HOUR_US)

        def life(i):
            archive.hours(some[i : i + 1], LEAST, MOST)

        first_hour, first_life = timed(hour), timed(life)
        sys.stdout.write(
            f"{rows:,} readings of {streams:,} streams in {len(files) // 2} chunks: {size / rows:.2f} B a reading; "
            f"sealed and merged at {rows / cpu:,.0f} readings per CPU-s ({wall:.0f} s)\n"
            f"open with 1 M readings in the log: {opening:.0f} ms; one stream one hour {first_hour:.1f} ms, again "
            f"{timed(hour):.1f} ms; its life by hours {first_life:.1f} ms, again {timed(life):.1f} ms\n"
        )


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 10,
        int(sys.argv[2]) if len(sys.argv) > 2 else 10_000,
    )
