"""Abstract tests of OGC API – Styles (20-009, core) and of 3D GeoVolumes (draft 22-029), against a real server."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import orjson
import pytest

import tiles
from api.app import create_app
from twin.settings import ServerSettings
from twin.store import Store
from twin.store.scene import Scene

STYLES = "ogcapi-styles-1/1.0/conf/"
VOLUMES = "ogcapi-geovolumes-1/1.0/conf/"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
HOUSE, GAS = "#d9d4c7", "#f2a93b"


def links(document: dict, rel: str) -> list[dict]:
    return [link for link in document["links"] if link["rel"] == rel]


@pytest.fixture(scope="module")
def built(make_city, serve, tmp_path_factory):
    """A client of a city whose buildings and pipes are 3D Tiles."""
    city = make_city(tmp_path_factory.mktemp("styles") / "city")
    with Store.open(city) as store:
        tiles.build(Scene(store), city.tiles, ["buildings", "pipes"])
    with (
        serve(create_app(ServerSettings(city=city.path))) as root,
        httpx.Client(base_url=root, timeout=180) as client,
    ):
        yield client


@pytest.mark.conformance(STYLES + "core")
def test_styles_are_linked_listed_and_described(built):
    """/req/core/base-resource-link, styles-op, styles-success, style-op, style-success, style-md-op, style-md-success"""
    (there,) = links(built.get("/landing").json(), REL + "styles")
    listed = built.get(there["href"]).json()
    names = [one["id"] for one in listed["styles"]]
    assert names == ["city", "buildings", "pipes", "grids", "components"]
    assert listed["default"] == "city"
    seen = set()
    for one in listed["styles"]:
        for sheet in links(one, "stylesheet"):
            found = built.get(sheet["href"])
            assert found.status_code == 200
            assert found.headers["content-type"] == sheet["type"]
            assert found.content == built.get(sheet["href"].partition("?")[0], headers={"Accept": sheet["type"]}).content  # fmt: skip
            seen.add((one["id"], sheet["type"].partition("/")[2]))
        (about,) = links(one, "describedby")
        told = built.get(about["href"]).json()
        assert (told["id"], told["title"], told["scope"]) == (one["id"], one["title"], "style")
        assert [s["link"] for s in told["stylesheets"]] == links(one, "stylesheet")
    mapped = {(name, "vnd.mapbox.style+json") for name in names}
    assert seen == mapped | {(name, "3dtiles-style+json") for name in ("buildings", "pipes")}
    for path, status in (("/styles/castles", 404), ("/styles/castles/metadata", 404), ("/styles/rooms", 404), ("/styles/grids?f=3dtiles", 400),
                         ("/styles/city?f=sld", 400), ("/styles?x=1", 400), ("/styles/city/metadata?x=1", 400)):  # fmt: skip
        assert built.get(path).status_code == status, path


def read_properties(expression) -> set[str]:
    """Names an expression reads by ``get``."""
    if not isinstance(expression, list):
        return set()
    own = {expression[1]} if expression[:1] == ["get"] else set()
    return own.union(*map(read_properties, expression))


@pytest.mark.conformance(STYLES + "mapbox-styles")
def test_a_map_style_draws_what_its_tiles_hold(built):
    style = built.get("/styles/city").json()
    assert style["version"] == 8
    ids = [layer["id"] for layer in style["layers"]]
    assert len(set(ids)) == len(ids)
    assert ids[0] == "background"
    assert ids.index("grids-fill") < ids.index("buildings-fill-extrusion")
    indexes = {name: built.get(source["url"]).json() for name, source in style["sources"].items()}
    for layer in style["layers"][1:]:
        index = indexes[layer["source"]]
        assert layer["source-layer"] in [one["id"] for one in index["vector_layers"]]
        fields = index["vector_layers"][0]["fields"]
        for value in layer["paint"].values():
            assert read_properties(value) <= set(fields)
    by_id = {layer["id"]: layer for layer in style["layers"]}
    house = by_id["buildings-fill-extrusion"]["paint"]
    assert house["fill-extrusion-color"] == HOUSE
    assert house["fill-extrusion-height"][1] == ["get", "height_m"]
    assert by_id["pipes-line"]["paint"]["line-color"] == GAS


def test_the_style_specification_has_nothing_against_any_map_style(built, clients, tmp_path):
    words = [str(Path(sys.executable).parent / "node"), "validate_style.mjs"]

    def against(name, style):
        path = tmp_path / name
        path.write_bytes(orjson.dumps(style))
        done = subprocess.run([*words, str(path)], cwd=clients, capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    for name in ("city", "buildings", "pipes", "grids", "components"):
        assert against(name, built.get(f"/styles/{name}").json()) == ""
    wrong = built.get("/styles/pipes").json()
    wrong["layers"][1]["paint"]["fill-color"] = ["match", ["get", "class"], "pipe_gas", "#f2a93b"]
    assert "fill-color" in against("wrong", wrong)


def test_a_3d_style_colours_the_classes_that_stand_in_the_tiles(built):
    style = built.get("/styles/pipes?f=3dtiles").json()
    first, otherwise = style["color"]["conditions"]
    assert otherwise[0] == "true"
    name, code = re.fullmatch(r"\$\{(\w+)\} === '(\w+)'", first[0]).groups()
    assert (code, first[1]) == ("pipe_gas", f"color('{GAS}')")
    (there,) = links(built.get("/collections/pipes").json(), REL + "3d-geovolumes")[:1]
    tileset = built.get(there["href"]).json()
    content = next(_contents(tileset["root"]))
    glb = built.get(f"{there['href'].rpartition('/')[0]}/{content}").content
    document = orjson.loads(glb[20 : 20 + int.from_bytes(glb[12:16], "little")])
    schema = document["extensions"]["EXT_structural_metadata"]["schema"]
    assert name in schema["classes"]["feature"]["properties"]


def _contents(tile: dict):
    if "content" in tile:
        yield tile["content"]["uri"]
    for child in tile.get("children", []):
        yield from _contents(child)


@pytest.mark.conformance(VOLUMES + "core")
@pytest.mark.conformance(VOLUMES + "3d-tiles")
def test_collections_in_3d_tiles_have_a_volume_and_lead_to_them(built):
    """/req/core/collections, /req/3dtiles/tileset"""
    listed = {one["id"]: one for one in built.get("/collections").json()["collections"]}
    with_tiles = {name for name, one in listed.items() if links(one, REL + "3d-geovolumes")}
    assert with_tiles == {"buildings", "pipes"}
    for name, one in listed.items():
        space = one["extent"]["spatial"]
        assert len(space["bbox"][0]) == (6 if name in with_tiles else 4)
        if name in with_tiles:
            assert space["crs"] == "http://www.opengis.net/def/crs/OGC/0/CRS84h"
            alone = built.get(f"/collections/{name}").json()
            assert links(alone, REL + "3d-geovolumes") == links(one, REL + "3d-geovolumes")
            medias = [link["type"] for link in links(one, REL + "3d-geovolumes")]
            assert medias == ["application/3dtiles+json", "application/json+3dtiles"]
            for link in links(one, REL + "3d-geovolumes"):
                tileset = built.get(link["href"]).json()
                assert tileset["asset"]["version"] == "1.1"
                for uri in _contents(tileset["root"]):
                    there = f"{link['href'].rpartition('/')[0]}/{uri}"
                    if "{" not in uri:
                        assert built.get(there).status_code == 200
    assert listed["pipes"]["extent"]["spatial"]["bbox"][0] == pytest.approx([114.0, 30.4005, 6.85, 114.01, 30.4005, 8.15])  # fmt: skip
