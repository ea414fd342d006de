"""What a source's heights stand on: the 1985 datum, the ellipsoid, or the ground itself.

The three differ by the city's undulation and by the height of its ground; where the terrain is
known, the feet of things tell which it is: a foot stands on the ground.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["HeightVerdict", "judge_heights"]

_LEAST = 8
"""Feet over known terrain needed to say anything."""
_APART = 3.0
"""Metres by which the references must differ to be told apart."""
_CLOSE = 4.0
"""Metres the typical foot may stand off the ground."""


@dataclass(frozen=True, slots=True)
class HeightVerdict:
    """What heights stand on.

    ``reference`` is ``1985``, ``ellipsoid``, ``ground`` or None where it cannot be told; ``why``
    one sentence; ``confidence`` between 0 and 1; ``offset`` the median of foot minus terrain in
    metres under the reference taken (NaN where none is).
    """

    reference: str | None
    why: str
    confidence: float
    offset: float


def judge_heights(
    foot: ArrayLike, terrain: ArrayLike, undulation: ArrayLike | float
) -> HeightVerdict:
    """Which reference the heights of a source are in.

    Parameters
    ----------
    foot : array_like of float, shape (n,)
        Lowest height of each thing as the source has it, metres; NaN where it has none.
    terrain : array_like of float, shape (n,)
        Ground there, metres above the ellipsoid; NaN where unknown.
    undulation : float or array_like of shape (n,)
        Metres; ellipsoidal height = 1985 height + undulation.

    Returns
    -------
    HeightVerdict

    Examples
    --------
    >>> ground = np.linspace(5.0, 40.0, 50)
    >>> judge_heights(ground + 12.8, ground, -12.8).reference
    '1985'
    >>> judge_heights(ground, ground, -12.8).reference
    'ellipsoid'
    """
    z, g = np.asarray(foot, float), np.asarray(terrain, float)
    rise = np.broadcast_to(np.asarray(undulation, float), z.shape)
    known = np.isfinite(z) & np.isfinite(g) & np.isfinite(rise)
    n = int(known.sum())
    if n < _LEAST:
        return HeightVerdict(
            None, f"{n} heights lie over known terrain; {_LEAST} are needed", 0.0, np.nan
        )
    z, g, rise = z[known], g[known], rise[known]
    gaps = {"1985": z + rise - g, "ellipsoid": z - g, "ground": z}
    middle = {name: float(np.median(gap)) for name, gap in gaps.items()}
    spread = {name: _spread(gap) for name, gap in gaps.items()}
    # a foot stands on the ground and a little above it, never far below: the gap nearest to zero
    # wins, if the others are worse by more than what feet scatter
    order = sorted(gaps, key=lambda name: abs(middle[name]) + spread[name])
    best, second = order[0], order[1]
    margin = abs(abs(middle[second]) + spread[second] - abs(middle[best]) - spread[best])
    offset = middle[best]
    numbers = "; ".join(f"{name}: {middle[name]:+.1f} ± {spread[name]:.1f} m" for name in gaps)
    if abs(offset) > _CLOSE or margin < _APART:
        why = f"feet of {n} things off the terrain, by reference: {numbers}; none fits clearly"
        return HeightVerdict(None, why, 0.0, offset)
    trust = min(0.95, 0.6 + 0.05 * margin - 0.05 * abs(offset))
    why = f"feet of {n} things stand {offset:+.1f} m off the terrain as {best} heights ({numbers})"
    return HeightVerdict(best, why, trust, offset)


def _spread(gap: NDArray[np.float64]) -> float:
    return 1.4826 * float(np.median(np.abs(gap - np.median(gap))))
