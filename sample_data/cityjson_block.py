"""The old neighbourhood 江畔里 of the district as CityJSON 2.0: LoD1 blocks and LoD2.2 roof shapes.

:func:`footprints` is the plan everybody shares (the footprint layer holds the same rings, codes and
heights); :func:`write` raises closed solids over it. EPSG:4547 metres, 1985 heights.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sample_data.district import CITYJSON_BLOCK, ground_height

__all__ = ["footprints"]

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
    """(width, depth, floors) of a lower part that adjoins the east wall, flush with the south wall."""


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
        ``code`` (楼栋编码), ``name``, ``ring`` (float64 (n, 2), EPSG:4547, closed, counter-clockwise), ``holes``
        (list of such rings, clockwise, mostly empty), ``height_m`` (metres above ground), ``floors``, ``roof``
        ("gable", "hip" or "flat"), ``ground_1985`` (1985 metres at the lowest corner), ``usage``, ``year_built``.

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
