"""Contents made when they are asked for are those a build writes."""

import gzip

import pytest

import tiles
from tiles.ondemand import OnDemand


@pytest.fixture
def whole(tmp_path, make_city, small_tiles):
    out = tmp_path / "whole" / "tiles"
    tiles.build(make_city(400), out, ["buildings"])
    return out


def contents(folder):
    found = (p for p in folder.rglob("*.glb") if b'"eid"' in p.read_bytes())
    return sorted(p.relative_to(folder).as_posix() for p in found)


def test_every_content_is_made_with_the_bytes_of_the_build(whole, tmp_path, make_city):
    drawing = OnDemand(make_city(400), tmp_path / "nothing")
    names = contents(whole)
    assert len(names) > 20
    for name in names:
        made = drawing.draw(name)
        assert made.data == (whole / name).read_bytes()
        assert drawing.draw(name) is made


def test_what_is_built_is_left_to_the_folder_until_the_base_changes(whole, make_city):
    city = make_city(400)
    drawing = OnDemand(city, whole)
    name = contents(whole)[3]
    assert drawing.draw(name) is None
    before = {n: (whole / n).read_bytes() for n in contents(whole)}
    city.height[77] = 61.0
    changed = [n for n in before if drawing.draw(n).data != before[n]]
    assert len(changed) == 1
    tiles.build(city, whole, ["buildings"])
    assert drawing.draw(changed[0]) is None
    assert (whole / changed[0]).read_bytes() != before[changed[0]]


@pytest.mark.parametrize(
    "name",
    [
        "buildings/tileset.json",
        "buildings/massing/13_6691_2741.glb",
        "buildings/13_1_1/top.glb",
        "buildings/13_6691_2741/0_0_0.glb",
        "buildings/13_6691_2741/9_0_0.glb",
        "buildings/99_6691_2741/top.glb",
        "buildings/13_6691_2741/99_99999999_99999999.glb",
        "buildings/../buildings/13_6691_2741/top.glb",
    ],
)
def test_anything_else_is_not_made(tmp_path, make_city, name):
    assert OnDemand(make_city(20), tmp_path).draw(name) is None


def test_what_travels_is_the_content_packed_and_the_picture_of_all(whole, tmp_path, make_city):
    drawing = OnDemand(make_city(400), tmp_path / "nothing")
    name = contents(whole)[3]
    made = drawing.draw(name)
    assert gzip.decompress(made.packed) == made.data
    assert made.packed == (whole / f"{name}.gz").read_bytes()
    assert b'"uri":"../facade.png"' in made.data
    picture = drawing.draw("buildings/facade.png")
    assert picture.data == (whole / "buildings" / "facade.png").read_bytes()
    assert OnDemand(make_city(400), whole).draw("buildings/facade.png") is None


def test_a_warm_city_is_planned_before_anyone_asks(whole, tmp_path, make_city, monkeypatch):
    drawing = OnDemand(make_city(400), tmp_path / "nothing")
    drawing.warm()
    monkeypatch.setattr("tiles.ondemand.plan_of", lambda _: pytest.fail("planned again"))
    name = contents(whole)[3]
    assert drawing.draw(name).data == (whole / name).read_bytes()
    OnDemand(make_city(400), whole).warm()  # built: not planned at all
