"""Daily curves and the simulator."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from sample_data.live import LOCAL, STORY, Simulator, curve
from sample_data.signals import SIGNALS, SUBJECTS

START = datetime(2026, 7, 1, 8, 0, tzinfo=LOCAL)
DAY = np.arange(0.0, 86_400.0, 120.0)


@pytest.fixture
def streams():
    pairs = [(s.subject, s.name) for s in SIGNALS for _ in range(s.count)]
    return pa.table(
        {
            "key": [f"S{i:04d}" for i in range(len(pairs))],
            "subject": [p[0] for p in pairs],
            "property": [p[1] for p in pairs],
        }
    )


def test_signals_are_600_streams_over_14_subjects():
    assert sum(s.count for s in SIGNALS) == 600
    assert {s.subject for s in SIGNALS} == set(SUBJECTS)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda s: f"{s.subject}-{s.name}")
def test_undisturbed_curves_raise_no_warning_and_incidents_do(signal):
    value = curve(signal.subject, signal.name, DAY[None, :], np.arange(60)[:, None])
    assert value.shape == (60, DAY.size)
    if signal.warn_high is not None:
        assert value.max() < signal.warn_high
    if signal.warn_low is not None:
        assert value.min() > signal.warn_low
    above = signal.alarm_high is not None and signal.peak > signal.alarm_high
    below = signal.alarm_low is not None and signal.peak < signal.alarm_low
    assert above or below


def test_street_lights_burn_at_night_and_squares_fill_in_the_evening():
    noon, midnight, evening = 12 * 3600.0, 0.0, 19.3 * 3600.0
    stream = np.arange(20)
    lamps = [curve("照明", "回路功率", t, stream).mean() for t in (noon, midnight)]
    assert lamps[0] < 2.0 < 25.0 < lamps[1]
    people = [curve("人员密集场所", "人数", t, stream).mean() for t in (4 * 3600.0, evening)]
    assert people[1] > 5 * people[0]


def run(simulator, seconds):
    return np.array([simulator.step(START + timedelta(seconds=s))[2] for s in seconds])


def test_two_runs_give_the_same_readings(streams):
    moments = range(0, 400, 20)
    assert np.array_equal(run(Simulator(streams, 1), moments), run(Simulator(streams, 1), moments))


def test_story_passes_an_alarm_threshold_of_every_subject_it_names(streams):
    simulator = Simulator(streams, 7)
    values = run(simulator, range(0, 1330, 10))
    signals = [
        next(s for s in SIGNALS if (s.subject, s.name) == p)
        for p in zip(streams["subject"].to_pylist(), streams["property"].to_pylist(), strict=True)
    ]
    high = np.array([np.inf if s.alarm_high is None else s.alarm_high for s in signals])
    low = np.array([-np.inf if s.alarm_low is None else s.alarm_low for s in signals])
    alarmed = ((values > high) | (values < low)).any(axis=0)
    assert {s.subject for s, a in zip(signals, alarmed, strict=True) if a} == {s[1] for s in STORY}
    assert alarmed.sum() < 40
    assert not ((values[0] > high) | (values[0] < low)).any()


def test_forced_incident_reaches_its_alarm_within_half_a_minute(streams):
    simulator = Simulator(streams, 3)
    simulator.step(START)
    incident = simulator.force_incident("燃气")
    keys, times, values = simulator.step(START + timedelta(seconds=30))
    assert all(values[i] > 25.0 for i in incident.streams)
    assert times[0] == np.datetime64("2026-07-01T00:00:30", "us")  # UTC
    assert len(keys) == 600
    with pytest.raises(KeyError):
        simulator.force_incident("地震")
