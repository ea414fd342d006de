"""Tables as departments write them: workbooks, titles, merged headers, delimiters, encodings, positions in any form."""

import datetime as dt
import importlib.util
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely

from loaders.discovery import scan
from loaders.heads import find_head
from loaders.propose import propose
from loaders.registry import loader_for
from loaders.tables import TableLoader
from twin.errors import SourceError, UnsafeSourceError

_spec = importlib.util.spec_from_file_location(
    "workbooks", Path(__file__).with_name("workbooks.py")
)
workbooks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(workbooks)

Table = Callable[..., Path]


def records(path: Path, layer: str | None = None) -> list[dict[str, object]]:
    infos = {info.name: info for info in scan([path])}
    info = infos[layer] if layer else next(iter(infos.values()))
    plan = propose([info]).layers[0]
    return [r for b in loader_for(path).read(info, plan) for r in b.records.to_pylist()]


def attributes(row: dict[str, object]) -> dict[str, object]:
    return json.loads(str(row["attributes"]))


def point(row: dict[str, object]) -> tuple[float, ...]:
    return tuple(np.round(shapely.get_coordinates(shapely.from_wkb(row["geometry"]))[0], 6))


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    when = dt.datetime(2026, 7, 1, 8, 30)
    parts = [
        ["2026年部件普查成果表"],
        ["填表单位：某局", "", "", "2026年7月"],
        [],
        ["街道", "编号", "坐标", "", "普查时间", "高度(cm)", "数量"],
        ["", "", "经度", "纬度", "", "", ""],
        ["临江街道", "A1", 114.1, 30.5, when, 120, workbooks.Formula("1+1", 2)],
        ["", "A2", "114°06′36″", "30.6N", 46204.5, "95", 3],
        [],
        ["沿湖街道", "A3", 114.3, 30.7, "2026/7/2", None, 4],
    ]
    others = [["编号", "名称"], ["1", "甲"]]
    return workbooks.write_xlsx(
        tmp_path / "普查.xlsx",
        {"部件": parts, "空": [], "名录": others},
        {"部件": ["A6:A7", "C4:D4"]},
    )


def test_a_workbook_gives_its_tables_with_values_dates_and_merged_cells(workbook: Path) -> None:
    infos = scan([workbook])
    assert [(i.name, i.count) for i in infos] == [("部件", 3), ("名录", 1)]
    assert list(infos[0].fields) == [
        "街道", "编号", "坐标/经度", "坐标/纬度", "普查时间", "高度(cm)", "数量",
    ]  # fmt: skip
    rows = records(workbook, "部件")
    assert [r["key"] for r in rows] == ["A1", "A2", "A3"]
    assert [point(r) for r in rows] == [(114.1, 30.5), (114.11, 30.6), (114.3, 30.7)]
    found = [attributes(r) for r in rows]
    assert [a["街道"] for a in found] == ["临江街道", "临江街道", "沿湖街道"]
    assert found[0]["height_m"] == pytest.approx(1.2)
    assert found[1]["height_m"] == pytest.approx(0.95)
    assert "height_m" not in found[2]
    assert [a["数量"] for a in found] == [2.0, 3.0, 4.0]
    assert found[0]["普查时间"] == "2026-07-01 08:30:00"


def test_ods_and_a_workbook_named_csv_are_read_and_a_web_page_named_xls_says_so(
    tmp_path: Path,
) -> None:
    ods = workbooks.write_ods(
        tmp_path / "a.ods", "表", [["id", "lon", "lat"], ["P1", 114.5, 30.5], ["P2", 114.6, "x"]]
    )
    rows = records(ods)
    assert point(rows[0]) == (114.5, 30.5)
    assert rows[1]["fault"] == "lat: 'x' is not a coordinate"
    renamed = tmp_path / "b.csv"
    renamed.write_bytes(ods.read_bytes())
    assert [r["key"] for r in records(renamed)] == ["P1", "P2"]
    page = tmp_path / "c.xls"
    page.write_text("<html><table><tr><td>a</td><td>b</td></tr></table></html>")
    with pytest.raises(SourceError, match="web page"):
        loader_for(page).scan(page)


def test_a_workbook_whose_cells_lie_far_apart_is_refused_before_it_is_loaded(
    tmp_path: Path,
) -> None:
    path = workbooks.write_xlsx(tmp_path / "bomb.xlsx", {"a": [["id", "x"], [1, 2]]})
    with zipfile.ZipFile(path) as archive:
        parts = {n: archive.read(n) for n in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    parts[sheet] = parts[sheet].replace(b"</sheetData>", far)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    with pytest.raises(UnsafeSourceError, match="spans"):
        TableLoader().scan(path)


@pytest.mark.parametrize(
    ("text", "encoding", "want"),
    [
        ("编号;经度;纬度\nA;114,5;30,25\n", "utf-8", (114.5, 30.25)),
        ("编号\t经度\t纬度\nA\t114.5\t30.25\n", "gb18030", (114.5, 30.25)),
        ("编号|经度|纬度\nA|114.5|30.25\n", "utf-16", (114.5, 30.25)),
        ("编号,经度,纬度\nA,114.5,30.25\n", "utf-16-le", (114.5, 30.25)),
        ("\ufeff编号,经度,纬度\r\nA,114.5,30.25\r\n", "utf-8", (114.5, 30.25)),
        ("部件普查表,,\n\n编号,经度,纬度\nA,114.5,30.25\n", "utf-8", (114.5, 30.25)),
        ("# made by hand\n#编号,经度,纬度\nA,114.5,30.25\n", "utf-8", (114.5, 30.25)),
        ("编号,坐标\nA,\"114.5,30.25\"\n", "utf-8", (114.5, 30.25)),
        ("编号,纬经度\nA,\"30.25, 114.5\"\n", "utf-8", (114.5, 30.25)),
        ("编号,经度,纬度\nA,114°30′00″,北纬30度15分\n", "utf-8", (114.5, 30.25)),
        ("编号,位置\nA,SRID=4490;POINT(114.5 30.25)\n", "utf-8", (114.5, 30.25)),
        ('编号;shape\nA;{"type":"Point","coordinates":[114.5,30.25]}\n', "utf-8", (114.5, 30.25)),
        (
            f"编号,g\nA,{shapely.to_wkb(shapely.Point(114.5, 30.25), hex=True)}\n",
            "utf-8",
            (114.5, 30.25),
        ),
        ("编号,X坐标,Y坐标\nA,508210.25,3373140.5\n", "utf-8", (508210.25, 3373140.5)),
    ],
)  # fmt: skip
def test_a_place_is_found_however_it_is_written(
    table: Table, text: str, encoding: str, want: tuple[float, float]
) -> None:
    path = table("a.csv", text, encoding)
    (info,) = scan([path])
    assert info.bounds == pytest.approx((*want, *want))
    (row,) = records(path)
    assert (row["key"], row["fault"], point(row)) == ("A", None, want)


def test_broken_quotes_lose_no_line(table: Table) -> None:
    text = 'id,name,x,y\n1,"a",1,2\n2,"b,1,2\n3,c "quoted",3,4\n4,"d",5,6\n'
    rows = records(table("a.csv", text))
    assert [r["row"] for r in rows] == [0, 1, 2, 3]
    assert [r["key"] for r in rows] == ["1", "2", "3", "4"]
    assert rows[1]["name"] == '"b'
    assert all(r["fault"] is None for r in rows)


def test_a_line_without_end_is_one_fault_and_memory_stays(table: Table) -> None:
    path = table("a.csv", "id,x,y\n1,1,2\n" + "z" * (9 << 20) + "\n3,3,4\n")
    rows = records(path)
    assert [r["key"] for r in rows] == ["1", None, "3"]
    assert "longer than" in str(rows[1]["fault"])


def test_too_many_columns_are_refused(table: Table) -> None:
    path = table("a.csv", ",".join(f"c{i}" for i in range(30_000)) + "\n")
    with pytest.raises(UnsafeSourceError, match="30,000 columns"):
        TableLoader().scan(path)
    with pytest.raises(UnsafeSourceError, match="first line"):
        TableLoader().scan(table("b.csv", ",".join(f"column{i}" for i in range(100_000)) + "\n"))


def test_zero_bytes_are_taken_out_and_told(table: Table) -> None:
    path = table("a.csv", "id,name,x,y\n1,a\0b,1,2\n")
    info = scan([path])[0]
    (batch,) = TableLoader().read(info, propose([info]).layers[0])
    assert batch.records["name"].to_pylist() == ["ab"]
    assert batch.findings == ("zero bytes taken out of 1 texts",)


def test_text_files_that_are_no_tables_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Dear all,\nthe data are here.\nRegards\n")
    (tmp_path / "sites.txt").write_text(
        "# USGS\nsite_no\tdec_lat_va\n15s\t16s\n01\t38.9\n02\t39.1\n"
    )
    assert not TableLoader().supports(tmp_path / "notes.txt")
    assert TableLoader().supports(tmp_path / "sites.txt")


def test_the_second_row_of_an_rdb_file_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "sites.txt"
    path.write_text(
        "# retrieved: 2020\n#\nsite_no\tstation_nm\tdec_lat_va\tdec_long_va\n15s\t50s\t16s\t16s\n"
        "0149\tCHOPTANK RIVER\t38.997\t-75.785\n"
    )
    (info,) = scan([path])
    assert (info.kind, info.count) == ("streams", 1)
    (row,) = records(path)
    assert (row["thing_key"], row["thing_name"], row["x"]) == ("0149", "CHOPTANK RIVER", -75.785)


def test_heads_of_one_and_two_rows_and_rows_of_units() -> None:
    two = find_head([["区", "人口", "", "备注"], ["", "男", "女", ""], ["甲", "1", "2", ""]])
    assert two.names == ("区", "人口/男", "人口/女", "备注")
    plain = find_head([["a", "b"], ["x", "y"]])
    assert (plain.names, plain.first) == (("a", "b"), 1)
    units = find_head([["time", "PM2.5", "T"], ["", "µg/m³", "℃"], ["2026-01-01", "1", "2"]])
    assert (units.first, dict(units.units)) == (2, {"PM2.5": "µg/m³", "T": "℃"})
