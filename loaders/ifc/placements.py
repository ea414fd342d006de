"""Where objects stand: local placements of a whole model at once, composed level by level."""

import numpy as np
from numpy.typing import NDArray

from loaders.ifc.columns import Floats, Ints, StepColumns, Table

__all__ = ["placement_matrices"]

DEEPEST = 200
"""Placements upon placements that are followed; deeper ones, and circles, are left to the kernel."""
LEAN = 1e-4
"""Sine of the angle between axis and reference direction below which a placement is left to the kernel."""


def placement_matrices(columns: StepColumns, unit: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Matrices of all local placements of a model to model metres, and which of them are sound.

    Parameters
    ----------
    columns : StepColumns
    unit : float
        Metres in one project length unit.

    Returns
    -------
    (ndarray of float64, shape (n, 4, 4), ndarray of bool, shape (n,))
        In the order of ``columns.place``; axes as IfcBuildAxes of ISO 16739-1 derives them. Not sound
        are those that are written in another way than three coordinates and two directions that span
        a plane, here or above.
    """
    place, axes = columns.place.values, columns.axes
    count = len(place)
    out = np.tile(np.eye(4), (count, 1, 1))
    if not count:
        return out, np.zeros(0, dtype=bool)
    above = np.where(place[:, 0] == 0, -1, columns.place.rows(place[:, 0]))
    known = axes.rows(place[:, 1])
    sound = (known >= 0) & ((place[:, 0] == 0) | (above >= 0))
    named = np.zeros((count, 3), dtype=np.int64)
    named[known >= 0] = axes.values[known[known >= 0]]
    origin, there = _vectors(columns.point, named[:, 0], (np.nan, 0.0, 0.0))
    z, upright = _vectors(columns.direction, named[:, 1], (0.0, 0.0, 1.0))
    along, ahead = _vectors(columns.direction, named[:, 2], (1.0, 0.0, 0.0))
    sound &= there & upright & ahead
    with np.errstate(all="ignore"):
        z /= np.sqrt(np.einsum("ij,ij->i", z, z))[:, None]
        along /= np.sqrt(np.einsum("ij,ij->i", along, along))[:, None]
        x = along - np.einsum("ij,ij->i", along, z)[:, None] * z
        length = np.sqrt(np.einsum("ij,ij->i", x, x))
        x /= length[:, None]
    out[:, :3, 0], out[:, :3, 2] = x, z
    out[:, :3, 1] = np.cross(z, x)
    out[:, :3, 3] = origin * unit
    sound &= np.isfinite(out).all(axis=(1, 2)) & (length > LEAN)
    _compose(out, sound, above)
    return out, sound


def _vectors(
    table: Table[Floats], steps: Ints, default: tuple[float, float, float]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Triples of some statements, the default for step id 0; and where there is one."""
    rows = table.rows(steps)
    out = np.tile(np.array(default), (len(steps), 1))
    out[rows >= 0] = table.values[rows[rows >= 0]]
    return out, (rows >= 0) | (steps == 0)


def _compose(matrices: Floats, sound: NDArray[np.bool_], above: Ints) -> None:
    """Multiply each matrix with that of the placement above, in place, from the top down."""
    done = above < 0
    for _ in range(DEEPEST):
        here = np.flatnonzero(~done & done[above])
        if not len(here):
            break
        matrices[here] = matrices[above[here]] @ matrices[here]
        sound[here] &= sound[above[here]]
        done[here] = True
    sound &= done
