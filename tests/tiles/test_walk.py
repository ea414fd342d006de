"""Both faces as a client walks them: at every distance each building is seen once, itself or by a massing."""

import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
import shapely

from tiles.buildings import build_buildings
from tiles.check_glb import read_content
from tiles.check_tileset import TilesetCheck
from tiles.subtrees import read_subtree
from twin.crs import ecef_to_geographic, geographic_to_ecef

PIXELS, FIELD, WANTED = 1080, np.deg2rad(60), 16.0
"""Height of the screen, vertical field of view, and what CesiumJS takes for maximumScreenSpaceError."""
DISTANCES = (250.0, 1_000.0, 4_000.0, 12_000.0, 60_000.0)


class Client:
    """Chooses contents of a tileset by their error on the screen; a tile waits for nothing.

    As CesiumJS does: a tile whose error is small enough is drawn as it is, which shows nothing where it has no
    content; a document is always opened.
    """

    def __init__(self, files):
        self.files = files
        self.drawn, self.replaced = [], {}

    def seen(self, face, eye):
        self.eye, self.geographic = np.array(eye), ecef_to_geographic(*np.array(eye)[:, None])
        self.drawn = []
        self._page(face, np.eye(4))
        return self.drawn

    def below(self, face):
        """Contents that replace each content, as deep as there is anything."""
        self.replaced = {}
        self._page(face, np.eye(4), everything=True)
        return dict(self.replaced)

    def _page(self, name, matrix, everything=False):
        return self._tile(json.loads(self.files[name])["root"], matrix, everything)

    def _tile(self, tile, parent, everything):
        matrix = parent @ np.array(tile.get("transform", np.eye(4).ravel())).reshape(4, 4).T
        if "implicitTiling" in tile:
            return self._implicit(tile, everything)
        uri = tile.get("content", {}).get("uri", "")
        if uri.endswith(".json"):
            return self._page(uri, matrix, everything)
        children = tile.get("children", [])
        near = self._wants(tile["geometricError"], self._to_box(tile, matrix), everything)
        deeper = []
        if children and near:
            for child in children:
                deeper += self._tile(child, matrix, everything)
        return self._drawn(uri, tile["refine"], children and near, deeper)

    def _drawn(self, uri, refine, refined, deeper):
        """What is drawn of a tile and below."""
        if refined and refine == "REPLACE":
            self.replaced[uri] = deeper
            return deeper
        self.drawn += [uri] if uri else []
        return deeper + ([uri] if uri else [])

    def _wants(self, error, distance, everything):
        if everything:
            return True
        size = error * PIXELS / (2 * max(distance(), 1e-6) * np.tan(FIELD / 2))
        return size > WANTED

    def _to_box(self, tile, matrix):
        def distance():
            box = np.array(tile["boundingVolume"]["box"]).reshape(4, 3)
            local = matrix[:3, :3].T @ (self.eye - matrix[:3, 3]) - box[0]
            half = np.linalg.norm(box[1:], axis=1)
            return float(np.linalg.norm(np.maximum(np.abs(local) - half, 0)))

        return distance

    def _implicit(self, tile, everything):
        said = tile["implicitTiling"]
        trees = {}

        def held(cell):
            level, x, y = cell
            up = level % said["subtreeLevels"]
            root = (level - up, x >> up, y >> up)
            if root not in trees:
                name = fill(said["subtrees"]["uri"], root)
                trees[root] = (
                    read_subtree(self.files[name], said["subtreeLevels"])
                    if name in self.files
                    else None
                )
            tree = trees[root]
            own = (up, x - (root[1] << up), y - (root[2] << up))
            return tree is not None and own in tree.tiles, tree is not None and own in tree.contents

        def visit(cell):
            there, full = held(cell)
            if not there:
                return []
            level, x, y = cell
            children = [
                (level + 1, 2 * x + a, 2 * y + b) for b in (0, 1) for a in (0, 1)
                if level + 1 < said["availableLevels"] and held((level + 1, 2 * x + a, 2 * y + b))[0]
            ]  # fmt: skip
            error = tile["geometricError"] / 2**level
            near = self._wants(error, lambda: self._to_region(tile, cell), everything)
            deeper = [u for c in children for u in visit(c)] if children and near else []
            uri = fill(tile["content"]["uri"], cell) if full else ""
            return self._drawn(uri, tile["refine"], children and near, deeper)

        return visit((0, 0, 0))

    def _to_region(self, tile, cell):
        west, south, east, north, low, high = tile["boundingVolume"]["region"]
        level, x, y = cell
        width, depth = (east - west) / 2**level, (north - south) / 2**level
        lon, lat, h = (float(v[0]) for v in self.geographic)
        lon = np.clip(np.deg2rad(lon), west + x * width, west + (x + 1) * width)
        lat = np.clip(np.deg2rad(lat), south + y * depth, south + (y + 1) * depth)
        point = geographic_to_ecef(
            *(np.array([v]) for v in (np.rad2deg(lon), np.rad2deg(lat), np.clip(h, low, high)))
        )
        return float(np.linalg.norm(np.ravel(point) - self.eye))


def fill(template, cell):
    for word, number in zip(("{level}", "{x}", "{y}"), cell, strict=True):
        template = template.replace(word, str(number))
    return template


def villages(table, at=((114.0, 30.0), (114.13, 30.02), (114.3, 30.31), (114.31, 30.3))):
    """The buildings of a table gathered around some places, ever denser towards them."""
    rng = np.random.default_rng(4)
    shapes = shapely.from_wkb(table["wkb"].to_pylist())
    middle = shapely.bounds(shapes)[:, :2]
    n = len(shapes)
    reach = 0.012 * 2.0 ** (-6 * rng.random(n))
    angle = rng.random(n) * 2 * np.pi
    to = np.array(at)[np.arange(n) % len(at)] + reach[:, None] * np.column_stack(
        [np.cos(angle), np.sin(angle)]
    )
    moved = [
        shapely.transform(s, lambda p, d=d: p + d) for s, d in zip(shapes, to - middle, strict=True)
    ]
    return table.set_column(table.column_names.index("wkb"), "wkb", pa.array(shapely.to_wkb(moved)))


@pytest.fixture(params=["even", "villages", "one district"])
def layer(request, make_city, small_tiles, monkeypatch):
    table = make_city(500).buildings()
    if request.param == "villages":
        table = villages(table)
    if request.param == "one district":
        table = villages(table.slice(0, 60), at=((114.1, 30.1),))
    files = {}
    build_buildings(table, None, files.__setitem__)
    return table, files


def middles(table):
    box = shapely.bounds(shapely.from_wkb(table["wkb"].to_pylist()))
    middle = np.column_stack([(box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2])
    return dict(zip(table["eid"].to_pylist(), middle, strict=True))


@pytest.mark.parametrize("face", ["tileset.json", "implicit.json"])
def test_every_building_is_seen_once_at_every_distance(layer, face, glb, tmp_path):
    table, files = layer
    where = middles(table)
    client = Client(files)
    contents = {n: read_content(b) for n, b in files.items() if n.endswith(".glb")}
    below = client.below(face)

    def stands_for(name):
        """Buildings of a content: its own, or all that replace it."""
        return contents[name].eid or [e for n in below[name] for e in contents[n].eid]

    kinds = Counter()
    spots = list(where.values())[:: len(where) // 3]
    for lon, lat in [*spots, np.array(spots[0]) + 0.05]:
        for distance in DISTANCES:
            eye = np.ravel(
                geographic_to_ecef(*(np.array([v]) for v in (lon, lat, 20.0 + distance)))
            )
            drawn = client.seen(face, eye)
            assert len(drawn) == len(set(drawn))
            shown = Counter(e for name in drawn for e in stands_for(name))
            assert set(shown) == set(where), (distance, len(where) - len(shown))
            assert set(shown.values()) == {1}
            kinds.update("building" if contents[n].eid else "massing" for n in drawn)
    assert kinds["building"]
    assert kinds["massing"]
    for name in below:  # a massing has as many in each of its squares as stand there
        (tmp_path / "m.glb").write_bytes(files[name])
        said = glb(tmp_path / "m.glb").properties
        counted, expected = Counter(), Counter()
        for block, n in zip(said["block"], said["buildings"], strict=True):
            level, x, y, _ = map(int, block.split("/"))
            counted[x, y] += int(n)
        width = 360.0 / 2**level
        for eid in stands_for(name):
            lon, lat = where[eid]
            expected[int((lon + 180) // width), int((lat + 90) // width)] += 1
        assert counted == expected


def test_the_walk_of_a_deep_district_meets_inner_massing(make_city, small_tiles):
    files = {}
    build_buildings(villages(make_city(500).buildings()), None, files.__setitem__)
    levels = [json.loads(files[n])["root"] for n in files if n.endswith(".json")]
    found = []

    def roots(tile):
        if "implicitTiling" in tile:
            found.append(tile["implicitTiling"]["availableLevels"])
        for child in tile.get("children", ()):
            roots(child)

    for root in levels:
        roots(root)
    assert max(found) >= 4


def test_a_hole_and_a_double_are_told(make_city, small_tiles, tmp_path):
    files = {}
    build_buildings(villages(make_city(300).buildings()), None, files.__setitem__)
    folder = tmp_path / "buildings"
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def rules():
        run = TilesetCheck(tmp_path)
        run.run(folder / "implicit.json")
        return {f.rule for f in run.findings}

    assert rules() == set()
    inner = next(n for n in sorted(files) if n.endswith("/0_0_0.glb"))
    other = next(
        n for n in sorted(files) if n.startswith("massing/") and n[8:-4] != inner.split("/")[0]
    )
    (folder / inner).write_bytes(files[f"massing/{inner.split('/')[0]}.glb"])
    told = rules()
    top = inner.replace("0_0_0", "top") in files
    assert ("massing-count" in told) == top
    (folder / inner).write_bytes(files[other])
    assert "massing-count" in rules()
