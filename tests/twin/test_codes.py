import csv
from pathlib import Path

import numpy as np
import pytest

import twin.codes
from twin.cim_level import cim_level
from twin.codes import (
    cim_classes,
    cim_levels,
    collection_of,
    component_faults,
    components,
    edition,
    edition_of,
    is_known,
    matters,
    table,
)
from twin.errors import NotFoundError

FOLDER = Path(twin.codes.__file__).parent


def rows_of(name):
    with (FOLDER / f"{name}.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_tables_hold_what_the_files_hold():
    for name in ("cim_classes", "gbt47678_5_2026", "cim_levels"):
        assert table(name).to_pylist() == [
            {k: v or None for k, v in row.items()} for row in rows_of(name)
        ]


def test_there_are_153_components_and_250_matters():
    # the counts the transcription states of itself
    assert components().num_rows == 153
    assert matters().num_rows == 250
    assert components()["code"][0].as_py() == "01001"  # text: the leading zero is part of the code


def test_no_code_stands_twice_in_its_kind():
    for one in (
        cim_classes(),
        components(),
        matters(),
        cim_levels().rename_columns(["code", "order", "name_zh", "name_en", "rule"]),
    ):
        codes = one["code"].to_pylist()
        assert len(codes) == len(set(codes))


def test_editions_come_from_the_first_line_of_each_file():
    assert edition("gbt47678_5_2026") == "GB/T 47678.5-2026"
    assert edition("cim_classes") == "citytwin-2026"
    header = (FOLDER / "cim_levels.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "UNVERIFIED" in header


def test_an_unknown_table_names_those_there_are():
    with pytest.raises(NotFoundError, match="cim_classes"):
        table("no_such")
    with pytest.raises(NotFoundError):
        table("../codes/cim_classes")


def test_each_class_has_its_collection_and_edition():
    codes = np.array(["building", "pipe_heat", "01001", "nonsense", None], dtype=object)
    assert collection_of(codes).tolist() == ["buildings", "pipes", "components", "others", "others"]
    own, urban = "citytwin-2026", "GB/T 47678.5-2026"
    assert edition_of(codes).tolist() == [own, own, urban, own, own]
    assert is_known(codes).tolist() == [True, True, True, False, False]
    assert is_known(np.array(["01016"], dtype=object)).tolist() == [False]  # absent in the table
    assert collection_of(np.array([], dtype=object)).tolist() == []


def test_a_million_codes_are_looked_up_through_their_few_values():
    codes = np.array(["building", "room"] * 50_000, dtype=object)
    assert collection_of(codes)[:2].tolist() == ["buildings", "rooms"]
    assert set(collection_of(codes)) == {"buildings", "rooms"}


def test_component_identifiers_are_checked_digit_by_digit():
    ids = np.array(
        ["42987101001000001", "4298710100100001", "4298710100100000x", None, "42987101016000001"],
        dtype=object,
    )
    faults = component_faults(ids)
    assert faults[0] is None
    assert "16 characters" in faults[1]
    assert "17 digits" in faults[2]
    assert faults[3] is None
    assert "type 01016" in faults[4]


def test_cim_levels_follow_content():
    cases = [
        ("area", None, "subdistrict", None, None, "CIM1"),
        ("footprint", None, "building", None, None, "CIM1"),  # an outline without height
        ("footprint", None, "building", 30.0, None, "CIM2"),
        ("footprint", None, None, 30.0, None, "CIM1"),  # no class
        ("centreline", None, "pipe_gas", None, None, "CIM2"),
        ("point", None, "01001", None, None, "CIM2"),
        ("mesh", "1", "building", 30.0, None, "CIM2"),
        ("solid", "2.2", "building", 30.0, None, "CIM3"),
        ("mesh", "3", "building", 30.0, None, "CIM4"),
        ("mesh", None, "building", 30.0, 18, "CIM4"),
        ("mesh", None, "room", None, None, "CIM5"),
        ("mesh", None, "element", None, None, "CIM6"),
        ("none", None, "room", None, None, None),
    ]
    columns = [list(c) for c in zip(*cases, strict=True)]
    assert cim_level(*columns[:5]).tolist() == columns[5]
