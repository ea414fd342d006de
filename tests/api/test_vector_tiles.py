"""Vector tiles of what was never built, or has changed: made when asked for, the bytes a build writes."""

import io
import json
import shutil

import httpx
import mapbox_vector_tile
import numpy as np
import pytest
import rasterio
import shapely
from PIL import Image
from rasterio.warp import transform
from rasterio.windows import Window

import tiles
from api.app import create_app
from api.vector_tiles import VectorTiles
from tiles.imagery import Photo, build_imagery
from tiles.mvt import build_mvt
from twin.settings import ServerSettings
from twin.store import Store
from twin.store.flat import flat_collections, flat_rows, flat_version
from twin.store.scene import Scene


@pytest.fixture(scope="module")
def live(make_city, serve, tmp_path_factory):
    """(city, what a build of its buildings writes, a client of its server)."""
    city = make_city(tmp_path_factory.mktemp("vectors") / "city")
    files = {}
    with Store.open(city) as store:
        build_mvt(flat_rows(store, "buildings"), "buildings", files.__setitem__)
    with (
        serve(create_app(ServerSettings(city=city.path))) as root,
        httpx.Client(base_url=root, timeout=20) as client,
    ):
        yield city, files, client


def test_tiles_that_were_never_built_are_those_of_the_build(live):
    _, files, client = live
    names = [n for n in files if n.endswith(".mvt")]
    assert {n.split("/")[0] for n in names} == {"13", "14", "15", "16"}
    for name in names:
        found = client.get(f"/mvt/buildings/{name}")
        assert found.headers["content-type"] == "application/vnd.mapbox-vector-tile"
        assert found.content == files[name]
    tag = found.headers["etag"]
    again = client.get(f"/mvt/buildings/{name}", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_outside_there_is_nothing_and_strangers_are_not_found(live):
    _, _, client = live
    for path in ("14/0/0", "2/1/1", "16/0/0", "14/99999/3"):
        assert client.get(f"/mvt/buildings/{path}").status_code == 204
    found = client.get("/mvt/castles/14/0/0")
    assert found.status_code == 404
    assert "buildings" in found.json()["detail"]


def test_the_index_has_whole_addresses_and_types(live):
    _, _, client = live
    found = client.get("/mvt/buildings/tilejson.json").json()
    assert found["tiles"] == [f"{client.base_url}".rstrip("/") + "/mvt/buildings/{z}/{x}/{y}.mvt"]
    fields = found["vector_layers"][0]["fields"]
    assert fields["usage"] == "String"
    assert fields["year_built"] == fields["height_m"] == "Number"
    assert found["bounds"] == pytest.approx([114.0, 30.4, 114.0094, 30.4034])
    layers = {layer["id"]: layer for layer in client.get("/city").json()["layers"]}
    assert layers["buildings"]["tilejson"] == "/mvt/buildings/tilejson.json"


def test_a_change_shows_at_once_and_a_build_of_before_is_not_served(make_city, serve, tmp_path):
    """The folder says it is of version n; the base is at n + 1 after a rename."""
    city = make_city(tmp_path / "city")
    shutil.rmtree(city.tiles)
    with Store.open(city) as store:
        with store.transaction() as con:
            con.execute(
                "INSERT INTO change (kind, subject_kind, collection) VALUES ('load', 'entity', 'buildings')"
            )
        tiles.build(Scene(store), city.tiles, ["mvt"])
        before = flat_version(store, "buildings")
    document = json.loads((city.tiles / "mvt" / "buildings" / "tilejson.json").read_bytes())
    assert document["version"] == f"1.{before}.0"
    path = sorted((city.tiles / "mvt" / "buildings" / "16").glob("*/*.mvt"))[0]
    name = path.relative_to(city.tiles / "mvt" / "buildings").as_posix()

    def named(client):
        found = client.get(f"/mvt/buildings/{name}")
        return found, {
            f["properties"].get("name")
            for f in mapbox_vector_tile.decode(found.content)["buildings"]["features"]
        }

    def rename(store, text):
        with store.transaction() as con:
            con.execute("UPDATE entity SET name = ? WHERE collection = 'buildings'", [text])
            con.execute(
                "INSERT INTO change (kind, subject_kind, collection) VALUES ('change', 'entity', 'buildings')"
            )

    app = create_app(ServerSettings(city=city.path))
    with serve(app) as root, httpx.Client(base_url=root) as client:
        built, names = named(client)
        assert built.content == path.read_bytes()
        assert "max-age" in built.headers["cache-control"]
        assert names != {"新名"}
        rename(app.state.city_state.store, "新名")
        fresh, names = named(client)
        assert names == {"新名"}
        assert fresh.headers["cache-control"] == "no-cache"
        assert named(client)[0].headers["etag"] == fresh.headers["etag"]


@pytest.fixture(scope="module")
def pictured(make_city, serve, tmp_path_factory):
    """A server whose city has a photo of four colours."""
    city = make_city(tmp_path_factory.mktemp("wmts") / "city")
    colors = np.zeros((512, 512, 4), np.uint8)
    colors[..., 3] = 255
    colors[:256, :256, 0] = colors[:256, 256:, 1] = colors[256:, :256, 2] = 255
    colors[256:, 256:, :2] = 255
    photo = Photo(colors, (2.0, 0.0, 507_500.0, 0.0, -2.0, 3_371_500.0), "EPSG:4547")

    def write(name, data):
        path = city.tiles / "imagery" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    build_imagery([photo], "photo", write)
    with serve(create_app(ServerSettings(city=city.path))) as root:
        yield city, root


def test_gdal_opens_the_wmts_and_sees_the_photo(pictured, monkeypatch):
    _, root = pictured
    monkeypatch.setenv("GDAL_HTTP_TIMEOUT", "10")
    with rasterio.open(f"WMTS:{root}/wmts/1.0.0/WMTSCapabilities.xml,layer=imagery") as found:
        assert found.crs.to_epsg() == 3857
        for east, north, color in (
            (507_600, 3_371_400, (255, 0, 0)), (508_400, 3_371_400, (0, 255, 0)),
            (507_600, 3_370_600, (0, 0, 255)), (508_400, 3_370_600, (255, 255, 0)),
        ):  # fmt: skip
            x, y = transform("EPSG:4547", found.crs, [east], [north])
            row, col = found.index(x[0], y[0])
            pixel = found.read(window=Window(col, row, 1, 1))[:3, 0, 0]
            assert np.abs(pixel.astype(int) - color).max() < 30


def test_tiles_by_keys_by_path_and_as_jpeg_are_one_picture(pictured):
    city, root = pictured
    path = sorted((city.tiles / "imagery" / "15").glob("*/*.webp"))[0]
    z, x, y = 15, int(path.parent.name), int(path.stem)
    with httpx.Client(base_url=root) as client:
        keys = {"Service": "WMTS", "REQUEST": "GetTile", "layer": "imagery", "style": "default", "TileMatrixSet": "WebMercatorQuad",
                "TileMatrix": z, "TileRow": y, "TileCol": x, "format": "image/webp"}  # fmt: skip
        by_keys = client.get("/wmts", params=keys)
        by_path = client.get(f"/wmts/1.0.0/imagery/default/WebMercatorQuad/{z}/{y}/{x}.webp")
        assert by_keys.content == by_path.content == path.read_bytes()
        jpeg = client.get(f"/imagery/{z}/{x}/{y}.jpg")
        assert jpeg.headers["content-type"] == "image/jpeg"
        one, two = (
            np.array(Image.open(io.BytesIO(c)).convert("RGB"), int)
            for c in (jpeg.content, path.read_bytes())
        )
        alpha = np.array(Image.open(path).convert("RGBA"))[..., 3] == 255
        assert np.abs(one - two)[alpha].mean() < 6
        for change in (
            {"TileRow": "x"},
            {"layer": "castle"},
            {"format": "image/tiff"},
            {"REQUEST": "GetFish"},
            {"Service": "WMS"},
        ):
            assert client.get("/wmts", params=keys | change).status_code == 400
        assert client.get("/wmts", params=keys | {"TileRow": 1}).status_code == 404
        assert client.get("/wmts").text == client.get("/wmts/1.0.0/WMTSCapabilities.xml").text


def test_a_change_of_one_collection_leaves_the_tiles_of_others(make_city, tmp_path):
    city = make_city(tmp_path / "city")
    with Store.open(city) as store:
        files = {}
        other = next(c for c in flat_collections(store) if c != "buildings")
        for name in ("buildings", other):
            build_mvt(flat_rows(store, name), name, files.setdefault(name, {}).__setitem__)
        vectors = VectorTiles(store, tmp_path / "nothing")

        def drawn(name):
            path = next(n for n in files[name] if n.endswith(".mvt"))
            return vectors.tile(name, *map(int, path.removesuffix(".mvt").split("/")))

        def change(collection):
            with store.transaction() as con:
                con.execute(
                    "INSERT INTO change (kind, subject_kind, collection) VALUES ('change', 'entity', ?)",
                    [collection],
                )

        one, two = drawn("buildings"), drawn(other)
        index = vectors.tilejson("buildings")
        change(other)
        assert drawn("buildings") is one
        assert vectors.tilejson("buildings") is index
        again = drawn(other)
        assert again[0] == two[0]
        assert again[1] != two[1]  # known before the tile is made: from the last change
        change(None)
        assert drawn("buildings") is not one


def test_a_change_of_one_thing_makes_only_the_tiles_it_touches_anew(make_city, tmp_path, ids):
    """Renamed, moved, ended: every tile is what a build of the base would write, and most are not made again."""
    city = make_city(tmp_path / "city")
    with Store.open(city) as store:
        vectors = VectorTiles(store, tmp_path / "nothing")
        seen = {}

        def built():
            files = {}
            build_mvt(flat_rows(store, "buildings"), "buildings", files.__setitem__)
            return {n.removesuffix(".mvt"): b for n, b in files.items() if n.endswith(".mvt")}

        def compared(names):
            """Tiles as they are now, and how many of those that were there before are other objects."""
            now = {n: vectors.tile("buildings", *map(int, n.split("/"))) for n in names}
            anew = sum(now[n] is not seen[n] for n in names & seen.keys())
            changed = {n for n in names & seen.keys() if now[n][0] != seen[n][0]}
            assert all(now[n][1] != seen[n][1] for n in changed)  # another tag for other bytes
            kept = {n for n in names & seen.keys() if now[n][1] == seen[n][1]}
            seen.update(now)
            return {n: found[0] for n, found in now.items()}, anew, kept

        def change(statement, given, eid, *box):
            with store.transaction() as con:
                con.execute(statement, given)
                con.execute(
                    "INSERT INTO change (kind, subject_kind, subject_id, collection, xmin, ymin, xmax, ymax) "
                    "VALUES ('change', 'entity', ?, 'buildings', ?, ?, ?, ?)",
                    [eid, *(box or [None] * 4)],
                )

        first = built()
        assert compared(first.keys())[0] == first
        tower, far = ids.tower, ids.building(39)
        change("UPDATE entity SET name = '改名楼' WHERE eid = ?", [tower], tower)
        found, anew, kept = compared(first.keys())
        assert found == built()
        assert 0 < anew < len(first)
        assert kept
        assert all(
            vectors.tag("buildings", *map(int, n.split("/"))) == seen[n][1] for n in first
        )  # known without the tile
        box = (114.02, 30.41, 114.0204, 30.4104)
        moved = shapely.to_wkb(shapely.box(*box))
        change(
            "UPDATE geometry SET wkb = ?, xmin = ?, ymin = ?, xmax = ?, ymax = ? WHERE eid = ?",
            [moved, *box, far], far, *box,
        )  # fmt: skip
        then = built()
        found, anew, kept = compared(then.keys() | first.keys())
        assert {n: b for n, b in found.items() if b} == then
        assert then.keys() - first.keys()
        assert 0 < anew < len(first)
        change("UPDATE entity SET valid_to = now() WHERE eid = ?", [far], far)
        found, _, kept = compared(then.keys())
        assert {n: b for n, b in found.items() if b} == built()
        assert kept
        assert vectors.tilejson("buildings")["bounds"][2] < 114.01
        vectors.close()
