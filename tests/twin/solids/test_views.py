"""Views against sight lines one by one, and against the ground walked in plain Python."""

import numpy as np
import shapely

from twin.solids import Solids, first_hits
from twin.solids.views import GROUND, VISIBLE, View, surface_of

STEP, SIZE = 4.0, 60


def random_city(seed, n=60):
    """Turned boxes with courts, floating decks and some roofs of triangles on 240 m × 240 m, ground that undulates."""
    rng = np.random.default_rng(seed)
    shapes = []
    for x, y, w, h, turn in zip(
        *rng.uniform((0, 0, 4, 4, 0), (240, 240, 25, 25, 90), (n, 5)).T, strict=True
    ):
        shape = shapely.box(0, 0, w, h)
        if min(w, h) > 12:
            shape = shapely.difference(shape, shapely.box(4, 4, w - 4, h - 4))
        shapes.append(shapely.affinity.translate(shapely.affinity.rotate(shape, turn), x, y))
    low = np.where(rng.random(n) < 0.2, rng.uniform(5, 15, n), -5.0)
    solids = Solids.prisms(np.array(shapes), low, low + rng.uniform(1, 30, n))
    gables = [
        np.array([[[x, y, 0], [x + 12, y, 0], [x + 6, y + 5, 14]], [[x + 12, y, 0], [x, y, 0], [x + 6, y - 5, 14]]])
        for x, y in rng.uniform(0, 240, (8, 2))
    ]  # fmt: skip
    cells = np.arange(SIZE) * STEP
    ground = 3 * np.sin(cells / 30)[:, None] + 2 * np.cos(cells / 25)[None]
    return Solids.joined([solids, Solids.meshes(gables)]), ground


def over_ground(eye, target, ground, bend):
    """The same surface walked cell by cell in plain Python."""
    a, b = np.array(eye[:2]) / STEP, np.array(target[:2]) / STEP
    way = b - a
    lead = 0 if abs(way[0]) >= abs(way[1]) else 1
    reach = ((b - a) @ (b - a)) * STEP**2
    for k in range(SIZE):
        t = (k - a[lead]) / way[lead] if way[lead] else 2
        if not 1e-9 < t < 1 - 1e-9:
            continue
        at = a + t * way
        col, row = at
        if lead == 0:
            n = int(row)
            h = ground[n, k] + (row - n) * (ground[min(n + 1, SIZE - 1), k] - ground[n, k])
        else:
            n = int(col)
            h = ground[k, n] + (col - n) * (ground[k, min(n + 1, SIZE - 1)] - ground[k, n])
        line = eye[2] + t * (target[2] - bend * reach - eye[2])
        if h - bend * t * t * reach > line + 1e-9:
            return False
    return True


def test_views_agree_with_sight_lines_one_by_one():
    for seed in range(4):
        solids, ground = random_city(seed)
        top, owner = surface_of(solids, 0.0, 0.0, STEP, ground)
        bend = 0.0 if seed % 2 else 1e-5  # far above the Earth's, so that it shows
        rng = np.random.default_rng(seed)
        eye = np.array([*rng.uniform(100, 140, 2), rng.choice([8.0, 25.0, 45.0])])
        row, col = (k.ravel() for k in np.mgrid[:SIZE, :SIZE])
        targets = np.stack([col * STEP, row * STEP, top[row, col] + 0.01], axis=1)
        found = View.of(solids, 0.0, 0.0, STEP, ground, bend).hidden_by(eye, targets)
        some = rng.choice(len(targets), 700, replace=False)
        pairs = np.array(np.meshgrid(np.arange(len(some)), np.arange(len(solids)))).reshape(2, -1)
        if bend:  # the scene sunk by hand
            sunk_xyz = solids.xyz.copy()
            sunk_xyz[:, 2] -= bend * ((sunk_xyz[:, :2] - eye[:2]) ** 2).sum(axis=1)
            meshes = np.flatnonzero(solids.kind == 3)
            part = Solids(
                solids.kind,
                solids.radius,
                solids.low,
                solids.high,
                solids.piece,
                solids.at,
                sunk_xyz,
            )
            pairs = pairs[:, np.isin(pairs[1], meshes)]
            ends = targets[some].copy()
            ends[:, 2] -= bend * ((ends[:, :2] - eye[:2]) ** 2).sum(axis=1)
            hit = first_hits(np.repeat(eye[None], len(some), 0), ends, part, *pairs) < 1 - 1e-9
            hidden = np.zeros(len(some), bool)
            np.logical_or.at(hidden, pairs[0], hit)
            assert (found[some][hidden] != VISIBLE).all()
            continue
        hit = (
            first_hits(np.repeat(eye[None], len(some), 0), targets[some], solids, *pairs) < 1 - 1e-9
        )
        hidden = np.zeros(len(some), bool)
        np.logical_or.at(hidden, pairs[0], hit)
        assert (found[some][hidden] != VISIBLE).all()
        assert hidden[found[some] >= 0].all()
        for k in np.flatnonzero(~hidden):
            seen = over_ground(eye, targets[some[k]], ground, bend)
            assert found[some[k]] == (VISIBLE if seen else GROUND)
        assert {VISIBLE, GROUND} <= set(found.tolist())
        assert hidden.any()
        assert (owner >= 0).any()


def test_a_wall_casts_the_shadow_computed_by_hand():
    """Eye 10 m up, a wall 5 m high 20 m away: the ground behind it is hidden for another 20 m."""
    wall = Solids.prisms(np.array([shapely.box(20, -50, 20.5, 50)]), 0.0, 5.0)
    ground = np.zeros((1, 100))
    view = View.of(wall, 0.0, 0.0, 1.0, ground)
    targets = np.array([[x, 0.0, 0.0] for x in range(100)])
    found = view.hidden_by(np.array([0.0, 0.0, 10.0]), targets)
    # the upper edge of the far side stands at x = 20.5: its shadow ends at 41, and what grazes it is hidden
    assert np.flatnonzero(found != VISIBLE).tolist() == list(range(21, 42))


def test_a_ridge_hides_what_lies_below_the_line_over_it():
    """Eye 2 m up, a ridge of 4 m at 10 m: at 30 m all below 8 m is hidden."""
    ground = np.zeros((3, 60))
    ground[:, 10] = 4.0
    view = View.of(Solids.none(), 0.0, 0.0, 1.0, ground)
    eye = np.array([0.0, 1.0, 2.0])
    found = view.hidden_by(eye, np.array([[30.0, 1.0, 7.99], [30.0, 1.0, 8.01]]))
    assert found.tolist() == [GROUND, VISIBLE]
