"""The office 临江国际中心 as IFC4: 12 storeys behind a unitised curtain wall, in millimetres.

The plan is 44 × 32 m around a core; a recessed lobby at the ground, a sky garden two storeys high
at the south-east corner of storeys 6 and 7, a glass crown that hides the plant on the roof. Every
bay of the façade is 2 m wide: one mapped panel (``IfcPlate``), one mapped fin (``IfcMember``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from sample_data.bim_office_shapes import (
    BAY,
    CLEAR,
    CORE,
    CROWN,
    RISE,
    SLAB,
    declare_styles,
    office_kinds,
)
from sample_data.district import OFFICE, SEED, ground_height
from sample_data.ifc_shapes import Entity, rectangle, tube
from sample_data.ifc_writing import Kind, ModelWriter

__all__ = ["BUILDING_CODE", "HEIGHT", "write"]

BUILDING_CODE = "429871LJ0001"
FLOORS = OFFICE.floors
PLINTH = 0.3
ROOF = PLINTH + FLOORS * RISE
HEIGHT = round(ROOF + CROWN, 2)
"""Metres from the ground to the top of the glass crown."""
GARDEN = (6, 7)
"""Storeys with the sky garden."""
Ring = list[tuple[float, float]]
_WHOLE: Ring = [(0, 0), (44, 0), (44, 32), (0, 32)]
_LOBBY: Ring = [(0, 0), (6, 0), (6, 2), (38, 2), (38, 0), (44, 0), (44, 32), (0, 32)]
_NOTCHED: Ring = [(0, 0), (36, 0), (36, 6), (44, 6), (44, 32), (0, 32)]


@dataclass(frozen=True, slots=True)
class _Office:
    """The writer, the shared shapes and the spatial elements."""

    model: ModelWriter
    kinds: dict[str, Kind]
    building: Entity
    storeys: list[Entity]


def write(path: Path) -> None:
    """Write the office.

    Parameters
    ----------
    path : Path
        The file to write; its bytes are the same on every run.
    """
    ground = round(float(ground_height(np.array(OFFICE.easting), np.array(OFFICE.northing))), 3)
    model = ModelWriter(OFFICE.name, "IFC4", millimetres=True, site=OFFICE, ground=ground)
    declare_styles(model)
    levels = [PLINTH + floor * RISE for floor in range(FLOORS)]
    building, storeys = model.storeyed_building("临江国际中心地块", OFFICE.name, levels)
    office = _Office(model, office_kinds(model), building, storeys)
    for floor in range(1, FLOORS + 1):
        _structure(office, floor)
        _facade(office, floor)
        _rooms(office, floor)
    _zone(office)
    _entrance(office)
    _garden(office)
    _roof(office)
    _describe(office)
    model.write(path)


# -- storeys --------------------------------------------------------------------------------------


def _outline(floor: int) -> Ring:
    """Façade line of a storey, counter-clockwise, every edge a whole number of bays."""
    if floor == 1:
        return _LOBBY
    return _NOTCHED if floor in GARDEN else _WHOLE


def _structure(office: _Office, floor: int) -> None:
    """Slab, core, columns, lift doors of a storey."""
    model, storey, kinds = office.model, office.storeys[floor - 1], office.kinds
    outline = _WHOLE if floor == 1 or floor == GARDEN[0] else _outline(floor)
    grow = 0.1 if floor == 1 else -0.12
    edge = shapely.buffer(shapely.Polygon(outline), grow, join_style="mitre")
    corners = shapely.get_coordinates(shapely.orient_polygons(edge).exterior)[:-1].round(4).tolist()
    thick = 1.1 if floor == 1 else SLAB
    model.single(
        "IfcSlab",
        f"slab/{floor}",
        storey,
        [model.shapes.prism(corners, thick, "stone" if floor == 1 else "concrete", base=-thick)],
        material="钢筋混凝土 C40",
        Name=f"{floor}层楼板",
        PredefinedType="BASESLAB" if floor == 1 else "FLOOR",
    )
    model.place(kinds["core"], f"core/{floor}", storey)
    inside = shapely.buffer(shapely.Polygon(_outline(floor)), -0.3)
    for number, (x, y) in enumerate(
        (x, y) for x in np.linspace(1.2, 42.8, 6) for y in (1.2, 10.0, 22.0, 30.8)
    ):
        if floor == 1 or inside.contains(shapely.Point(x, y)):
            model.place(kinds["column"], f"column/{floor}/{number}", storey, (x, y, 0.0))
    for number in range(4):
        x = CORE[0] + 3.5 + 1.65 * number
        model.place(kinds["lift"], f"lift/{floor}/{number}", storey, (x, CORE[1], 0.0))


def _bays(ring: Ring) -> Iterator[tuple[float, float, float, bool]]:
    """Lower left corner, turn in degrees, faces east or west: for every bay of a ring."""
    for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
        length = abs(x1 - x0) + abs(y1 - y0)
        dx, dy = (x1 - x0) / length, (y1 - y0) / length
        turn = {(1, 0): 0.0, (0, 1): 90.0, (-1, 0): 180.0, (0, -1): 270.0}[(round(dx), round(dy))]
        for bay in range(round(length / BAY)):
            yield x0 + dx * bay * BAY, y0 + dy * bay * BAY, turn, turn in (90.0, 270.0)


def _facade(office: _Office, floor: int) -> None:
    """Curtain wall of a storey: panels, some with blinds drawn, and fins."""
    model = office.model
    wall = model.assembly(
        "IfcCurtainWall",
        f"curtain wall/{floor}",
        office.storeys[floor - 1],
        Name=f"{floor}层幕墙",
    )
    chance = np.random.default_rng([SEED, 1, floor])
    for number, (x, y, turn, side) in enumerate(_bays(_outline(floor))):
        panel = "lobby"
        if floor > 1:
            panel = ("vision", "shaded", "closed")[int(chance.choice(3, p=(0.72, 0.2, 0.08)))]
        key = f"{floor}/{number}"
        model.place(office.kinds[panel], f"panel/{key}", wall, (x, y, 0.0), turn=turn)
        if floor > 1:
            fin = office.kinds["deep fin" if side else "fin"]
            model.place(fin, f"fin/{key}", wall, (x, y, 0.0), turn=turn)


def _plan(floor: int) -> list[tuple[str, Ring]]:
    """Rooms of a storey: use and inner outline, in the order of their numbers."""
    west = rectangle(0.4, 11.2, 14.8, 9.6)
    east = rectangle(28.8, 11.2, 14.8, 9.6)
    north = [rectangle(0.4 + 10.8 * i, 21.4, 10.6, 10.2) for i in range(4)]
    if floor == 1:
        lobby = [(0.4, 2.4), (43.6, 2.4), (43.6, 10.6), (0.4, 10.6)]
        return [
            ("大堂", lobby),
            *(("商铺", ring) for ring in north),
            ("咖啡厅", west),
            ("消控中心", east),
        ]
    south = [rectangle(0.4 + 10.8 * i, 0.4, 10.6, 10.2) for i in range(4)]
    if floor in GARDEN:
        south[3] = [
            (32.8, 0.4), (35.6, 0.4), (35.6, 6.4), (43.4, 6.4), (43.4, 10.6), (32.8, 10.6),
        ]  # fmt: skip
    rooms = [("办公室", ring) for ring in (*south, *north)]
    return [*rooms, ("会议室", west), ("会议室", east)]


def _rooms(office: _Office, floor: int) -> None:
    """Spaces A101 …, with glass partitions and doors between them."""
    model, storey, kinds = office.model, office.storeys[floor - 1], office.kinds
    for number, (use, ring) in enumerate(_plan(floor), start=1):
        name = f"A{floor}{number:02d}"
        space = model.single(
            "IfcSpace",
            f"space/{name}",
            storey,
            [model.shapes.prism(ring, CLEAR, "room")],
            Name=name,
            LongName=use,
            CompositionType="ELEMENT",
            PredefinedType="SPACE",
        )
        area = round(float(shapely.Polygon(ring).area), 2)
        model.properties(
            f"room/{name}", [space], "CIM_户室", {"楼层": f"{floor}层", "房号": name, "用途": use}
        )
        model.quantities(
            f"room quantities/{name}",
            [space],
            "Qto_SpaceBaseQuantities",
            {"NetFloorArea": ("Area", area), "Height": ("Length", CLEAR)},
        )
    rows = ((10.9, 21.2),) if floor > 1 else ((21.2,),)
    for y in rows[0]:
        model.place(kinds["long"], f"long/{floor}/{y}", storey, (0.4, y, 0.0))
        start = 0.3 if y < 11.0 else 21.3
        for i in (1, 2, 3):
            if floor in GARDEN and i == 3 and y < 11.0:
                start = 0.35
            at = (0.3 + 10.8 * i, start, 0.0)
            model.place(kinds["across"], f"across/{floor}/{y}/{i}", storey, at, turn=90.0)
        for i in range(4):
            at = (2.0 + 10.8 * i, y - 0.03, 0.0)
            model.place(kinds["door"], f"door/{floor}/{y}/{i}", storey, at)


def _zone(office: _Office) -> None:
    """All rooms together are block A."""
    spaces = list(office.model.file.by_type("IfcSpace"))
    office.model.zone("block/A", "A座", spaces, LongName=f"{OFFICE.name}A座")


# -- particulars ----------------------------------------------------------------------------------


def _entrance(office: _Office) -> None:
    """Canopy, steps and revolving door of the south entrance."""
    model, storey = office.model, office.storeys[0]
    shapes = model.shapes
    canopy = [
        shapes.box((13.0, -3.6, 3.35), (18.0, 5.5, 0.16), "fin"),
        shapes.box((13.3, -3.3, 3.51), (17.4, 5.0, 0.05), "clear"),
        *(
            shapes.face_set(tube((x, -3.0, 3.5), (x, -0.1, 6.0), 0.05), "frame")
            for x in (15.0, 19.0, 25.0, 29.0)
        ),
    ]
    ring = [
        (22.0 + 1.7 * float(np.cos(a)), 2.0 + 1.7 * float(np.sin(a)))
        for a in np.arange(24) * np.pi / 12
    ]
    door = [
        shapes.prism(ring, 0.25, "frame", base=2.6),
        shapes.prism(ring, 0.04, "frame"),
        *(
            shapes.box((22.0 + x - 0.06, 2.0 + y - 0.06, 0.0), (0.12, 0.12, 2.6), "frame")
            for x, y in ((-1.6, 0.0), (1.6, 0.0), (0.0, -1.6), (0.0, 1.6), (0.0, 0.0))
        ),
        shapes.box((20.4, 1.98, 0.04), (3.2, 0.04, 2.56), "clear"),
        shapes.box((21.98, 0.4, 0.04), (0.04, 3.2, 2.56), "clear"),
    ]
    steps = [
        shapes.box(
            (8.0 - 0.4 * i, -2.4 - 0.4 * i, -1.0), (28.0 + 0.8 * i, 2.4 + 0.4 * i, z), "stone"
        )
        for i, z in enumerate((1.0, 0.85))
    ]
    model.single("IfcRoof", "canopy", storey, canopy, Name="主入口雨篷", PredefinedType="FLAT_ROOF")
    model.single(
        "IfcDoor",
        "revolving door",
        storey,
        door,
        Name="旋转门",
        PredefinedType="DOOR",
        OperationType="REVOLVING",
    )
    model.single(
        "IfcStair", "steps", storey, steps, Name="主入口台阶", PredefinedType="STRAIGHT_RUN_STAIR"
    )


def _garden(office: _Office) -> None:
    """Lawn, trees, glass balustrade and corner column of the sky garden."""
    model, storey = office.model, office.storeys[GARDEN[0] - 1]
    shapes = model.shapes
    lawn = [shapes.box((36.4, 0.4, 0.0), (7.2, 5.2, 0.25), "lawn")]
    model.single("IfcCovering", "lawn", storey, lawn, Name="空中花园", PredefinedType="FLOORING")
    rail = [
        shapes.box((36.0, 0.04, -0.55), (8.0, 0.06, 0.75), "spandrel"),
        shapes.box((43.9, 0.04, -0.55), (0.06, 6.0, 0.75), "spandrel"),
        shapes.box((36.0, 0.05, 0.2), (7.9, 0.03, 1.0), "clear"),
        shapes.box((43.91, 0.05, 0.2), (0.03, 6.0, 1.0), "clear"),
        shapes.box((36.0, 0.03, 1.2), (7.95, 0.07, 0.06), "frame"),
        shapes.box((43.89, 0.05, 1.2), (0.07, 6.0, 0.06), "frame"),
    ]
    model.single(
        "IfcRailing", "garden rail", storey, rail, Name="花园栏板", PredefinedType="GUARDRAIL"
    )
    column = [shapes.box((42.4, 0.8, 0.0), (0.8, 0.8, 2 * RISE - SLAB), "stone")]
    model.single("IfcColumn", "garden column", storey, column, Name="角柱", PredefinedType="COLUMN")
    for number, (x, y) in enumerate(((38.0, 1.8), (40.6, 3.4), (37.6, 4.6), (42.6, 4.7))):
        model.place(office.kinds["tree"], f"tree/{number}", storey, (x, y, 0.25))


def _roof(office: _Office) -> None:
    """Roof slab, glass crown, lift overrun and plant."""
    model, building, kinds = office.model, office.building, office.kinds
    shapes = model.shapes
    slab = shapes.prism(rectangle(0.12, 0.12, 43.76, 31.76), SLAB, "roof", base=ROOF - SLAB)
    model.single("IfcRoof", "roof", building, [slab], Name="屋面", PredefinedType="FLAT_ROOF")
    head = [
        shapes.box((CORE[0], CORE[1], ROOF), (CORE[2], CORE[3], 3.4), "plaster"),
        shapes.box((CORE[0] - 0.2, CORE[1] - 0.2, ROOF + 3.4), (13.6, 10.4, 0.25), "roof"),
        shapes.box((CORE[0] - 0.04, CORE[1] + 2.0, ROOF + 1.0), (13.28, 6.0, 1.6), "louvre"),
    ]
    model.single("IfcWall", "overrun", building, head, Name="电梯机房", PredefinedType="SOLIDWALL")
    crown = model.assembly("IfcCurtainWall", "curtain wall/crown", building, Name="屋顶幕墙")
    for number, (x, y, turn, side) in enumerate(_bays(_WHOLE)):
        at = (x, y, ROOF)
        model.place(kinds["crown"], f"crown/{number}", crown, at, turn=turn)
        fin = kinds["deep crown fin" if side else "crown fin"]
        model.place(fin, f"crown fin/{number}", crown, at, turn=turn)
    for number in range(4):
        at = (6.0 + 4.6 * (number % 2), 22.0 + 4.8 * (number // 2), ROOF)
        model.place(kinds["cooling"], f"cooling/{number}", building, at)
    for number in range(5):
        at = (31.5, 5.0 + 4.4 * number, ROOF)
        model.place(kinds["handler"], f"handler/{number}", building, at)


def _describe(office: _Office) -> None:
    model, building = office.model, office.building
    model.properties(
        "building/cim",
        [building],
        "CIM_楼栋",
        {
            "楼栋编码": BUILDING_CODE,
            "用途": "办公",
            "地上层数": FLOORS,
            "建筑高度": ("IfcLengthMeasure", model.shapes.length(HEIGHT)),
            "建成年份": 2021,
        },
    )
    model.properties(
        "building/common",
        [building],
        "Pset_BuildingCommon",
        {
            "Reference": ("IfcIdentifier", BUILDING_CODE),
            "NumberOfStoreys": FLOORS,
            "YearOfConstruction": "2021",
            "OccupancyType": "办公",
        },
    )
    area = OFFICE.width * OFFICE.depth
    model.quantities(
        "building/quantities",
        [building],
        "Qto_BuildingBaseQuantities",
        {
            "Height": ("Length", HEIGHT),
            "FootprintArea": ("Area", area),
            "GrossFloorArea": ("Area", area * FLOORS),
        },
    )
