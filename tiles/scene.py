"""One tileset that shows the 3D layers together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from tiles.tree import corners

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["scene_tileset"]


def _matrix(entry: Mapping[str, Any]) -> Floats:
    """Row-major transform of a tile."""
    return np.array(entry.get("transform", np.eye(4).ravel()), dtype=float).reshape(4, 4).T


def _box(low: Floats, high: Floats, matrix: Floats) -> list[float]:
    """A box along the axes of ``matrix`` as the 12 numbers in the space it maps to."""
    axes = matrix[:3, :3] * ((high - low) / 2)
    centre = matrix[:3, :3] @ ((low + high) / 2) + matrix[:3, 3]
    return [round(float(v), 6) for v in np.concatenate([centre, axes.T.ravel()])]


def scene_tileset(layers: Mapping[str, bytes]) -> bytes:
    """Tileset whose children are other tilesets.

    Parameters
    ----------
    layers : mapping of str to bytes
        Name of a sibling folder → its ``tileset.json``; at least one.

    Returns
    -------
    bytes
        A ``tileset.json``; boxes are in ECEF, because every layer carries its own transform.
    """
    children, points, error = [], [], 0.0
    frame = np.eye(4)
    for i, (name, blob) in enumerate(layers.items()):
        document = orjson.loads(blob)
        root = document["root"]
        matrix = _matrix(root)
        frame = matrix if i == 0 else frame
        numbers = np.array(root["boundingVolume"]["box"], dtype=float)
        half = np.abs(numbers[3:].reshape(3, 3)).sum(axis=0) + 0.005
        low, high = numbers[:3] - half, numbers[:3] + half
        points.append(corners(low, high) @ matrix[:3, :3].T + matrix[:3, 3])
        error = max(error, float(document["geometricError"]))
        children.append(
            {
                "boundingVolume": {"box": _box(low, high, matrix)},
                "geometricError": document["geometricError"],
                "refine": "ADD",
                "content": {"uri": f"../{name}/tileset.json"},
            }
        )
    local = (np.concatenate(points) - frame[:3, 3]) @ frame[:3, :3]
    box = _box(local.min(axis=0) - 0.005, local.max(axis=0) + 0.005, frame)
    root = {"boundingVolume": {"box": box}, "geometricError": error, "refine": "ADD"}
    document = {
        "asset": {"version": "1.1", "generator": "citytwin"},
        "geometricError": error,
        "root": root | {"children": children},
    }
    return orjson.dumps(document)
