"""The deliberately broken records, layer by layer, each with what has to become of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import shapely

from sample_data.writing import NOT_A_NUMBER

__all__ = ["BROKEN", "KEEP", "Broken", "Fate"]

Fate = Literal["quarantine", "repair", "unanchored"]
KEEP: Final = object()
"""Geometry of a broken record that is not broken in its geometry."""
_SITE = (505_160.0, 3_371_560.0)
"""Farmland without buildings, for the shapes that get repaired."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One broken record.

    ``layer`` is empty for files with one layer; ``key`` is what its key column holds (for
    duplicates: the key of the sound record before it, or ``@row``); ``fate``: *quarantine*, *repair*
    (loaded with its geometry mended), or *unanchored* (loaded, and on the list of things without a
    place, or quarantined). ``changes`` overrides columns of a copied sound record.
    """

    file: str
    layer: str
    key: str
    kind: str
    reason: str
    fate: Fate = "quarantine"
    changes: Mapping[str, Any] | None = None
    geometry: Any = KEEP


def _ring(*points: tuple[float, float]) -> shapely.Polygon:
    """Polygon around points given relative to the free site."""
    return shapely.Polygon([(x + _SITE[0], y + _SITE[1]) for x, y in points])


_NAN_POLYGON = shapely.Polygon(
    [(505_170, 3_371_560), (505_190, NOT_A_NUMBER), (505_190, 3_371_580)]
)
_FAR_POLYGON = shapely.box(9.0e9, 9.0e9, 9.00001e9, 9.00001e9)
_BOW_TIE = _ring((0, 0), (24, 16), (24, 0), (0, 16))
_FLAT = _ring((0, 0), (20, 10), (40, 20))
_COLLAPSED = _ring((0, 0), (20, 12), (20, 12), (0, 0))

_B, _R, _P, _C, _A = "建筑物.shp", "道路.gpkg", "管线.gpkg", "部件.gpkg", "行政.gpkg"
_POI, _ADDRESS, _STREAM, _READING, _CASE = (
    "兴趣点_gcj02.csv",
    "标准地址.csv",
    "传感器.csv",
    "历史读数.csv",
    "案件.csv",
)
_DUPLICATE = "the key came before"

BROKEN: Final[tuple[Broken, ...]] = (
    Broken(_B, "", "429871900001", "null_geometry", "no geometry", geometry=None),
    Broken(
        _B, "", "429871900002", "collapsed_bow_tie", "no area once untangled", geometry=_COLLAPSED
    ),
    Broken(_B, "", "429871900003", "zero_area", "corners lie on a line", geometry=_FLAT),
    Broken(
        _B,
        "",
        "429871900004",
        "not_a_number",
        "a coordinate is not a number",
        geometry=_NAN_POLYGON,
    ),
    Broken(
        _B,
        "",
        "429871900005",
        "outside_world",
        "coordinates outside the world",
        geometry=_FAR_POLYGON,
    ),
    Broken(_B, "", "429871000500", "duplicate_key", _DUPLICATE),
    Broken(
        _B,
        "",
        "429871900006",
        "negative_floors",
        "floors below zero",
        changes={"层数": -3},
        geometry=_ring((60, 0), (75, 0), (75, 12), (60, 12)),
    ),
    Broken(
        _B,
        "",
        "429871900007",
        "impossible_height",
        "height above 1000 m",
        changes={"高度": 8888.0},
        geometry=_ring((90, 0), (105, 0), (105, 12), (90, 12)),
    ),
    Broken(
        _B, "", "429871900008", "bow_tie", "edges cross; untangled", "repair", geometry=_BOW_TIE
    ),
    Broken(
        _B,
        "",
        "429871900009",
        "spike",
        "ring runs back over itself; spike cut",
        "repair",
        geometry=_ring((0, 40), (20, 40), (20, 55), (38, 55), (20, 55), (0, 55)),
    ),
    Broken(
        _B,
        "",
        "429871900010",
        "self_touch",
        "hole drawn into the outer ring",
        "repair",
        geometry=_ring(
            (40, 40), (70, 40), (70, 60), (55, 60), (50, 50), (60, 50), (55, 60), (40, 60)
        ),
    ),
    Broken(_R, "roads", "LJ-R9001", "null_geometry", "no geometry", geometry=None),
    Broken(
        _R,
        "roads",
        "LJ-R9002",
        "zero_length",
        "all vertices fall together",
        geometry=shapely.LineString([(507_900, 3_372_000), (507_900, 3_372_000)]),
    ),
    Broken(_R, "roads", "LJ-R0005", "duplicate_key", _DUPLICATE),
    Broken(
        _R, "roads", "LJ-R9003", "impossible_width", "width below zero", changes={"宽度": -12.0}
    ),
    Broken(
        _P, "gas", "LJ-GAS90001", "impossible_depth", "depth below zero", changes={"埋深": -1.4}
    ),
    Broken(_P, "gas", "LJ-GAS90002", "null_geometry", "no geometry", geometry=None),
    Broken(
        _P,
        "water",
        "LJ-WAT90001",
        "impossible_diameter",
        "diameter above 20 000 mm",
        changes={"管径": 60_000},
    ),
    Broken(_P, "water", "LJ-WAT00007", "duplicate_key", _DUPLICATE),
    Broken(
        _P,
        "drainage",
        "LJ-DRN90001",
        "not_a_number",
        "a coordinate is not a number",
        geometry=shapely.LineString([(507_900, 3_372_000), (507_950, NOT_A_NUMBER)]),
    ),
    Broken(
        _P,
        "heat",
        "LJ-HET90001",
        "zero_length",
        "all vertices fall together",
        geometry=shapely.LineString([(508_000, 3_372_000), (508_000, 3_372_000)]),
    ),
    Broken(
        _C,
        "components",
        "BJ900001",
        "code_length",
        "16 digits as before 2026",
        changes={"标识码": "4298710101000001"},
    ),
    Broken(
        _C,
        "components",
        "BJ900002",
        "unknown_code",
        "type 99999 is in no table",
        changes={"标识码": "42987199999000001", "类别代码": "99999"},
    ),
    Broken(_C, "components", "BJ900003", "null_geometry", "no geometry", geometry=None),
    Broken(
        _C,
        "components",
        "BJ900004",
        "not_a_number",
        "a coordinate is not a number",
        geometry=shapely.Point(508_000, NOT_A_NUMBER),
    ),
    Broken(
        _C,
        "components",
        "BJ900005",
        "outside_world",
        "coordinates outside the world",
        geometry=shapely.Point(9.0e9, 9.0e9),
    ),
    Broken(_C, "components", "BJ000777", "duplicate_key", _DUPLICATE),
    Broken(
        _C,
        "components",
        "BJ900006",
        "code_letters",
        "a letter O for a zero",
        changes={"标识码": "4298710100100O001"},
    ),
    Broken(
        _A,
        "grids",
        "GR900001",
        "code_length",
        "14 digits",
        changes={"网格编码": "42987100100199"},
        geometry=_ring((0, 100), (20, 100), (20, 120), (0, 120)),
    ),
    Broken(
        _A,
        "grids",
        "GR900002",
        "null_geometry",
        "no geometry",
        changes={"网格编码": "429871001001998"},
        geometry=None,
    ),
    Broken(
        _POI,
        "",
        "POI900001",
        "no_coordinates",
        "no coordinates",
        changes={"lng": None, "lat": None},
    ),
    Broken(
        _POI,
        "",
        "POI900002",
        "null_island",
        "coordinates are 0, 0",
        changes={"lng": "0", "lat": "0"},
    ),
    Broken(
        _POI,
        "",
        "POI900003",
        "outside_world",
        "longitude 999",
        changes={"lng": "999", "lat": "30.48"},
    ),
    Broken(
        _POI, "", "POI900004", "text_for_number", "longitude is text", changes={"lng": "路口东侧"}
    ),
    Broken(_POI, "", "POI000042", "duplicate_key", _DUPLICATE),
    Broken(
        _ADDRESS,
        "",
        "42987190000000000000",
        "no_text",
        "no address text",
        changes=dict.fromkeys(
            (
                "省",
                "市",
                "区县",
                "街道",
                "社区",
                "路",
                "门牌号",
                "小区",
                "楼栋",
                "单元",
                "楼层",
                "户室",
                "标准地址",
            )
        ),
    ),
    Broken(
        _ADDRESS,
        "",
        "42987190000000000001",
        "no_road",
        "a room without road, compound or building",
        changes={
            "路": None,
            "门牌号": None,
            "小区": None,
            "楼栋": None,
            "单元": None,
            "楼层": "12层",
            "户室": "1203室",
            "楼栋编码": None,
            "标准地址": "湖北省云梦泽市临江示范区滨江街道花园社区1203室",
        },
    ),
    Broken(
        _ADDRESS,
        "",
        "42987190000000000002",
        "null_island",
        "coordinates are 0, 0",
        changes={"经度": "0", "纬度": "0"},
    ),
    Broken(
        _ADDRESS,
        "",
        "42987190000000000003",
        "text_for_number",
        "longitude is text",
        changes={"经度": "不详"},
    ),
    Broken(_ADDRESS, "", "@12", "duplicate_key", _DUPLICATE),
    Broken(
        _STREAM,
        "",
        "LJ-ZZ-9001",
        "orphan",
        "host exists nowhere, no coordinates",
        "unanchored",
        changes={"x": None, "y": None, "宿主类型": "building.code", "宿主编码": "429871999999"},
    ),
    Broken(
        _STREAM,
        "",
        "LJ-ZZ-9002",
        "no_place",
        "neither coordinates nor host",
        changes={"x": None, "y": None, "宿主类型": None, "宿主编码": None},
    ),
    Broken(
        _STREAM,
        "",
        "LJ-ZZ-9003",
        "text_for_number",
        "alarm threshold is text",
        changes={"报警上限": "待定"},
    ),
    Broken(
        _STREAM,
        "",
        "LJ-ZZ-9004",
        "crossed_thresholds",
        "lower warning above upper",
        changes={"预警下限": "50", "预警上限": "10"},
    ),
    Broken(_STREAM, "", "LJ-RQ-0003", "duplicate_key", _DUPLICATE),
    Broken(
        _READING,
        "",
        "LJ-RQ-0001",
        "text_for_number",
        "result is text",
        changes={"监测值": "离线", "监测时间": "2026-06-30T12:05:00+08:00"},
    ),
    Broken(
        _READING,
        "",
        "LJ-RQ-0001",
        "future",
        "time lies in the future",
        changes={"监测时间": "2099-01-01T00:00:00+08:00"},
    ),
    Broken(_READING, "", "LJ-ZZ-9999", "orphan", "no such datastream"),
    Broken(_READING, "", "LJ-RQ-0001", "no_time", "no time", changes={"监测时间": None}),
    Broken(
        _READING,
        "",
        "LJ-RQ-0001",
        "bad_time",
        "no time that exists",
        changes={"监测时间": "2026-06-31T25:61:00+08:00"},
    ),
    Broken(
        _CASE,
        "",
        "AJ9990000001",
        "unknown_code",
        "code 99999 is in no table",
        changes={"类型代码": "99999"},
    ),
    Broken(
        _CASE,
        "",
        "AJ9990000002",
        "future",
        "reported in the future",
        changes={"上报时间": "2099-01-01T08:00:00+08:00", "结案时间": None},
    ),
    Broken(
        _CASE,
        "",
        "AJ9990000003",
        "closed_before_reported",
        "closed before it was reported",
        changes={
            "上报时间": "2026-06-01T08:00:00+08:00",
            "结案时间": "2026-05-01T08:00:00+08:00",
            "案件状态": "结案",
        },
    ),
    Broken(
        _CASE,
        "",
        "AJ9990000004",
        "unknown_stage",
        "stage 转办 is in no table",
        changes={"案件状态": "转办"},
    ),
    Broken(_CASE, "", "", "no_key", "no case number", changes={"案件编号": None}),
    Broken(_CASE, "", "@9", "duplicate_key", _DUPLICATE),
    Broken(
        _CASE,
        "",
        "AJ9990000005",
        "null_island",
        "coordinates are 0, 0",
        changes={"x": "0", "y": "0"},
    ),
    Broken("水系.geojson", "", "LJ-W9001", "null_geometry", "no geometry", geometry=None),
    Broken(
        "水系.geojson",
        "",
        "LJ-W9002",
        "bow_tie",
        "edges cross; untangled",
        "repair",
        geometry=_ring((0, 140), (24, 156), (24, 140), (0, 156)),
    ),
    Broken(
        "绿地.geojson",
        "",
        "LJ-G9001",
        "zero_area",
        "corners lie on a line",
        geometry=_ring((0, 180), (20, 190), (40, 200)),
    ),
    Broken("绿地.geojson", "", "LJ-G0003", "duplicate_key", _DUPLICATE),
)
