"""Log and archive: exact over the seam, whole after any cut, against dictionaries."""

import shutil

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin.errors import CityError
from twin.live import archive as archive_module
from twin.live.archive import Archive
from twin.live.chunks import HOUR_US
from twin.live.ledger import Sequences
from twin.live.log import Log
from twin.live.readings import NO_SEQUENCE, Readings

BASE_US = 1_780_000_000_000_000
STEP_US = 7 * 60_000_000


def readings_of(rows, received_us):
    """Readings from (stream, step, value) rows."""
    stream, step, value = (np.array(column) for column in zip(*rows, strict=True))
    n = len(rows)
    return Readings(
        stream.astype(np.int64),
        BASE_US + step.astype(np.int64) * STEP_US,
        value.astype(float),
        np.full(n, received_us, np.int64),
        np.full(n, NO_SEQUENCE, np.int64),
        pa.array([None if s % 2 else f"q{s}" for s in stream.tolist()], pa.string()),
    )


def rows_of(readings):
    steps = (readings.time_us - BASE_US) // STEP_US
    return dict(
        zip(
            zip(readings.stream_id.tolist(), steps.tolist(), strict=True),
            zip(readings.value.tolist(), readings.quality().to_pylist(), strict=True),
            strict=True,
        )
    )


ROW = st.tuples(st.integers(1, 5), st.integers(-900, 900), st.integers(-50, 50))
STEPS = st.lists(
    st.one_of(
        st.lists(ROW, min_size=1, max_size=30),
        st.sampled_from(["seal", "reopen", "merge"]),
        st.tuples(st.just("forget"), st.integers(1, 5), st.integers(-900, 900)),
    ),
    max_size=25,
)


def checked(archive, model, forgotten):
    """Compare everything the archive answers with dictionaries."""
    raw = {key: value for key, value in model.items() if key not in forgotten}
    assert len(archive) == len(raw)
    found = archive.read()
    assert rows_of(found) == raw
    assert (np.diff(found.stream_id * 10**6 + found.time_us // STEP_US % 10**6) != 0).all()
    low, high = BASE_US - 100 * STEP_US, BASE_US + 333 * STEP_US
    part = archive.read(np.array([2, 3]), low, high)
    assert rows_of(part) == {
        (s, t): v for (s, t), v in raw.items() if s in (2, 3) and -100 <= t < 333
    }
    newest = archive.newest()
    expected = {s: max(t for other, t in model if other == s) for s, _ in model}
    assert (
        dict(zip(newest[0].tolist(), ((newest[1] - BASE_US) // STEP_US).tolist(), strict=True))
        == expected
    )
    hours = archive.hours()
    sums = {}
    for (stream, step), (value, _) in model.items():
        key = stream, (BASE_US + step * STEP_US) // HOUR_US
        n, total, least, most = sums.get(key, (0, 0.0, np.inf, -np.inf))
        sums[key] = n + 1, total + value, min(least, value), max(most, value)
    columns = (hours.n, hours.total, hours.low, hours.high)
    keys = zip(hours.stream_id.tolist(), (hours.start_us // HOUR_US).tolist(), strict=True)
    got = dict(zip(keys, zip(*(c.tolist() for c in columns), strict=True), strict=True))
    assert got == sums


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_every_answer_over_log_and_chunks_is_that_of_a_dictionary(tmp_path, steps):
    shutil.rmtree(tmp_path / "live", ignore_errors=True)
    archive, model, forgotten = Archive(tmp_path / "live"), {}, set()
    for number, step in enumerate(steps):
        if isinstance(step, list):
            fresh = {(s, t): float(v) for s, t, v in step if (s, t) not in model}
            if fresh:
                rows = [(s, t, v) for (s, t), v in fresh.items()]
                archive.append(readings_of(rows, BASE_US + number), BASE_US + number)
                model |= {(s, t): (v, None if s % 2 else f"q{s}") for (s, t), v in fresh.items()}
        elif step == "seal":
            archive.freeze()
            archive.seal()
        elif step == "merge":
            archive.merge()
        elif step == "reopen":
            archive.close()
            archive = Archive(tmp_path / "live")
        else:
            archive.freeze()
            archive.seal()
            _, stream, before = step
            archive.forget(np.array([stream]), BASE_US + before * STEP_US)
            forgotten |= {(s, t) for s, t in model if s == stream and t < before}
    checked(archive, model, forgotten)
    if model:
        asked = [(s, t) for s in range(1, 6) for t in range(-900, 900, 97)] + list(model)[:50]
        ids, times = (np.array(column, np.int64) for column in zip(*asked, strict=True))
        values = archive.find(ids, BASE_US + times * STEP_US)
        raw = {k: v for k, v in model.items() if k not in forgotten}
        for key, value in zip(asked, values.tolist(), strict=True):
            assert value == raw[key][0] if key in raw else np.isnan(value)
    archive.close()


def test_many_small_chunks_of_a_day_become_one(tmp_path):
    archive, model = Archive(tmp_path / "live"), {}
    for number in range(9):
        rows = [(s, number * 3 + s % 3, float(number)) for s in range(1, 6)]
        archive.append(readings_of(rows, BASE_US), BASE_US)
        model |= {(s, t): (v, None if s % 2 else f"q{s}") for s, t, v in rows}
        archive.freeze()
        archive.seal()
    before = len(list((tmp_path / "live/history").glob("readings-*")))
    assert archive.merge() == 9
    assert (before, len(list((tmp_path / "live/history").glob("readings-*")))) == (9, 1)
    checked(archive, model, set())
    archive.close()


@pytest.mark.parametrize("stage", ["write_chunk", "json.dump", "sync_folder"])
def test_a_seal_that_fails_loses_nothing_and_is_done_later(tmp_path, monkeypatch, stage):
    archive = Archive(tmp_path / "live")
    rows = [(s, t, float(t)) for s in range(1, 4) for t in range(20)]
    archive.append(readings_of(rows, BASE_US), BASE_US)
    archive.freeze()

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    module, _, name = stage.rpartition(".")
    monkeypatch.setattr(archive_module.json if module else archive_module, name, fail)
    with pytest.raises(OSError, match="No space"):
        archive.seal()
    monkeypatch.undo()
    archive.append(readings_of([(9, 1, 1.0)], BASE_US), BASE_US)
    assert len(archive.read()) == 61
    again = Archive(tmp_path / "live", read_only=True)
    assert len(again.read()) == 61
    assert archive.seal() == 60
    archive.close()
    assert len(Archive(tmp_path / "live").read()) == 61


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    contents=st.lists(st.binary(max_size=60), min_size=1, max_size=8),
    cut=st.floats(0, 1),
    junk=st.binary(max_size=40),
)
def test_a_log_cut_anywhere_keeps_its_whole_frames(tmp_path, contents, cut, junk):
    folder = tmp_path / "log"
    shutil.rmtree(folder, ignore_errors=True)
    log = Log(folder)
    ends = []
    for content in contents:
        log.append(content)
        ends.append(next(folder.glob("*.log")).stat().st_size)
    log.close()
    path = next(folder.glob("*.log"))
    length = int(cut * ends[-1])
    before = path.read_bytes()
    after = before[:length] + junk
    path.write_bytes(after)
    right = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
        min(map(len, (before, after))),
    )
    whole = sum(end <= right for end in ends)
    again = Log(folder)
    assert [bytes(content) for _, content in again.replay()][:whole] == contents[:whole]
    assert again.next == whole
    again.append(b"more")
    again.close()
    assert bytes(list(Log(folder).replay())[-1][1]) == b"more"


def test_damage_inside_a_log_is_refused_and_not_cut_off(tmp_path):
    log = Log(tmp_path)
    for number in range(5):
        log.append(b"content of a frame %d" % number)
    log.close()
    path = next(tmp_path.glob("*.log"))
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    with pytest.raises(CityError, match="damaged at byte 40"):
        list(Log(tmp_path).replay())


def test_gaps_of_running_numbers_are_those_of_a_set():
    rng = np.random.default_rng(5)
    sequences, seen = Sequences(), {1: set(), 2: set()}
    order = {s: np.delete(np.arange(400), rng.choice(np.arange(1, 399), 60, False)) for s in seen}
    for start in range(0, 340, 20):
        stream, number = [], []
        for s, numbers in order.items():
            part = numbers[start : start + 20].copy()
            seen[s] |= set(part.tolist())
            rng.shuffle(part)
            stream += [s] * len(part)
            number += part.tolist()
        n = len(stream)
        times = np.arange(n, dtype=np.int64)
        sequences.follow(Readings(np.array(stream), times, times * 1.0, times, np.array(number)))
    missing = {s: set(range(max(numbers) + 1)) - numbers for s, numbers in seen.items()}
    found = {s: set() for s in seen}
    for stream, gap in Sequences.load(sequences.dump()).listed():
        found[stream] |= set(range(gap.first, gap.last + 1))
    assert found == missing
    late = min(missing[1])
    one = np.array([1])
    sequences.follow(Readings(one, one, one * 1.0, one, np.array([late])))
    assert late not in {
        n for s, g in sequences.listed() if s == 1 for n in range(g.first, g.last + 1)
    }
    assert sequences.seen(1, late)
    assert not sequences.seen(1, max(missing[1] - {late}))
