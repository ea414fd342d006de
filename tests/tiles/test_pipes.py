import json

import numpy as np
import pytest
import shapely

from tiles.pipes import MINIMUM_RADIUS_M, tubes


def test_a_straight_tube_has_its_radius_its_area_and_no_hole():
    points = np.array([[0.0, 0, 0], [30, 40, 0], [60, 80, 0]])
    positions, normals, owner, triangles = tubes(points, np.zeros(3, int), np.full(3, 0.5))
    axis = np.array([0.6, 0.8, 0.0])
    away = positions - np.outer(positions @ axis, axis)
    assert np.linalg.norm(away, axis=1) == pytest.approx(0.5)
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1.0)
    a, b, c = (positions[triangles[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    centre = (a + b + c) / 3
    outwards = np.einsum("ij,ij->i", face, centre - np.array([30.0, 40, 0]))
    assert outwards.min() > 0
    # octagonal prism: volume by the divergence theorem against area × length
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6
    octagon = 8 * 0.5 * 0.5**2 * np.sin(np.pi / 4)
    assert volume == pytest.approx(octagon * 100, rel=1e-9)
    assert set(owner) == {0, 1, 2}


def test_two_pipes_do_not_join():
    points = np.array([[0.0, 0, 0], [10, 0, 0], [100, 0, 0], [100, 10, 5]])
    positions, _, owner, triangles = tubes(points, np.array([0, 0, 1, 1]), np.full(4, 0.2))
    line = np.array([0, 0, 1, 1])[owner]
    assert (line[triangles] == line[triangles[:, :1]]).all()
    assert len(triangles) == 2 * (16 + 12)
    assert np.isfinite(positions).all()


def test_pipes_follow_their_axis_on_the_earth(built, city, vertices, to_ecef):
    found = vertices(built / "pipes")
    radius = {0: 0.5, 1: MINIMUM_RADIUS_M}
    for i, row in enumerate(city.pipes().to_pylist()):
        xyz = shapely.get_coordinates(shapely.from_wkb(row["wkb"]), include_z=True)
        axis = np.column_stack(to_ecef.transform(*xyz.T))
        mine = found[row["eid"]]
        gap = np.linalg.norm(axis[:, None] - mine[None], axis=2).min(axis=1)
        assert gap == pytest.approx(radius[i], abs=0.001)


def test_the_property_keeps_the_true_diameter(built, glb):
    root = json.loads((built / "pipes" / "tileset.json").read_text())["root"]
    content = glb(built / "pipes" / root["content"]["uri"])
    assert content.properties["diameter_mm"].tolist() == [1000.0, -9999.0]
    assert set(content.properties["class"]) == {"pipe_gas", "pipe_water"}
