"""Divisions since 1980: every name leads to a division of today."""

import csv
from pathlib import Path

import pytest

from address.divisions import path_of
from address.fields import county_of
from address.lexicon import divisions, former_divisions, former_seats, national_names

TABLES = (
    Path(__file__).parents[3].parent / "shared" / "data" / "address" / "lexicon" / "gb2260" / "mca"
)


@pytest.mark.parametrize(
    ("text", "county"),
    [
        ("浙江省绍兴县柯桥街道", "柯桥区"),
        ("江西省九江县", "柴桑区"),
        ("安徽省芜湖县湾沚镇", "湾沚区"),
        ("黑龙江省伊春市带岭区", "大箐山县"),
        ("江苏省无锡市北塘区", "梁溪区"),
        ("上海市川沙县", "浦东新区"),
        ("河北省保定市北市区", "莲池区"),
        ("安徽省六安市寿县", "寿县"),
        ("四川省万县市开县", "开州区"),
        ("湖南省零陵地区宁远县", "宁远县"),
        ("西藏日喀则地区日喀则市", "桑珠孜区"),
        ("杭州市江干区下沙街道", "钱塘区"),
        ("杭州市江干区彭埠街道", "上城区"),
        ("河北省石家庄市桥东区", "长安区"),
        ("河北省邢台市桥东区", "襄都区"),
        ("河北省张家口市桥东区", "桥东区"),
    ],
)
def test_former_names_lead_to_the_county_of_today(text: str, county: str) -> None:
    code = county_of(text)
    assert code is not None
    assert path_of(code)[2] == county


def test_every_row_names_divisions_of_today() -> None:
    table = divisions()
    assert all(code in table for _, _, codes in former_divisions() for code in codes)
    assert all(code in table for codes in former_seats().values() for code in codes)
    assert len(former_divisions()) > 1400


def test_a_former_name_behind_its_province_is_one_of_its_parts() -> None:
    wrong = []
    table = divisions()
    for name, province, codes in former_divisions():
        if province + "0000" not in table or name in ("郊区", "城区", "市郊区"):
            continue
        known = {d.code for d in national_names().get(name)}
        found = county_of(table[province + "0000"].name + name + "人民路1号")
        if found not in known and codes[0][:2] == province:
            wrong.append((name, found, codes))
    assert wrong == []


@pytest.mark.real
@pytest.mark.skipif(
    not TABLES.exists(), reason="the code tables of GB/T 2260 are not beside the checkout"
)
def test_every_name_of_the_code_tables_resolves() -> None:
    lost = set()
    for path in sorted(TABLES.glob("*.tsv")):
        with path.open(encoding="utf-8") as lines:
            rows = {r["Code"]: r["Name"] for r in csv.DictReader(lines, delimiter="\t")}
        for code, name in rows.items():
            odd = (
                name in ("市辖区", "县", "市", "县级市")
                or "直辖" in name
                or code[:2] in ("71", "81", "82")
            )
            if odd or code.endswith("0000") or code.startswith("3390") or name == "镜泊湖市":
                continue
            if county_of(
                rows.get(code[:2] + "0000", "") + name
            ) is None or not national_names().get(name):
                lost.add((name, code))
    assert lost == set()
