"""How much of the façades of buildings a place sees: points spread over the walls, one sight line each."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twin.analysis.model import coordinates, named
from twin.analysis.scene import Scene
from twin.errors import InvalidRequestError
from twin.solids import PRISM
from twin.solids.views import VISIBLE, View

__all__ = ["facades_seen"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
OFF_M: Final = 0.02
"""Points stand so far in front of their wall."""
MOST_POINTS: Final = 500_000


def facades_seen(
    scene: Scene, view: View, bodies: Ints, eye: Array, radius: float, step: float
) -> list[dict[str, Any]]:
    """One feature a thing of which something is seen: its seen walls in plan, square metres seen and altogether.

    Parameters
    ----------
    scene : Scene
    view : View
        Over the same bodies in the same order.
    bodies : ndarray of int64, shape (n,)
        Rows of the scene.
    eye : ndarray of float64, shape (3,)
    radius, step : float
        Metres; a wall's point stands for a field of about ``step`` × ``step``.
    """
    wall, of, outward = _walls(view)
    length = np.hypot(wall[:, 2] - wall[:, 0], wall[:, 3] - wall[:, 1])
    height = (view.solids.high - view.solids.low)[of]
    across = np.maximum(1, np.rint(length / step)).astype(np.int64)
    up = np.maximum(1, np.rint(height / step)).astype(np.int64)
    total = int((across * up).sum())
    if total > MOST_POINTS:
        raise InvalidRequestError(
            f"{total} points on façades; at most {MOST_POINTS}: a coarser resolution or a smaller radius", "resolution_m"
        )  # fmt: skip
    owner = np.repeat(np.arange(len(wall)), across * up)
    number = np.arange(total) - np.repeat(np.cumsum(across * up) - across * up, across * up)
    s = (number % across[owner] + 0.5) / across[owner]
    t = (number // across[owner] + 0.5) / up[owner]
    points = np.stack(
        [
            wall[owner, 0] + s * (wall[owner, 2] - wall[owner, 0]) + OFF_M * outward[owner, 0],
            wall[owner, 1] + s * (wall[owner, 3] - wall[owner, 1]) + OFF_M * outward[owner, 1],
            view.solids.low[of[owner]] + t * height[owner],
        ],
        axis=1,
    )
    near = (points[:, 0] - eye[0]) ** 2 + (points[:, 1] - eye[1]) ** 2 <= radius**2
    seen = np.zeros(total, bool)
    seen[near] = view.hidden_by(eye, points[near]) == VISIBLE
    field = (length * height / (across * up))[owner]
    of_wall: Array = np.bincount(owner, seen * field, minlength=len(wall)).astype(np.float64)
    return _features(scene, bodies, wall, of, of_wall, length * height)


def _walls(view: View) -> tuple[Array, Ints, Array]:
    """Walls of the prisms (w, 4), the solid of each, and the direction (w, 2) that leads away from it."""
    solids = view.solids
    wall, of, outward = [], [], []
    for j in np.flatnonzero(solids.kind == PRISM):
        for ring in range(solids.piece[j], solids.piece[j + 1]):
            xy = solids.xyz[solids.at[ring] : solids.at[ring + 1], :2]
            a, b = xy[:-1], xy[1:]
            turn = np.sign((a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]).sum())
            turn = turn if ring == solids.piece[j] else -turn  # a court lies inside its ring
            way = b - a
            size = np.maximum(np.hypot(way[:, 0], way[:, 1]), 1e-9)
            wall.append(np.hstack([a, b]))
            of.append(np.full(len(a), j))
            outward.append(turn * np.stack([way[:, 1], -way[:, 0]], axis=1) / size[:, None])
    if not wall:
        return np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros((0, 2))
    return np.concatenate(wall), np.concatenate(of), np.concatenate(outward)


def _features(
    scene: Scene, bodies: Ints, wall: Array, of: Ints, seen: Array, whole: Array
) -> list[dict[str, Any]]:
    thing = scene.thing[bodies[of]] if len(of) else np.zeros(0, np.int64)
    out = []
    for row in np.unique(thing[seen > 0]):
        mine = thing == row
        shown = np.flatnonzero(mine & (seen > 0))
        ends = np.zeros((2 * len(shown), 3))
        ends[:, :2] = wall[shown].reshape(-1, 2)
        places = [c[:2] for c in coordinates(scene, ends)]
        part, all_ = float(seen[mine].sum()), float(whole[mine].sum())
        out.append(
            {
                "type": "Feature", "id": scene.things.eid[row].decode(),
                "geometry": {"type": "MultiLineString", "coordinates": [places[k : k + 2] for k in range(0, len(places), 2)]},
                "properties": {
                    **named(scene, np.array([row]))[0], "kind": "facade",
                    "visible_m2": round(part, 3), "facade_m2": round(all_, 3), "share": round(part / all_, 4) if all_ else 0.0,
                },
            }
        )  # fmt: skip
    return sorted(out, key=lambda f: str(f["id"]))
