"""Case tables of other systems: 311 requests and 12345 exports keep their own codes, stages are mapped by the plan."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from loaders.discovery import scan
from loaders.propose import propose
from loaders.tables import TableLoader

NYC = (
    "Unique Key,Created Date,Closed Date,Agency,Complaint Type,Descriptor,Incident Address,Status,Latitude,Longitude\n"
    "1,07/27/2017 03:37:23 PM,07/28/2017 01:00:00 AM,DOHMH,Rodent,Rat Sighting,51 KELVIN AVENUE,Closed,40.5,-74.1\n"
    "2,07/02/2017 12:00:00 AM,,NYPD,Noise,Loud Music,1 MAIN ST,Pending,40.6,-74.0\n"
    "3,07/03/2017 12:00:00 AM,,NYPD,Noise,Loud Music,2 MAIN ST,Wibble,,\n"
)
HOTLINE = (
    "工单号,诉求类型,诉求内容,受理时间,办结时间,工单状态,承办单位,事发地址,坐标\n"
    'G1,井盖破损,路口井盖坏了,2026-07-01 上午8:30,2026-07-02 09:00,已办结,市政所,临江大道35号,"114.1,30.5"\n'
    'G2,噪音,夜间施工,2026-07-01 22:30,,处理中,城管队,沿湖路1号,"114.2,30.6"\n'
)


def rows(path: Path, **changes: object) -> tuple[list[dict], tuple[str, ...]]:
    (info,) = scan([path])
    assert info.kind == "cases"
    plan = replace(propose([info]).layers[0], **changes)
    batches = list(TableLoader().read(info, plan))
    return [r for b in batches for r in b.records.to_pylist()], info.findings


def test_311_requests_keep_their_types_under_their_own_scheme(table: Callable[..., Path]) -> None:
    found, told = rows(table("nyc311.csv", NYC), time_zone="America/New_York")
    assert [r["fault"] for r in found] == [None, None, None]
    assert [r["code"] for r in found] == ["Rodent", "Noise", "Noise"]
    assert [r["stage"] for r in found] == ["结案", "派遣", "受理"]
    assert found[0]["reported_at"] == datetime(2017, 7, 27, 19, 37, 23, tzinfo=UTC)
    assert '"code_scheme":"nyc311"' in found[0]["attributes"]
    assert '"stage_given":"Wibble"' in found[2]["attributes"]
    assert (found[0]["x"], found[0]["y"], found[0]["unit"]) == (-74.1, 40.5, "DOHMH")
    assert any("Wibble" in f and "values.stage" in f for f in told)
    assert any("own names" in f for f in told)


def test_a_person_may_map_the_stage_and_the_type_in_the_plan(table: Callable[..., Path]) -> None:
    path = table("nyc311.csv", NYC)
    values = {
        "stage": {"Closed": "结案", "pending": "处置", "WIBBLE": "核查"},
        "code": {"Rodent": "鼠害"},
    }
    found, _ = rows(path, values=values)
    assert [r["stage"] for r in found] == ["结案", "处置", "核查"]
    assert found[0]["code"] == "鼠害"


def test_a_hotline_export_is_read_as_it_is_written(table: Callable[..., Path]) -> None:
    found, _ = rows(table("12345.csv", HOTLINE, "gbk"))
    assert [r["fault"] for r in found] == [None, None]
    assert [(r["key"], r["stage"], r["title"]) for r in found] == [
        ("G1", "结案", "井盖破损"),
        ("G2", "处置", "噪音"),
    ]
    assert found[0]["reported_at"] == datetime(2026, 7, 1, 0, 30, tzinfo=UTC)
    assert (found[1]["x"], found[1]["y"]) == (114.2, 30.6)
    assert found[0]["address_text"] == "临江大道35号"


def test_a_table_of_our_own_codes_is_still_checked(
    table: Callable[..., Path], texts: dict[str, str]
) -> None:
    found, _ = rows(table("案件.csv", texts["cases"]))
    assert any("is not in the table of" in (r["fault"] or "") for r in found)
