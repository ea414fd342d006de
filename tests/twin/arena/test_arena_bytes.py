"""Arenas against what is independent of them: the items route's encoding, shapes tried one by one, a plain search of boxes."""

import json
from datetime import datetime

import numpy as np
import pytest
import shapely
from arena_town import Where, thing, write
from hypothesis import given, settings
from hypothesis import strategies as st

from api.features import features
from api.models import document
from twin.arena import ArenaKeeper, ArenaReader
from twin.arena.tree import BOX, CONNECTED, OTHER_SHAPE, build, levels, search
from twin.city import City
from twin.features.asking import Ask, Kind, Reach
from twin.store import Store
from twin.store.read import Box, ItemQuery, Moment, items
from twin.store.store import Store as Base

RNG = np.random.default_rng(11)


def some_things() -> list[dict]:
    """All sorts of things on a few square kilometres."""
    rows = []
    for i in range(300):
        x, y = 114 + RNG.random(2) / 64
        w, h = (1 + RNG.random(2)) / 4096
        box = shapely.box(x, y - 84, x + w, y - 84 + h)
        ell = shapely.Polygon(
            [
                (x, y - 84),
                (x + w, y - 84),
                (x + w, y - 84 + h / 3),
                (x + w / 3, y - 84 + h / 3),
                (x + w / 3, y - 84 + h),
                (x, y - 84 + h),
            ]
        )
        shape = [box, ell, shapely.Point(x, y - 84), shapely.LineString([(x, y - 84), (x + w, y - 84 + h)]),
                 shapely.MultiPolygon([box, shapely.box(x + 3 * w, y - 84, x + 4 * w, y - 84 + h)]),
                 shapely.force_3d(ell, i + 0.12345)][i % 6]  # fmt: skip
        rows.append(thing(
            shape, name=f"{i}号楼" if i % 3 else None, height_m=float(i % 40) if i % 4 else None, floors=i % 9 or None,
            class_code="shed" if i % 5 == 0 else "building", zmin=float(i % 30) if i % 2 else None, zmax=float(i % 30 + 10) if i % 2 else None,
            attributes=[{}, {"usage": "住宅", "year": 1990 + i % 30}, {"share": i / 7, "name": "hidden", "tags": ["a", 1], "note": 'say "hi"\n'}, {"big": 2**70, "deep": {"a": [1]}}][i % 4],
        ))  # fmt: skip
    return [
        *rows,
        thing(name="nowhere"),
        thing(box=(114.001, 30.001, 114.002, 30.0015), name="mesh"),
    ]


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    city = City.init(tmp_path_factory.mktemp("arena") / "city")
    with Store.open(city) as store:
        write(store, some_things())
        keeper = ArenaKeeper(store, city.arenas)
        keeper.start()
        assert keeper.wait(30)
        yield store, ArenaReader(city.arenas)
        keeper.close()


def by_id(store: Base) -> dict[str, dict]:
    now = Moment(datetime(2026, 6, 1))
    page = items(store, ItemQuery("buildings", now, limit=1000))
    return {f["id"]: f for f in features(page.things)}


def test_features_are_byte_for_byte_what_the_items_route_writes(town):
    store, reader = town
    page = reader.page(Ask("buildings", limit=1000))
    routed = {eid: document(feature) for eid, feature in by_id(store).items()}
    assert page.matched == len(routed) == 302
    for found in page.features:
        eid = json.loads(bytes(found))["id"]
        assert bytes(found) == routed[eid]
        assert bytes(reader.one("buildings", eid)) == routed[eid]
    assert json.loads(b"[" + bytes(page.features.joined()) + b"]") == [
        json.loads(bytes(f)) for f in page.features
    ]


def test_boxes_are_exact_where_shapes_and_heights_are_tried_one_by_one(town):
    _, reader = town
    everything = reader.view("buildings")
    shapes = everything.shapes(everything.everything())
    table = next(reader.table(Ask("buildings", limit=1000)))
    heights = everything.heights(everything.everything())
    eids = table["eid"].to_pylist()
    mesh = shapely.box(114.001, 30.001, 114.002, 30.0015)
    tried = 0
    for _ in range(200):
        x, y = 114 + RNG.random() / 64, 30 + RNG.random() / 64
        low = RNG.random() * 40
        box = Box(x, y, x + RNG.random() / 256, y + RNG.random() / 256, low, low + 5)
        window = shapely.box(box.west, box.south, box.east, box.north)
        names = table["name"].to_pylist()
        wanted = {
            eid for eid, shape, name, (foot, top) in zip(eids, shapes, names, heights, strict=True)
            if shape is not None and window.intersects(mesh if name == "mesh" else shape)
            and not (foot > low + 5) and not (top < low)
        }  # fmt: skip
        page = reader.page(Ask("buildings", box, limit=1000))
        assert {json.loads(bytes(f))["id"] for f in page.features} == wanted
        assert page.matched == len(wanted)
        tried += len(wanted)
    assert tried > 500


def test_fields_have_the_kinds_their_values_have(town):
    _, reader = town
    fields = reader.fields("buildings")
    assert {n: fields[n].kind for n in ("usage", "year", "share", "tags", "big", "deep", "floors", "valid_from", "geometry")} == {
        "usage": Kind.TEXT, "year": Kind.WHOLE, "share": Kind.NUMBER, "tags": Kind.LIST, "big": Kind.NUMBER, "deep": Kind.TEXT,
        "floors": Kind.WHOLE, "valid_from": Kind.INSTANT, "geometry": Kind.SHAPE,
    }  # fmt: skip
    assert fields["class_code"].values == ("building", "shed")
    assert fields["name"].values == ()


def test_nothing_beyond_reach_is_given_or_counted(town):
    _, reader = town
    area = shapely.box(114, 30, 114.008, 30.008)
    reach = Reach(frozenset({"shed"}), area)
    page = reader.page(Ask("buildings", limit=1000, reach=reach))
    found = [json.loads(bytes(f)) for f in page.features]
    assert page.matched == len(found) > 5
    assert {f["properties"]["class_code"] for f in found} == {"shed"}
    assert all(shapely.from_geojson(json.dumps(f["geometry"])).intersects(area) for f in found)
    inside = {f["id"] for f in found}
    for feature in map(json.loads, map(bytes, reader.page(Ask("buildings", limit=1000)).features)):
        assert (reader.one("buildings", feature["id"], reach) is not None) == (
            feature["id"] in inside
        )
    where = Where.equals("class_code", "building")
    assert reader.page(Ask("buildings", where=where, reach=reach)).matched == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 700), st.integers(0, 2**32 - 1))
def test_the_tree_finds_what_looking_at_every_box_finds(n, seed):
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 30, (n, 2)) / 1.0
    boxes = np.hstack([corner, corner + rng.integers(0, 4, (n, 2))])
    boxes[rng.random(n) < 0.05] = np.nan
    heights = np.sort(rng.integers(0, 9, (n, 2)) / 1.0, axis=1)
    heights[rng.random(n) < 0.2] = np.nan
    form = rng.integers(0, 3, n).astype(np.uint8)
    window = np.array(
        [
            *np.sort(rng.integers(0, 34, 2)),
            *np.sort(rng.integers(0, 34, 2)),
            *np.sort(rng.integers(0, 9, 2)),
        ],
        float,
    )[[0, 2, 1, 3, 4, 5]]
    w, s, e, north, low, high = window
    hits, doubtful = search(boxes, heights, form, build(boxes), np.array(levels(n)), window, True)
    met = (boxes[:, 0] <= e) & (boxes[:, 2] >= w) & (boxes[:, 1] <= north) & (boxes[:, 3] >= s)
    met &= ~(heights[:, 0] > high) & ~(heights[:, 1] < low)
    assert hits.tolist() == np.flatnonzero(met).tolist()
    across, along = (
        (boxes[:, 0] >= w) & (boxes[:, 2] <= e),
        (boxes[:, 1] >= s) & (boxes[:, 3] <= north),
    )
    certain = (across & along) | (form == BOX) | ((form == CONNECTED) & (across | along))
    assert hits[doubtful].tolist() == np.flatnonzero(met & ~certain).tolist()
    assert OTHER_SHAPE == 0
