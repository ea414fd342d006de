"""Kill -9 while readings come in: what was acknowledged is there, once, and alarms agree."""

import importlib.util
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from twin.city import City
from twin.live import LiveHub
from twin.live.history import readings
from twin.store import Store

HERE = Path(__file__).parent
KILLS = 5


def writer():
    spec = importlib.util.spec_from_file_location("crash_writer", HERE / "crash_writer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_until_killed(folder, first, seconds):
    """Batches acknowledged by a writer killed ``seconds`` after its first acknowledgement."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "crash_writer.py"), str(folder), str(first)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE.parents[2],
        env={"PYTHONPATH": str(HERE.parents[2])},
    )
    lines = [process.stdout.readline()]
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL, "the writer ended by itself"
    return [int(line.split()[0]) for line in lines if line.endswith("\n")]


def events(store):
    return store.table(
        "SELECT a.rule_id, e.event, e.from_state, e.to_state, e.at_time, e.value "
        "FROM alarm_event e JOIN alarm a USING (alarm_id) ORDER BY e.at_time, a.rule_id"
    ).to_pylist()


def test_nothing_acknowledged_is_lost_or_doubled_by_kill_9(tmp_path, open_city):
    batch = writer().batch
    open_city(tmp_path / "city").close()
    acknowledged, rng = [], random.Random(5)
    for _ in range(KILLS):
        first = max(acknowledged, default=-1)  # the last one again: it may not have been told
        acknowledged += run_until_killed(tmp_path / "city", max(first, 0), rng.uniform(0.05, 0.4))
    with Store.open(City.open(tmp_path / "city")) as store:
        kept = readings(store, None)
        found = len(kept)
        distinct = len(set(zip(kept.stream_id.tolist(), kept.time_us.tolist(), strict=True)))
        last = max(acknowledged)
        assert found == distinct, "a reading is stored twice"
        batches, torn = divmod(found, len(batch(0)[0]))
        assert torn == 0, "part of a batch is stored"
        assert batches in (last + 1, last + 2), "an acknowledged batch is missing"
        hub = LiveHub(store)
        assert hub.latest().column("phenomenon_time").to_pylist()[0] is not None
        stored_events = events(store)
    with open_city(tmp_path / "again") as calm:
        hub = LiveHub(calm)
        for number in range(batches):
            hub.ingest(*batch(number))
        assert stored_events == events(calm)
    assert len(stored_events) > 10
