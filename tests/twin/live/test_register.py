"""Registration of streams and history: idempotent, balanced, first and last word clear."""

import math
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from twin.city import City
from twin.live.history import insert_observations
from twin.live.register import register_streams
from twin.schema import OBSERVATIONS, STREAMS
from twin.store import Store

LOAD_1 = "0190a000-0000-7000-8000-000000000001"
LOAD_2 = "0190a000-0000-7000-8000-000000000002"
NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with Store.open(City.init(tmp_path / "city", name="test")) as opened:
        yield opened


def streams(*rows):
    placed = STREAMS
    for column in ("lon", "lat", "z_ell"):
        placed = placed.append(pa.field(column, pa.float64()))
    return pa.Table.from_pylist([{"row": i, **row} for i, row in enumerate(rows)], schema=placed)


def readings(*rows):
    names = ("stream_key", "phenomenon_time", "result", "fault")
    return pa.Table.from_pylist(
        [dict(zip(names, row, strict=False)) for row in rows], schema=OBSERVATIONS
    )


GAS = {
    "key": "G1/ch4",
    "thing_key": "G1",
    "thing_name": "燃气井1",
    "subject": "燃气",
    "property": "甲烷",
    "unit": "%",
    "lon": 114.05,
    "lat": 30.45,
    "z_ell": 9.5,
    "z_reference": "1985",
    "alarm_high": 1.0,
    "interval_s": 60.0,
}
GAS_T = {**GAS, "key": "G1/temp", "property": "温度", "unit": "Cel", "alarm_high": None}


def test_the_same_table_twice_changes_nothing(store):
    for load, expected in ((LOAD_1, (2, 0, 0)), (LOAD_2, (0, 0, 2))):
        with store.transaction() as con:
            counts = register_streams(con, streams(GAS, GAS_T), load, NOW)
        assert (counts.loaded, counts.changed, counts.unchanged, counts.rejected.num_rows) == (
            *expected,
            0,
        )
    assert store.scalar("SELECT count(*) FROM thing") == 1
    found = store.table(
        "SELECT stream_id, key, z, z_reference, dataset_id::VARCHAR AS d FROM datastream ORDER BY 1"
    )
    assert found.to_pylist() == [
        {"stream_id": 1, "key": "G1/ch4", "z": 9.5, "z_reference": "ellipsoid", "d": LOAD_1},
        {"stream_id": 2, "key": "G1/temp", "z": 9.5, "z_reference": "ellipsoid", "d": LOAD_1},
    ]


def test_a_height_above_ground_is_kept_as_such_and_a_lost_one_is_null(store):
    lamp = {**GAS, "key": "L1", "z_ell": None, "z": 6.0, "z_reference": "ground"}
    lost = {**lamp, "key": "L2", "z_reference": "1985"}
    with store.transaction() as con:
        register_streams(con, streams(lamp, lost), LOAD_1, NOW)
    rows = store.table("SELECT key, z, z_reference FROM datastream ORDER BY key").to_pylist()
    assert [tuple(row.values()) for row in rows] == [("L1", 6.0, "ground"), ("L2", None, "1985")]


def test_a_changed_threshold_keeps_the_id_and_a_renamed_thing_its_own(store):
    with store.transaction() as con:
        register_streams(con, streams(GAS, GAS_T), LOAD_1, NOW)
        thing = con.execute("SELECT thing_id FROM thing").fetchone()
    renamed = {**GAS_T, "thing_name": "燃气井一号"}
    with store.transaction() as con:
        counts = register_streams(
            con,
            streams({**GAS, "alarm_high": 0.8, "thing_name": "燃气井一号"}, renamed),
            LOAD_2,
            NOW,
        )
    assert (counts.loaded, counts.changed, counts.unchanged) == (0, 2, 0)
    assert store.table("SELECT stream_id, alarm_high FROM datastream ORDER BY 1").to_pylist()[
        0
    ] == {
        "stream_id": 1,
        "alarm_high": 0.8,
    }
    assert store.table("SELECT thing_id, name FROM thing").to_pylist()[0]["name"] == "燃气井一号"
    assert store.scalar("SELECT thing_id FROM thing") == thing[0]


def test_unusable_streams_are_named_with_their_row_and_reason(store):
    rows = [
        GAS,
        {**GAS_T, "key": None},
        {**GAS, "unit": "ppm"},
        {**GAS_T, "fault": "线路中断"},
        GAS,
        {**GAS_T, "attributes": "{"},
    ]
    with store.transaction() as con:
        counts = register_streams(con, streams(*rows), LOAD_1, NOW)
    assert (counts.loaded, counts.changed, counts.unchanged) == (1, 0, 1)
    found = {row["position"]: row["reason"] for row in counts.rejected.to_pylist()}
    assert found[1] == "stream without a key"
    assert "earlier row" in found[2]
    assert found[3] == "线路中断"
    assert "JSON" in found[5]
    assert len(found) == 4


def test_history_is_loaded_once_and_every_refused_reading_says_why(store):
    with store.transaction() as con:
        register_streams(con, streams(GAS, GAS_T), LOAD_1, NOW)
    hour = timedelta(hours=1)
    table = readings(
        ("G1/ch4", NOW - hour, 0.2),
        ("G1/ch4", NOW, 0.3),
        ("G1/ch4", NOW, 0.9),
        ("G9", NOW, 1.0),
        ("G1/ch4", NOW + hour, 1.0),
        ("G1/temp", NOW, math.nan),
        ("G1/temp", None, 1.0),
        ("G1/temp", NOW, math.inf),
        ("G1/temp", NOW, 21.5),
        ("G1/temp", NOW - hour, 21.0, "读数格式错误"),
        ("G1/ch4", NOW, 0.3),
    )
    for loaded, unchanged in ((3, 1), (0, 4)):
        with store.transaction() as con:
            counts = insert_observations(con, table, NOW)
        assert (counts.loaded, counts.changed, counts.unchanged) == (loaded, 0, unchanged)
        reasons = {row["position"]: row["reason"] for row in counts.rejected.to_pylist()}
        assert set(reasons) == {2, 3, 4, 5, 6, 7, 9}
        assert reasons[2] == "another value than the one kept for this stream and time: 0.3"
        assert reasons[3] == "unknown stream G9"
        assert "2026-07-01T09:00:00Z" in reasons[4]
        assert reasons[9] == "读数格式错误"
    stored = store.table(
        "SELECT stream_id, phenomenon_time, result FROM observation ORDER BY ALL"
    ).to_pylist()
    bare = NOW.replace(tzinfo=None)
    assert [(r["stream_id"], r["phenomenon_time"], r["result"]) for r in stored] == [
        (1, bare - hour, 0.2),
        (1, bare, 0.3),
        (2, bare, 21.5),
    ]


def test_a_refused_reading_does_not_take_the_place_of_a_good_one_at_the_same_moment(store):
    with store.transaction() as con:
        register_streams(con, streams(GAS), LOAD_1, NOW)
        counts = insert_observations(
            con, readings(("G1/ch4", NOW, math.nan), ("G1/ch4", NOW, 0.4)), NOW
        )
    assert (counts.loaded, counts.rejected.num_rows) == (1, 1)
    assert store.scalar("SELECT result FROM observation") == 0.4
