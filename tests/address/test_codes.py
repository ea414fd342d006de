"""Codes against hand-made ones, and what a person gets wrong when copying them."""

import numpy as np
import pyarrow as pa
import pytest
from address_town import TOP, table
from hypothesis import given
from hypothesis import strategies as st

from address.codes import (
    check_characters,
    is_code,
    serial_text,
    serials_wanted,
    split_code,
    zoned_codes,
)
from address.coordinates import coordinate_code, coordinate_codes
from address.elements import describe, element_types
from address.model import LEVELS
from address.nodes import build_nodes


def check_character(code):
    """ISO/IEC 7064 MOD 37,36 a character at a time, as the standard's clause tells it."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    carry = 36
    for character in code:
        carry = (carry + alphabet.index(character)) % 36 or 36
        carry = carry * 2 % 37
    return alphabet[(37 - carry) % 36]


CODE = "420106" + "005" + "000" + "0012" + "00345" + "02" + "499" + "0101"


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=30, max_size=30))
def test_many_check_characters_at_once_are_those_of_the_scalar_form(code):
    assert chr(check_characters([code])[0]) == check_character(code)


@given(st.integers(0, 29), st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_one_wrong_character_is_noticed(position, character):
    whole = CODE + check_character(CODE)
    assert is_code(whole)
    wrong = whole[:position] + character + whole[position + 1 :]
    assert is_code(wrong) == (wrong == whole)


def test_a_code_is_read_with_blanks_and_bars():
    parts = split_code(
        f"420106 005 000 | 0012 | 00345 | 02 499 0101 | {check_character(CODE)}".lower()
    )
    assert (parts.division, parts.road, parts.floor, parts.room) == (
        "420106",
        "0012",
        "499",
        "0101",
    )
    assert split_code(CODE) is None


@given(st.integers(0, 15_000))
def test_serials_of_a_width_never_meet(value):
    assert len(serial_text(value, 4)) == 4
    assert serial_text(value, 4) != serial_text(value + 1, 4)


def test_serials_end_where_the_part_is_full():
    assert serial_text(99 + 26 * 36, 2) == "ZZ"
    with pytest.raises(OverflowError):
        serial_text(100 + 26 * 36, 2)


def codes_of(rows, admin="429871"):
    nodes = build_nodes(table(rows))
    wants = serials_wanted(nodes).to_pylist()
    serials: dict[str, int] = {}
    counted: dict[tuple[str, str], int] = {}
    for want in sorted(wants, key=lambda w: (w["scope"], w["part"], w["sort_key"], w["node_id"])):
        key = (want["scope"], want["part"])
        serials[want["node_id"]] = counted[key] = counted.get(key, 0) + 1
    given = pa.table(
        {
            "node_id": pa.array(list(serials), pa.string()),
            "serial": pa.array(serials.values(), pa.int64()),
        }
    )
    codes = zoned_codes(nodes, given, admin)
    return {n["full"]: c for n, c in zip(nodes.to_pylist(), codes.to_pylist(), strict=True)}


def test_real_divisions_and_towns_have_their_national_digits():
    codes = codes_of([{"province": "湖北省", "city": "武汉市", "county": "武昌区", "street": "粮道街街道", "road": "甲路"},
                      {"province": "上海市", "city": "上海市", "county": "静安区", "road": "乙路"}])  # fmt: skip
    assert codes["湖北省"][:12] == "420000000000"
    assert codes["湖北省武汉市"][:6] == "420100"
    assert codes["湖北省武汉市武昌区"][:6] == "420106"
    assert codes["上海市上海市静安区"][:6] == "310106"


def test_floors_and_rooms_read_like_their_numbers_and_what_is_no_number_begins_with_a_letter():
    rows = [{**TOP, "street": "江北街道", "road": "甲路", "number": "1号", "building": "A座", **more} for more in (
        {"unit": "2单元", "room": "1203室"}, {"floor": "地下1层", "room": "B101"}, {"floor": "夹层", "room": "弱电间"},
        {"unit": "东单元", "floor": "3层", "room": "301室"})]  # fmt: skip
    found = {}
    for full, code in codes_of(rows).items():
        assert is_code(code)
        parts = split_code(code)
        found[full.partition("A座")[2]] = (parts.unit, parts.floor, parts.room)
    assert found["2单元12层1203室"] == ("02", "512", "1203")
    assert found["地下1层"] == ("00", "499", "0000")
    assert found["夹层"] == ("00", "A00", "0000")
    assert found["夹层弱电间"][2] == "A000"
    assert found["东单元3层301室"] == ("A0", "503", "0301")


def test_two_unknown_counties_are_not_given_one_code():
    codes = codes_of([{**TOP, "road": "甲路"}, {**TOP, "county": "又一区", "road": "乙路"}])
    assert sorted(c is None for full, c in codes.items() if full.endswith("区")) == [False, True]


def test_geohash_of_known_places():
    assert coordinate_code(-5.6, 42.6).startswith("ezs42")
    assert coordinate_code(10.40744, 57.64911) == "u4pruydqqv"
    assert coordinate_code(10.40744, 57.64911, -1.24).endswith("H-0012")


def test_many_places_have_the_codes_of_each():
    lon, lat = np.array([114.08, np.nan, -5.6]), np.array([30.47, 30.0, 42.6])
    codes = coordinate_codes(lon, lat, np.array([45.9, 1.0, np.nan])).to_pylist()
    assert codes == [coordinate_code(114.08, 30.47, 45.9), None, coordinate_code(-5.6, 42.6)]
    assert codes[0].endswith("H00459")


def test_the_table_of_elements_knows_every_level():
    assert {row["level"] for row in element_types()} == set(LEVELS)


def test_numbers_are_taken_apart():
    nodes = pa.table({"node_id": list("abcde"), "level": ["number", "number", "floor", "building", "road"],
                      "name": ["甲12号", "399弄", "地下1层", "5栋", "临江大道"]})  # fmt: skip
    parts = [
        (r["number_prefix"], r["number_core"], r["number_type"])
        for r in describe(nodes).to_pylist()
    ]
    assert parts == [
        ("甲", "12", "号"),
        (None, "399", "弄"),
        (None, "-1", "层"),
        (None, "5", "号楼"),
        (None, None, None),
    ]
