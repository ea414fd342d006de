"""Shapes that stand in a tile many times: stored once, placed by an instance each.

Sources: EXT_mesh_gpu_instancing of KhronosGroup/glTF, EXT_instance_features of CesiumGS/glTF.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tiles.meshopt import exponent_for, to_exponential

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tiles.glb import Primitive
    from tiles.views import Views

    Floats = NDArray[np.float64]

__all__ = ["INSTANCE_FEATURES", "INSTANCING", "Repeat", "decomposed", "instance_node"]

INSTANCING, INSTANCE_FEATURES = "EXT_mesh_gpu_instancing", "EXT_instance_features"
FINEST_PLACE = -14
"""Instances stand on multiples of 2^-14 m, a sixteenth of a millimetre, up to 512 m from the tile's origin."""
SKEW = 1e-5
Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True, slots=True)
class Repeat:
    """A shape and its instances.

    Parameters
    ----------
    primitives : sequence of Primitive
        In the shape's own axes; their ``feature_ids`` are empty.
    translation : ndarray of float64, shape (n, 3)
        Metres, glTF axes (y up).
    rotation : ndarray of float32, shape (n, 4)
        Unit quaternions x, y, z, w.
    scale : ndarray of float32, shape (n, 3)
    feature_ids : ndarray of int, shape (n,)
        Row of the property table of each instance.
    """

    primitives: Sequence[Primitive]
    translation: Floats
    rotation: NDArray[np.float32]
    scale: NDArray[np.float32]
    feature_ids: NDArray[np.integer[Any]]


def decomposed(
    matrix: Floats,
) -> tuple[Floats, NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Matrices as translation, rotation and scale in glTF axes.

    Parameters
    ----------
    matrix : ndarray of float64, shape (n, 4, 4)
        Shape → tile (east, north, up), metres.

    Returns
    -------
    translation, rotation, scale : ndarray, shape (n, 3), (n, 4), (n, 3)
        See :class:`Repeat`.
    whole : ndarray of bool, shape (n,)
        False where a matrix mirrors, shears or flattens: the other answers do not stand for it.
    """
    linear = np.einsum("ij,njk->nik", Y_UP, matrix[:, :3, :3])
    scale = np.linalg.norm(linear, axis=1)
    axes = linear / np.maximum(scale, 1e-12)[:, None, :]
    square = np.einsum("nji,njk->nik", axes, axes)
    whole = (np.abs(square - np.eye(3)).max(axis=(1, 2)) < SKEW) & (np.linalg.det(axes) > 0.5)
    return (
        matrix[:, :3, 3] @ Y_UP.T,
        _quaternions(axes).astype(np.float32),
        scale.astype(np.float32),
        whole & (scale > 1e-9).all(axis=1),
    )


def _quaternions(axes: Floats) -> Floats:
    """Unit quaternions (n, 4) of rotations (n, 3, 3), by the largest component (Shepperd 1978)."""
    d = np.diagonal(axes, axis1=1, axis2=2)
    trace = d.sum(axis=1)
    squares = np.column_stack([1 + 2 * d - trace[:, None], 1 + trace])
    off = {(i, j): axes[:, i, j] + axes[:, j, i] for i, j in ((0, 1), (0, 2), (1, 2))}
    turn = (
        axes[:, 2, 1] - axes[:, 1, 2],
        axes[:, 0, 2] - axes[:, 2, 0],
        axes[:, 1, 0] - axes[:, 0, 1],
    )
    rows = np.array(
        [
            [squares[:, 0], off[0, 1], off[0, 2], turn[0]],
            [off[0, 1], squares[:, 1], off[1, 2], turn[1]],
            [off[0, 2], off[1, 2], squares[:, 2], turn[2]],
            [turn[0], turn[1], turn[2], squares[:, 3]],
        ]
    )
    best = squares.argmax(axis=1)
    q = rows[best, :, np.arange(len(axes))]
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    return np.where(q[:, 3:] < 0, -q, q)


def instance_node(
    buffer: Views, repeat: Repeat, mesh: int, features: NDArray[Any], n_features: int
) -> dict[str, Any]:
    """The node of a repeated mesh.

    Parameters
    ----------
    buffer : Views
    repeat : Repeat
    mesh : int
        Place of its mesh in the document.
    features : ndarray
        Feature ids as :func:`tiles.glb.feature_elements` gives them.
    n_features : int
        Rows of the property table.
    """
    n = len(repeat.translation)
    place = repeat.translation.astype(np.float32)
    packed = to_exponential(place, exponent_for(place, FINEST_PLACE))[0]
    ids = 5126 if features.dtype.kind == "f" else 5123
    attributes = {
        "TRANSLATION": buffer.accessor(
            buffer.elements(packed, filter_="EXPONENTIAL"), 5126, "VEC3", n
        ),
        "ROTATION": buffer.accessor(buffer.elements(repeat.rotation), 5126, "VEC4", n),
        "SCALE": buffer.accessor(buffer.elements(repeat.scale), 5126, "VEC3", n),
        "_FEATURE_ID_0": buffer.accessor(buffer.elements(features), ids, "SCALAR", n),
    }
    declared = {
        "featureCount": n_features,
        "attribute": 0,
        "propertyTable": 0,
        "label": "entity",
    }
    return {
        "mesh": mesh,
        "extensions": {
            INSTANCING: {"attributes": attributes},
            INSTANCE_FEATURES: {"featureIds": [declared]},
        },
    }
