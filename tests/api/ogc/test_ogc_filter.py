"""OGC API – Features Parts 3, 5, 6, 8: filters, schemas, selection, sorting."""

import json

import pytest
from jsonschema import Draft202012Validator

ITEMS = "/collections/buildings/items"
FILTER = "ogcapi-features-3/1.0/conf/"
SCHEMAS = "ogcapi-features-5/1.0/conf/"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"


def floors(page: dict) -> list[int]:
    return [feature["properties"]["floors"] for feature in page["features"]]


@pytest.mark.conformance(FILTER + "filter")
@pytest.mark.conformance(FILTER + "features-filter")
def test_text_and_json_say_the_same_and_join_with_all_else(get):
    """/req/filter/filter-param, filter-lang-param, mixing-expressions, response"""
    text = get(ITEMS, limit=40, filter="floors > 30 AND usage = '住宅'")
    tree = {"op": "and", "args": [{"op": ">", "args": [{"property": "floors"}, 30]},
                                  {"op": "=", "args": [{"property": "usage"}, "住宅"]}]}  # fmt: skip
    same = get(ITEMS, limit=40, filter=json.dumps(tree), **{"filter-lang": "cql2-json"})
    expected = {n for n in range(31, 41) if (n - 1) % 2}
    assert set(floors(text)) == set(floors(same)) == expected
    assert text["numberMatched"] == len(expected)
    mixed = get(
        ITEMS, limit=40, filter="floors > 30", usage="住宅", bbox="114,30.403,114.0045,30.404"
    )
    assert set(floors(mixed)) == {32, 34}


@pytest.mark.conformance(FILTER + "filter")
def test_shapes_of_a_filter_are_in_the_system_it_names(get):
    """/req/filter/filter-crs-wgs84, filter-crs-param"""
    plain = get(ITEMS, limit=40, filter="S_INTERSECTS(geometry, POINT(114.0002 30.4002))")
    assert floors(plain) == [1]
    swapped = get(ITEMS, limit=40, filter="S_INTERSECTS(geometry, POINT(30.4002 114.0002))",
                  **{"filter-crs": "http://www.opengis.net/def/crs/EPSG/0/4326"})  # fmt: skip
    assert floors(swapped) == [1]


@pytest.mark.conformance(FILTER + "queryables")
@pytest.mark.conformance(SCHEMAS + "queryables")
def test_queryables_are_a_closed_schema(client, get):
    """/req/queryables/get-queryables-op, get-queryables-response, expression-construction"""
    (link,) = [
        one for one in get("/collections/buildings")["links"] if one["rel"] == REL + "queryables"
    ]
    schema = checked(client, link)
    assert schema["additionalProperties"] is False
    assert schema["properties"]["geometry"] == {
        "title": "几何",
        "format": "geometry-any",
        "x-ogc-role": "primary-geometry",
    }
    assert schema["properties"]["floors"]["type"] == "integer"
    assert set(schema["properties"]["usage"]["enum"]) == {"住宅", "商业"}
    assert client.get(ITEMS, params={"filter": "storeys = 3"}).status_code == 400
    for name, said in schema["properties"].items():
        if name.isidentifier() and said.get("type") in ("integer", "number"):
            assert client.get(ITEMS, params={"filter": f"{name} > 1"}).status_code == 200


@pytest.mark.conformance(FILTER + "queryables-query-parameters")
def test_every_simple_queryable_is_a_parameter(client, get):
    """/req/queryables-query-parameters/parameters"""
    schema = get("/collections/buildings/queryables")
    definition = get("/api")["paths"][ITEMS]["get"]["parameters"]
    defined = {one["name"]: one["schema"] for one in definition}
    feature = get(ITEMS, limit=1)["features"][0]
    for name, said in schema["properties"].items():
        if "type" in said:
            assert defined[name]["type"] == said["type"]
            value = feature["properties"].get(name)
            if value is not None:
                page = get(ITEMS, limit=40, **{name: value})
                assert page["numberMatched"] >= 1
                assert {f["properties"][name] for f in page["features"]} == {value}
    assert get(ITEMS, floors=7, usage="住宅")["numberMatched"] == 0


def test_functions_are_listed_and_can_be_called(get):
    """/req/filter/get-functions-operation, get-functions-response-json"""
    listed = get("/functions")["functions"]
    assert len(listed) > 5
    assert all(
        {"name", "returns"} <= one.keys() and isinstance(one["returns"], list) for one in listed
    )
    assert "s3d_dwithin" in {one["name"].lower() for one in listed}


def checked(client, link: dict) -> dict:
    """A schema a link leads to, held to /conf/schemas/basic-schema-inspection."""
    assert link["type"] == "application/schema+json"
    found = client.get(link["href"], headers={"accept": "application/schema+json"})
    assert found.headers["content-type"] == "application/schema+json"
    schema = found.json()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == link["href"]
    assert schema["type"] == "object"
    Draft202012Validator.check_schema(schema)
    for said in schema["properties"].values():
        assert "type" in said or said["format"].startswith("geometry-")
    return schema


@pytest.mark.conformance(SCHEMAS + "schemas")
@pytest.mark.conformance(SCHEMAS + "advanced-property-roles")
@pytest.mark.conformance(SCHEMAS + "returnables-and-receivables")
def test_the_schema_says_ids_roles_and_what_items_hold(client, get):
    (link,) = [
        one for one in get("/collections/buildings")["links"] if one["rel"] == REL + "schema"
    ]
    schema = checked(client, link)
    roles = [said["x-ogc-role"] for said in schema["properties"].values() if "x-ogc-role" in said]
    assert roles.count("id") == roles.count("primary-geometry") == roles.count("type") == 1
    assert {"primary-interval-start"} <= set(roles)
    order = [said["x-ogc-propertySeq"] for said in schema["properties"].values()]
    assert order == sorted(order)
    validator = Draft202012Validator({**schema, "required": []})
    for feature in get(ITEMS, limit=40)["features"]:
        known = {name: value for name, value in feature["properties"].items() if value is not None}
        assert set(known) <= set(schema["properties"])
        assert not list(validator.iter_errors(known))
    replace = client.get(link["href"], params={"type": "replace"}).json()
    Draft202012Validator.check_schema(replace)
    assert not list(Draft202012Validator(replace).iter_errors(get(ITEMS, limit=1)["features"][0]))


@pytest.mark.conformance(SCHEMAS + "sortables")
@pytest.mark.conformance("ogcapi-features-8/1.0/conf/sortables")
@pytest.mark.conformance("ogcapi-features-8/1.0/conf/sorting")
@pytest.mark.conformance("ogcapi-features-8/1.0/conf/features-sorting")
def test_items_are_sorted_by_what_sortables_lists(client, get):
    (link,) = [
        one for one in get("/collections/buildings")["links"] if one["rel"] == REL + "sortables"
    ]
    schema = checked(client, link)
    assert "geometry" not in schema["properties"]
    for name in schema["properties"]:
        assert client.get(ITEMS, params={"sortby": name}).status_code == 200
    assert floors(get(ITEMS, limit=3, sortby="-floors")) == [40, 39, 38]
    by_two = get(ITEMS, limit=40, sortby="+usage,-floors")["features"]
    keys = [(f["properties"]["usage"], -f["properties"]["floors"]) for f in by_two]
    assert keys == sorted(keys)


@pytest.mark.conformance("ogcapi-features-6/1.0/conf/properties")
@pytest.mark.conformance("ogcapi-features-6/1.0/conf/properties-features")
def test_only_the_properties_asked_for_are_given(get, ids):
    """/req/properties/response: the geometry is a property like others"""
    for path in (f"{ITEMS}?limit=2", f"{ITEMS}/{ids.tower}?"):
        found = get(f"{path}&properties=name,floors")
        for feature in found.get("features", [found]):
            assert feature["id"]
            assert feature["geometry"] is None
            assert list(feature["properties"]) == ["name", "floors"]
    kept = get(f"{ITEMS}?limit=1&exclude-properties=name")["features"][0]
    assert kept["geometry"]
    assert "name" not in kept["properties"]
    assert "floors" in kept["properties"]
