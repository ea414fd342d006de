"""Abstract tests of OGC API – Tiles Part 1 (20-057, annex A) and of tileset metadata (17-083r4), against a real server."""

import io
import json
import math
import subprocess
import sys

import httpx
import mapbox_vector_tile
import numpy as np
import pytest
from PIL import Image

from api.app import create_app
from twin.settings import ServerSettings

PART = "ogcapi-tiles-1/1.0/conf/"
TMS = "tms/2.0/conf/"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
QUAD = "WebMercatorQuad"
TILED = ("buildings", "components", "grids", "pipes")
HERE = "/collections/buildings/tiles/WebMercatorQuad"


@pytest.fixture(scope="module", autouse=True)
def _compiled(address):
    """The first tile waits for the compiler, longer than the tests' client would."""
    row, col = place(14, 114.0002, 30.4002)
    assert httpx.get(f"{address}{HERE}/14/{row}/{col}", timeout=300).status_code == 200


def place(z: int, lon: float, lat: float) -> tuple[int, int]:
    """Row and column of the tile a point lies in, by the formula of the standard's annex."""
    n = 2**z
    phi = math.radians(lat)
    row = (1 - math.log(math.tan(phi) + 1 / math.cos(phi)) / math.pi) / 2 * n
    return int(row), int((lon + 180) / 360 * n)


def links(document: dict, rel: str) -> list[dict]:
    return [link for link in document["links"] if link["rel"] == rel]


def drawn(content: bytes) -> dict[str, list[dict]]:
    """Features of a tile by layer."""
    return {name: layer["features"] for name, layer in mapbox_vector_tile.decode(content).items()}


@pytest.mark.conformance(TMS + "tilematrixset")
@pytest.mark.conformance(TMS + "json-tilematrixset")
def test_the_matrix_set_is_the_registered_one(get):
    (one,) = get("/tileMatrixSets")["tileMatrixSets"]
    (there,) = [link for link in one["links"] if link["rel"] == REL + "tiling-scheme"]
    found = get(there["href"])
    assert found["id"] == one["id"] == QUAD
    assert found["uri"] == "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
    for matrix in found["tileMatrices"]:
        z = int(matrix["id"])
        assert matrix["matrixWidth"] == matrix["matrixHeight"] == 2**z
        wide = matrix["cellSize"] * matrix["tileWidth"] * matrix["matrixWidth"]
        assert wide == pytest.approx(2 * math.pi * 6378137.0, rel=1e-12)
        assert matrix["scaleDenominator"] == pytest.approx(matrix["cellSize"] / 0.00028, rel=1e-9)
        assert matrix["pointOfOrigin"] == [-20037508.342789244, 20037508.342789244]


@pytest.mark.conformance(PART + "tilesets-list")
@pytest.mark.conformance(PART + "geodata-tilesets")
@pytest.mark.conformance(PART + "dataset-tilesets")
def test_lists_of_tilesets_are_linked_and_lead_to_each(client, get):
    """/req/tilesets-list/tileset-links, /req/geodata-tilesets/desc-links, operation, /req/dataset-tilesets/landingpage, operation"""
    bases = {client.get("/landing").json()["title"]: client.get("/landing").json()}
    bases |= {one["id"]: one for one in get("/collections")["collections"]}
    assert not links(bases.pop("rooms"), REL + "tilesets-vector")
    assert len(bases) == 1 + len(TILED)
    for document in bases.values():
        (there,) = links(document, REL + "tilesets-vector")
        assert there["href"].endswith("/tiles")
        for tileset in get(there["href"])["tilesets"]:
            assert tileset["dataType"] == "vector"
            (whole,) = links(tileset, REL + "tileset")
            assert whole["href"] == f"{there['href']}/{QUAD}"
            found = get(whole["href"])
            for name in ("crs", "dataType", "tileMatrixSetURI", "title"):
                assert found[name] == tileset[name]


@pytest.mark.conformance(PART + "tileset")
@pytest.mark.conformance(TMS + "tilesetmetadata")
@pytest.mark.conformance(TMS + "json-tilesetmetadata")
@pytest.mark.conformance(TMS + "tilematrixsetlimits")
@pytest.mark.conformance(TMS + "json-tilematrixsetlimits")
def test_a_tileset_says_where_its_tiles_are_and_what_they_hold(client, get):
    """/req/tileset/description"""
    found = get(HERE)
    (item,) = links(found, "item")
    assert item["templated"] is True
    assert item["type"] == "application/vnd.mapbox-vector-tile"
    assert links(found, REL + "tiling-scheme")[0]["href"].endswith(f"/tileMatrixSets/{QUAD}")
    assert found["boundingBox"]["lowerLeft"] == [114.0, 30.4]
    # the warehouse was pulled down: the box is that of what stands
    assert found["boundingBox"]["upperRight"] == pytest.approx([114.0094, 30.4034])
    assert [limit["tileMatrix"] for limit in found["tileMatrixSetLimits"]] == ["13", "14", "15", "16"]  # fmt: skip
    for limit in found["tileMatrixSetLimits"]:
        top, left = place(int(limit["tileMatrix"]), 114.0, 30.4034)
        bottom, right = place(int(limit["tileMatrix"]), 114.0094, 30.4)
        assert (limit["minTileRow"], limit["maxTileRow"]) == (top, bottom)
        assert (limit["minTileCol"], limit["maxTileCol"]) == (left, right)
    (layer,) = found["layers"]
    assert layer["propertiesSchema"]["properties"]["floors"]["type"] == "integer"
    last = found["tileMatrixSetLimits"][-1]
    seen = set()
    for row in range(last["minTileRow"], last["maxTileRow"] + 1):
        for col in range(last["minTileCol"], last["maxTileCol"] + 1):
            href = item["href"].replace("{tileMatrix}", "16")
            answer = client.get(href.replace("{tileRow}", str(row)).replace("{tileCol}", str(col)))
            if answer.status_code == 200:
                for feature in drawn(answer.content)["buildings"]:
                    assert set(feature["properties"]) <= set(layer["propertiesSchema"]["properties"])  # fmt: skip
                    seen.add(feature["properties"]["eid"])
    assert len(seen) == 40


@pytest.mark.conformance(PART + "core")
@pytest.mark.conformance(PART + "mvt")
def test_a_tile_is_that_of_xyz_and_is_sent_once(client):
    """/req/core/tc-op, tc-success, /req/mvt/content"""
    row, col = place(14, 114.0002, 30.4002)
    found = client.get(f"{HERE}/14/{row}/{col}", headers={"Accept": "application/vnd.mapbox-vector-tile"})  # fmt: skip
    assert found.status_code == 200
    assert found.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert found.content == client.get(f"/mvt/buildings/14/{col}/{row}").content
    again = client.get(f"{HERE}/14/{row}/{col}", headers={"If-None-Match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.conformance(PART + "core")
def test_outside_the_limits_there_is_nothing(client):
    """/req/core/tc-error"""
    row, col = place(14, 114.0002, 30.4002)
    for path in (f"14/{row}/{col + 2}", f"14/{row - 1}/{col}", "12/0/0", f"17/{row * 8}/{col * 8}", "14/-1/0", f"14/{row}/x",
                 f"14/{row}/{'9' * 30}"):  # fmt: skip
        found = client.get(f"{HERE}/{path}")
        assert found.status_code == 404, path
        assert found.headers["content-type"] == "application/problem+json"
    for path in ("/collections/castles/tiles", "/collections/rooms/tiles", f"/collections/rooms/tiles/{QUAD}/16/0/0",
                 "/collections/buildings/tiles/Mars", f"/collections/buildings/tiles/Mars/14/{row}/{col}", "/tileMatrixSets/Mars",
                 f"/tiles/{QUAD}/3/0/0"):  # fmt: skip
        assert client.get(path).status_code == 404, path


@pytest.mark.conformance(PART + "core")
@pytest.mark.parametrize("path", ["/tileMatrixSets", f"/tileMatrixSets/{QUAD}", "/tiles", f"/tiles/{QUAD}", "/collections/buildings/tiles",
                                  HERE, "tile", f"/tiles/{QUAD}/14/0/0"])  # fmt: skip
def test_unknown_parameters_and_formats_are_refused(client, path):
    row, col = place(14, 114.0002, 30.4002)
    path = f"{HERE}/14/{row}/{col}" if path == "tile" else path
    for query in ("fliter=1", "f=tiff", "f=json&f=json"):
        assert client.get(f"{path}?{query}").status_code == 400, query
    assert client.get(path, headers={"Accept": "image/tiff"}).status_code == 406


@pytest.mark.conformance(PART + "collections-selection")
def test_a_tile_of_the_city_has_a_layer_for_each_collection_chosen(client, get):
    """/req/collections-selection/query-collections"""
    row, col = place(15, 114.0002, 30.4002)
    there = f"/tiles/{QUAD}/15/{row}/{col}"
    whole = drawn(client.get(there).content)
    # the fixture's tiles of grids are delivered ones and lie elsewhere
    assert set(whole) == {"buildings", "components", "pipes"}
    for name in whole:
        alone = client.get(f"/collections/{name}/tiles/{QUAD}/15/{row}/{col}").content
        assert drawn(alone) == {name: whole[name]}
    root = str(client.base_url).rstrip("/")
    some = client.get(there, params={"collections": f"pipes,{root}/collections/components"})
    assert set(drawn(some.content)) == {"pipes", "components"}
    assert some.headers["etag"] != client.get(there).headers["etag"]
    for wrong in ("castles", "rooms", "", "pipes,"):
        assert client.get(there, params={"collections": wrong}).status_code == 400, wrong
    chosen = get(f"/tiles/{QUAD}", collections="pipes")
    assert [layer["id"] for layer in chosen["layers"]] == ["pipes"]


def test_a_filter_leaves_what_the_items_of_the_filter_are(client, get):
    row, col = place(14, 114.0002, 30.4002)
    seen = {}
    for text in ("floors > 20", "usage = '住宅' AND year_built >= 2010", "S_INTERSECTS(geometry, BBOX(114, 30.4, 114.003, 30.4015))",
                 "name LIKE '临江%'", "floors > 900"):  # fmt: skip
        items = get("/collections/buildings/items", filter=text, limit=100)
        found = client.get(f"{HERE}/14/{row}/{col}", params={"filter": text})
        features = drawn(found.content)["buildings"] if found.status_code == 200 else []
        assert {f["properties"]["eid"] for f in features} == {one["id"] for one in items["features"]}  # fmt: skip
        seen[text] = len(features)
    assert list(seen.values()) == [20, 15, 8, 1, 0]
    as_json = {"op": ">", "args": [{"property": "floors"}, 20]}
    again = client.get(f"{HERE}/14/{row}/{col}", params={"filter": json.dumps(as_json), "filter-lang": "cql2-json"})  # fmt: skip
    assert len(drawn(again.content)["buildings"]) == 20
    etag = again.headers["etag"]
    known = client.get(f"{HERE}/14/{row}/{col}", params={"filter": "floors > 20"}, headers={"If-None-Match": etag})  # fmt: skip
    assert known.status_code == 304
    for query in ({"filter": "storeys > 2"}, {"filter": "floors >"}, {"filter": "floors > 2", "filter-lang": "ecql"},
                  {"filter": "floors > 2", "filter-crs": "EPSG:1"}, {"filter": "pg_sleep(3) IS NULL"}):  # fmt: skip
        assert client.get(f"{HERE}/14/{row}/{col}", params=query).status_code == 400, query


def test_tilejson_leads_to_the_same_tiles_and_takes_the_filter_along(client, get):
    row, col = place(14, 114.0002, 30.4002)
    found = get(HERE, f="tilejson", filter="usage = '住宅' AND floors > 20")
    href = found["tiles"][0].replace("{z}", "14").replace("{x}", str(col)).replace("{y}", str(row))
    assert len(drawn(client.get(href).content)["buildings"]) == 10
    assert (found["minzoom"], found["maxzoom"], found["tilejson"]) == (13, 16, "3.0.0")
    assert found["vector_layers"][0]["fields"]["usage"] == "String"
    assert client.get(HERE, params={"f": "tilejson", "filter": "storeys > 2"}).status_code == 400
    city = get(f"/tiles/{QUAD}", f="tilejson", collections="pipes,buildings")
    assert [layer["id"] for layer in city["vector_layers"]] == ["pipes", "buildings"]
    assert "collections=pipes" in city["tiles"][0]


@pytest.mark.conformance(PART + "jpeg")
def test_the_imagery_is_a_tileset_of_maps(make_city, serve, tmp_path):
    city = make_city(tmp_path / "city")
    picture = np.full((256, 256, 3), (200, 30, 30), np.uint8)
    Image.fromarray(picture).save(city.tiles / "imagery" / "1" / "1" / "0.webp")
    with serve(create_app(ServerSettings(city=city.path))) as root, httpx.Client(base_url=root, timeout=180) as client:  # fmt: skip
        (there,) = links(client.get("/landing").json(), REL + "tilesets-map")
        (one,) = client.get(there["href"]).json()["tilesets"]
        found = client.get(links(one, REL + "tileset")[0]["href"]).json()
        assert found["dataType"] == "map"
        for item in links(found, "item"):
            href = item["href"].replace("{tileMatrix}", "1").replace("{tileRow}", "0")
            tile = client.get(href.replace("{tileCol}", "1"))
            assert tile.headers["content-type"] == item["type"]
            pixel = np.asarray(Image.open(io.BytesIO(tile.content)).convert("RGB"))[128, 128]
            assert np.abs(pixel.astype(int) - (200, 30, 30)).max() < 12
            assert client.get(href.replace("{tileCol}", "0")).status_code == 404
        assert {item["type"] for item in links(found, "item")} == {"image/webp", "image/jpeg"}


READ = """
import json, sys
import pyogrio
root, row, col = json.loads(sys.argv[1])
url = f"{root}/collections/buildings/tiles/WebMercatorQuad/16/{row}/{col}?f=mvt"
frame = pyogrio.read_dataframe(f"MVT:/vsicurl/{url}", layer="buildings", X=col, Y=row, Z=16)
print(json.dumps([frame.crs.to_epsg(), sorted(frame["eid"]), frame.to_crs(4326).total_bounds.tolist()]))
"""


def test_gdal_reads_a_tile_where_it_lies(address, client):
    row, col = place(16, 114.0002, 30.4002)
    done = subprocess.run([sys.executable, "-c", READ, json.dumps([address, row, col])], capture_output=True, text=True, timeout=60,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    epsg, eids, (west, south, east, north) = json.loads(done.stdout)
    tile = drawn(client.get(f"{HERE}/16/{row}/{col}").content)["buildings"]
    assert (epsg, eids) == (3857, sorted(f["properties"]["eid"] for f in tile))
    assert 113.999 < west < east < 114.01
    assert 30.399 < south < north < 30.41


@pytest.mark.conformance(PART + "oas30")
def test_the_definition_has_every_operation_with_the_standards_parameters(client):
    """/req/oas30/oas-definition, /req/core/tc-tilematrix-definition, tc-tilerow-definition, tc-tilecol-definition"""
    paths = client.get("/api").json()["paths"]
    suffix = "/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"
    found = [path for path in paths if path.endswith("/{tileMatrix}/{tileRow}/{tileCol}")]
    assert {f"/collections/{name}/tiles{suffix}" for name in TILED} < set(found)
    assert f"/tiles/{QUAD}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}" in found
    for path in found:
        parameters = {p["name"]: p for p in paths[path]["get"]["parameters"]}
        assert parameters["tileMatrix"]["schema"]["type"] == "string"
        for name in ("tileRow", "tileCol"):
            assert parameters[name]["schema"] == {"type": "integer", "minimum": 0}
        if "tileMatrixSetId" in path:
            assert parameters["tileMatrixSetId"]["schema"]["enum"] == [QUAD]
        example = path.format(tileMatrixSetId=QUAD, **{n: parameters[n]["example"] for n in ("tileMatrix", "tileRow", "tileCol")})  # fmt: skip
        if "/map/" not in path and "grids" not in path:
            assert client.get(example).status_code in (200, 204), example
    chosen = [p for p in paths[f"/tiles/{QUAD}"]["get"]["parameters"] if p["name"] == "collections"]
    assert chosen[0]["schema"]["items"]["type"] == "string"
    assert (chosen[0]["style"], chosen[0]["explode"]) == ("form", False)
    for path in (
        "/tileMatrixSets",
        "/tileMatrixSets/{tileMatrixSetId}",
        "/tiles",
        "/collections/buildings/tiles",
    ):
        assert "200" in paths[path]["get"]["responses"]
