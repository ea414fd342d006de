"""12345-style texts, cases and sensors, anchored by the standard address they mean, or listed with the reason."""

import csv

import pytest

from api import pipeline
from twin.city import City
from twin.store import Store

GAZETTEER = (
    "编号",
    "县区",
    "街道",
    "道路",
    "门牌号",
    "小区",
    "楼栋",
    "单元",
    "房号",
    "经度",
    "纬度",
)
CASES = {
    "临江花园5栋2单元楼道里堆满杂物，消防通道都堵了": "临江花园5号楼2单元",
    "市民反映:江北街道古墩路５号门口下水道堵塞，污水横流，请派人处理": "古墩路5号",
    "昨天下午3点多，我在古墩路9号附近看到井盖丢失": "古墩路9号",
    "来电人称其住在临江花园5号楼2单元201室，楼上漏水": "临江花园5号楼2单元2层201室",
    "古敦路5号旁的路灯不亮": "古墩路5号",
    "临江大道35号临江花园小区垃圾没人清运": "临江花园",
    "火星路1号有人占道经营": None,
    "希望尽快解决": None,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("anchors")
    top = ("临江示范区", "江北街道")
    with (folder / "地址.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(GAZETTEER)
        for n in (1, 3, 5, 9, 11):
            writer.writerow(
                (f"r{n}", *top, "古墩路", f"{n}号", "", "", "", "", 114.1 + n / 1e4, 30.42)
            )
        for room in ("101室", "201室"):
            writer.writerow(
                (room, *top, "临江大道", "35号", "临江花园", "5号楼", "2单元", room, 114.08, 30.4)
            )
        writer.writerow(("k", *top, "临江大道", "35号", "临江花园", "", "", "", 114.081, 30.4))
    with (folder / "案件.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("案件编号", "类型代码", "问题描述", "地址描述", "上报时间", "案件状态"))
        for number, text in enumerate(CASES):
            writer.writerow(
                (f"AJ{number}", "06010", text, text, "2026-07-01T08:00:00+08:00", "受理")
            )
    with (folder / "测点.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("测点编号", "设备编号", "监测指标", "单位", "安装地址", "经度", "纬度", "监测对象")
        )
        writer.writerow(("S1", "D1", "水位", "m", "古墩路11号地下室", "", "", "none"))
        writer.writerow(("S2", "D2", "水位", "m", "不知道在哪", "", "", "none"))
    (folder / "plan.toml").write_text(
        '[[layer]]\npath = "地址.csv"\nkind = "addresses"\ncrs = "EPSG:4490"\n'
        '[[layer]]\npath = "案件.csv"\nkind = "cases"\ncrs = "EPSG:4490"\n'
        '[[layer]]\npath = "测点.csv"\nkind = "streams"\ncrs = "EPSG:4490"\n[layer.fields]\n'
        '"测点编号" = "key"\n"设备编号" = "thing_key"\n"监测指标" = "property"\n"单位" = "unit"\n'
        '"经度" = "x"\n"纬度" = "y"\n"监测对象" = "host_value"\n', encoding="utf-8")  # fmt: skip
    city = City.init(folder / "city", admin_code="429871")
    report = pipeline.load(city, [], folder / "plan.toml")
    assert [(r.kind, r.status, r.balance.quarantined) for r in report.layers] == [
        (kind, "loaded", 0) for kind in ("addresses", "cases", "streams")], report.layers  # fmt: skip
    with Store.open(city) as opened:
        yield opened


@pytest.mark.parametrize("number", range(len(CASES)))
def test_the_text_of_a_case_anchors_it_at_what_it_means_or_nowhere(store, number):
    text, expected = list(CASES.items())[number]
    row = store.table(
        'SELECT a.akind, a.method, a.lon, a.reason, n."full" FROM anchor a JOIN case_file c ON c.case_id::VARCHAR = a.subject_id '
        "LEFT JOIN address_node n USING (node_id) WHERE a.subject_kind = 'case' AND c.key = $key",
        {"key": f"AJ{number}"},
    ).to_pylist()[0]
    if expected is None:
        assert (row["akind"], row["lon"]) == ("none", None), text
        assert row["reason"]
        return
    assert (row["akind"], row["method"]) == ("address", "address"), text
    assert row["full"].endswith(expected), text


def test_a_sensor_without_place_or_host_is_anchored_by_its_address(store):
    rows = store.table(
        'SELECT d.key, a.akind, a.method, a.lon, a.reason, n."full" FROM anchor a JOIN datastream d ON d.stream_id::VARCHAR = a.subject_id '
        "LEFT JOIN address_node n USING (node_id) WHERE a.subject_kind = 'datastream' ORDER BY d.key"
    ).to_pylist()
    assert [(r["key"], r["akind"], r["method"]) for r in rows] == [
        ("S1", "address", "address"),
        ("S2", "none", "none"),
    ]
    assert rows[0]["full"].endswith("古墩路11号")
    assert rows[0]["lon"] == pytest.approx(114.1011)
    assert rows[1]["reason"]
