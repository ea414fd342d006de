"""Building outlines: unit templates placed, sized and turned in bulk."""

from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["TEMPLATES", "Kind", "Placing", "outlines"]


def _turn(ring: list[tuple[float, float]]) -> NDArray[np.float64]:
    return np.array([*ring, ring[0]], dtype=float)


def _round(k: int) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, k, endpoint=False) + np.pi / k
    return _turn([(0.5 * np.cos(a), 0.5 * np.sin(a)) for a in angle])


_CUT = 0.18
TEMPLATES: dict[str, tuple[NDArray[np.float64], ...]] = {
    "rect": (_turn([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]),),
    "slab": (
        _turn(
            [
                (-0.5, -0.42),
                (-0.36, -0.42),
                (-0.36, -0.5),
                (-0.14, -0.5),
                (-0.14, -0.42),
                (0.14, -0.42),
                (0.14, -0.5),
                (0.36, -0.5),
                (0.36, -0.42),
                (0.5, -0.42),
                (0.5, 0.4),
                (0.3, 0.4),
                (0.3, 0.5),
                (0.2, 0.5),
                (0.2, 0.4),
                (-0.2, 0.4),
                (-0.2, 0.5),
                (-0.3, 0.5),
                (-0.3, 0.4),
                (-0.5, 0.4),
            ]
        ),
    ),
    "cross": (
        _turn(
            [
                (-0.2, -0.5),
                (0.2, -0.5),
                (0.2, -0.25),
                (0.5, -0.25),
                (0.5, 0.25),
                (0.2, 0.25),
                (0.2, 0.5),
                (-0.2, 0.5),
                (-0.2, 0.25),
                (-0.5, 0.25),
                (-0.5, -0.25),
                (-0.2, -0.25),
            ]
        ),
    ),
    "wings": (
        _turn(
            [
                (-0.5, -0.5),
                (-0.12, -0.5),
                (-0.12, -0.3),
                (0.12, -0.3),
                (0.12, -0.5),
                (0.5, -0.5),
                (0.5, 0.25),
                (0.2, 0.25),
                (0.2, 0.5),
                (-0.2, 0.5),
                (-0.2, 0.25),
                (-0.5, 0.25),
            ]
        ),
    ),
    "ell": (
        _turn([(-0.5, -0.5), (0.5, -0.5), (0.5, -0.14), (-0.16, -0.14), (-0.16, 0.5), (-0.5, 0.5)]),
    ),
    "you": (
        _turn(
            [
                (-0.5, -0.5),
                (-0.24, -0.5),
                (-0.24, 0.2),
                (0.24, 0.2),
                (0.24, -0.5),
                (0.5, -0.5),
                (0.5, 0.5),
                (-0.5, 0.5),
            ]
        ),
    ),
    "court": (
        _turn([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]),
        _turn([(-0.26, -0.24), (-0.26, 0.24), (0.26, 0.24), (0.26, -0.24)]),
    ),
    "tee": (
        _turn(
            [
                (-0.5, 0.12),
                (-0.15, 0.12),
                (-0.15, -0.5),
                (0.15, -0.5),
                (0.15, 0.12),
                (0.5, 0.12),
                (0.5, 0.5),
                (-0.5, 0.5),
            ]
        ),
    ),
    "step": (
        _turn(
            [
                (-0.5, -0.5),
                (0.0, -0.5),
                (0.0, -0.25),
                (0.5, -0.25),
                (0.5, 0.5),
                (0.0, 0.5),
                (0.0, 0.25),
                (-0.5, 0.25),
            ]
        ),
    ),
    "chamfer": (
        _turn(
            [
                (-0.5 + _CUT, -0.5),
                (0.5 - _CUT, -0.5),
                (0.5, -0.5 + _CUT),
                (0.5, 0.5 - _CUT),
                (0.5 - _CUT, 0.5),
                (-0.5 + _CUT, 0.5),
                (-0.5, 0.5 - _CUT),
                (-0.5, -0.5 + _CUT),
            ]
        ),
    ),
    "round": (_round(20),),
    "arc": (
        _turn(
            [
                *[(0.5 * np.cos(a), -0.35 + 0.85 * np.sin(a)) for a in np.linspace(0, np.pi, 13)],
                *[(0.26 * np.cos(a), -0.35 + 0.45 * np.sin(a)) for a in np.linspace(np.pi, 0, 9)],
            ]
        ),
    ),
    "comb": (
        _turn(
            [
                (-0.5, -0.5),
                (-0.32, -0.5),
                (-0.32, 0.25),
                (-0.09, 0.25),
                (-0.09, -0.5),
                (0.09, -0.5),
                (0.09, 0.25),
                (0.32, 0.25),
                (0.32, -0.5),
                (0.5, -0.5),
                (0.5, 0.5),
                (-0.5, 0.5),
            ]
        ),
    ),
}
"""Name → rings (outer, then holes) in a unit square around (0, 0)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a building is for, what it is called within its compound, metres a storey."""

    use: str
    part: str
    storey: float


@dataclass(slots=True)
class Placing:
    """Buildings to be, in columns of equal length: where, how large, what for.

    ``x``, ``y`` centre (EPSG:4547), ``width``, ``depth`` metres, ``angle`` radians, ``storey``
    height of a storey in metres, ``use``, ``part`` as in :class:`Kind`, ``block`` index of the
    block.
    """

    template: list[str] = field(default_factory=list)
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    depth: list[float] = field(default_factory=list)
    angle: list[float] = field(default_factory=list)
    floors: list[int] = field(default_factory=list)
    storey: list[float] = field(default_factory=list)
    use: list[str] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    year: list[int] = field(default_factory=list)
    block: list[int] = field(default_factory=list)

    def add(
        self,
        kind: Kind,
        template: str,
        centre: tuple[float, float],
        size: tuple[float, float],
        floors: int,
        year: int,
        *,
        angle: float = 0.0,
        block: int = -1,
    ) -> None:
        """Append one building: ``size`` is width and depth in metres before turning by ``angle``."""
        self.template.append(template)
        self.x.append(float(centre[0]))
        self.y.append(float(centre[1]))
        self.width.append(float(size[0]))
        self.depth.append(float(size[1]))
        self.angle.append(angle)
        self.floors.append(int(floors))
        self.storey.append(kind.storey)
        self.use.append(kind.use)
        self.part.append(kind.part)
        self.year.append(int(year))
        self.block.append(block)

    def extend(self, other: "Placing", index: NDArray[np.int64]) -> None:
        """Append the buildings ``index`` of another placing."""
        for name in self.__slots__:
            column = getattr(other, name)
            getattr(self, name).extend(column[i] for i in index)


def outlines(placing: Placing) -> NDArray[np.object_]:
    """Polygons of all placings, in order, EPSG:4547."""
    kinds = np.array(placing.template, dtype=object)
    out = np.empty(kinds.size, dtype=object)
    size = np.column_stack([placing.width, placing.depth])
    centre = np.column_stack([placing.x, placing.y])
    angle = np.array(placing.angle, dtype=float)
    cos, sin = np.cos(angle), np.sin(angle)
    for name, rings in TEMPLATES.items():
        at = np.flatnonzero(kinds == name)
        if at.size == 0:
            continue
        shaped = []
        for ring in rings:
            local = ring[None] * size[at, None]
            x = local[..., 0] * cos[at, None] - local[..., 1] * sin[at, None] + centre[at, None, 0]
            y = local[..., 0] * sin[at, None] + local[..., 1] * cos[at, None] + centre[at, None, 1]
            rounded = np.round(np.stack([x, y], axis=-1), 3)
            shaped.append(np.asarray(shapely.linearrings(rounded)))
        holes = None if len(shaped) == 1 else np.stack(shaped[1:], axis=1)
        out[at] = (
            shapely.polygons(shaped[0])
            if holes is None
            else shapely.polygons(shaped[0], holes=holes)
        )
    return out
