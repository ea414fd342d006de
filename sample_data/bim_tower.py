"""The residential tower 临江花园5号楼 as IFC4: 2 units × 18 storeys × 4 flats, in millimetres.

Plan of one unit, 19 m wide, x to the east and y to the north (metres)::

    15.0  ┌──────────┬────────────────┬──────────┐
          │          │ stairs │ lifts │          │
     9.4  │   01     ├────────┬───────┤    04    │
          │          │  02    │   03  │          │
     1.5  ├────┐balc.│balc. ┌─┐ balc.│balc.┌────┤
     0.6  └bay─┘     └──────┘ └──────┘     └─bay┘
          0    2.7   5.7    8.7 10.3  13.3  16.3 19

Only the two entrances are real openings with booleans; all other walls bring their holes along.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from sample_data.bim_tower_shapes import (
    CLEAR,
    HOLES,
    RISE,
    SKIN,
    SLAB,
    declare_styles,
    tower_kinds,
)
from sample_data.district import SEED, TOWER, ground_height
from sample_data.ifc_shapes import Entity, Point, rectangle
from sample_data.ifc_writing import Kind, ModelWriter

__all__ = ["BUILDING_CODE", "HEIGHT", "write"]

BUILDING_CODE = "429871LJ0005"
FLOORS = TOWER.floors
PLINTH = 0.45
ROOF = PLINTH + FLOORS * RISE
UNIT = TOWER.width / 2
HEIGHT = round(ROOF + 1.3, 2)
"""Metres from the ground to the top of the parapet."""
FLATS: tuple[tuple[tuple[float, float], ...], ...] = (
    ((0.2, 0.8), (2.5, 0.8), (2.5, 1.7), (5.6, 1.7), (5.6, 14.8), (0.2, 14.8)),
    ((5.8, 1.7), (9.4, 1.7), (9.4, 9.3), (5.8, 9.3)),
    ((9.6, 1.7), (13.2, 1.7), (13.2, 9.3), (9.6, 9.3)),
    ((13.4, 1.7), (16.5, 1.7), (16.5, 0.8), (18.8, 0.8), (18.8, 14.8), (13.4, 14.8)),
)
"""Inner outlines of the flats 01 … 04 of a unit, counter-clockwise."""
_OUTSIDE = (
    ("bay", 0.0, 0.6, 0.0),
    ("cheek", 2.7, 0.6, 90.0),
    ("living", 2.7, 1.5, 0.0),
    ("living", 5.7, 1.5, 0.0),
    ("niche", 8.7, 1.5, 0.0),
    ("living", 10.3, 1.5, 0.0),
    ("living", 13.3, 1.5, 0.0),
    ("cheek", 16.3, 1.5, 270.0),
    ("bay", 16.3, 0.6, 0.0),
    ("north", 5.7, 15.0, 180.0),
    ("north", 19.0, 15.0, 180.0),
    ("stair", 13.3, 14.6, 180.0),
)
"""Exterior panels of a unit and storey: kind, position, turn in degrees."""
_INSIDE = (
    ("party", 5.7, 1.7, 90.0),
    ("party", 9.5, 1.7, 90.0),
    ("party", 13.3, 1.7, 90.0),
    ("front", 5.8, 9.4, 0.0),
    ("front", 9.5, 9.4, 0.0),
    ("side", 5.7, 9.3, 90.0),
    ("side", 13.3, 9.3, 90.0),
)
_STAIRS = rectangle(5.85, 12.1, 2.9, 2.35)
_LIFTS = rectangle(10.65, 12.15, 2.4, 2.1)


@dataclass(frozen=True, slots=True)
class _Tower:
    """The writer, the shared shapes and the spatial elements."""

    model: ModelWriter
    kinds: dict[str, Kind]
    building: Entity
    storeys: list[Entity]

    def put(
        self,
        kind: str,
        key: str,
        parent: Entity,
        at: Point,
        turn: float = 0.0,
        name: str | None = None,
    ) -> Entity:
        return self.model.place(self.kinds[kind], key, parent, at, turn=turn, name=name)


def write(path: Path) -> None:
    """Write the tower.

    Parameters
    ----------
    path : Path
        The file to write; its bytes are the same on every run.
    """
    ground = round(float(ground_height(np.array(TOWER.easting), np.array(TOWER.northing))), 3)
    model = ModelWriter(TOWER.name, "IFC4", millimetres=True, site=TOWER, ground=ground)
    declare_styles(model)
    levels = [PLINTH + floor * RISE for floor in range(FLOORS)]
    building, storeys = model.storeyed_building("临江花园", TOWER.name, levels)
    tower = _Tower(model, tower_kinds(model), building, storeys)
    _slabs(tower)
    for floor in range(1, FLOORS + 1):
        _walls(tower, floor)
        _balconies(tower, floor)
        _core(tower, floor)
    _rooms(tower)
    _entrances(tower)
    _roof(tower)
    _describe(tower)
    model.write(path)


def _outline() -> shapely.Polygon:
    """Outer edge of a floor of the whole tower, balconies left out."""
    south = [(0.0, 0.6), (2.7, 0.6), (2.7, 1.5), (16.3, 1.5), (16.3, 0.6)]
    ring = [(x + u, y) for u in (0.0, UNIT) for x, y in south]
    ring += [(38.0, 0.6), (38.0, 15.0)]
    for u in (UNIT, 0.0):
        ring += [(u + 13.3, 15.0), (u + 13.3, 14.6), (u + 5.7, 14.6), (u + 5.7, 15.0)]
    return shapely.Polygon([*ring, (0.0, 15.0)])


def _open(polygon: shapely.Polygon) -> list[tuple[float, float]]:
    """Exterior corners, counter-clockwise, not closed, rounded to a tenth of a millimetre."""
    corners = shapely.get_coordinates(shapely.orient_polygons(polygon).exterior)[:-1]
    return [(round(float(x), 4), round(float(y), 4)) for x, y in corners]


def _grown(polygon: shapely.Polygon, metres: float) -> list[tuple[float, float]]:
    return _open(shapely.buffer(polygon, metres, join_style="mitre"))


def _slabs(tower: _Tower) -> None:
    """Floors (with the holes of stairs and lifts above the ground floor), plinth and roof slab."""
    model = tower.model
    outline = _outline()
    edge = _grown(outline, 0.03)
    holes = [[(x + u, y) for x, y in ring] for u in (0.0, UNIT) for ring in (_STAIRS, _LIFTS)]
    floor_slab = model.kind(
        "IfcSlab",
        "楼板 140",
        [model.shapes.prism(edge, SLAB, "band", base=-SLAB, holes=holes)],
        predefined="FLOOR",
        material="钢筋混凝土 C35",
        properties={"Pset_SlabCommon": {"IsExternal": False, "LoadBearing": True}},
    )
    for floor in range(2, FLOORS + 1):
        model.place(floor_slab, f"slab/{floor}", tower.storeys[floor - 1])
    model.single(
        "IfcSlab",
        "slab/1",
        tower.storeys[0],
        [model.shapes.prism(_grown(outline, 0.08), 1.3, "base", base=-1.3)],
        material="钢筋混凝土 C35",
        Name="底板与勒脚",
        PredefinedType="BASESLAB",
    )


def _turned(origin: Point, turn: float, along: float, up: float) -> Point:
    """A point on a wall: ``along`` metres from its origin, ``up`` above it."""
    angle = np.deg2rad(turn)
    return (
        round(origin[0] + along * float(np.cos(angle)), 6),
        round(origin[1] + along * float(np.sin(angle)), 6),
        origin[2] + up,
    )


def _walls(tower: _Tower, floor: int) -> None:
    """Walls of a storey with what fills them."""
    storey = tower.storeys[floor - 1]
    zone = "base" if floor <= 2 else "crown" if floor >= FLOORS - 1 else "body"
    panels = [
        (f"{kind}/{zone}", kind, x + u * UNIT, y, turn)
        for u in (0, 1)
        for kind, x, y, turn in _OUTSIDE
        if not (kind == "stair" and floor == 1)
    ]
    panels += [(kind, kind, x + u * UNIT, y, turn) for u in (0, 1) for kind, x, y, turn in _INSIDE]
    panels += [
        (f"gable/{zone}", "gable", 0.0, 14.8, 270.0),
        (f"gable/{zone}", "gable", TOWER.width, 0.8, 90.0),
        ("mid", "mid", UNIT, 0.8, 90.0),
    ]
    for number, (shape, kind, x, y, turn) in enumerate(panels):
        key = f"{floor}/{number}"
        tower.put(shape, f"wall/{key}", storey, (x, y, 0.0), turn=turn)
        for hole, (filling, along, up, _, _) in enumerate(HOLES[kind]):
            at = _turned((x, y, 0.0), turn, along, up)
            tower.put(filling, f"filling/{key}/{hole}", storey, at, turn=turn)


def _balconies(tower: _Tower, floor: int) -> None:
    """Balconies, their railings or glazing, and the air conditioners between them."""
    storey = tower.storeys[floor - 1]
    chance = np.random.default_rng([SEED, 5, floor])
    for unit in (0, 1):
        u = unit * UNIT
        for number, x in enumerate((2.7, 5.7, 10.3, 13.3)):
            key = f"{floor}/{unit}/{number}"
            tower.put("balcony", f"balcony/{key}", storey, (x + u, 1.5, 0.0))
            glazed = chance.random() < 0.4
            front = "enclosure" if glazed else "railing"
            tower.put(front, f"front/{key}", storey, (x + u, 1.5, 0.0))
        for number, x in enumerate((2.7, 5.64, 8.58, 10.3, 13.24, 16.18)):
            tower.put("fin", f"fin/{floor}/{unit}/{number}", storey, (x + u, 1.5, 0.0))
        tower.put("louvre", f"louvre/{floor}/{unit}", storey, (8.7 + u, 0.6, 0.0))
        for number, x in enumerate((8.74, 9.52)):
            tower.put("aircon", f"aircon/{floor}/{unit}/{number}", storey, (x + u, 0.9, 0.0))


def _core(tower: _Tower, floor: int) -> None:
    """Stairs, lift shaft and lift doors of a storey."""
    storey = tower.storeys[floor - 1]
    for unit in (0, 1):
        u = unit * UNIT
        key = f"{floor}/{unit}"
        tower.put("stairs", f"stairs/{key}", storey, (5.85 + u, 12.1, 0.0))
        tower.put("shaft", f"shaft/{key}", storey, (10.5 + u, 12.0, 0.0))
        for number, x in enumerate((10.7, 12.0)):
            at = (x + u, 11.95, 0.0)
            tower.put("lift door", f"lift/{key}/{number}", storey, at)


def _rooms(tower: _Tower) -> None:
    """One space per flat, numbered 101 … 1804 in each unit; a zone per unit groups them."""
    model = tower.model
    shapes = [
        model.kind(
            "IfcSpace",
            f"户型 {number:02d}",
            [model.shapes.prism(ring, CLEAR, "room")],
            predefined="SPACE",
        )
        for number, ring in enumerate(FLATS, start=1)
    ]
    areas = [round(float(shapely.Polygon(ring).area), 2) for ring in FLATS]
    by_flat: list[list[Entity]] = [[] for _ in FLATS]
    for unit in (1, 2):
        spaces = []
        for floor in range(1, FLOORS + 1):
            for flat, shape in enumerate(shapes, start=1):
                room = f"{floor}{flat:02d}"
                space = model.place(
                    shape,
                    f"space/{unit}/{room}",
                    tower.storeys[floor - 1],
                    ((unit - 1) * UNIT, 0.0, 0.0),
                    name=room,
                    LongName="住宅",
                    CompositionType="ELEMENT",
                )
                model.properties(
                    f"flat/{unit}/{room}",
                    [space],
                    "CIM_户室",
                    {"单元": f"{unit}单元", "楼层": f"{floor}层", "房号": room, "用途": "住宅"},
                )
                spaces.append(space)
                by_flat[flat - 1].append(space)
        model.zone(f"unit/{unit}", f"{unit}单元", spaces, LongName=f"{TOWER.name}{unit}单元")
    for flat, spaces in enumerate(by_flat, start=1):
        area = areas[flat - 1]
        model.quantities(
            f"space quantities/{flat}",
            spaces,
            "Qto_SpaceBaseQuantities",
            {
                "NetFloorArea": ("Area", area),
                "Height": ("Length", CLEAR),
                "NetVolume": ("Volume", round(area * CLEAR, 2)),
            },
        )


def _entrances(tower: _Tower) -> None:
    """North walls of the ground floor with real openings, glass doors, canopies and steps."""
    model, storey = tower.model, tower.storeys[0]
    shapes = model.shapes
    canopy = [
        shapes.box((-1.2, -0.2, 2.75), (4.0, 2.6, 0.22), "roof"),
        shapes.box((-1.2, 2.2, 2.55), (4.0, 0.2, 0.42), "band"),
        shapes.box((-1.0, 2.0, -0.45), (0.35, 0.35, 3.2), "base"),
        shapes.box((2.25, 2.0, -0.45), (0.35, 0.35, 3.2), "base"),
    ]
    steps = [
        shapes.box((-1.2, 0.0, -1.0), (4.0, 2.6 + 0.3 * i, 1.0 - 0.15 * (i + 1) + 0.15), "concrete")
        for i in range(3)
    ]
    canopy_kind = model.kind("IfcRoof", "单元入口雨篷", canopy, predefined="FLAT_ROOF")
    steps_kind = model.kind("IfcStair", "单元入口台阶", steps, predefined="STRAIGHT_RUN_STAIR")
    for unit in (0, 1):
        u = unit * UNIT
        axes = shapes.turned((13.3 + u, 14.6, 0.0), 180.0)
        wall = model.single(
            "IfcWall",
            f"entrance wall/{unit}",
            storey,
            [shapes.panel(rectangle(0.0, 0.0, 7.6, CLEAR), SKIN, "base")],
            material="钢筋混凝土 C35",
            Name=f"{unit + 1}单元入口墙",
            PredefinedType="SOLIDWALL",
            ObjectPlacement=model.placement(storey, axes),
        )
        door = tower.put(
            "lobby door",
            f"lobby door/{unit}",
            storey,
            (10.35 + u, 14.6, 0.0),
            turn=180.0,
            name=f"{unit + 1}单元门",
        )
        hole = [shapes.box((0.0, -0.1, 0.0), (1.5, SKIN + 0.2, 2.3), "base")]
        model.opening(f"entrance/{unit}", wall, hole, (2.95, 0.0, 0.0), door)
        at = (8.8 + u, 14.6, 0.0)
        model.place(canopy_kind, f"canopy/{unit}", storey, at)
        model.place(steps_kind, f"steps/{unit}", storey, at)


def _roof(tower: _Tower) -> None:
    """Roof slab, parapet, crown, lift heads, solar heaters, flues."""
    model, building = tower.model, tower.building
    shapes = model.shapes
    outline = _outline()
    head = rectangle(5.5, 9.2, 8.0, 5.4)
    items = [
        ("IfcRoof", "roof", "屋面", "FLAT_ROOF", [
            shapes.prism(_grown(outline, 0.03), SLAB, "roof", base=ROOF - SLAB)]),
        ("IfcWall", "parapet", "女儿墙", "PARAPET", [
            shapes.prism(_open(outline), 1.18, "crown", base=ROOF, holes=[_grown(outline, -SKIN)]),
            shapes.prism(_grown(outline, 0.06), 0.12, "roof", base=ROOF + 1.18,
                         holes=[_grown(outline, -SKIN - 0.06)])]),
    ]  # fmt: skip
    for unit in (0, 1):
        ring = [(x + unit * UNIT, y) for x, y in head]
        cap = _grown(shapely.Polygon(ring), 0.35)
        core = [
            shapes.prism(ring, 4.4, "body", base=ROOF),
            shapes.prism(_grown(shapely.Polygon(ring), 0.05), 0.9, "louvre", base=ROOF + 2.9),
            shapes.prism(cap, 0.3, "roof", base=ROOF + 4.4),
        ]
        items.append(("IfcWall", f"head/{unit}", f"{unit + 1}单元电梯机房", "SOLIDWALL", core))
        beam = [shapes.box((unit * UNIT + 0.1, 0.6, ROOF + 3.4), (18.8, 0.4, 0.55), "crown")]
        items.append(("IfcBeam", f"crown/{unit}", "构架主梁", "BEAM", beam))
    for occurrence, key, name, predefined, solids in items:
        model.single(
            occurrence,
            key,
            building,
            solids,
            material="钢筋混凝土 C35",
            Name=name,
            PredefinedType=predefined,
        )
    for unit in (0, 1):
        u = unit * UNIT
        for number, x in enumerate((0.1, 2.4, 16.2, 18.5)):
            tower.put("post", f"post/{unit}/{number}", building, (x + u, 0.6, ROOF))
        for number in range(9):
            at = (u + 0.4 + 2.2 * number, 0.6, ROOF + 3.45)
            tower.put("joist", f"joist/{unit}/{number}", building, at)
        for number in range(8):
            at = (u + 1.0 + 2.15 * number, 6.9, ROOF)
            tower.put("heater", f"heater/{unit}/{number}", building, at)
        for number, x in enumerate((1.2, 16.9)):
            tower.put("vent", f"vent/{unit}/{number}", building, (x + u, 12.5, ROOF))


def _describe(tower: _Tower) -> None:
    """Property and quantity sets of building and storeys."""
    model, building = tower.model, tower.building
    model.properties(
        "building/cim",
        [building],
        "CIM_楼栋",
        {
            "楼栋编码": BUILDING_CODE,
            "用途": "住宅",
            "地上层数": FLOORS,
            "建筑高度": ("IfcLengthMeasure", model.shapes.length(HEIGHT)),
            "单元数": 2,
            "建成年份": 2016,
            "小区": "临江花园",
        },
    )
    model.properties(
        "building/common",
        [building],
        "Pset_BuildingCommon",
        {
            "Reference": ("IfcIdentifier", BUILDING_CODE),
            "NumberOfStoreys": FLOORS,
            "YearOfConstruction": "2016",
            "OccupancyType": "住宅",
        },
    )
    area = round(float(_outline().area), 2)
    model.quantities(
        "building/quantities",
        [building],
        "Qto_BuildingBaseQuantities",
        {
            "Height": ("Length", HEIGHT),
            "FootprintArea": ("Area", area),
            "GrossFloorArea": ("Area", round(area * FLOORS, 2)),
        },
    )
    model.quantities(
        "storey/quantities",
        tower.storeys,
        "Qto_BuildingStoreyBaseQuantities",
        {"GrossHeight": ("Length", RISE), "GrossFloorArea": ("Area", area)},
    )
