"""Shared shapes of the residential tower: every panel, window, balcony and roof part once.

A wall panel stands on y = 0 and faces -y; its windows' holes are part of its elevation, so that no
boolean is needed. Metres throughout.
"""

from sample_data.district import TOWER
from sample_data.ifc_shapes import Entity, loft, rectangle
from sample_data.ifc_writing import Kind, ModelWriter

__all__ = ["CLEAR", "HOLES", "RISE", "SKIN", "SLAB", "ZONES", "declare_styles", "tower_kinds"]

RISE = TOWER.floor_height
SLAB = 0.14
CLEAR = RISE - SLAB
SKIN = 0.2
"""Thickness of an exterior wall."""
ZONES = ("base", "body", "crown")
"""Colour zones of the façade from bottom to top."""

HOLES: dict[str, list[tuple[str, float, float, float, float]]] = {
    "bay": [("bay window", 0.45, 0.45, 1.8, 1.85)],
    "living": [("sliding", 0.3, 0.0, 2.4, 2.3)],
    "niche": [],
    "north": [("w15", 0.8, 0.9, 1.5, 1.5), ("w12", 3.4, 0.9, 1.2, 1.5)],
    "stair": [("w22", 2.95, 0.3, 1.5, 2.2), ("w12", 5.9, 0.9, 1.2, 1.5)],
    "cheek": [],
    "gable": [("w09", 4.2, 1.1, 0.9, 1.3), ("w09", 9.0, 1.1, 0.9, 1.3)],
    "front": [("entrance", 1.35, 0.0, 1.0, 2.1)],
    "side": [("entrance", 0.7, 0.0, 1.0, 2.1)],
    "party": [],
    "mid": [],
}
"""What fills the holes of each panel: (kind, x and z of the lower left corner, width, height)."""
_WIDTHS = {
    "bay": 2.7,
    "living": 3.0,
    "niche": 1.6,
    "north": 5.7,
    "stair": 7.6,
    "cheek": 0.9,
    "gable": 14.0,
    "front": 3.7,
    "side": 5.5,
    "party": 7.6,
    "mid": 14.0,
}
_ACCENT = {"niche": "brick", "cheek": "brick", "bay": "brick", "stair": "brick"}


def declare_styles(model: ModelWriter) -> None:
    """Colours of the tower."""
    for name, rgb, transparency, gloss in (
        ("base", (0.50, 0.42, 0.36), 0.0, 0.2),
        ("body", (0.90, 0.82, 0.70), 0.0, 0.15),
        ("crown", (0.95, 0.91, 0.84), 0.0, 0.15),
        ("brick", (0.69, 0.40, 0.29), 0.0, 0.15),
        ("band", (0.96, 0.94, 0.90), 0.0, 0.2),
        ("plaster", (0.93, 0.92, 0.89), 0.0, 0.1),
        ("concrete", (0.72, 0.71, 0.69), 0.0, 0.1),
        ("roof", (0.29, 0.30, 0.33), 0.0, 0.1),
        ("frame", (0.20, 0.21, 0.23), 0.0, 0.5),
        ("glass", (0.40, 0.58, 0.70), 0.40, 0.9),
        ("rail", (0.62, 0.76, 0.80), 0.50, 0.9),
        ("wood", (0.45, 0.28, 0.17), 0.0, 0.3),
        ("louvre", (0.36, 0.33, 0.31), 0.0, 0.3),
        ("metal", (0.80, 0.81, 0.82), 0.0, 0.6),
        ("solar", (0.10, 0.14, 0.30), 0.0, 0.9),
        ("room", (0.66, 0.78, 0.91), 0.70, 0.0),
    ):
        model.shapes.style(name, rgb, transparency, gloss)


def tower_kinds(model: ModelWriter) -> dict[str, Kind]:
    """Every shared shape by its short name; exterior panels are named ``panel/zone``."""
    kinds: dict[str, Kind] = {}
    for make in (_wall_kinds, _window_kinds, _door_kinds, _balcony_kinds, _core_kinds, _roof_kinds):
        kinds.update(make(model))
    return kinds


def _wall_kinds(model: ModelWriter) -> dict[str, Kind]:
    kinds = {}
    for name, width in _WIDTHS.items():
        inside = name in ("front", "side", "party", "mid")
        for zone in (None,) if inside else ZONES:
            colour = "plaster" if zone is None else zone
            if zone == "body":
                colour = _ACCENT.get(name, zone)
            outline, holes = _elevation(width, [hole[1:] for hole in HOLES[name]])
            front = -SKIN / 2 if inside else 0.0
            item = model.shapes.panel(outline, SKIN, colour, holes=holes, front=front)
            items = [item]
            if name == "gable" and zone == "body":
                stripe = rectangle(5.75, 0.0, 2.6, CLEAR)
                items.append(model.shapes.panel(stripe, 0.06, "brick", front=-0.06))
            key = name if zone is None else f"{name}/{zone}"
            kinds[key] = model.kind(
                "IfcWall",
                f"{'内墙' if inside else '外墙板'} {key}",
                items,
                predefined="SOLIDWALL",
                material="钢筋混凝土 C35",
                properties={"Pset_WallCommon": {"IsExternal": not inside, "LoadBearing": True}},
            )
    return kinds


def _elevation(
    width: float, holes: list[tuple[float, float, float, float]]
) -> tuple[list[tuple[float, float]], list[list[tuple[float, float]]]]:
    """Outline and holes of a panel; holes that reach the floor become notches of the outline."""
    outline = [(0.0, 0.0)]
    for left, bottom, wide, high in holes:
        if bottom == 0.0:
            right = left + wide
            outline += [(left, 0.0), (left, high), (right, high), (right, 0.0)]
    outline += [(width, 0.0), (width, CLEAR), (0.0, CLEAR)]
    return outline, [rectangle(*hole) for hole in holes if hole[1] > 0.0]


def _glazing(
    model: ModelWriter, width: float, height: float, panes: int, y: float = 0.07, z: float = 0.0
) -> list[Entity]:
    """Frame with equal panes and one sheet of glass; lower left corner at (0, y, z)."""
    bar = 0.06
    pane = (width - bar * (panes + 1)) / panes
    holes = [
        rectangle(bar + i * (pane + bar), z + bar, pane, height - 2 * bar) for i in range(panes)
    ]
    glass = rectangle(bar / 2, z + bar / 2, width - bar, height - bar)
    return [
        model.shapes.panel(rectangle(0, z, width, height), 0.06, "frame", front=y, holes=holes),
        model.shapes.panel(glass, 0.012, "glass", front=y + 0.024),
    ]


def _window_kinds(model: ModelWriter) -> dict[str, Kind]:
    shapes = model.shapes
    kinds = {}
    for name, width, height, panes in (
        ("w15", 1.5, 1.5, 2),
        ("w12", 1.2, 1.5, 2),
        ("w09", 0.9, 1.3, 1),
        ("w22", 1.5, 2.2, 2),
    ):
        sill = shapes.box((-0.06, -0.06, -0.08), (width + 0.12, 0.14, 0.08), "band")
        kinds[name] = model.kind(
            "IfcWindow",
            f"窗 {width:.1f}×{height:.1f}",
            [*_glazing(model, width, height, panes), sill],
            predefined="WINDOW",
            material="断桥铝合金 中空玻璃",
            properties={"Pset_WindowCommon": {"IsExternal": True}},
            PartitioningType="NOTDEFINED",
        )
    kinds["bay window"] = model.kind(
        "IfcWindow",
        "飘窗 1.80×1.85",
        _bay_window(model),
        predefined="WINDOW",
        material="断桥铝合金 中空玻璃",
        properties={"Pset_WindowCommon": {"IsExternal": True}},
        PartitioningType="TRIPLE_PANEL_VERTICAL",
    )
    return kinds


def _bay_window(model: ModelWriter) -> list[Entity]:
    """A window that stands half a metre out of the wall, between two slabs."""
    shapes = model.shapes
    posts = ((0.0, -0.5), (0.57, -0.5), (1.17, -0.5), (1.74, -0.5), (0.0, -0.06), (1.74, -0.06))
    return [
        shapes.box((-0.12, -0.56, -0.14), (2.04, 0.56, 0.14), "band"),
        shapes.box((-0.12, -0.56, 1.85), (2.04, 0.56, 0.14), "band"),
        shapes.panel(rectangle(0.0, 0.0, 1.8, 1.85), 0.012, "glass", front=-0.48),
        shapes.box((0.01, -0.47, 0.0), (0.012, 0.47, 1.85), "glass"),
        shapes.box((1.778, -0.47, 0.0), (0.012, 0.47, 1.85), "glass"),
        *(shapes.box((x, y, 0.0), (0.06, 0.06, 1.85), "frame") for x, y in posts),
    ]


def _door_kinds(model: ModelWriter) -> dict[str, Kind]:
    shapes = model.shapes
    leaf = [
        shapes.box((0.04, -0.03, 0.0), (0.92, 0.06, 2.06), "wood"),
        shapes.box((0.84, -0.07, 0.98), (0.05, 0.14, 0.10), "metal"),
    ]
    lift = [
        shapes.box((0.0, 0.0, 0.0), (0.5, 0.05, 2.1), "metal"),
        shapes.box((0.51, 0.0, 0.0), (0.49, 0.05, 2.1), "metal"),
    ]
    described: list[tuple[str, str, list[Entity], str, str, bool]] = [
        ("sliding", "阳台推拉门 2.4×2.3", _glazing(model, 2.4, 2.3, 3), "断桥铝合金 中空玻璃",
         "SLIDING_TO_LEFT", True),
        ("lobby door", "单元门 1.5×2.3", _glazing(model, 1.5, 2.3, 2), "断桥铝合金 中空玻璃",
         "DOUBLE_DOOR_SINGLE_SWING", True),
        ("entrance", "入户门 1.0×2.1", leaf, "钢质防盗门", "SINGLE_SWING_LEFT", False),
        ("lift door", "电梯门 1.0×2.1", lift, "不锈钢", "SLIDING_TO_LEFT", False),
    ]  # fmt: skip
    return {
        key: model.kind(
            "IfcDoor",
            name,
            items,
            predefined="DOOR",
            material=material,
            properties={"Pset_DoorCommon": {"IsExternal": outside}},
            OperationType=operation,
        )
        for key, name, items, material, operation, outside in described
    }


def _balcony_kinds(model: ModelWriter) -> dict[str, Kind]:
    """Balconies of 3.0 × 1.5 m whose wall side is y = 0: open, or glazed by their owners."""
    shapes = model.shapes
    slab = [
        shapes.box((0.0, -1.5, -SLAB), (3.0, 1.5, SLAB), "concrete"),
        shapes.box((0.0, -1.5, -0.26), (3.0, 0.12, 0.40), "band"),
    ]
    rail = [
        shapes.box((0.1, -1.47, 0.14), (2.8, 0.02, 0.90), "rail"),
        shapes.box((0.0, -1.49, 1.06), (3.0, 0.06, 0.06), "frame"),
        *(
            shapes.box((x, -1.48, 0.14), (0.04, 0.04, 0.94), "frame")
            for x in (0.1, 1.0, 1.96, 2.86)
        ),
    ]
    glazed = [
        *_glazing(model, 3.0, 0.95, 2, -1.48, 0.14),
        *_glazing(model, 3.0, CLEAR - 1.21, 4, -1.48, 1.09),
    ]
    slats = [shapes.box((0.0, 0.0, 0.12 + 0.14 * i), (1.6, 0.05, 0.07), "louvre") for i in range(9)]
    ledge = shapes.box((0.0, 0.0, -SLAB), (1.6, 0.9, SLAB + 0.06), "band")
    unit = [
        shapes.box((0.0, 0.0, 0.06), (0.75, 0.32, 0.6), "metal"),
        shapes.box((0.1, -0.02, 0.14), (0.42, 0.03, 0.44), "louvre"),
    ]
    fin = [shapes.box((0.0, -1.5, -SLAB), (0.12, 1.5, RISE), "band")]
    described: list[tuple[str, str, str, list[Entity], str, str]] = [
        ("balcony", "IfcSlab", "阳台板", slab, "FLOOR", "钢筋混凝土 C35"),
        ("fin", "IfcWall", "阳台隔墙", fin, "PARTITIONING", "加气混凝土砌块"),
        ("railing", "IfcRailing", "玻璃栏板", rail, "GUARDRAIL", "夹胶玻璃"),
        ("louvre", "IfcRailing", "空调百叶", [*slats, ledge], "BALUSTRADE", "铝合金"),
        ("aircon", "IfcUnitaryEquipment", "空调室外机", unit, "SPLITSYSTEM", "镀锌钢板"),
    ]
    kinds = {
        key: model.kind(occurrence, name, items, predefined=predefined, material=material)
        for key, occurrence, name, items, predefined, material in described
    }
    kinds["enclosure"] = model.kind(
        "IfcWindow",
        "封闭阳台窗 3.0×2.6",
        glazed,
        predefined="WINDOW",
        material="断桥铝合金 中空玻璃",
        PartitioningType="NOTDEFINED",
    )
    return kinds


def _core_kinds(model: ModelWriter) -> dict[str, Kind]:
    """Stairs from floor to floor, and the walls of the lift shaft."""
    shapes = model.shapes
    flights = [
        shapes.panel(_flight(2.9, -0.25, 0.0), 1.1, "concrete"),
        shapes.panel(_flight(0.9, 0.25, RISE / 2), 1.1, "concrete", front=1.2),
        shapes.box((0.0, 0.0, RISE / 2 - 0.12), (0.9, 2.3, 0.12), "concrete"),
    ]
    shaft = shapes.prism(
        rectangle(0.0, 0.0, 2.7, 2.4), CLEAR, "plaster", holes=[rectangle(0.15, 0.15, 2.4, 2.1)]
    )
    return {
        "stairs": model.kind(
            "IfcStair",
            "双跑楼梯",
            flights,
            predefined="HALF_TURN_STAIR",
            material="钢筋混凝土 C35",
            properties={"Pset_StairCommon": {"NumberOfRiser": ("IfcCountMeasure", 16)}},
        ),
        "shaft": model.kind(
            "IfcWall", "电梯井壁", [shaft], predefined="SHEAR", material="钢筋混凝土 C35"
        ),
    }


def _flight(start: float, tread: float, z: float) -> list[tuple[float, float]]:
    """Elevation of eight steps from ``start`` (x), rising with x where ``tread`` is positive."""
    riser = RISE / 16
    steps: list[tuple[float, float]] = []
    for i in range(8):
        steps += [(start + i * tread, z + i * riser), (start + i * tread, z + (i + 1) * riser)]
    steps.append((start + 8 * tread, z + 8 * riser))
    steps += [(start + 8 * tread, z + 8 * riser - 0.2), (start + 0.8 * tread, z)]
    return steps if tread < 0 else steps[::-1]


def _roof_kinds(model: ModelWriter) -> dict[str, Kind]:
    """Solar water heaters, the beams of the crown, ventilators."""
    shapes = model.shapes
    sheet = [
        [(0.0, 0.0, 0.25), (1.9, 0.0, 0.25), (1.9, 0.0, 0.31), (0.0, 0.0, 0.31)],
        [(0.0, 1.2, 1.05), (1.9, 1.2, 1.05), (1.9, 1.2, 1.11), (0.0, 1.2, 1.11)],
    ]
    heater = [
        shapes.face_set(loft(sheet), "solar"),
        shapes.box((0.0, 1.2, 0.95), (1.9, 0.4, 0.4), "metal"),
        *(
            shapes.box((x, y, 0.0), (0.05, 0.05, z), "frame")
            for x in (0.1, 1.75)
            for y, z in ((0.1, 0.3), (1.25, 1.0))
        ),
    ]
    ventilator = [
        shapes.box((0.0, 0.0, 0.0), (0.7, 0.7, 1.2), "concrete"),
        shapes.box((-0.12, -0.12, 1.2), (0.94, 0.94, 0.12), "roof"),
    ]
    post = [shapes.box((0.0, 0.0, 0.0), (0.4, 0.4, 3.4), "crown")]
    joist = [shapes.box((0.0, 0.0, 0.0), (0.22, 6.0, 0.5), "crown")]
    return {
        "heater": model.kind("IfcSolarDevice", "太阳能热水器", heater, predefined="SOLARCOLLECTOR"),
        "vent": model.kind("IfcChimney", "烟道", ventilator, material="加气混凝土砌块"),
        "post": model.kind(
            "IfcColumn", "构架柱", post, predefined="COLUMN", material="钢筋混凝土 C35"
        ),
        "joist": model.kind(
            "IfcBeam", "构架梁", joist, predefined="BEAM", material="钢筋混凝土 C35"
        ),
    }
