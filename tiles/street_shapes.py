"""Shapes of street furniture and trees, made of prisms and boxes: own drawings, a few dozen triangles each.

A shape stands at its origin (x east, y north, z up, metres) in the size most things of its kind have.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tiles.glb import Primitive
from tiles.palette import from_hex, linear

Floats = NDArray[np.float64]

__all__ = ["KINDS", "StreetShape", "kind_of", "street_shape"]

KINDS: dict[str, str] = {
    # shape → codes of 管理部件 (GB/T 47678.5 and the edition before it)
    "manhole": "01001 01002 01003 01005 01006 01007 01008 01009 01010 01011 01012 01014 01015 01017 01018 "
    "01019 01020 01021 01022 01023 03003",
    "grate": "01004 01026",
    "hydrant": "01013 01025 01068",
    "lamp": "01037 01077",
    "garden_lamp": "01038 01039",
    "pole": "01030 01031 01032 01033 01034 01035",
    "camera": "01050 01066 01067 03009 03010 03011 03012 03013",
    "cabinet": "01027 01028 01045 01048 01049 01053 01054 01055 01059 01060 01075 02003 03014",
    "booth": "01040 01041 01043 01044 01051 01052 02016",
    "post_box": "01042",
    "bin": "03005 03015 03016",
    "sign": "01029 01036 01065 02010 02011 02012 02013 02030 02033 02035 02036 02037 02038 02039 02040 03002",
    "board": "02023 02041 03006 03007 03008",
    "traffic_light": "02014 02015",
    "bollard": "02018 02020 02021 02022",
    "shelter": "02004 02005 02026",
    "rack": "02025 02027 01046 01058",
    "tree": "04002 04003",
    "old_tree": "04001",
}
"""Kinds that are no point (bridges, fences, car parks, pipes) have no shape."""
_BY_CODE = {code: kind for kind, codes in KINDS.items() for code in codes.split()}


@dataclass(frozen=True, slots=True)
class StreetShape:
    """Primitives in the shape's axes, its box, and how much (1 ± ``varied``) sizes of its kind differ."""

    primitives: tuple[Primitive, ...]
    low: Floats
    high: Floats
    varied: float = 0.0


def kind_of(class_code: str) -> str:
    """Name of the shape of a class, "" where it has none."""
    return _BY_CODE.get(class_code, "")


def _prism(sides: int, low: float, high: float, z0: float, z1: float) -> Floats:
    """Triangles (t, 3, 3) of an upright prism or cone with radii ``low`` and ``high``, its lid included."""
    angle = np.arange(sides) * (2 * np.pi / sides) + np.pi / sides
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    a = np.column_stack([ring * low, np.full(sides, z0)])
    b = np.column_stack([ring * high, np.full(sides, z1)])
    a_next, b_next = np.roll(a, -1, axis=0), np.roll(b, -1, axis=0)
    faces = [np.stack([a, a_next, b_next], axis=1)] if low > 0 else []
    if high > 0:
        top = np.broadcast_to([0.0, 0.0, z1], (sides, 3))
        faces += [np.stack([a, b_next, b], axis=1), np.stack([top, b, b_next], axis=1)]
    if z0 > 0.3 and low > 0:  # seen from below
        under = np.broadcast_to([0.0, 0.0, z0], (sides, 3))
        faces.append(np.stack([under, a_next, a], axis=1))
    return np.concatenate(faces)


def _box(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]) -> Floats:
    """Triangles of an axis-parallel box."""
    out = []
    for axis in range(3):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        span = (x, y, z)
        for side in (0, 1):
            quad = np.empty((4, 3))
            quad[:, axis] = span[axis][side]
            quad[:, i] = [span[i][0], span[i][1], span[i][1], span[i][0]]
            quad[:, j] = [span[j][0], span[j][0], span[j][1], span[j][1]]
            quad = quad if side else quad[::-1]
            out += [quad[[0, 1, 2]], quad[[0, 2, 3]]]
    return np.array(out)


_STEEL, _DARK, _GREEN, _TRUNK = "#8e959a", "#4b4f52", "#5f8f4e", "#7a5d43"


_DRAWINGS: dict[str, list[tuple[str, Floats]]] = {
    "manhole": [("#5a5a58", _prism(12, 0.36, 0.34, 0.0, 0.03))],
    "grate": [("#55585a", _box((-0.38, 0.38), (-0.23, 0.23), (0.0, 0.03)))],
    "hydrant": [
        ("#c8332b", _prism(8, 0.13, 0.13, 0, 0.6)),
        ("#c8332b", _prism(8, 0.16, 0.05, 0.6, 0.78)),
        ("#a92a24", _box((-0.24, 0.24), (-0.06, 0.06), (0.42, 0.54))),
    ],
    "lamp": [
        (_STEEL, _prism(6, 0.11, 0.06, 0, 8.5)),
        (_STEEL, _box((0, 1.8), (-0.04, 0.04), (8.4, 8.5))),
        ("#f3edd0", _box((1.2, 1.9), (-0.14, 0.14), (8.28, 8.42))),
    ],
    "garden_lamp": [
        (_DARK, _prism(6, 0.06, 0.05, 0, 3.2)),
        ("#f5efd6", _prism(8, 0.16, 0.2, 3.2, 3.6)),
    ],
    "pole": [("#9a9d9f", _prism(6, 0.15, 0.1, 0, 8.0))],
    "camera": [
        (_STEEL, _prism(6, 0.08, 0.06, 0, 5.0)),
        ("#e8e8e6", _box((0.05, 0.45), (-0.08, 0.08), (4.75, 4.95))),
    ],
    "cabinet": [("#9fb0a5", _box((-0.5, 0.5), (-0.28, 0.28), (0.0, 1.35)))],
    "booth": [
        ("#c7ced4", _box((-1.0, 1.0), (-0.9, 0.9), (0.0, 2.4))),
        (_DARK, _box((-1.15, 1.15), (-1.05, 1.05), (2.4, 2.55))),
    ],
    "post_box": [("#2f7a4a", _box((-0.25, 0.25), (-0.2, 0.2), (0.0, 1.25)))],
    "bin": [
        ("#4f7d68", _box((-0.42, -0.03), (-0.2, 0.2), (0.1, 0.95))),
        ("#7a8087", _box((0.03, 0.42), (-0.2, 0.2), (0.1, 0.95))),
    ],
    "sign": [
        (_STEEL, _prism(6, 0.04, 0.04, 0, 2.6)),
        ("#2f6db3", _box((-0.35, 0.35), (-0.05, -0.02), (1.9, 2.6))),
    ],
    "board": [
        (_STEEL, _box((-1.1, -1.0), (-0.05, 0.05), (0, 2.3))),
        (_STEEL, _box((1.0, 1.1), (-0.05, 0.05), (0, 2.3))),
        ("#dfe6ea", _box((-1.1, 1.1), (-0.07, 0.07), (0.8, 2.3))),
    ],
    "traffic_light": [
        (_STEEL, _prism(6, 0.12, 0.09, 0, 6.2)),
        (_STEEL, _box((0, 4.5), (-0.05, 0.05), (5.9, 6.05))),
        (_DARK, _box((3.6, 4.5), (-0.12, 0.12), (5.85, 6.2))),
    ],
    "bollard": [("#d9a441", _prism(8, 0.09, 0.08, 0, 0.85))],
    "shelter": [
        (_STEEL, _box((-2.2, -2.1), (-0.05, 0.05), (0, 2.5))),
        (_STEEL, _box((2.1, 2.2), (-0.05, 0.05), (0, 2.5))),
        ("#5c7f99", _box((-2.4, 2.4), (-0.3, 1.2), (2.5, 2.6))),
        ("#b9c7cf", _box((-2.1, 2.1), (-0.03, 0.03), (0.5, 2.2))),
    ],
    "rack": [
        ("#8f9aa1", _box((-0.9, 0.9), (-0.04, 0.04), (0.7, 0.78))),
        ("#8f9aa1", _box((-0.9, -0.82), (-0.04, 0.04), (0, 0.7))),
        ("#8f9aa1", _box((0.82, 0.9), (-0.04, 0.04), (0, 0.7))),
    ],
    "tree": [
        (_TRUNK, _prism(6, 0.16, 0.11, 0, 2.4)),
        (_GREEN, _prism(8, 1.0, 1.9, 2.2, 3.6)),
        ("#6a9a57", _prism(8, 1.9, 1.5, 3.6, 5.2)),
        ("#75a561", _prism(8, 1.5, 0.35, 5.2, 6.6)),
    ],
    "old_tree": [
        (_TRUNK, _prism(8, 0.55, 0.4, 0, 3.4)),
        ("#557f47", _prism(10, 2.4, 4.6, 3.0, 5.4)),
        ("#5f8b4f", _prism(10, 4.6, 3.9, 5.4, 8.4)),
        ("#6a9658", _prism(10, 3.9, 1.2, 8.4, 11.0)),
    ],
}
"""Colour and triangles of the parts of each shape."""


@lru_cache(maxsize=len(KINDS))
def street_shape(kind: str) -> StreetShape:
    """A shape of :data:`KINDS` by its name."""
    parts = _DRAWINGS[kind]
    triangles = np.concatenate([t for _, t in parts])
    color = linear(np.repeat(from_hex([c for c, _ in parts]), [len(t) for _, t in parts], axis=0))
    face = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normal = face / np.linalg.norm(face, axis=1, keepdims=True)
    points = triangles.reshape(-1, 3)
    key = np.column_stack([
        np.rint(points * 1e4), np.rint(np.repeat(normal, 3, axis=0) * 100), np.repeat(color, 3, axis=0),
    ])  # fmt: skip
    _, first, number = np.unique(key, axis=0, return_index=True, return_inverse=True)
    primitive = Primitive(
        points[first].astype(np.float32), np.repeat(normal, 3, axis=0)[first],
        np.repeat(color, 3, axis=0)[first], np.zeros(0, np.int64), number.ravel().astype(np.int64),
    )  # fmt: skip
    varied = 0.22 if "tree" in kind else 0.0
    return StreetShape((primitive,), points.min(axis=0), points.max(axis=0), varied)
