"""Kill -9 of the server many times while devices publish: run as ``crash.py [kills] [messages per second]``.

Prints what was acknowledged, stored, lost and doubled, and how long restarts took; ends with an error
where a promise was broken. The test of the same in a minute is ``tests/live/test_kills.py``.
"""

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "live"))

from conftest import LOAD, Server, many_streams
from crashing import crash, verdict

from twin.city import City
from twin.live import register_streams
from twin.store import Store


def told(restarts):
    """Say how far it is, every 25 kills."""
    if len(restarts) % 25 == 0:
        sys.stderr.write(f"{len(restarts)} kills; the last restart took {restarts[-1]:.1f} s\n")


def main(kills, rate):
    """Run and judge."""
    with tempfile.TemporaryDirectory() as folder:
        city = City.init(Path(folder) / "city", name="bench")
        with Store.open(city) as store, store.transaction() as con:
            register_streams(con, many_streams(50), LOAD, datetime.now(UTC))
        server = Server(city.path)
        workers, restarts = crash(server, kills, rate=rate / 4, drain=120.0, tell=told)
        found = verdict(city.path, workers)
        sent = sum(worker.sent for worker in workers)
        waits = np.array(restarts)
        sys.stdout.write(
            f"{kills} kills, {sent:,} sent: {found}; restart median {np.median(waits):.2f} s, longest "
            f"{waits.max():.2f} s\n"
        )
        assert found["lost"] == found["duplicates"] == found["disorder"] == 0
        assert found["stored"] == sent


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 20,
        float(sys.argv[2]) if len(sys.argv) > 2 else 10_000.0,
    )
