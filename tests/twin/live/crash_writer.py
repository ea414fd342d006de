"""Writes batches into a city until it is killed; prints each batch it was told is stored.

Run by ``test_crash.py`` as ``python crash_writer.py FOLDER FIRST_BATCH``.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from twin.city import City
from twin.live import LiveHub
from twin.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
PER_BATCH = 50


def batch(number):
    """Readings of batch ``number``: two streams, one a second, raising and clearing alarms."""
    seconds = np.repeat(np.arange(PER_BATCH // 2), 2) + number * (PER_BATCH // 2)
    keys = ["G1/ch4", "W1/p"] * (PER_BATCH // 2)
    times = [START + timedelta(seconds=int(second)) for second in seconds]
    return keys, times, 0.75 + 0.5 * np.sin(seconds / 9.0)


if __name__ == "__main__":
    with Store.open(City.open(Path(sys.argv[1]))) as store:
        hub = LiveHub(store)
        for number in range(int(sys.argv[2]), 100_000):
            report = hub.ingest(*batch(number))
            sys.stdout.write(f"{number} {report.stored + report.duplicate}\n")
            sys.stdout.flush()
            if number % 7 == 0:
                hub.tick()
