"""The cable-stayed bridge 临江大桥 as IFC4X3, in metres: the landmark of the district.

The model's x axis runs east along the southern edge of the deck, y across, z = 0 is the ground at
the west end. Two lotus-shaped pylons carry a 220 m main span with 88 stays; the deck rises from the
banks to about 11 m above the water.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sample_data.district import BRIDGE, ground_height
from sample_data.ifc_shapes import Entity, Faces, loft, rectangle, tube
from sample_data.ifc_writing import Kind, ModelWriter

__all__ = ["BRIDGE_CODE", "WATER_TABLE", "deck_height", "write"]

BRIDGE_CODE = "429871QL0001"
WATER_TABLE = 18.5
"""1985 metres."""
LENGTH, WIDTH = BRIDGE.width, BRIDGE.depth
AXIS = WIDTH / 2
CROWN = 30.0
"""1985 height of the roadway at mid span, metres."""
PYLONS = (150.0, 370.0)
ABUTMENT = 46.0
"""Length of the abutments at either end, metres."""
PYLON_RISE = 62.0
"""Height of the pylons above the roadway, metres."""
SEGMENT = 20.0
STAYS = 11
_GROUND = round(float(ground_height(np.array(BRIDGE.easting), np.array(BRIDGE.northing))), 3)

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Bridge:
    """The writer, the bridge and its parts by name."""

    model: ModelWriter
    bridge: Entity
    parts: dict[str, Entity]


def deck_height(x: Array) -> Array:
    """Height of the roadway.

    Parameters
    ----------
    x : ndarray of float64
        Metres from the west end along the axis.

    Returns
    -------
    ndarray of float64
        1985 height, metres: the ground at both ends, :data:`CROWN` at mid span, below 4 % steep.
    """
    position = np.asarray(x, dtype=float)
    northing = BRIDGE.northing + AXIS
    ends = ground_height(
        BRIDGE.easting + np.array([0.0, LENGTH]), np.array([northing, northing])
    ) + 0.1  # fmt: skip
    base = ends[0] + (ends[1] - ends[0]) * position / LENGTH
    curve = 0.35
    share = np.hypot((position - LENGTH / 2) / (LENGTH / 2), curve)
    bump = 1.0 - (share - curve) / (np.hypot(1.0, curve) - curve)
    return np.asarray(base + (CROWN - ends.mean()) * bump, dtype=float)


def _z(x: Array | float) -> Array:
    """Model height of the roadway."""
    return deck_height(np.asarray(x, dtype=float)) - _GROUND


def write(path: Path) -> None:
    """Write the bridge.

    Parameters
    ----------
    path : Path
        The file to write; its bytes are the same on every run.
    """
    model = ModelWriter(BRIDGE.name, "IFC4X3", millimetres=False, site=BRIDGE, ground=_GROUND)
    _declare_styles(model)
    site = model.spatial("IfcSite", "site", model.project, Name="临江大桥桥址")
    bridge = model.spatial(
        "IfcBridge", "bridge", site, Name=BRIDGE.name, PredefinedType="CABLE_STAYED"
    )
    parts = {}
    for key, name, predefined in (
        ("substructure", "下部结构", "SUBSTRUCTURE"),
        ("west pylon", "西塔", "PYLON"),
        ("east pylon", "东塔", "PYLON"),
        ("superstructure", "上部结构", "SUPERSTRUCTURE"),
        ("deck", "桥面系", "DECK"),
    ):
        parts[key] = model.spatial(
            "IfcBridgePart",
            f"part/{key}",
            bridge,
            Name=name,
            UsageType="LONGITUDINAL" if key in ("superstructure", "deck") else "VERTICAL",
            PredefinedType=predefined,
        )
    work = _Bridge(model, bridge, parts)
    _girder(work)
    _substructure(work)
    _piers(work)
    for name, x in zip(("west pylon", "east pylon"), PYLONS, strict=True):
        _pylon(work, name, x)
        _stays(work, name, x)
    _furniture(work)
    _describe(work)
    model.write(path)


def _declare_styles(model: ModelWriter) -> None:
    for name, rgb, transparency, gloss in (
        ("pylon", (0.95, 0.95, 0.93), 0.0, 0.3),
        ("girder", (0.78, 0.83, 0.87), 0.0, 0.3),
        ("concrete", (0.72, 0.71, 0.68), 0.0, 0.1),
        ("asphalt", (0.24, 0.25, 0.27), 0.0, 0.1),
        ("walkway", (0.70, 0.42, 0.34), 0.0, 0.1),
        ("white", (0.97, 0.97, 0.97), 0.0, 0.2),
        ("yellow", (0.96, 0.77, 0.16), 0.0, 0.2),
        ("stay", (0.90, 0.92, 0.95), 0.0, 0.4),
        ("rail", (0.88, 0.90, 0.92), 0.0, 0.5),
        ("steel", (0.55, 0.58, 0.62), 0.0, 0.5),
        ("hedge", (0.33, 0.52, 0.25), 0.0, 0.0),
        ("gold", (0.86, 0.68, 0.28), 0.0, 0.8),
        ("lamp", (1.0, 0.96, 0.82), 0.0, 0.8),
    ):
        model.shapes.style(name, rgb, transparency, gloss)


# -- what runs along the deck ---------------------------------------------------------------------


def _along(start: float, end: float, profile: Sequence[tuple[float, float]]) -> Faces:
    """Profile (y across, z above the roadway) drawn along the deck between two stations."""
    stations = np.linspace(start, end, max(2, round((end - start) / 5.0) + 1))
    outline = np.asarray(profile, dtype=float)
    sections = np.empty((len(stations), len(outline), 3))
    sections[..., 0] = stations[:, None]
    sections[..., 1] = outline[None, :, 0]
    sections[..., 2] = outline[None, :, 1] + _z(stations)[:, None]
    return loft(sections)


def _bars(y: float, width: float, low: float, high: float) -> list[tuple[float, float]]:
    return rectangle(y, low, width, high - low)


def _girder(work: _Bridge) -> None:
    """Streamlined box girder with pavement, walkways, kerbs, hedge and markings, by segments."""
    model = work.model
    shapes = model.shapes
    box = [(0.0, 0.0), (0.0, -0.7), (5.5, -2.5), (20.5, -2.5), (26.0, -0.7), (26.0, 0.0)]
    count = round(LENGTH / SEGMENT)
    for number in range(count):
        start, end = number * SEGMENT, (number + 1) * SEGMENT
        label = f"{number + 1:02d}"

        def draw(y: float, width: float, low: float, high: float, style: str) -> Entity:
            return shapes.face_set(_along(start, end, _bars(y, width, low, high)), style)  # noqa: B023

        model.single(
            "IfcBeam",
            f"girder/{number}",
            work.parts["superstructure"],
            [shapes.face_set(_along(start, end, box), "girder")],
            material="钢箱梁 Q420qD",
            Name=f"主梁节段 {label}",
            PredefinedType="GIRDER_SEGMENT",
        )
        model.single(
            "IfcPavement",
            f"pavement/{number}",
            work.parts["deck"],
            [draw(3.4, 19.2, 0.0, 0.08, "asphalt"), *_markings(model, start, end)],
            material="沥青混凝土 SMA-13",
            Name=f"行车道铺装与标线 {label}",
            PredefinedType="FLEXIBLE",
        )
        model.single(
            "IfcPavement",
            f"walkway/{number}",
            work.parts["deck"],
            [draw(0.6, 2.4, 0.0, 0.2, "walkway"), draw(23.0, 2.4, 0.0, 0.2, "walkway")],
            material="彩色防滑铺装",
            Name=f"人行道 {label}",
            PredefinedType="RIGID",
        )
        model.single(
            "IfcKerb",
            f"kerb/{number}",
            work.parts["deck"],
            [
                draw(3.0, 0.4, 0.0, 0.55, "concrete"),
                draw(22.6, 0.4, 0.0, 0.55, "concrete"),
                draw(12.5, 1.0, 0.0, 0.40, "concrete"),
                draw(12.65, 0.7, 0.40, 0.95, "hedge"),
                draw(0.0, 0.6, 0.0, 0.25, "girder"),
                draw(25.4, 0.6, 0.0, 0.25, "girder"),
            ],
            material="混凝土 C40",
            Name=f"路缘与中央分隔带 {label}",
        )


def _markings(model: ModelWriter, start: float, end: float) -> list[Entity]:
    """Edge lines, and dashes between the lanes: 6 m long, 4 m apart."""
    shapes = model.shapes
    lines = [
        shapes.face_set(_along(start, end, _bars(y, 0.15, 0.08, 0.095)), style)
        for y, style in ((3.75, "white"), (12.1, "yellow"), (13.75, "yellow"), (22.1, "white"))
    ]
    lines += [
        shapes.face_set(_along(x, x + 6.0, _bars(y, 0.15, 0.08, 0.095)), "white")
        for x in np.arange(start + 2.0, end, 10.0)
        for y in (7.9, 17.95)
    ]
    return lines


# -- what stands below and above ------------------------------------------------------------------


def _substructure(work: _Bridge) -> None:
    """Abutments, and the pile caps of the pylons."""
    model = work.model
    shapes = model.shapes
    part = work.parts["substructure"]
    for side, start in (("west", 0.0), ("east", LENGTH - ABUTMENT)):
        stations = np.linspace(start, start + ABUTMENT, 10)
        outline = np.array([(1.2, 0.0), (24.8, 0.0), (24.8, -0.7), (1.2, -0.7)])
        sections = np.empty((10, 4, 3))
        sections[..., 0] = stations[:, None]
        sections[..., 1] = outline[:, 0]
        sections[:, :2, 2] = -4.0
        sections[:, 2:, 2] = (_z(stations) - 0.65)[:, None]
        model.single(
            "IfcWall",
            f"abutment/{side}",
            part,
            [shapes.face_set(loft(sections), "concrete")],
            material="混凝土 C40",
            Name="西桥台" if side == "west" else "东桥台",
            PredefinedType="RETAININGWALL",
        )
    water = WATER_TABLE - _GROUND
    for number, x in enumerate(PYLONS):
        ring = [(x + 7.5 * dx, AXIS + 17.0 * dy) for dx, dy in _OVAL]
        inner = [(x + 6.6 * dx, AXIS + 16.0 * dy) for dx, dy in _OVAL]
        model.single(
            "IfcFooting",
            f"pile cap/{number}",
            part,
            [
                shapes.prism(ring, 6.2, "concrete", base=water - 5.0),
                shapes.prism(inner, 0.5, "pylon", base=water + 1.2),
            ],
            material="混凝土 C40",
            Name="西塔承台" if number == 0 else "东塔承台",
            PredefinedType="PILE_CAP",
        )


def _piers(work: _Bridge) -> None:
    """Two columns with bearings at each of four stations on the banks."""
    model = work.model
    shapes = model.shapes
    part = work.parts["substructure"]
    for number, x in enumerate((72.0, 100.0, LENGTH - 100.0, LENGTH - 72.0)):
        top = float(_z(x)) - 2.5
        bed = ground_height(np.array(BRIDGE.easting + x), np.array(BRIDGE.northing + AXIS))
        foot = float(bed) - _GROUND - 1.0
        for column, y in enumerate((6.6, 16.4)):
            sections = np.array(
                [
                    [(x + dx * w, y + 1.5 + dy * w, z) for dx, dy in _OVAL]
                    for z, w in ((foot, 1.0), (top - 2.6, 1.0), (top - 1.0, 1.15), (top - 0.2, 1.7))
                ]
            )
            model.single(
                "IfcColumn",
                f"pier/{number}/{column}",
                part,
                [shapes.face_set(loft(sections), "concrete")],
                material="混凝土 C50",
                Name=f"{number + 1}号墩{'左' if column else '右'}柱",
                PredefinedType="PIERSTEM",
            )
            bearing = shapes.box((x - 0.6, y + 0.9, top - 0.2), (1.2, 1.2, 0.22), "steel")
            model.single(
                "IfcBearing",
                f"bearing/{number}/{column}",
                part,
                [bearing],
                material="球型钢支座",
                Name=f"{number + 1}号墩支座{column + 1}",
                PredefinedType="SPHERICAL",
            )


_ANGLES = np.arange(16) * np.pi / 8
_OVAL = [
    (round(float(np.sign(c) * abs(c) ** 0.6), 5), round(float(np.sign(s) * abs(s) ** 0.6), 5))
    for c, s in zip(np.cos(_ANGLES).round(12), np.sin(_ANGLES).round(12), strict=True)
]
"""Unit superellipse of 16 corners: a rectangle with generous corners."""


def _leg(height: Array) -> tuple[Array, Array, Array]:
    """Half distance of the legs' axes, and half sizes of a leg along and across.

    ``height`` is metres above the roadway: the legs spring from a narrow foot, pass outside the
    deck and close above it like a lotus bud.
    """
    above = np.clip(height / PYLON_RISE, 0.0, 1.0)
    below = np.clip(-height / 12.0, 0.0, 1.0)
    half = 15.4 * (1.0 - above**1.55) ** 0.85 * (1.0 - 0.42 * below**2) + 1.05
    along = 2.1 - 0.75 * above + 0.7 * below
    across = 1.45 - 0.45 * above + 0.35 * below
    return half, along, across


def _pylon(work: _Bridge, name: str, x: float) -> None:
    """Two curved legs, a cross beam under the deck, ties near the top, and a golden finial."""
    model = work.model
    shapes = model.shapes
    road = float(_z(x))
    foot = WATER_TABLE - _GROUND + 1.4 - road
    heights = np.concatenate([np.linspace(foot, 0.0, 10)[:-1], np.linspace(0.0, PYLON_RISE, 28)])
    half, along, across = _leg(heights)
    oval = np.array(_OVAL)
    for side, sign in (("south", -1.0), ("north", 1.0)):
        sections = np.empty((len(heights), len(oval), 3))
        sections[..., 0] = x + along[:, None] * oval[:, 0]
        sections[..., 1] = AXIS + sign * half[:, None] + across[:, None] * oval[:, 1]
        sections[..., 2] = (road + heights)[:, None]
        model.single(
            "IfcColumn",
            f"leg/{name}/{side}",
            work.parts[name],
            [shapes.face_set(loft(sections), "pylon")],
            material="混凝土 C55",
            Name="南塔肢" if sign < 0 else "北塔肢",
            PredefinedType="COLUMN",
        )
    for number, (level, deep) in enumerate(((-5.2, 2.4), (44.0, 1.6), (51.5, 1.4))):
        reach = float(_leg(np.array([level + deep / 2]))[0][0])
        wide = 3.0 if number == 0 else 1.8
        beam = shapes.box(
            (x - wide / 2, AXIS - reach, road + level), (wide, 2 * reach, deep), "pylon"
        )
        model.single(
            "IfcBeam",
            f"tie/{name}/{number}",
            work.parts[name],
            [beam],
            material="混凝土 C55",
            Name="下横梁" if number == 0 else f"上横梁 {number}",
            PredefinedType="PIERCAP" if number == 0 else "BEAM",
        )
    top = road + PYLON_RISE
    rings = ((-3.5, 1.9), (0.6, 2.0), (1.6, 1.5), (3.0, 1.1), (7.5, 0.25))
    finial = np.array(
        [[(x + r * dx, AXIS + r * dy, top + z) for dx, dy in _OVAL] for z, r in rings]
    )
    model.single(
        "IfcMember",
        f"finial/{name}",
        work.parts[name],
        [shapes.face_set(loft(finial), "gold")],
        material="铜合金",
        Name="塔冠",
        PredefinedType="MEMBER",
    )


def _stays(work: _Bridge, name: str, x: float) -> None:
    """Two inclined planes of stays towards either side of a pylon, with their deck anchors."""
    model = work.model
    shapes = model.shapes
    road = float(_z(x))
    for side, sign in (("south", -1.0), ("north", 1.0)):
        for way, direction in (("west", -1.0), ("east", 1.0)):
            for number in range(STAYS):
                level = 27.0 + 2.45 * number
                half = float(_leg(np.array([level]))[0][0])
                head = (x + direction * 1.2, AXIS + sign * half, road + level)
                foot_x = x + direction * (17.0 + 8.6 * number)
                foot_y = AXIS + sign * (AXIS - 0.3)
                foot = (foot_x, foot_y, float(_z(foot_x)) + 0.1)
                arrow = np.subtract(head, foot) / np.linalg.norm(np.subtract(head, foot))
                socket = tube(foot, np.add(foot, 2.6 * arrow), 0.2, 8)
                model.single(
                    "IfcMember",
                    f"stay/{name}/{side}/{way}/{number}",
                    work.parts["superstructure"],
                    [
                        shapes.face_set(tube(foot, head, 0.11), "stay"),
                        shapes.face_set(socket, "steel"),
                    ],
                    material="平行钢丝斜拉索",
                    Name=f"{name[0].upper()}{'S' if sign < 0 else 'N'}"
                    f"{'W' if direction < 0 else 'E'}{number + 1:02d}",
                    Description="斜拉索",
                    PredefinedType="STAY_CABLE",
                )


def _furniture(work: _Bridge) -> None:
    """Railings in pieces of 10 m and street lamps every 20 m, all from two shared shapes."""
    model = work.model
    shapes = model.shapes
    posts = [
        shapes.box((x, -0.04, 0.0), (0.08, 0.08, 1.15), "rail") for x in np.arange(0.0, 10.0, 2.0)
    ]
    bars = [
        shapes.box((0.0, -0.03, z), (10.02, 0.06, 0.06), "rail") for z in (0.2, 0.48, 0.76, 1.1)
    ]
    railing = model.kind(
        "IfcRailing", "人行道栏杆 10 m", [*posts, *bars], predefined="GUARDRAIL", material="不锈钢"
    )
    lamp = _lamp(model)
    for number in range(round(LENGTH / 10.0)):
        x = 10.0 * number
        start, end = float(_z(x)), float(_z(x + 10.0))
        slope = np.arctan2(end - start, 10.0)
        c, s = float(np.cos(slope)), float(np.sin(slope))
        for side, y in enumerate((0.15, WIDTH - 0.15)):
            axes = shapes.axes((x, y, start + 0.25), axis=(-s, 0.0, c), ref=(c, 0.0, s))
            model.place(railing, f"railing/{number}/{side}", work.parts["deck"], axes=axes)
    for number in range(round(LENGTH / SEGMENT)):
        x = 10.0 + SEGMENT * number
        for side, (y, turn) in enumerate(((3.2, 0.0), (WIDTH - 3.2, 180.0))):
            at = (x, y, float(_z(x)) + 0.5)
            model.place(
                lamp,
                f"lamp/{number}/{side}",
                work.parts["deck"],
                at,
                turn=turn,
                name=f"路灯 {number + 1:02d}{'南' if side == 0 else '北'}",
            )


def _lamp(model: ModelWriter) -> Kind:
    """A street lamp 9 m high whose arm reaches towards +y."""
    shapes = model.shapes
    items = [
        shapes.face_set(tube((0, 0, 0), (0, 0, 8.4), 0.09, 8), "rail"),
        shapes.face_set(tube((0, 0, 8.3), (0, 2.4, 9.1), 0.06, 6), "rail"),
        shapes.box((-0.18, 1.9, 8.98), (0.36, 1.1, 0.14), "rail"),
        shapes.box((-0.14, 1.95, 8.94), (0.28, 1.0, 0.04), "lamp"),
    ]
    return model.kind(
        "IfcLightFixture", "单臂路灯 9 m", items, predefined="POINTSOURCE", material="镀锌钢"
    )


def _describe(work: _Bridge) -> None:
    model = work.model
    model.properties(
        "bridge/cim",
        [work.bridge],
        "CIM_桥梁",
        {
            "桥梁编码": BRIDGE_CODE,
            "桥型": "双塔双索面斜拉桥",
            "全长": ("IfcLengthMeasure", LENGTH),
            "主跨": ("IfcLengthMeasure", PYLONS[1] - PYLONS[0]),
            "桥宽": ("IfcLengthMeasure", WIDTH),
            "车道数": 4,
            "建成年份": 2019,
        },
    )
