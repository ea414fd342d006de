"""Shared shapes of the office: curtain wall panels and fins, core, partitions, garden and plant.

A panel is one bay wide and one storey high, stands on y = 0 and faces -y. Metres throughout.
"""

import numpy as np

from sample_data.district import OFFICE
from sample_data.ifc_shapes import Entity, loft, rectangle, tube
from sample_data.ifc_writing import Kind, ModelWriter

__all__ = ["BAY", "CLEAR", "CORE", "CROWN", "RISE", "SLAB", "declare_styles", "office_kinds"]

RISE = OFFICE.floor_height
BAY = 2.0
SLAB = 0.2
CLEAR = RISE - SLAB
CROWN = 4.0
"""Height of the glass crown above the roof."""
CORE = (15.4, 11.0, 13.2, 10.0)
"""x, y, width, depth of the core."""


def declare_styles(model: ModelWriter) -> None:
    """Colours of the office."""
    for name, rgb, transparency, gloss in (
        ("glass", (0.34, 0.56, 0.67), 0.42, 0.9),
        ("clear", (0.55, 0.72, 0.78), 0.60, 0.9),
        ("spandrel", (0.16, 0.27, 0.36), 0.0, 0.8),
        ("frame", (0.27, 0.29, 0.32), 0.0, 0.5),
        ("fin", (0.83, 0.75, 0.60), 0.0, 0.6),
        ("blind", (0.90, 0.89, 0.85), 0.0, 0.1),
        ("stone", (0.80, 0.77, 0.71), 0.0, 0.3),
        ("concrete", (0.74, 0.73, 0.71), 0.0, 0.1),
        ("plaster", (0.94, 0.93, 0.90), 0.0, 0.1),
        ("wood", (0.62, 0.44, 0.28), 0.0, 0.3),
        ("roof", (0.46, 0.48, 0.50), 0.0, 0.1),
        ("plant", (0.80, 0.82, 0.83), 0.0, 0.4),
        ("louvre", (0.40, 0.42, 0.44), 0.0, 0.3),
        ("lawn", (0.45, 0.62, 0.32), 0.0, 0.0),
        ("leaf", (0.28, 0.47, 0.22), 0.0, 0.0),
        ("bark", (0.40, 0.30, 0.22), 0.0, 0.0),
        ("room", (0.66, 0.78, 0.91), 0.70, 0.0),
    ):
        model.shapes.style(name, rgb, transparency, gloss)


def office_kinds(model: ModelWriter) -> dict[str, Kind]:
    """Every shared shape by its short name."""
    return {**_facade_kinds(model), **_inner_kinds(model), **_outdoor_kinds(model)}


def _facade_kinds(model: ModelWriter) -> dict[str, Kind]:
    """Panels one bay wide and one storey high, facing -y from y = 0, and the fins between them."""
    shapes = model.shapes
    outside = {"Pset_PlateCommon": {"IsExternal": True, "LoadBearing": False}}

    def bars(*levels: float) -> list[Entity]:
        return [shapes.box((0.0, 0.0, z), (BAY, 0.12, 0.08), "frame") for z in levels]

    def sheet(low: float, high: float, style: str) -> Entity:
        return shapes.panel(rectangle(0.04, low, 1.92, high - low), 0.03, style, front=0.04)

    def spandrel() -> Entity:
        return shapes.box((0.04, 0.05, -0.55), (1.92, 0.06, 1.0), "spandrel")

    def blind(low: float) -> Entity:
        return shapes.box((0.08, 0.16, low), (1.84, 0.02, 3.4 - low), "blind")

    panels = {
        "vision": [spandrel(), sheet(0.45, 3.45, "glass"), *bars(0.41, 3.41)],
        "shaded": [spandrel(), sheet(0.45, 3.45, "glass"), *bars(0.41, 3.41), blind(1.6)],
        "closed": [spandrel(), sheet(0.45, 3.45, "glass"), *bars(0.41, 3.41), blind(0.5)],
        "lobby": [sheet(0.0, 3.45, "clear"), *bars(0.0, 2.6, 3.41)],
        "crown": [spandrel(), sheet(0.45, CROWN, "clear"), *bars(0.41, CROWN - 0.08)],
    }
    kinds = {
        key: model.kind(
            "IfcPlate",
            f"幕墙单元 {key}",
            items,
            predefined="CURTAIN_PANEL",
            material="单元式玻璃幕墙 8+12A+8",
            properties=outside,
        )
        for key, items in panels.items()
    }
    for key, deep, high in (
        ("fin", 0.32, RISE),
        ("deep fin", 0.6, RISE),
        ("crown fin", 0.32, CROWN + 0.55),
        ("deep crown fin", 0.6, CROWN + 0.55),
    ):
        item = shapes.box((-0.05, -deep, -0.55), (0.1, deep + 0.1, high), "fin")
        kinds[key] = model.kind(
            "IfcMember", f"竖向遮阳 {key}", [item], predefined="MULLION", material="铝合金 香槟色"
        )
    return kinds


def _inner_kinds(model: ModelWriter) -> dict[str, Kind]:
    """Columns, core, partitions, doors."""
    shapes = model.shapes
    x, y, width, depth = CORE
    cells = [
        rectangle(x + 0.3, y + 0.3, 2.6, depth - 0.6),
        rectangle(x + 3.2, y + 0.3, 6.8, 3.6),
        rectangle(x + 3.2, y + 6.1, 6.8, 3.6),
        rectangle(x + 10.3, y + 0.3, 2.6, depth - 0.6),
    ]
    core = shapes.prism(rectangle(x, y, width, depth), CLEAR, "plaster", holes=cells)
    lift = [
        shapes.box((0.0, -0.04, 0.0), (0.59, 0.04, 2.3), "plant"),
        shapes.box((0.61, -0.04, 0.0), (0.59, 0.04, 2.3), "plant"),
    ]
    leaf = [
        shapes.panel(
            rectangle(0.0, 0.0, 1.0, 2.3), 0.06, "wood", holes=[rectangle(0.7, 0.6, 0.14, 1.2)]
        )
    ]
    column = shapes.prism(rectangle(-0.4, -0.4, 0.8, 0.8), CLEAR, "stone")
    kinds = {
        "core": model.kind(
            "IfcWall", "核心筒", [core], predefined="SHEAR", material="钢筋混凝土 C50"
        ),
        "column": model.kind(
            "IfcColumn", "框架柱 800×800", [column], predefined="COLUMN", material="型钢混凝土"
        ),
        "lift": model.kind(
            "IfcDoor",
            "电梯门 1.2×2.3",
            lift,
            predefined="DOOR",
            material="不锈钢",
            OperationType="SLIDING_TO_LEFT",
        ),
        "door": model.kind(
            "IfcDoor",
            "办公室门 1.0×2.3",
            leaf,
            predefined="DOOR",
            material="木",
            OperationType="SINGLE_SWING_LEFT",
        ),
    }
    for key, length in (("across", 10.2), ("long", 43.2)):
        items = [
            shapes.box((0.0, -0.05, 0.0), (length, 0.1, 0.12), "frame"),
            shapes.box((0.0, -0.01, 0.12), (length, 0.02, 2.5), "clear"),
            shapes.box((0.0, -0.05, 2.62), (length, 0.1, CLEAR - 2.62), "plaster"),
        ]
        kinds[key] = model.kind(
            "IfcWall",
            f"玻璃隔墙 {length} m",
            items,
            predefined="PARTITIONING",
            material="夹胶玻璃",
            properties={"Pset_WallCommon": {"IsExternal": False, "LoadBearing": False}},
        )
    return kinds


def _outdoor_kinds(model: ModelWriter) -> dict[str, Kind]:
    """Trees of the garden, cooling towers and air handling units of the roof."""
    shapes = model.shapes
    angles = np.arange(10) * np.pi / 5
    crown = np.array(
        [
            [(r * np.cos(a), r * np.sin(a), z) for a in angles]
            for z, r in ((1.5, 0.35), (2.0, 1.15), (2.9, 1.45), (3.8, 1.15), (4.5, 0.3))
        ]
    )
    tree = [
        shapes.face_set(tube((0, 0, 0), (0, 0, 1.8), 0.09), "bark"),
        shapes.face_set(loft(crown), "leaf"),
    ]
    ring = [(1.2 * float(np.cos(a)), 1.2 * float(np.sin(a))) for a in np.arange(16) * np.pi / 8]
    cooling = [
        shapes.box((-1.6, -1.6, 0.4), (3.2, 3.2, 2.3), "plant"),
        shapes.box((-1.64, -1.64, 0.8), (3.28, 3.28, 0.9), "louvre"),
        shapes.prism(ring, 0.5, "louvre", base=2.7),
    ]
    handler = [
        shapes.box((0.0, 0.0, 0.3), (4.4, 1.8, 1.7), "plant"),
        shapes.box((4.4, 0.3, 0.6), (0.9, 1.2, 1.0), "louvre"),
        shapes.box((0.8, -0.03, 0.5), (1.0, 0.03, 1.2), "louvre"),
    ]
    return {
        "tree": model.kind("IfcGeographicElement", "乔木", tree),
        "cooling": model.kind(
            "IfcCoolingTower", "冷却塔", cooling, predefined="MECHANICALFORCEDDRAFT"
        ),
        "handler": model.kind(
            "IfcUnitaryEquipment", "屋顶空调机组", handler, predefined="AIRHANDLER"
        ),
    }
