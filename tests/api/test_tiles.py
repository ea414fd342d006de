"""Static tiles: media types, 304, ranges, compression, and no way out of the folder."""

import gzip
import hashlib
import http.client
from urllib.parse import urlsplit

import httpx
import pytest

import tiles
from api.app import create_app
from twin.settings import ServerSettings
from twin.store import Store
from twin.store.scene import Scene


@pytest.mark.parametrize(
    ("path", "media", "size"),
    [
        ("/tiles/buildings/tileset.json", "application/json", 46),
        ("/tiles/buildings/0.glb", "model/gltf-binary", 2052),
        ("/terrain/layer.json", "application/json", 31),
        ("/terrain/0/0/0.terrain?v=1.0.0", "application/vnd.quantized-mesh", 100),
        ("/tiles/terrain/0/0/0.terrain", "application/vnd.quantized-mesh", 100),
        ("/imagery/1/1/0.webp", "image/webp", 12),
        ("/imagery/tilejson.json", "application/json", 51),
        ("/mvt/grids/3/6/3", "application/vnd.mapbox-vector-tile", 4),
        ("/mvt/grids/3/6/3.mvt", "application/vnd.mapbox-vector-tile", 4),
        ("/mvt/grids/tilejson.json", "application/json", 2),
    ],
)
def test_each_kind_has_its_media_type(client, path, media, size):
    found = client.get(path)
    assert (found.status_code, found.headers["content-type"], len(found.content)) == (
        200,
        media,
        size,
    )
    assert found.headers["x-content-type-options"] == "nosniff"


def test_an_unchanged_tile_is_not_sent_again(client):
    first = client.get("/tiles/buildings/0.glb")
    again = client.get("/tiles/buildings/0.glb", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/tiles/buildings/0.glb", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200
    assert "max-age" in first.headers["cache-control"]
    assert client.get("/tiles/buildings/tileset.json").headers["cache-control"] == "no-cache"


def test_a_rewritten_tile_has_another_tag(client, city):
    path = city.tiles / "buildings" / "changing.json"
    path.write_bytes(b"[1]")
    tag = client.get("/tiles/buildings/changing.json").headers["etag"]
    path.write_bytes(b"[1, 2]")
    found = client.get("/tiles/buildings/changing.json", headers={"If-None-Match": tag})
    assert (found.status_code, found.content) == (200, b"[1, 2]")


def test_ranges(client):
    found = client.get("/tiles/buildings/0.glb", headers={"Range": "bytes=0-3"})
    assert (found.status_code, found.content) == (206, b"glTF")
    assert found.headers["content-range"] == "bytes 0-3/2052"
    assert client.get("/tiles/buildings/0.glb", headers={"Range": "bytes=9000-"}).status_code == 416


def test_head_tells_without_sending(client):
    found = client.head("/tiles/buildings/0.glb", headers={"Accept-Encoding": "identity"})
    assert (found.status_code, found.headers["content-length"], found.content) == (200, "2052", b"")


def test_compressed_variant_is_used_where_it_is_taken(client, city):
    (city.tiles / "packed.json").write_bytes(b'{"plain":1}')
    (city.tiles / "packed.json.gz").write_bytes(gzip.compress(b'{"packed":1}'))
    (city.tiles / "only.json.gz").write_bytes(gzip.compress(b'{"only":1}'))
    taken = client.get("/tiles/packed.json", headers={"Accept-Encoding": "gzip"})
    assert (taken.headers["content-encoding"], taken.json()) == ("gzip", {"packed": 1})
    plain = client.get("/tiles/packed.json", headers={"Accept-Encoding": "identity"})
    assert ("content-encoding" in plain.headers, plain.json()) == (False, {"plain": 1})
    assert "Accept-Encoding" in plain.headers["vary"]
    unpacked = client.get("/tiles/only.json", headers={"Accept-Encoding": "identity"})
    assert ("content-encoding" in unpacked.headers, unpacked.json()) == (False, {"only": 1})


def test_terrain_written_compressed_is_declared_so(client, city):
    (city.tiles / "terrain" / "0" / "0" / "1.terrain").write_bytes(gzip.compress(b"mesh" * 9))
    assert client.get("/terrain/0/0/1.terrain").content == b"mesh" * 9
    plain = client.get("/terrain/0/0/1.terrain", headers={"Accept-Encoding": "identity"})
    assert plain.content == b"mesh" * 9


def test_vector_tiles_that_hold_nothing_are_204(client):
    assert client.get("/mvt/grids/3/7/3").status_code == 204
    assert client.get("/mvt/castles/3/7/3").status_code == 404
    assert client.get("/mvt/grids/3/7/three").status_code == 404


WAYS_OUT = [
    "/tiles/../secret.json",
    "/tiles/buildings/../../secret.json",
    "/tiles/%2e%2e/secret.json",
    "/tiles/%2e%2e%2fsecret.json",
    "/tiles/..%2fsecret.json",
    "/tiles/..%5csecret.json",
    "/tiles/..\\secret.json",
    "/tiles/%252e%252e/secret.json",
    "/tiles/%252e%252e%252fsecret.json",
    "/tiles/....//secret.json",
    "/tiles/%c0%ae%c0%ae/secret.json",
    "/tiles//secret.json",
    "/tiles/%2fetc/passwd",
    "/tiles//etc/passwd",
    "/tiles/link.json",
    "/tiles/.hidden.json",
    "/tiles/buildings",
    "/tiles/buildings/",
    "/tiles/buildings/plan.exe",
    "/tiles/secret.json%00.glb",
    "/tiles/buildings%0a/tileset.json",
    "/tiles/buildings/tileset.json/x.json",
    "/tiles/" + "a/" * 40 + "b.json",
    "/tiles/" + "a" * 4000 + ".json",
    "/terrain/../../secret.json",
    "/terrain/..%2f..%2fsecret.json",
    "/mvt/../3/6/3",
    "/mvt/..%2f..%2f/3/6/3",
    "/mvt/%2e%2e/3/6/3",
    "/page/../app.py",
    "/page/..%2fapp.py",
    "/page/%2e%2e/app.py",
]


@pytest.mark.parametrize("path", WAYS_OUT)
def test_nothing_outside_the_folder_is_reached(address, city, path):
    """Sent as written: a client library would tidy the path up."""
    assert (city.path / "secret.json").is_file()
    (city.tiles / ".hidden.json").write_bytes(b'"do not serve"')
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    connection.putrequest("GET", path, skip_accept_encoding=True)
    connection.endheaders()
    found = connection.getresponse()
    content = found.read()
    connection.close()
    assert found.status in (400, 404), (found.status, content[:200])
    assert b"do not serve" not in content
    assert b"create_app" not in content
    assert found.headers["content-type"] == "application/problem+json"


def test_tiles_of_buildings_are_made_when_none_were_built(make_city, serve, tmp_path):
    """Without any `twin tile`: the same bytes as it writes, and the hash as the tag."""
    city = make_city(tmp_path / "bare")
    built = tmp_path / "built"
    with Store.open(city) as store:
        tiles.build(Scene(store), built, ["buildings"])
    names = [p.relative_to(built).as_posix() for p in built.rglob("top.glb")]
    assert names
    with serve(create_app(ServerSettings(city=city.path))) as root:
        for name in names:
            found = httpx.get(f"{root}/tiles/{name}")
            whole = (built / name).read_bytes()
            assert (found.status_code, found.content) == (200, whole)
            assert found.headers["content-type"] == "model/gltf-binary"
            tag = found.headers["etag"]
            assert tag == f'"{hashlib.sha256(whole).hexdigest()}-gz"'
            assert found.headers["content-encoding"] == "gzip"
            known = httpx.get(f"{root}/tiles/{name}", headers={"If-None-Match": tag})
            assert (known.status_code, known.content) == (304, b"")
            plain = httpx.get(f"{root}/tiles/{name}", headers={"Accept-Encoding": "identity"})
            assert (plain.content, plain.headers["etag"]) == (whole, tag.replace("-gz", ""))
        assert httpx.get(f"{root}/tiles/buildings/13_1_1/top.glb").status_code == 404


def test_the_tag_of_a_built_file_is_the_hash_of_its_content(make_city, serve, tmp_path):
    """Copied or built again elsewhere, it is the same; a file the manifest does not know has time and size."""
    city = make_city(tmp_path / "built")
    with Store.open(city) as store:
        tiles.build(Scene(store), city.tiles, ["buildings"])
    name = next(p.relative_to(city.tiles).as_posix() for p in city.tiles.rglob("top.glb"))
    (city.tiles / "buildings" / "other.json").write_bytes(b"[1]")
    with serve(create_app(ServerSettings(city=city.path))) as root:
        for path, packed in ((name, f"{name}.gz"), ("buildings/tileset.json", "")):
            data = (city.tiles / (packed or path)).read_bytes()
            mark = "-gz" if packed else ""
            takes = {"Accept-Encoding": "gzip" if packed else "identity"}
            tag = httpx.get(f"{root}/tiles/{path}", headers=takes).headers["etag"]
            assert tag == f'"{hashlib.sha256(data).hexdigest()}{mark}"'
        other = httpx.get(f"{root}/tiles/buildings/other.json").headers["etag"]
        assert other.endswith('-3"')
