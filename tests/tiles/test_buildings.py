import json

import numpy as np
import pyproj
import pytest
import shapely

import tiles.membership
from tiles.blocks import SKIRT_M
from tiles.buildings import build_buildings

GEODETIC = pyproj.Transformer.from_crs(4978, 4979, always_xy=True)


def writer(folder):
    """Writes below a folder as a layer is written."""

    def write(name, data):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    return write


def local_plane(points, frame):
    """ECEF → east, north, up of a frame built from the definition."""
    return (points - frame[:3, 3]) @ frame[:3, :3]


@pytest.fixture(scope="module")
def layer(tmp_path_factory, make_city):
    city = make_city(120)
    out = tmp_path_factory.mktemp("b") / "buildings"
    out.mkdir()
    with pytest.MonkeyPatch.context() as patch:  # in one district, so in one tile
        patch.setattr(tiles.membership, "FIRST_DISTRICT", 10)
        result = build_buildings(city.buildings(), city.terrain(), writer(out))
    return city, out, result


@pytest.fixture(scope="module")
def tile(layer, glb):
    """The one tile: geometry in ECEF, by an independent reader."""
    _, out, _ = layer
    root = json.loads((out / "tileset.json").read_text())["root"]
    content = glb(out / root["content"]["uri"])
    matrix = np.array(root["transform"]).reshape(4, 4).T
    return content, content.z_up @ matrix[:3, :3].T + matrix[:3, 3], matrix


def test_every_footprint_corner_stands_where_pyproj_puts_it(layer, tile, to_ecef):
    city, _, _ = layer
    content, points, _ = tile
    table = city.buildings()
    shapes = shapely.from_wkb(table["wkb"].to_pylist())
    rows = dict(zip(content.properties["eid"], range(120), strict=True))
    for i, (name, shape) in enumerate(zip(table["eid"].to_pylist(), shapes, strict=True)):
        mine = points[content.ids == rows[name]]
        lon, lat = shapely.get_coordinates(shape).T
        height = 6.0 if i == 5 else table["height_m"][i].as_py()
        top = np.column_stack(to_ecef.transform(lon, lat, np.full(len(lon), 12.0 + height)))
        nearest = np.linalg.norm(top[:, None] - mine[None], axis=2).min(axis=1)
        assert nearest.max() < 0.001


def test_walls_reach_below_the_lowest_ground_and_roofs_are_flat(layer, tile):
    city, _, _ = layer
    content, points, _ = tile
    _, _, h = GEODETIC.transform(*points.T)
    table = city.buildings()
    terrain = city.terrain()
    rows = dict(zip(content.properties["eid"], range(120), strict=True))
    for i, (name, wkb) in enumerate(
        zip(table["eid"].to_pylist(), table["wkb"].to_pylist(), strict=True)
    ):
        lon, lat = shapely.get_coordinates(shapely.from_wkb(wkb)).T
        ground = terrain.height(lon, lat)
        lowest = min(12.0, float(np.nanmin(ground))) if np.isfinite(ground).any() else 12.0
        mine = h[content.ids == rows[name]]
        assert mine.min() == pytest.approx(lowest - SKIRT_M, abs=0.002)
        tall = 6.0 if i == 5 else table["height_m"][i].as_py()
        assert mine.max() == pytest.approx(12.0 + tall, abs=0.002)
        low = mine[mine < lowest]
        assert low.max() - low.min() < 0.002


def test_roof_and_wall_areas_are_those_of_the_footprint(layer, tile, frame):
    city, _, _ = layer
    content, points, _ = tile
    a, b, c = (points[content.triangles[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    owner = content.ids[content.triangles[:, 0]]
    vertical = np.abs(content.normals[content.triangles[:, 0], 1]) < 0.5
    table = city.buildings()
    rows = dict(zip(content.properties["eid"], range(120), strict=True))
    _, _, h = GEODETIC.transform(*points.T)
    for name, wkb in zip(table["eid"].to_pylist(), table["wkb"].to_pylist(), strict=True):
        shape = shapely.from_wkb(wkb)
        i = rows[name]
        lon, lat = shape.centroid.x, shape.centroid.y
        mine = h[content.ids == i]
        here = frame(lon, lat, mine.max())
        ecef = pyproj.Transformer.from_crs(4979, 4978, always_xy=True)

        top = float(mine.max())

        def flat(p, here=here, ecef=ecef, top=top):
            world = np.column_stack(ecef.transform(p[:, 0], p[:, 1], np.full(len(p), top)))
            return local_plane(world, here)[:, :2]

        plane = shapely.transform(shape, flat)
        # vertices lie on a grid of a millimetre
        assert area[(owner == i) & ~vertical].sum() == pytest.approx(plane.area, rel=2e-4)
        height = mine.max() - mine.min()
        assert area[(owner == i) & vertical].sum() == pytest.approx(plane.length * height, rel=2e-4)


def test_faces_look_outwards_whatever_the_winding(tile, layer):
    content, points, matrix = tile
    a, b, c = (content.z_up[content.triangles[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    normal = np.column_stack(
        [content.normals[:, 0], -content.normals[:, 2], content.normals[:, 1]]
    )[content.triangles[:, 0]]
    face /= np.linalg.norm(face, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", face, normal).min() > 0.98
    # a step outwards from the middle of a wall leaves the footprint, a step inwards enters it
    city, _, _ = layer
    shapes = dict(
        zip(
            city.buildings()["eid"].to_pylist(),
            shapely.from_wkb(city.buildings()["wkb"].to_pylist()),
            strict=True,
        )
    )
    wall = np.flatnonzero(np.abs(normal[:, 2]) < 0.5)
    middle = (a + b + c)[wall] / 3
    for sign, inside in ((0.2, False), (-0.2, True)):
        world = (middle + sign * normal[wall]) @ matrix[:3, :3].T + matrix[:3, 3]
        lon, lat, _ = GEODETIC.transform(*world.T)
        owner = content.ids[content.triangles[wall, 0]]
        shape = np.array([shapes[content.properties["eid"][i]] for i in owner], dtype=object)
        assert (shapely.contains_xy(shape, lon, lat) == inside).all()
    assert points.shape[1] == 3


def test_properties_say_what_the_base_knows_and_nothing_else(tile, layer):
    content, _, _ = tile
    _, _, result = layer
    p = content.properties
    schema = content.document["extensions"]["EXT_structural_metadata"]["schema"]
    declared = schema["classes"]["feature"]["properties"]
    i = p["name"].index("5号楼")
    assert p["height_m"][i] == declared["height_m"]["noData"]
    assert p["floors"][i] == declared["floors"]["noData"]
    j = p["name"].index("17号楼")
    assert p["height_m"][j] == pytest.approx(23.0)
    assert p["floors"][j] == 7
    assert set(p["class"]) == {"building"}
    assert result.notes == ["1 without height or floors, drawn 6 m high"]


def test_walls_darken_towards_the_foot_and_kinds_differ(tile):
    content, _, _ = tile
    wall = np.abs(content.normals[:, 1]) < 0.5
    for i in range(5):
        mine = wall & (content.ids == i)
        up = content.positions[mine, 1]
        light = content.colors[mine, :3].sum(axis=1)
        assert light[up < up.mean()].max() < 0.8 * light[up > up.mean()].min()
    assert len(np.unique(content.colors[wall], axis=0)) > 10
    assert (content.colors[:, 3] == 255).all()


def test_an_impossible_height_is_not_believed(make_city):
    from tiles.blocks import prepare

    table = make_city(20, {3: 9999.0}).buildings()
    blocks = prepare(table.drop_columns("floors"), None)
    tall = (blocks.top - blocks.base)[blocks.name == "3号楼"]
    assert tall.tolist() == [6.0]
    assert blocks.height_m[blocks.name == "3号楼"].tolist() == [9999.0]
    assert "1 said to be higher than 1000 m, height not believed" in blocks.notes


def test_what_cannot_be_drawn_is_left_out_and_counted(tmp_path, make_city):
    table = make_city(3).buildings()
    wkb = table["wkb"].to_pylist()
    empty = shapely.to_wkb(shapely.Polygon())
    line = shapely.to_wkb(shapely.LineString([(114, 30), (114.1, 30)]))
    table = table.set_column(table.column_names.index("wkb"), "wkb", [[empty, line, wkb[2]]])
    written = {}
    layer = build_buildings(table, None, written.__setitem__)
    assert layer.features == 1
    assert layer.notes == ["2 without a polygon, left out"]
    nothing = build_buildings(table.slice(0, 2), None, written.__setitem__)
    assert nothing.root is None
