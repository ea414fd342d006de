"""The old neighbourhood 江畔里 of the district as CityJSON 2.0: LoD1 blocks and LoD2.2 roof shapes.

:func:`footprints` is the plan everybody shares (the footprint layer holds the same rings, codes and
heights); :func:`write` raises closed solids over it. EPSG:4547 metres, 1985 heights.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sample_data.district import CITYJSON_BLOCK, ground_height
from sample_data.roof_shapes import Face, block, court, flat, gable, hip

__all__ = ["footprints", "write"]

Roof = Literal["gable", "hip", "flat"]
STOREY_HEIGHT = 3.0
PLINTH = 0.45
PITCH = 0.47
"""Rise over run of every pitched roof, about 25 degrees."""
PARAPET = 1.1
"""Height of a flat roof's parapet above the roof, metres; counted in ``height_m``."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """One building: rectangle in block-local metres, then what makes it special."""

    name: str
    x: float
    y: float
    width: float
    depth: float
    floors: int
    roof: Roof
    usage: str
    year: int
    notch: tuple[float, float] | None = None
    """(width, depth) cut out of the north-east corner: an L."""
    court: float | None = None
    """Width of the wings around a courtyard."""
    annex: tuple[float, float, int] | None = None
    """(width, depth, floors) of a lower part that adjoins the east wall, flush in the south."""


def _slab(number: int, x: float, y: float, floors: int, roof: Roof, year: int) -> _Plan:
    return _Plan(f"江畔里{number}号楼", x, y, 48.0, 12.6, floors, roof, "住宅", year)


_PLANS: tuple[_Plan, ...] = (
    _slab(1, 12, 14, 6, "gable", 1994),
    _slab(2, 12, 52, 6, "gable", 1994),
    _slab(3, 12, 90, 6, "gable", 1995),
    _slab(4, 12, 128, 6, "gable", 1995),
    _slab(5, 12, 166, 6, "gable", 1996),
    _slab(6, 12, 204, 7, "gable", 1997),
    _slab(7, 72, 14, 6, "hip", 1998),
    _slab(8, 72, 52, 6, "hip", 1998),
    _slab(9, 72, 90, 6, "hip", 1998),
    _slab(10, 72, 128, 6, "hip", 1999),
    _slab(11, 72, 166, 7, "hip", 1999),
    _slab(12, 72, 204, 11, "flat", 2008),
    _slab(13, 180, 14, 6, "gable", 2000),
    _slab(14, 180, 52, 6, "gable", 2000),
    _slab(15, 180, 90, 11, "flat", 2006),
    _slab(16, 180, 128, 11, "flat", 2006),
    _slab(17, 180, 166, 11, "flat", 2007),
    _slab(18, 180, 204, 11, "flat", 2007),
    _Plan("江畔里幼儿园", 131, 12, 38, 27, 3, "flat", "教育", 2003, notch=(24, 14)),
    _Plan("江畔里菜市场", 131, 52, 38, 20, 2, "hip", "商业", 2001),
    _Plan("临江书院", 131, 88, 38, 31, 2, "gable", "文化", 1988, court=8.4),
    _Plan("江畔里社区服务中心", 131, 132, 22, 15, 4, "flat", "办公", 2011, annex=(16, 11, 2)),
    _Plan("江畔里卫生服务站", 135, 168, 26, 14, 3, "hip", "医疗", 2005),
    _Plan("江畔里物业楼", 134, 206, 30, 11, 2, "gable", "办公", 2002),
)


def _rectangle(x: float, y: float, width: float, depth: float) -> NDArray[np.float64]:
    """Closed counter-clockwise ring, shape (5, 2)."""
    return np.array(
        [[x, y], [x + width, y], [x + width, y + depth], [x, y + depth], [x, y]], dtype=float
    )


def _outline(plan: _Plan) -> NDArray[np.float64]:
    """Outer ring of a plan in block-local metres, closed, counter-clockwise."""
    x, y, w, d = plan.x, plan.y, plan.width, plan.depth
    if plan.notch is not None:
        cut_w, cut_d = plan.notch
        ring = [
            (x, y),
            (x + w, y),
            (x + w, y + d - cut_d),
            (x + w - cut_w, y + d - cut_d),
            (x + w - cut_w, y + d),
            (x, y + d),
            (x, y),
        ]
        return np.array(ring, dtype=float)
    if plan.annex is not None:
        add_w, add_d, _ = plan.annex
        ring = [
            (x, y),
            (x + w + add_w, y),
            (x + w + add_w, y + add_d),
            (x + w, y + add_d),
            (x + w, y + d),
            (x, y + d),
            (x, y),
        ]
        return np.array(ring, dtype=float)
    return _rectangle(x, y, w, d)


def _eaves(plan: _Plan) -> float:
    """Eaves (pitched) or roof level (flat) above the ground, metres."""
    return PLINTH + plan.floors * STOREY_HEIGHT


def _height(plan: _Plan) -> float:
    """Highest point above the ground, metres, without stair heads on flat roofs."""
    if plan.roof == "flat":
        return round(_eaves(plan) + PARAPET, 2)
    span = plan.court if plan.court is not None else min(plan.width, plan.depth)
    return round(_eaves(plan) + PITCH * span / 2, 2)


def footprints() -> list[dict[str, Any]]:
    """Buildings of the block as the footprint layer shall hold them.

    Returns
    -------
    list of dict
        ``code`` (楼栋编码), ``name``, ``ring`` (float64 (n, 2), EPSG:4547, closed, counter-
        clockwise), ``holes`` (list of such rings, clockwise, mostly empty), ``height_m`` (metres
        above ground), ``floors``, ``roof`` ("gable", "hip" or "flat"), ``ground_1985`` (1985
        metres at the lowest corner), ``usage``, ``year_built``.

    Examples
    --------
    >>> block = footprints()
    >>> len(block), block[0]["code"], block[0]["name"]
    (24, '429871CJ0001', '江畔里1号楼')
    """
    origin = np.array(CITYJSON_BLOCK[:2])
    out: list[dict[str, Any]] = []
    for number, plan in enumerate(_PLANS, start=1):
        ring = _outline(plan) + origin
        holes = []
        if plan.court is not None:
            inner = _rectangle(
                plan.x + plan.court,
                plan.y + plan.court,
                plan.width - 2 * plan.court,
                plan.depth - 2 * plan.court,
            )
            holes.append(inner[::-1] + origin)
        out.append(
            {
                "code": f"429871CJ{number:04d}",
                "name": plan.name,
                "ring": ring,
                "holes": holes,
                "height_m": _height(plan),
                "floors": plan.floors,
                "roof": plan.roof,
                "ground_1985": round(float(ground_height(ring[:, 0], ring[:, 1]).min()), 3),
                "usage": plan.usage,
                "year_built": plan.year,
            }
        )
    return out


# -- solids ---------------------------------------------------------------------------------------

_SURFACES = ("GroundSurface", "WallSurface", "RoofSurface")
_WALLS = ((0.87, 0.80, 0.69), (0.80, 0.72, 0.62), (0.91, 0.88, 0.82), (0.76, 0.55, 0.45))
_ROOFS = {"gable": (0.58, 0.30, 0.24), "hip": (0.36, 0.42, 0.50), "flat": (0.62, 0.63, 0.64)}
SCALE = 0.001
"""Metres per step of the quantised vertices."""


def _corners(ring: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Open counter-clockwise ring as plain pairs."""
    closed = ring[:-1].tolist()
    x, y = ring[:-1].T
    area = float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
    return [(a, b) for a, b in (closed if area > 0 else closed[::-1])]


def _flat_part(outline: list[tuple[float, float]], low: float, floors: int) -> list[Face]:
    """Flat-roofed part with a stair head near its south-west corner."""
    roof = low + PLINTH + floors * STOREY_HEIGHT
    x, y = outline[0]
    head = [(x + a, y + b) for a, b in ((2.4, 3.2), (5.6, 3.2), (5.6, 8.6), (2.4, 8.6))]
    return flat(outline, low, roof, roof + PARAPET, head, roof + 2.7)


def _detailed(plan: _Plan, building: dict[str, Any]) -> list[Face]:
    """LoD2.2 shell of a building without parts."""
    outline, low = _corners(building["ring"]), building["ground_1985"]
    if plan.roof == "flat":
        return _flat_part(outline, low, plan.floors)
    eaves, ridge = low + _eaves(plan), low + building["height_m"]
    if plan.court is not None:
        return court(outline, _corners(building["holes"][0]), low, eaves, ridge)
    return (gable if plan.roof == "gable" else hip)(outline, low, eaves, ridge)


class _Vertices:
    """Quantised vertices, each once, in order of first use."""

    def __init__(self) -> None:
        self.index: dict[tuple[int, int, int], int] = {}
        self.translate = (CITYJSON_BLOCK[0], CITYJSON_BLOCK[1], 0.0)

    def number(self, corner: tuple[float, float, float]) -> int:
        key = tuple(
            round((value - shift) / SCALE)
            for value, shift in zip(corner, self.translate, strict=True)
        )
        return self.index.setdefault((key[0], key[1], key[2]), len(self.index))

    def boundaries(self, faces: Sequence[Face]) -> list[list[list[int]]]:
        return [[[self.number(c) for c in ring] for ring in face.rings] for face in faces]


def _geometry(
    vertices: _Vertices, faces: Sequence[Face], lod: str, materials: tuple[int, int]
) -> dict[str, Any]:
    """A Solid with semantic surfaces; ``materials`` are the numbers of wall and roof."""
    surfaces = [_SURFACES.index(face.surface) for face in faces]
    colours = [materials[1] if number == 2 else materials[0] for number in surfaces]
    return {
        "type": "Solid",
        "lod": lod,
        "boundaries": [vertices.boundaries(faces)],
        "semantics": {"surfaces": [{"type": name} for name in _SURFACES], "values": [surfaces]},
        "material": {"visual": {"values": [colours]}},
    }


def _open_shell(geometry: dict[str, Any]) -> dict[str, Any]:
    """The same surfaces without the ground, as a MultiSurface: what photogrammetry delivers."""
    values = geometry["semantics"]["values"][0]
    keep = [i for i, value in enumerate(values) if value != 0]
    colours = geometry["material"]["visual"]["values"][0]
    return {
        "type": "MultiSurface",
        "lod": geometry["lod"],
        "boundaries": [geometry["boundaries"][0][i] for i in keep],
        "semantics": {
            "surfaces": [{"type": name} for name in _SURFACES[1:]],
            "values": [values[i] - 1 for i in keep],
        },
        "material": {"visual": {"values": [colours[i] for i in keep]}},
    }


def _attributes(building: dict[str, Any]) -> dict[str, Any]:
    return {
        "楼栋编码": building["code"],
        "name": building["name"],
        "function": building["usage"],
        "yearOfConstruction": building["year_built"],
        "storeysAboveGround": building["floors"],
        "measuredHeight": building["height_m"],
        "roofType": building["roof"],
    }


def _parts(
    vertices: _Vertices, plan: _Plan, building: dict[str, Any], materials: tuple[int, int]
) -> dict[str, Any]:
    """City objects of a building that consists of a main part and a lower annex."""
    if plan.annex is None:
        raise ValueError(f"{plan.name} has no annex")
    low, key = building["ground_1985"], building["code"]
    x, y = building["ring"][0]
    width, depth, floors = plan.annex
    objects: dict[str, Any] = {
        key: {"type": "Building", "attributes": _attributes(building), "children": []}
    }
    for number, (left, wide, deep, storeys) in enumerate(
        ((x, plan.width, plan.depth, plan.floors), (x + plan.width, width, depth, floors)), start=1
    ):
        outline = _corners(_rectangle(left, y, wide, deep))
        height = round(PLINTH + storeys * STOREY_HEIGHT + PARAPET, 2)
        part = f"{key}-{number}"
        objects[key]["children"].append(part)
        objects[part] = {
            "type": "BuildingPart",
            "parents": [key],
            "attributes": {"storeysAboveGround": storeys, "measuredHeight": height},
            "geometry": [
                _geometry(vertices, block(outline, low, low + height), "1", materials),
                _geometry(vertices, _flat_part(outline, low, storeys), "2.2", materials),
            ],
        }
    return objects


def _materials() -> list[dict[str, Any]]:
    named = [(f"wall {i}", rgb) for i, rgb in enumerate(_WALLS)]
    named += [(f"roof {roof}", rgb) for roof, rgb in _ROOFS.items()]
    return [{"name": name, "diffuseColor": list(rgb)} for name, rgb in named]


def write(path: Path) -> None:
    """Write the block as CityJSON 2.0.

    Every building has an LoD1 and an LoD2.2 solid with semantic surfaces; the community centre is
    a pair of BuildingParts, the academy has a courtyard, the last house is an open MultiSurface.

    Parameters
    ----------
    path : Path
        The file to write; its bytes are the same on every run.
    """
    vertices = _Vertices()
    objects: dict[str, Any] = {}
    for number, (plan, building) in enumerate(zip(_PLANS, footprints(), strict=True)):
        materials = (number * 5 // 6 % len(_WALLS), len(_WALLS) + list(_ROOFS).index(plan.roof))
        if plan.annex is not None:
            objects.update(_parts(vertices, plan, building, materials))
            continue
        low = building["ground_1985"]
        simple = block(
            _corners(building["ring"]),
            low,
            low + building["height_m"],
            [_corners(hole) for hole in building["holes"]],
        )
        detailed = _geometry(vertices, _detailed(plan, building), "2.2", materials)
        if plan is _PLANS[-1]:
            detailed = _open_shell(detailed)
        objects[building["code"]] = {
            "type": "Building",
            "attributes": _attributes(building),
            "geometry": [_geometry(vertices, simple, "1", materials), detailed],
        }
    table = np.array(list(vertices.index))
    extent = np.concatenate([table.min(axis=0), table.max(axis=0)]) * SCALE
    document = {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [SCALE] * 3, "translate": list(vertices.translate)},
        "metadata": {
            "identifier": "citytwin-sample-jiangpanli",
            "title": "江畔里街区 LoD2.2",
            "referenceDate": "2026-07-01",
            "referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4547",
            "geographicalExtent": (extent + np.tile(vertices.translate, 2)).round(3).tolist(),
        },
        "CityObjects": objects,
        "vertices": table.tolist(),
        "appearance": {"materials": _materials(), "default-theme-material": "visual"},
    }
    path.write_text(
        json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )
