"""What one place sees: sight lines to many places past buildings and over the ground, compiled.

The scene of a view is a square of cells. Walls and triangles stand in a coarser net, so that a sight line meets few of
them; the ground is the surface spanned by the heights of the cells along the lines of their middles. All lines are
straight in space: seen from the place, everything sinks by ``bend`` times its squared distance (curvature of the Earth
less refraction).
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from twin.solids.segments import in_rings, segment_crosses_triangle
from twin.solids.shapes import MESH, PRISM, Columns, Solids

__all__ = ["View", "surface_of"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Net = tuple[Array, Ints, Ints, Ints, Ints, Array, Ints, float]
"""Walls (w, 4), the solid of each member, first points of triangles, starts, members and highest point of the squares,
their number east and north, their size. Members are walls by number, then triangles, then decks."""
_NET_M = 8.0
_DECK_M = 2.0  # a floor so far above the ground is seen from below
_END = 1 - 1e-9
VISIBLE = -1
"""Answer for what is seen."""
GROUND = -2
"""Answer for what the ground hides."""


@dataclass(frozen=True, slots=True)
class View:
    """Buildings and ground around a place.

    Parameters
    ----------
    solids : Solids
        What hides: prisms and meshes; other kinds hide nothing.
    west, south : float
        Middle of the first cell, metres.
    step : float
        Metres between cells.
    ground : ndarray of float64, shape (rows, cols)
        Metres above the ellipsoid from south to north; NaN hides nothing.
    bend : float
        Metres of sinking per square metre of distance.
    net : Net
        Where walls and triangles stand.
    """

    solids: Solids
    west: float
    south: float
    step: float
    ground: Array
    bend: float
    net: Net

    @classmethod
    def of(
        cls,
        solids: Solids,
        west: float,
        south: float,
        step: float,
        ground: Array,
        bend: float = 0.0,
    ) -> "View":
        """A view over a square of cells; see the class."""
        walls, wall_of, triangles, triangle_of = _items(solids.columns)
        size = max(_NET_M, step)
        rows, cols = ground.shape
        shape = np.array([cols * step / size + 2, rows * step / size + 2], np.int64)
        decks = _decks(solids.columns, west, south, step, ground)
        owner = np.concatenate([wall_of, triangle_of, decks])
        corner = west - step, south - step
        start, member, ceiling = _net(walls, triangles, owner, solids.columns, *corner, size, shape)
        net = (walls, owner, triangles, start, member, ceiling, shape, size)
        return cls(solids, west, south, step, np.ascontiguousarray(ground), bend, net)

    def hidden_by(self, eye: Array, targets: Array) -> Ints:
        """What hides places from a place.

        Parameters
        ----------
        eye : ndarray of float64, shape (3,)
            Metres, inside the square.
        targets : ndarray of float64, shape (n, 3)
            Metres, inside the square. A target on a roof or in front of a wall is not hidden by it.

        Returns
        -------
        ndarray of int64, shape (n,)
            Row of a solid that hides it (not always the first), :data:`GROUND`, or :data:`VISIBLE`.
        """
        scene = self.west, self.south, self.step, self.ground, self.bend
        return np.asarray(_hidden_by(eye, targets, self.solids.columns, self.net, scene))


def surface_of(
    solids: Solids, west: float, south: float, step: float, ground: Array
) -> tuple[Array, Ints]:
    """Height of what lies on top in the middle of each cell, and the solid it belongs to (-1: the ground).

    Parameters
    ----------
    solids : Solids
    west, south, step, ground
        As in :class:`View`.
    """
    top, owner = ground.copy(), np.full(ground.shape, -1, np.int64)
    _raise(solids.columns, west, south, step, top, owner)
    return top, owner


@njit(cache=True, nogil=True)
def _items(solids: Columns) -> tuple[Array, Ints, Ints, Ints]:
    """Walls of prisms (w, 4) and first points of the triangles of meshes, and the solids they belong to."""
    kind, _, _, _, piece, at, xyz = solids
    n_walls = n_triangles = 0
    for j in range(len(kind)):
        if kind[j] == PRISM:
            n_walls += at[piece[j + 1]] - at[piece[j]] - (piece[j + 1] - piece[j])
        elif kind[j] == MESH:
            n_triangles += (at[piece[j + 1]] - at[piece[j]]) // 3
    walls, wall_of = np.empty((n_walls, 4)), np.empty(n_walls, np.int64)
    triangles, triangle_of = np.empty(n_triangles, np.int64), np.empty(n_triangles, np.int64)
    w = t = 0
    for j in range(len(kind)):
        if kind[j] == PRISM:
            for ring in range(piece[j], piece[j + 1]):
                for i in range(at[ring], at[ring + 1] - 1):
                    walls[w, 0], walls[w, 1] = xyz[i, 0], xyz[i, 1]
                    walls[w, 2], walls[w, 3] = xyz[i + 1, 0], xyz[i + 1, 1]
                    wall_of[w] = j
                    w += 1
        elif kind[j] == MESH:
            for i in range(at[piece[j]], at[piece[j + 1]], 3):
                triangles[t], triangle_of[t] = i, j
                t += 1
    return walls, wall_of, triangles, triangle_of


@njit(cache=True, nogil=True)
def _squares(
    ax: float, ay: float, bx: float, by: float, row: int, size: float, nx: int
) -> tuple[int, int]:
    """First and last square of a row of the net that a segment (from the net's corner) passes, with a margin."""
    low, high = row * size - 1e-6, (row + 1) * size + 1e-6
    t0, t1 = 0.0, 1.0
    if ay != by:
        t0, t1 = (low - ay) / (by - ay), (high - ay) / (by - ay)
        if t0 > t1:
            t0, t1 = t1, t0
        t0, t1 = max(0.0, t0), min(1.0, t1)
    x0, x1 = ax + t0 * (bx - ax), ax + t1 * (bx - ax)
    if x0 > x1:
        x0, x1 = x1, x0
    first, last = np.floor((x0 - 1e-6) / size), np.floor((x1 + 1e-6) / size)
    return int(max(0.0, min(first, nx * 1.0))), int(max(-1.0, min(last, nx - 1.0)))


@njit(cache=True, nogil=True)
def _decks(solids: Columns, west: float, south: float, step: float, ground: Array) -> Ints:
    """Prisms that hang over the ground, which may hide what lies below them or above."""
    kind, _, low, _, piece, at, xyz = solids
    rows, cols = ground.shape
    out, n = np.empty(len(kind), np.int64), 0
    for j in range(len(kind)):
        if kind[j] != PRISM:
            continue
        points = xyz[at[piece[j]] : at[piece[j] + 1]]
        left = max(0, int(np.floor((points[:, 0].min() - west) / step)))
        right = min(cols - 1, int(np.ceil((points[:, 0].max() - west) / step)))
        lowest = max(0, int(np.floor((points[:, 1].min() - south) / step)))
        highest = min(rows - 1, int(np.ceil((points[:, 1].max() - south) / step)))
        hangs = False
        for row in range(lowest, highest + 1):
            for col in range(left, right + 1):
                if low[j] > ground[row, col] + _DECK_M:
                    hangs = True
        if hangs:
            out[n] = j
            n += 1
    return out[:n]


@njit(cache=True, nogil=True)
def _net(
    walls: Array, triangles: Ints, owner: Ints, solids: Columns, west: float, south: float, size: float, shape: Ints
) -> tuple[Ints, Ints, Array]:  # fmt: skip
    """Starts and members of the squares, and the highest point of what stands in each."""
    _, _, _, high, piece, at, xyz = solids
    nx, ny = shape[0], shape[1]
    start = np.zeros(nx * ny + 1, np.int64)
    ceiling = np.full(nx * ny, -np.inf)
    member = np.empty(0, np.int64)
    for fill in range(2):
        if fill:
            for k in range(nx * ny):
                start[k + 1] += start[k]
            member = np.empty(start[nx * ny], np.int64)
        for m in range(len(owner)):
            sloped = m < len(walls)
            if sloped:
                ax, ay = walls[m, 0] - west, walls[m, 1] - south
                bx, by = walls[m, 2] - west, walls[m, 3] - south
                y0, y1 = min(ay, by), max(ay, by)
            else:
                j = piece[owner[m]]
                first, last = at[j], at[j + 1]
                if m < len(walls) + len(triangles):
                    first = triangles[m - len(walls)]
                    last = first + 3
                t = xyz[first:last]
                ax, bx = t[:, 0].min() - west, t[:, 0].max() - west
                y0, y1 = t[:, 1].min() - south, t[:, 1].max() - south
                ay = by = 0.0
            low_row = int(max(0.0, np.floor((y0 - 1e-6) / size)))
            high_row = int(min(ny - 1.0, np.floor((y1 + 1e-6) / size)))
            for row in range(low_row, high_row + 1):
                left, right = _squares(ax, ay, bx, by, row, size, nx)
                for square in range(row * nx + left, row * nx + right + 1):
                    if fill:
                        start[square] -= 1
                        member[start[square]] = m
                    else:
                        start[square] += 1
                        ceiling[square] = max(ceiling[square], high[owner[m]])
    return start, member, ceiling


@njit(cache=True, nogil=True)
def _wall_hides(
    ex: float, ey: float, ez: float, tx: float, ty: float, fall: float, bend: float,
    wall: Array, solids: Columns, j: int,
) -> bool:  # fmt: skip
    """Whether the prism ``j`` hides a target, told at one of its walls; ``fall`` is the rise of the line."""
    _, _, low, high, piece, at, xyz = solids
    ux, uy = tx - ex, ty - ey
    vx, vy = wall[2] - wall[0], wall[3] - wall[1]
    turn = ux * vy - uy * vx
    if turn == 0.0:
        return False
    wx, wy = wall[0] - ex, wall[1] - ey
    if turn > 0.0:  # the sight line meets the wall in plan; told without dividing
        s, t = wx * uy - wy * ux, wx * vy - wy * vx
        if s < 0.0 or s > turn or t < 0.0 or t > turn:
            return False
    else:
        s, t = wx * uy - wy * ux, wx * vy - wy * vx
        if s > 0.0 or s < turn or t > 0.0 or t < turn:
            return False
    t /= turn
    if t >= _END:
        return False
    z = ez + t * fall
    sunk = bend * t * t * (ux * ux + uy * uy)
    bottom, top = low[j] - sunk, high[j] - sunk
    if bottom <= z <= top:
        return True
    if z < bottom and fall != 0.0:  # it came through the roof, or goes in through the floor
        share = ((top if fall < 0.0 else bottom) - ez) / fall
        if 0.0 <= share < _END:
            at_x, at_y = ex + share * ux, ey + share * uy
            return bool(in_rings(xyz, at, piece[j], piece[j + 1], at_x, at_y))
    return False


@njit(cache=True, nogil=True)
def _deck_hides(
    eye: Array, target: Array, fall: float, bend: float, solids: Columns, j: int
) -> bool:
    """Whether a sight line passes the floor or the roof of a prism."""
    _, _, low, high, piece, at, xyz = solids
    if fall == 0.0:
        return False
    ux, uy = target[0] - eye[0], target[1] - eye[1]
    for h in (low[j], high[j]):
        t = (h - eye[2]) / fall
        t = (h - bend * t * t * (ux * ux + uy * uy) - eye[2]) / fall
        x, y = eye[0] + t * ux, eye[1] + t * uy
        if 0.0 < t < _END and in_rings(xyz, at, piece[j], piece[j + 1], x, y):
            return True
    return False


@njit(cache=True, nogil=True)
def _member_hides(
    eye: Array, target: Array, m: int, solids: Columns, bend: float, walls: Array, owner: Ints, triangles: Ints
) -> bool:  # fmt: skip
    ux, uy = target[0] - eye[0], target[1] - eye[1]
    fall = target[2] - bend * (ux * ux + uy * uy) - eye[2]
    if m < len(walls):
        return bool(
            _wall_hides(eye[0], eye[1], eye[2], target[0], target[1], fall, bend, walls[m], solids, owner[m])
        )  # fmt: skip
    if m >= len(walls) + len(triangles):
        return bool(_deck_hides(eye, target, fall, bend, solids, owner[m]))
    first = triangles[m - len(walls)]
    sunk = solids[6][first : first + 3].copy()
    for k in range(3):
        sunk[k, 2] -= bend * ((sunk[k, 0] - eye[0]) ** 2 + (sunk[k, 1] - eye[1]) ** 2)
    along = segment_crosses_triangle(
        eye[0], eye[1], eye[2], target[0], target[1], eye[2] + fall, sunk
    )
    return bool(along < _END)


@njit(cache=True, nogil=True)
def _past_solids(
    eye: Array, target: Array, solids: Columns, net: Net,
    west: float, south: float, bend: float,
) -> int:  # fmt: skip
    """Row of a solid that hides the target, or VISIBLE: walks the net from the eye (Amanatides and Woo, 1987)."""
    walls, owner, triangles, start, member, ceiling, shape, size = net
    nx, ny = shape[0], shape[1]
    ax, ay = (eye[0] - west) / size, (eye[1] - south) / size
    ux, uy = (target[0] - west) / size - ax, (target[1] - south) / size - ay
    fall = target[2] - bend * ((ux * ux + uy * uy) * size * size) - eye[2]
    i, j = int(np.floor(ax)), int(np.floor(ay))
    step_i, step_j = (1 if ux > 0 else -1), (1 if uy > 0 else -1)
    next_i = ((i + (ux > 0)) - ax) / ux if ux != 0 else np.inf
    next_j = ((j + (uy > 0)) - ay) / uy if uy != 0 else np.inf
    grow_i = abs(1 / ux) if ux != 0 else np.inf
    grow_j = abs(1 / uy) if uy != 0 else np.inf
    came = 0.0
    while True:
        goes = min(next_i, next_j, 1.0)
        if 0 <= i < nx and 0 <= j < ny:
            square = j * nx + i
            # the lowest of the line in the square, a little before and after it
            lowest = eye[2] + (goes + 1e-6 if fall < 0 else came - 1e-6) * fall
            if lowest <= ceiling[square]:
                for k in range(start[square], start[square + 1]):
                    m = member[k]
                    if _member_hides(eye, target, m, solids, bend, walls, owner, triangles):
                        return int(owner[m])
        if goes >= 1.0:
            return VISIBLE
        came = goes
        if next_i < next_j:
            i, next_i = i + step_i, next_i + grow_i
        else:
            j, next_j = j + step_j, next_j + grow_j


@njit(cache=True, nogil=True)
def _over_ground(
    eye: Array, target: Array, west: float, south: float, step: float, ground: Array, bend: float
) -> bool:
    """Whether a sight line stays above the ground where it crosses the lines of the cells' middles."""
    rows, cols = ground.shape
    a, b = (eye[0] - west) / step, (eye[1] - south) / step
    da, db = (target[0] - west) / step - a, (target[1] - south) / step - b
    across = abs(da) >= abs(db)
    lead, lead_way = (a, da) if across else (b, db)
    side, side_way = (b, db) if across else (a, da)
    if lead_way == 0.0:
        return True
    reach = (target[0] - eye[0]) ** 2 + (target[1] - eye[1]) ** 2
    fall = target[2] - bend * reach - eye[2]
    most = rows if across else cols
    limit = cols if across else rows
    low, high = min(lead, lead + lead_way), max(lead, lead + lead_way)
    first, last = int(max(0.0, np.ceil(low))), int(min(limit - 1.0, np.floor(high)))
    slope, rise = side_way / lead_way, fall / lead_way
    for k in range(first, last + 1):
        way = k - lead
        t = way / lead_way
        if t <= 1e-9 or t >= _END:
            continue
        at = side + way * slope
        n = int(at)
        if at < 0.0 or n + 1 > most:
            continue
        share = at - n
        m = min(n + 1, most - 1)
        h0, h1 = (ground[n, k], ground[m, k]) if across else (ground[k, n], ground[k, m])
        h = h0 * (1 - share) + h1 * share
        if h - bend * t * t * reach > eye[2] + way * rise + 1e-9:
            return False
    return True


@njit(cache=True, nogil=True)
def _hidden_by(
    eye: Array, targets: Array, solids: Columns, net: Net,
    scene: tuple[float, float, float, Array, float],
) -> Ints:  # fmt: skip
    west, south, step, ground, bend = scene
    out = np.empty(len(targets), np.int64)
    for k in range(len(targets)):
        out[k] = _past_solids(eye, targets[k], solids, net, west - step, south - step, bend)
        if out[k] == VISIBLE and not _over_ground(eye, targets[k], west, south, step, ground, bend):
            out[k] = GROUND
    return out


@njit(cache=True, nogil=True)
def _raise(
    solids: Columns, west: float, south: float, step: float, top: Array, owner: Ints
) -> None:
    kind, _, _, high, piece, at, xyz = solids
    for j in range(len(kind)):
        if kind[j] == PRISM:
            points = xyz[at[piece[j]] : at[piece[j] + 1]]
            _raise_area(points, west, south, step, top, owner, j, high[j], piece, at, xyz)
        elif kind[j] == MESH:
            for i in range(at[piece[j]], at[piece[j + 1]], 3):
                _raise_area(
                    xyz[i : i + 3], west, south, step, top, owner, j, np.nan, piece, at, xyz
                )


@njit(cache=True, nogil=True)
def _raise_area(
    points: Array, west: float, south: float, step: float, top: Array, owner: Ints, j: int, height: float,
    piece: Ints, at: Ints, xyz: Array,
) -> None:  # fmt: skip
    """Cells whose middle lies in a prism of a height, or below a triangle (height NaN)."""
    rows, cols = top.shape
    left = max(0, int(np.ceil((points[:, 0].min() - west) / step)))
    right = min(cols - 1, int(np.floor((points[:, 0].max() - west) / step)))
    lowest = max(0, int(np.ceil((points[:, 1].min() - south) / step)))
    highest = min(rows - 1, int(np.floor((points[:, 1].max() - south) / step)))
    for row in range(lowest, highest + 1):
        for col in range(left, right + 1):
            x, y = west + col * step, south + row * step
            h = height
            if np.isnan(height):
                h = _height_on(points, x, y)
            elif not in_rings(xyz, at, piece[j], piece[j + 1], x, y):
                continue
            if h > top[row, col] or (np.isnan(top[row, col]) and not np.isnan(h)):
                top[row, col], owner[row, col] = h, j


@njit(cache=True, nogil=True)
def _height_on(t: Array, x: float, y: float) -> float:
    """Height of a triangle (3, 3) above a place; NaN beside it."""
    ux, uy, vx, vy = t[1, 0] - t[0, 0], t[1, 1] - t[0, 1], t[2, 0] - t[0, 0], t[2, 1] - t[0, 1]
    area = ux * vy - uy * vx
    if area == 0.0:
        return np.nan
    wx, wy = x - t[0, 0], y - t[0, 1]
    s, r = (wx * vy - wy * vx) / area, (ux * wy - uy * wx) / area
    if s < 0.0 or r < 0.0 or s + r > 1.0:
        return np.nan
    return float(t[0, 2] + s * (t[1, 2] - t[0, 2]) + r * (t[2, 2] - t[0, 2]))
