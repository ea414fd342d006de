"""The city for the page, health, the front door, and the API definition."""

import re

import pytest

from api.ogc.landing import PAGE
from api.openapi import downgraded


def test_the_city_says_where_it_is_and_which_layers_it_has(get):
    city = get("/city")
    assert (city["name"], city["admin_code"]) == ("测试城", "429871")
    assert city["bounds"] == pytest.approx([113.9, 30.3, 114.1, 30.5])
    home = city["home"]
    assert (home["lon"], home["lat"]) == pytest.approx((114.0, 30.4))
    assert 20_000 < home["range"] < 30_000  # the city is 0.2° = 22 km high
    layers = {layer["id"]: layer for layer in city["layers"]}
    assert layers["buildings"]["tileset"] == "/tiles/buildings/tileset.json"
    assert layers["buildings"]["title"] == {"zh": "建筑", "en": "Building"}
    assert re.fullmatch("#[0-9a-f]{6}", layers["buildings"]["color"])
    assert layers["pipes"]["title"] == {"zh": "地下管线", "en": "Utility pipes"}
    assert [c["code"] for c in layers["pipes"]["classes"]] == ["pipe_gas"]
    # components were not built: their tiles are made when asked for
    for name in ("grids", "components"):
        assert layers[name]["mvt"] == f"/mvt/{name}/{{z}}/{{x}}/{{y}}"
    assert city["tilesets"] == [
        {
            "id": "buildings",
            "title": {"zh": "建筑", "en": "Buildings"},
            "url": "/tiles/buildings/tileset.json",
        }
    ]
    assert city["terrain"] == {"url": "/terrain"}
    assert (city["imagery"]["minzoom"], city["imagery"]["maxzoom"]) == (1, 18)
    assert (city["counts"]["streams"], city["counts"]["cases"]) == (1, 1)


def test_every_address_the_city_names_answers(client, get):
    city = get("/city")
    named = [layer[name] for layer in city["layers"] for name in ("items", "tileset", "tilejson")]
    named += [entry["url"] for entry in city["tilesets"]] + [city["terrain"]["url"] + "/layer.json"]
    for address in filter(None, named):
        assert client.get(address).status_code == 200, address


def test_health(get):
    health = get("/healthz")
    assert (health["status"], health["base"]["opens"], health["tiles"]["manifest"]) == (
        "ok",
        True,
        True,
    )
    assert health["live"]["age_s"] > 0
    assert re.match(r"\d", health["version"])


def test_a_program_gets_the_landing_document(client):
    for headers in ({}, {"accept": "application/json"}, {"accept": "application/json, text/html"}):
        assert "links" in client.get("/", headers=headers).json()
    assert "links" in client.get("/?f=json", headers={"accept": "text/html"}).json()


@pytest.mark.skipif(not (PAGE / "index.html").is_file(), reason="the scene page is not built")
def test_a_browser_gets_the_page(client):
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    for found in (client.get("/", headers={"accept": accept}), client.get("/?f=html")):
        assert found.headers["content-type"] == "text/html; charset=utf-8"
        assert found.text.lstrip().lower().startswith("<!doctype html>")
    page = client.get("/?f=html").text
    for own in re.findall(r'(?:src|href)="(/page/[^"]+)"', page):
        assert client.get(own).status_code == 200, own


def test_the_definition_says_nothing_that_openapi_30_does_not_know(client):
    found = client.get("/api")
    assert found.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    definition = found.json()
    assert definition["openapi"] == "3.0.3"

    def walk(node, path):
        if isinstance(node, list):
            for part in node:
                walk(part, path)
        elif isinstance(node, dict):
            assert node.get("type") != "null", path
            assert not isinstance(node.get("type"), list), path
            for name in ("exclusiveMinimum", "exclusiveMaximum"):
                assert isinstance(node.get(name, True), bool), path
            for name, value in node.items():
                walk(value, (*path, name))

    walk(definition, ())
    expected = {
        "/collections", "/collections/buildings", "/collections/buildings/items",
        "/collections/buildings/items/{featureId}", "/entities/{eid}", "/resolve", "/geocode",
        "/reverse", "/suggest", "/live", "/alarms", "/cases", "/observations", "/city", "/healthz",
    }  # fmt: skip
    assert expected <= definition["paths"].keys()
    names = [
        operation["operationId"]
        for path in definition["paths"].values()
        for operation in path.values()
    ]
    assert len(names) == len(set(names))
    items = definition["paths"]["/collections/buildings/items"]["get"]
    assert {p["name"] for p in items["parameters"]} >= {"bbox", "limit", "offset", "datetime"}
    assert "application/problem+json" in items["responses"]["default"]["content"]
    for path, operations in definition["paths"].items():
        for operation in operations.values():
            content = operation["responses"].get("200", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            assert schema.get("type") != "string", path


def test_downgrading_keeps_a_reference_with_null_beside_it():
    schema = {"anyOf": [{"$ref": "#/x"}, {"type": "null"}], "const": 3}
    assert downgraded(schema) == {"anyOf": [{"$ref": "#/x"}], "nullable": True, "enum": [3]}
