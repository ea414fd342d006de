"""Encoded features in other coordinates, or with fewer properties; coordinates of a whole page at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray

from api.ogc.systems import System
from twin import crs

__all__ = ["decoded", "in_system", "reshaped", "shapes_of"]

Encoded = bytes | memoryview
_FINE = 9
_METRES = 4
"""Decimals of degrees (0.1 mm) and of metres."""


def decoded(features: Sequence[Encoded]) -> list[dict[str, Any]]:
    """Features as dicts."""
    return [orjson.loads(one) for one in features]


def shapes_of(features: Sequence[dict[str, Any]]) -> NDArray[np.object_]:
    """Their shapes (degrees, EPSG:4490), None where there is none."""
    texts = [
        orjson.dumps(one["geometry"]).decode() if one["geometry"] else None for one in features
    ]
    out = np.empty(len(texts), dtype=object)
    out[:] = shapely.from_geojson(np.array(texts, dtype=object))
    return out


def in_system(shapes: NDArray[np.object_], system: System) -> NDArray[np.object_]:
    """Shapes in a system, rounded to 0.1 mm; without heights where the system has none."""
    if system.flat:
        shapes = shapely.force_2d(shapes)
    if system.stored:
        return shapes
    moved = crs.shapes_from_geographic(system.name, shapes)
    decimals = _FINE if crs.is_geographic(system.name) else _METRES
    for z in (False, True):
        rows = ~shapely.is_missing(moved) & (shapely.has_z(moved) == z)
        if rows.any():
            moved[rows] = shapely.transform(
                moved[rows], lambda c: _rounded(c, decimals), include_z=z
            )
    return moved


def _rounded(coordinates: NDArray[np.float64], decimals: int) -> NDArray[np.float64]:
    out = np.round(coordinates, decimals)
    if out.shape[1] == 3:
        out[:, 2] = np.round(coordinates[:, 2], _METRES)
    return out


def reshaped(
    features: Sequence[Encoded], system: System, properties: frozenset[str] | None
) -> list[bytes]:
    """Features in a system and with only some properties, encoded again.

    Parameters
    ----------
    features : sequence of bytes
        In degrees, as a reader gives them.
    system : System
    properties : frozenset of str or None
        Those kept, ``geometry`` among them; None: all.
    """
    made = decoded(features)
    if properties is not None:
        for one in made:
            one["properties"] = {n: v for n, v in one["properties"].items() if n in properties}
            if "geometry" not in properties:
                one["geometry"] = None
    if not system.stored or system.flat:
        shapes = in_system(shapes_of(made), system)
        for one, text in zip(made, shapely.to_geojson(shapes), strict=True):
            one["geometry"] = None if text is None else orjson.Fragment(text)
    return [orjson.dumps(one) for one in made]
