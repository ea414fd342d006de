"""Traces along small networks laid out by hand, and against a walk without the tree."""

import numpy as np
import pytest
import shapely

from twin.analysis import Study
from twin.analysis.reach import alarm_reach
from twin.errors import InvalidRequestError, NotFoundError

DRAIN = "pipe_drainage"


def pipe(town, *points, code=DRAIN):
    return town.put("pipes", shapely.LineString(points), code=code)


@pytest.fixture
def drains(town):
    """Two pipes in a row, a branch below a drop, one drawn against its fall, one that meets the middle of another."""
    return {
        "a": pipe(town, (0, 0, 10), (100, 0, 9)),
        "b": pipe(town, (100, 0, 9), (200, 0, 8)),
        "c": pipe(town, (100, 0, 8.5), (100, 100, 7)),
        "d": pipe(town, (300, 0, 7), (200, 0, 8)),
        "e": pipe(town, (150, 50, 9.5), (150, 0.1, 8.6)),
        "water": pipe(town, (200, 0, 8), (250, 50, 8), code="pipe_water"),
        "high": pipe(town, (200, 0, 20), (200, 50, 19)),
    }


def told(answer, names):
    by = {eid: name for name, eid in names.items()}
    return {
        by[f["id"]]: (round(f["properties"]["distance_m"]), f["properties"]["last"])
        for f in answer["features"]
    }


def test_water_flows_as_pipes_fall(town, drains):
    down = town.ask("trace", thing=drains["a"])
    assert told(down, drains) == {"a": (0, False), "b": (0, False), "c": (0, True), "d": (100, True)}  # fmt: skip
    assert (down["direction"], down["flow"]) == ("downstream", "fall")
    assert down["features"][0]["id"] == drains["a"] == down["subject"]
    up = town.ask("trace", thing=drains["d"], direction="upstream")
    assert told(up, drains) == {"d": (0, False), "b": (0, False), "a": (100, True), "e": (100, True)}  # fmt: skip
    assert up["length_m"] == pytest.approx(3 * 100.005 + np.hypot(49.9, 0.9), abs=0.01)


def test_a_trace_ends_where_it_is_told_to(town, drains):
    near = town.ask("trace", thing=drains["a"], distance_m=50)
    assert set(told(near, drains)) == {"a", "b", "c"}
    flat = town.ask("trace", thing=drains["a"], drop_m=0.1)
    assert set(told(flat, drains)) == {"a", "b", "d"}, "the branch lies half a metre below"
    first = town.ask("trace", thing=drains["a"], limit=1)
    assert (first["numberMatched"], first["numberReturned"]) == (4, 1)


def test_of_pressure_nothing_is_known_but_that_it_is_connected(town, drains):
    other = pipe(town, (250, 50, 8), (260, 90, 8), code="pipe_water")
    found = town.ask("trace", thing=drains["water"], direction="upstream")
    assert (found["direction"], found["flow"]) == ("connected", "unknown")
    assert [f["id"] for f in found["features"]] == [drains["water"], other]
    drawn = town.ask("trace", thing=other, direction="upstream", flow="drawn")
    assert [f["id"] for f in drawn["features"]] == [other, drains["water"]]
    assert town.ask("trace", thing=other, flow="drawn")["numberMatched"] == 1


def test_a_place_takes_the_nearest_pipe(town, drains):
    found = town.ask("trace", at=town.at(150, 30, 9))
    assert found["subject"] == drains["e"]
    with pytest.raises(NotFoundError, match="no pipe of pipes within 100 m"):
        town.ask("trace", at=town.at(5000, 0, 9))
    house = town.put("buildings", shapely.box(0, 0, 9, 9), ground=0.0, height=5.0)
    with pytest.raises(NotFoundError, match="is no pipe"):
        town.ask("trace", thing=house)
    with pytest.raises(InvalidRequestError, match="either thing or at"):
        town.ask("trace")


@pytest.mark.parametrize("seed", [3, 4])
def test_a_grid_of_streets_is_traced_as_by_hand(town, seed):
    """Pipes of a square grid that fall as the ground does, against a walk over their names."""
    rng = np.random.default_rng(seed)
    height = rng.uniform(0, 4, (5, 5))
    ends = {}
    for y in range(5):
        for x in range(5):
            for right, up in ((1, 0), (0, 1)):
                if x + right < 5 and y + up < 5 and rng.random() < 0.8:
                    a = (x, y) if rng.random() < 0.5 else (x + right, y + up)
                    b = (x + right, y + up) if a == (x, y) else (x, y)
                    line = [(100 * i, 100 * j, float(height[j, i])) for i, j in (a, b)]
                    high, low = (a, b) if line[0][2] > line[1][2] else (b, a)
                    ends[pipe(town, *line)] = (high, low)
    for eid in list(ends)[::5]:
        wanted, waiting = {eid}, [eid]
        while waiting:
            low = ends[waiting.pop()][1]
            more = [e for e, (high, _) in ends.items() if high == low and e not in wanted]
            wanted.update(more)
            waiting += more
        found = town.ask("trace", thing=eid, distance_m=10_000)
        assert {f["id"] for f in found["features"]} == wanted


def test_an_alarm_reaches_what_is_near_and_what_lies_along_its_pipes(town, drains):
    house = town.put("buildings", shapely.box(140, 60, 150, 70), ground=0.0, height=9.0)
    place = dict(zip(("lon", "lat", "z"), town.at(150, 30, 9), strict=True))
    study = Study(town.scene, town.store)
    found = alarm_reach(study, {**place, "subject": "内涝"}, 40.0, 1000.0, 100)
    assert found["by_class"] == {"building": 1, DRAIN: 2}
    assert {f["id"] for f in found["near"]["features"]} == {house, drains["b"], drains["e"]}
    network = found["network"]
    assert {f["id"] for f in network["downstream"]["features"]} == {drains["e"], drains["b"], drains["d"]}  # fmt: skip
    assert {f["id"] for f in network["upstream"]["features"]} == {drains["e"]}
    few = alarm_reach(study, {**place, "subject": "供水"}, 40.0, 1000.0, 1)
    assert list(few["network"]) == ["connected"]
    assert (few["near"]["numberMatched"], few["near"]["numberReturned"]) == (3, 1)
    assert alarm_reach(study, {**place, "subject": "桥梁"}, 1.0, 1000.0, 1)["network"] == {}
    with pytest.raises(NotFoundError, match="no place"):
        alarm_reach(study, {**place, "lon": None, "subject": "桥梁"}, 1.0, 1.0, 1)
