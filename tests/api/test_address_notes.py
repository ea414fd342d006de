"""What a reader is told of an answer."""

import numpy as np
import pyarrow as pa

from address.model import Element, Fault, Match
from api.address_notes import notes_of
from twin.ingest.tables import located


def test_what_is_missing_is_told_though_no_fault_tells_it() -> None:
    road = Element("road", "甲子路", "甲子路", 4, 7)
    found = Match("partial", "a", full="江北街道", level="street", elements=(road,), missing="road")
    assert notes_of(found) == ["地址库中没有“甲子路”，止于“江北街道”"]
    assert notes_of(found, "en") == [
        "the gazetteer has no “甲子路”; the answer stops at “江北街道”"
    ]


def test_a_missing_level_is_told_once() -> None:
    fault = Fault("ROOM.missing", "room", "303室", "5", 0.04)
    found = Match("partial", "a", full="5号楼", level="building", missing="room", faults=(fault,))
    assert notes_of(found) == ["地址库中没有“303室”，止于“5”"]


def test_a_row_with_swapped_axes_has_no_place() -> None:
    rows = pa.table({"x": [114.1, 30.4, None], "y": [30.4, 114.1, None]})
    table = located("EPSG:4490", rows)
    assert table["lon"].to_pylist() == [114.1, None, None]
    assert table["lat"].to_pylist() == [30.4, None, None]
    assert not np.isnan(table["lon"][0].as_py())
