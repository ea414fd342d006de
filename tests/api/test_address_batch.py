"""Tables of addresses in, tables of answers out, through the command a person types."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook
from typer.testing import CliRunner

from api.address_batch import ANSWERS
from api.address_tables import open_source
from api.cli import app
from twin.errors import InvalidRequestError

HEAD = (
    "编号",
    "省",
    "市",
    "县区",
    "街道",
    "道路",
    "门牌号",
    "小区",
    "楼栋",
    "单元",
    "房间号",
    "经度",
    "纬度",
)


def rows():
    top = ("湖北省", "云梦泽市", "临江示范区", "江北街道")
    for n in (1, 3, 5, 9):
        yield (f"r{n}", *top, "古墩路", f"{n}号", "", "", "", "", 114.1 + n / 1e4, 30.42)
    for room in ("101室", "102室", "201室"):
        yield (
            f"g{room}",
            *top,
            "临江大道",
            "35号",
            "临江花园",
            "5号楼",
            "2单元",
            room,
            114.08,
            30.4,
        )
    yield ("x1", *top, "人民路", "12号", "", "", "", "", 114.15, 30.44)
    yield ("x2", *top[:3], "江南街道", "人民路", "12号", "", "", "", "", 114.12, 30.43)


@pytest.fixture(scope="module")
def gazetteer(tmp_path_factory):
    path = tmp_path_factory.mktemp("gazetteer") / "标准地址.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        writer.writerows(rows())
    return path


TEXTS = (
    "古墩路5号",
    "临江花园5栋2单元201",
    "人民路12号",
    "古墩路7号",
    "火星路1号",
    "",
    "古墩路5号",
)
STATUS = ["exact", "exact", "ambiguous", "partial", "none", "none", "exact"]


def twin(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def table_of(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def written(path, name="报案地址"):
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("序号", name, "=备注"))
        writer.writerows((i, text, "=1+1") for i, text in enumerate(TEXTS))
    return path


def test_a_csv_of_any_encoding_keeps_its_columns_and_gets_the_answers(gazetteer, tmp_path):
    target = tmp_path / "out.csv"
    done = twin("geocode", "--gazetteer", gazetteer, "--batch", written(tmp_path / "in.csv"),
                "--out", target, "--json")  # fmt: skip
    report = json.loads(done.stdout)

    assert report["column"] == "报案地址"
    assert report["rows"] == 7
    assert report["empty"] == 1
    assert report["status"] == {"exact": 3, "ambiguous": 1, "partial": 1, "none": 2}
    assert sum(b["rows"] for b in report["confidence"]) == 7
    assert {f["code"]: f["rows"] for f in report["faults"]}["NUMBER.missing"] == 1
    answers = table_of(target)
    assert [a["addr_status"] for a in answers] == STATUS
    assert [a["序号"] for a in answers] == [str(i) for i in range(7)]
    assert answers[1]["addr_full"].endswith("临江花园5号楼2单元2层201室")
    assert float(answers[0]["addr_lon"]) == pytest.approx(114.1005)
    review = table_of(tmp_path / "out.review.csv")
    assert [a["序号"] for a in review] == ["2", "3", "4", "5"]
    assert report["review"] == len(review)
    assert report["files"] == [str(target), str(tmp_path / "out.review.csv"),
                               str(tmp_path / "out.report.json")]  # fmt: skip


def test_a_workbook_has_results_review_and_report_and_no_formula(gazetteer, tmp_path):
    target = tmp_path / "out.xlsx"
    twin(
        "geocode",
        "--gazetteer",
        gazetteer,
        "--batch",
        written(tmp_path / "in.csv"),
        "--out",
        target,
    )

    book = CalamineWorkbook.from_path(target)
    assert book.sheet_names == ["结果 results", "复核 review", "报告 report"]
    sheet = book.get_sheet_by_name("结果 results").to_python()
    assert sheet[0] == ["序号", "报案地址", "=备注", *ANSWERS.names]
    assert [row[3] for row in sheet[1:]] == STATUS
    assert [row[2] for row in sheet[1:]] == ["=1+1"] * 7
    assert len(book.get_sheet_by_name("复核 review").to_python()) == 5
    told = {row[0]: row[1] for row in book.get_sheet_by_name("报告 report").to_python()}
    assert (told["行数 rows"], told["ambiguous"], told["NUMBER.missing"]) == (7, 1, 1)
    # what was written can be asked again
    again = twin("geocode", "--gazetteer", gazetteer, "--batch", target, "--column", "报案地址",
                 "--out", tmp_path / "again.parquet", "--json")  # fmt: skip
    assert json.loads(again.stdout)["status"]["exact"] == 3
    assert pq.read_table(tmp_path / "again.parquet")["addr_status_"].to_pylist() == STATUS


def test_parquet_keeps_types_and_empty_columns_do_not_lose_theirs(gazetteer, tmp_path):
    pq.write_table(pa.table({"n": [1], "text": ["火星路1号"]}), tmp_path / "in.parquet")
    twin(
        "geocode",
        "--gazetteer",
        gazetteer,
        "--batch",
        tmp_path / "in.parquet",
        "--out",
        tmp_path / "o.parquet",
    )
    schema = pq.read_schema(tmp_path / "o.parquet")
    assert schema.field("n").type == pa.int64()
    assert [schema.field(f.name).type for f in ANSWERS] == ANSWERS.types


@pytest.mark.parametrize(
    ("head", "row", "columns"),
    [
        (("id", "详细地址", "说明"), ("1", "古墩路5号", "古墩路5号旁"), ("详细地址",)),
        (
            ("街道", "道路", "门牌号", "电话"),
            ("江北街道", "古墩路", "5号", "1"),
            ("街道", "道路", "门牌号"),
        ),
        (("甲", "乙"), ("12", "临江大道35号5号楼"), ("乙",)),
        (("只有一列",), ("古墩路5号",), ("只有一列",)),
    ],
)
def test_the_column_is_found(tmp_path, head, row, columns):
    path = tmp_path / "in.csv"
    path.write_text(",".join(head) + "\n" + ",".join(row) + "\n", encoding="utf-8")
    source = open_source(path)
    assert source.columns == columns
    assert next(source.batches())[1] == ["".join(row[head.index(c)] for c in columns)]


def test_a_table_without_addresses_says_what_it_has(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("数量,价格\n1,2\n3,4\n", encoding="utf-8")
    with pytest.raises(InvalidRequestError, match="数量, 价格"):
        open_source(path)
    with pytest.raises(InvalidRequestError, match="地址"):
        open_source(path, "地址")


def test_parse_match_suggest_compare_say_the_same_as_the_engine(gazetteer):
    found = json.loads(
        twin("address", "match", "临江花圆5栋2单元201", "--gazetteer", gazetteer, "--json").stdout
    )[0]
    assert (found["status"], found["level"]) == ("exact", "room")
    assert found["fault_codes"][0]["code"] == "COMPOUND.homophone"
    assert found["notes"] == found["faults"]
    assert found["fault_codes"][0]["used"] == "临江花园"
    shown = twin("address", "match", "临江花圆5栋2单元201", "--gazetteer", gazetteer).stdout
    assert "准确" in shown
    assert "COMPOUND.homophone" in shown
    english = twin("address", "match", "古墩路7号", "--gazetteer", gazetteer, "--lang", "en").stdout
    assert "the gazetteer has no" in english
    parts = json.loads(twin("address", "parse", "古墩路五号", "--json").stdout)[0]
    assert parts["standard"] == "古墩路5号"
    assert [(e["level"], e["start"], e["end"]) for e in parts["elements"]] == [
        ("road", 0, 3),
        ("number", 3, 5),
    ]
    listed = json.loads(
        twin("address", "suggest", "gudun", "--gazetteer", gazetteer, "--json").stdout
    )
    assert "古墩路" in [s["text"] for s in listed]
    assert (
        json.loads(twin("address", "compare", "古墩路5号", "古墩路五号", "--json").stdout)["label"]
        == "exact"
    )


def test_nothing_found_ends_with_one(gazetteer):
    assert twin("address", "match", "火星路1号", "--gazetteer", gazetteer).exit_code == 1
    assert twin("geocode", "火星路1号", "--gazetteer", gazetteer).exit_code == 1


def test_reverse_from_a_gazetteer_file(gazetteer):
    found = json.loads(
        twin("reverse", "114.1005", "30.42", "--gazetteer", gazetteer, "--json").stdout
    )
    assert found["full"].endswith("古墩路5号")
