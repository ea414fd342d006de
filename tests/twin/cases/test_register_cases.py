"""Loading of case tables: idempotent, balanced, every case with an event."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from twin.cases import register_cases
from twin.city import City
from twin.schema import CASES
from twin.store import Store

LOAD = "0190a000-0000-7000-8000-000000000001"
NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
CASE = {
    "key": "AJ-1",
    "kind": "管理事项",
    "code": "06010",
    "title": "暴露垃圾",
    "address_text": "临江大道35号门口",
    "lon": 114.05,
    "lat": 30.45,
    "reported_at": NOW - timedelta(days=3),
    "stage": "处置",
    "source": "公众举报",
}


@pytest.fixture
def store(tmp_path):
    with Store.open(City.init(tmp_path / "city", name="test")) as opened:
        yield opened


def cases(*rows):
    placed = CASES.append(pa.field("lon", pa.float64())).append(pa.field("lat", pa.float64()))
    return pa.Table.from_pylist([{"row": i, **row} for i, row in enumerate(rows)], schema=placed)


def test_the_same_table_twice_changes_nothing_and_a_new_stage_is_an_event(store):
    closed = {**CASE, "key": "AJ-2", "stage": "结案", "closed_at": NOW - timedelta(days=1)}
    moved = {**CASE, "stage": "反馈"}
    for table, expected in (
        (cases(CASE, closed), (2, 0, 0)),
        (cases(CASE, closed), (0, 0, 2)),
        (cases(moved, closed), (0, 1, 1)),
    ):
        with store.transaction() as con:
            counts = register_cases(con, table, LOAD, NOW)
        assert (counts.loaded, counts.changed, counts.unchanged, counts.rejected.num_rows) == (
            *expected,
            0,
        )
    events = store.table(
        "SELECT c.key, e.from_stage, e.to_stage, e.at_time "
        "FROM case_event e JOIN case_file c USING (case_id) ORDER BY seq"
    ).to_pylist()
    bare = NOW.replace(tzinfo=None)
    assert [tuple(event.values()) for event in events] == [
        ("AJ-1", None, "处置", bare - timedelta(days=3)),
        ("AJ-2", None, "结案", bare - timedelta(days=3)),
        ("AJ-1", "处置", "反馈", bare),
    ]
    assert store.table("SELECT key, stage FROM case_file ORDER BY key").to_pylist() == [
        {"key": "AJ-1", "stage": "反馈"},
        {"key": "AJ-2", "stage": "结案"},
    ]


def test_unusable_cases_are_named_with_their_reason(store):
    rows = [
        CASE,
        {**CASE, "key": "2", "stage": "不明"},
        {**CASE, "key": "3", "reported_at": None},
        {**CASE, "key": ""},
        {**CASE, "title": "别的"},
        {**CASE, "key": "6", "closed_at": NOW - timedelta(days=30)},
        {**CASE, "key": "7", "fault": "坏行"},
    ]
    with store.transaction() as con:
        counts = register_cases(con, cases(*rows), LOAD, NOW)
    assert (counts.loaded, counts.unchanged) == (1, 0)
    reasons = {row["position"]: row["reason"] for row in counts.rejected.to_pylist()}
    assert set(reasons) == {1, 2, 3, 4, 5, 6}
    assert reasons[1] == "unknown stage 不明"
    assert reasons[6] == "坏行"
