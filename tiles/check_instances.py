"""Instances of a mesh as a content places them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tiles.repeats import INSTANCE_FEATURES, INSTANCING

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Placed", "placed"]

MOST_POINTS = 4_000_000
"""More are not placed one by one: the corners of their box stand for them."""


class _Reader(Protocol):
    document: dict[str, Any]

    def accessor(self, index: int) -> NDArray[Any]: ...


@dataclass(frozen=True, slots=True)
class Placed:
    """Instances: ``ids`` (n,) of their features, ``linear`` (n, 3, 3) and ``shift`` (n, 3)."""

    ids: NDArray[np.int64]
    linear: NDArray[np.float64]
    shift: NDArray[np.float64]

    def moved(self, xyz: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Vertices (v, 3) of the mesh at all instances, one after the other."""
        if len(xyz) * len(self.ids) > MOST_POINTS:
            ends = np.array([xyz.min(axis=0), xyz.max(axis=0)])
            xyz = ends[np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)]), [0, 1, 2]]
        out = np.einsum("nij,vj->nvi", self.linear, xyz.astype(np.float64))
        flat = (out + self.shift[:, None]).reshape(-1, 3)
        return np.asarray(flat, dtype=np.float32)


def placed(
    reader: _Reader, node: dict[str, Any], count: int, require: Callable[[bool, str, str], None]
) -> Placed | None:
    """The instances of a node; None where it has none.

    Parameters
    ----------
    reader
        Gives accessors of the document.
    node : dict
    count : int
        Rows of the property table.
    require : callable
        Takes whether a rule holds, its name, and what to say where it does not.
    """
    extensions = node.get("extensions", {})
    if INSTANCING not in extensions:
        return None
    needed = INSTANCING in reader.document.get("extensionsRequired", ())
    require(needed, "extension-required", f"{INSTANCING} is used but not required")
    said = extensions[INSTANCING]["attributes"]
    found = {k: reader.accessor(v).astype(np.float64) for k, v in said.items()}
    shift = found["TRANSLATION"]
    n = len(shift)
    same = all(len(v) == n for v in found.values())
    require(same and n > 0, "instance-count", "attributes of instances differ in length")
    finite = all(bool(np.isfinite(v).all()) for v in found.values())
    require(finite, "instance-finite", "a place of an instance is no number")
    q = found.get("ROTATION", np.tile([0.0, 0.0, 0.0, 1.0], (n, 1)))
    unit = bool((np.abs(np.linalg.norm(q, axis=1) - 1.0) < 1e-3).all())
    require(unit, "instance-rotation", "a rotation is no unit quaternion")
    declared = extensions[INSTANCE_FEATURES]["featureIds"][0]
    whole = declared["featureCount"] == count
    require(whole, "feature-count", "featureCount is not the table's")
    ids = found[f"_FEATURE_ID_{declared['attribute']}"].ravel()
    inside = bool(((ids >= 0) & (ids < count) & (ids == np.floor(ids))).all())
    require(inside, "feature-id", f"feature ids {ids.min()}–{ids.max()} for {count} features")
    scale = found.get("SCALE", np.ones((n, 3)))
    return Placed(ids.astype(np.int64), _matrices(q) * scale[:, None, :], shift)


def _matrices(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations (n, 3, 3) of unit quaternions x, y, z, w."""
    x, y, z, w = q.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)
