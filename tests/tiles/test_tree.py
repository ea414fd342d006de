import json

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import tiles.membership as rules
from tiles.buildings import build_buildings
from tiles.check_tileset import TilesetCheck
from tiles.outlines import TableRows, plan_of
from tiles.subtrees import LEVELS, read_subtree, write_subtrees


def written(table, terrain=None):
    """Every file of the layer by its name."""
    files = {}
    build_buildings(table, terrain, files.__setitem__)
    return files


def lay(files, folder):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def homes(table):
    """Tile of every building: (district, level of the tile, cell of the tile)."""
    plan = plan_of(TableRows(table).outlines())
    m = plan.membership
    eids = np.array(table["eid"].to_pylist(), dtype=object)
    district = np.repeat(np.arange(len(m.district_level)), m.count)
    out = {}
    for row, key, level, d in zip(plan.row, m.key, m.tile_level, district, strict=True):
        cell = int(key) >> (2 * (rules.LAST_LEVEL - int(level)))
        out[eids[row]] = (m.cell(int(d)), int(level), cell)
    return out


def test_both_faces_show_every_building_once_and_within_its_cell(small_tiles, tmp_path, make_city):
    table = make_city(600).buildings()
    lay(written(table), tmp_path / "buildings")
    found = []
    for face in ("tileset.json", "implicit.json"):
        run = TilesetCheck(tmp_path)
        run.run(tmp_path / "buildings" / face)
        assert run.findings == []
        found.append(run.eid)
    assert set(found[0]) == set(table["eid"].to_pylist())
    assert found[0] == found[1]
    assert len({h[0] for h in homes(table).values()}) > 8
    assert list((tmp_path / "buildings").glob("page_*.json"))
    assert list((tmp_path / "buildings").rglob("*.subtree"))


def test_leaves_hold_their_buildings_strictly_and_the_top_what_crosses(small_tiles, make_city):
    table = make_city(600).buildings()
    found = shapely.bounds(shapely.from_wkb(table["wkb"].to_pylist()))
    bounds = dict(zip(table["eid"].to_pylist(), found, strict=True))
    where = homes(table)

    def cell(degrees, origin, level):
        return int((degrees - origin) * 2**level // 360)

    held = {}
    for name, home in where.items():
        held.setdefault(home, []).append(name)
    leaves = {(tile, key) for (level, _, _), tile, key in held if tile > level}
    for ((level, x, y), tile, key), names in held.items():
        if tile > level:
            cx, cy = (int(v[0]) for v in rules.unmorton(np.array([key])))
            assert (cx >> (tile - level), cy >> (tile - level)) == (x, y)
            assert len(names) <= rules.LEAF_FEATURES
        for name in names:
            west, south, east, north = bounds[name] + [-1e-7, -1e-7, 1e-7, 1e-7]
            corners = {
                (cell(a, -180, tile), cell(b, -90, tile))
                for a in (west, east)
                for b in (south, north)
            }
            if tile > level:
                assert corners == {(cx, cy)}
            elif len([n for n, h in where.items() if h[0] == (level, x, y)]) > rules.LEAF_FEATURES:
                # crosses the border of every leaf it touches
                lon, lat = (west + east) / 2, (south + north) / 2
                for deep in range(level + 1, 22):
                    own = (cell(lon, -180, deep), cell(lat, -90, deep))
                    key = int(rules.morton(np.array([own[0]]), np.array([own[1]]))[0])
                    if (deep, key) in leaves:
                        assert {cell(west, -180, deep), cell(east, -180, deep)} != {own[0]} or {
                            cell(south, -90, deep), cell(north, -90, deep),
                        } != {own[1]}  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.sets(st.integers(0, 399), min_size=1, max_size=3))
def test_other_buildings_do_not_move_when_some_go(make_city, gone):
    """A building leaves its own chain of cells; who stands in other districts is not touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "LEAF_FEATURES", 12)
        patch.setattr(rules, "DISTRICT_FEATURES", 60)
        table = make_city(400).buildings()
        before = homes(table)
        keep = np.array([i not in gone for i in range(400)])
        after = homes(table.filter(keep))
        eids = table["eid"].to_pylist()
        touched = {before[eids[i]][0] for i in gone}
        level = min(c[0] for c in touched) - 1
        chains = {(c[1] >> (c[0] - level), c[2] >> (c[0] - level)) for c in touched}
        for name, home in after.items():
            (own, x, y), _, _ = home
            deep = max(0, own - level), max(0, level - own)
            here = x >> deep[0], y >> deep[0]
            if here not in {(a >> deep[1], b >> deep[1]) for a, b in chains}:
                assert before[name] == home


def test_an_edit_and_its_undoing_give_the_first_bytes(small_tiles, make_city):
    city = make_city(500)
    first = written(city.buildings())
    city.height[77] = 61.0
    second = written(city.buildings())
    city.height.clear()
    assert written(city.buildings()) == first
    changed = {n for n in first.keys() | second.keys() if first.get(n) != second.get(n)}
    glbs = [n for n in changed if n.endswith(".glb")]
    contents = [n for n in glbs if b'"eid"' in first[n]]
    assert len(contents) == 1
    chain = [n for n in glbs if n not in contents]
    levels = [n.split("_")[0] for n in chain]
    assert len(levels) == len(set(levels))
    # no massing but that of the district and of the cells above it
    total = [n for n in first if n.endswith(".glb")]
    assert len(contents) + len(chain) < len(total) / 4


def test_the_order_of_the_rows_changes_nothing(small_tiles, make_city):
    table = make_city(300).buildings()
    order = np.random.default_rng(3).permutation(300)
    assert written(table.take(order)) == written(table)


def test_massing_stands_for_all_buildings_below_and_says_how_wrong_it_is(
    small_tiles, tmp_path, make_city, glb
):
    table = make_city(600).buildings()
    lay(written(table), tmp_path)
    root = json.loads((tmp_path / "tileset.json").read_text())["root"]
    assert root["refine"] == "REPLACE"
    far = glb(tmp_path / root["content"]["uri"])
    assert far.properties["buildings"].sum() == 600
    assert "eid" not in far.properties
    assert len(set(far.properties["block"])) == len(far.properties["block"])
    # no roof below is farther from the top of the highest block than the error says
    height = np.where(np.arange(600) == 5, 6.0, table["height_m"].to_numpy(zero_copy_only=False))
    assert root["geometricError"] >= abs(12 + height.max() - far.properties["top_m"].max())

    def falls(tile, error):
        assert tile["geometricError"] <= error
        for child in tile.get("children", ()):
            falls(child, tile["geometricError"])

    falls(root, json.loads((tmp_path / "tileset.json").read_text())["geometricError"])


def test_a_district_changes_from_massing_to_all_its_tiles_at_one_distance(small_tiles, make_city):
    files = written(make_city(600).buildings())
    districts = 0
    for name in sorted(n for n in files if n.startswith("page_")):
        root = json.loads(files[name])["root"]
        tiles = root["children"]
        if any(t["content"]["uri"].startswith(("massing/", "page_")) for t in tiles):
            continue  # massing of a cell above districts
        districts += 1
        folder = name.removeprefix("page_").removesuffix(".json")
        drawn = {t["content"]["uri"] for t in tiles}
        own = {n for n in files if n.startswith(f"{folder}/") and n.endswith(".glb")}
        assert drawn == {n for n in own if b'"eid"' in files[n]}
        assert root["refine"] == "REPLACE"
        assert all(t["geometricError"] == 0 and "children" not in t for t in tiles)
    assert districts > 4


def test_what_a_massing_leaves_empty_is_measured():
    from tiles.massing import BLOCK, deviation

    rows = np.zeros(1, BLOCK)
    side = 100 / 111_320.0
    rows["east"], rows["north"] = side, side  # 100 m × 100 m at the equator
    rows["area"], rows["volume"] = 7500.0, 7500.0 * 20
    rows["low"], rows["high"], rows["count"] = 16.0, 20.0, 2
    assert deviation(rows, 15) == pytest.approx(np.hypot(4.0, np.sqrt(2500 / np.pi)), rel=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 127), st.integers(0, 127)), min_size=1))
def test_subtrees_give_back_what_was_put_in(cells):
    contents = {(k, x % 2**k, y % 2**k) for k, x, y in cells}
    blobs = {}
    levels = write_subtrees(contents, blobs.__setitem__)
    assert levels == max(c[0] for c in contents) + 1
    found = set()

    def walk(root):
        level, x, y = root
        tree = read_subtree(blobs.pop(root), LEVELS)
        found.update((level + k, (x << k) + a, (y << k) + b) for k, a, b in tree.contents)
        for k, a, b in tree.children:
            walk((level + k, (x << k) + a, (y << k) + b))

    walk((0, 0, 0))
    assert found == contents
    assert not blobs


def test_a_damaged_subtree_is_told(small_tiles, tmp_path, make_city):
    lay(written(make_city(600).buildings()), tmp_path / "buildings")
    path = sorted((tmp_path / "buildings").rglob("*.subtree"))[0]
    whole = path.read_bytes()
    for damaged in (whole[:20], b"nope" + whole[4:], whole + bytes(8)):
        path.write_bytes(damaged)
        run = TilesetCheck(tmp_path)
        run.run(tmp_path / "buildings" / "implicit.json")
        assert "subtree" in {f.rule for f in run.findings}


def test_a_content_outside_its_implicit_cell_is_told(small_tiles, tmp_path, make_city):
    lay(written(make_city(600).buildings()), tmp_path / "buildings")
    folder = next(p.parent for p in sorted((tmp_path / "buildings").rglob("0_0_0.subtree")))
    inner = sorted(p for p in folder.glob("*.glb") if p.name != "top.glb")
    a, b = inner[0], inner[-1]
    assert a != b
    one, other = a.read_bytes(), b.read_bytes()
    a.write_bytes(other)
    b.write_bytes(one)
    run = TilesetCheck(tmp_path)
    run.run(tmp_path / "buildings" / "implicit.json")
    assert "outside-box" in {f.rule for f in run.findings}


def test_very_many_on_one_spot_end_at_the_last_level(make_city):
    many = rules.DISTRICT_FEATURES + 1
    key = np.zeros(many, np.int64)
    inside = np.full(many, rules.LAST_LEVEL, np.int8)
    found = rules.members(key, inside)
    assert found.district_level.tolist() == [rules.LAST_LEVEL]
    assert (found.tile_level == rules.LAST_LEVEL).all()
