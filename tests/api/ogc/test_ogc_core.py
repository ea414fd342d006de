"""Abstract tests of OGC API – Features Part 1 (17-069r4, annex A) and Common, against a real server."""

import re
from datetime import datetime
from html.parser import HTMLParser

import pytest
import shapely
from openapi_spec_validator import OpenAPIV30SpecValidator

CORE = "ogcapi-features-1/1.0/conf/core"
ITEMS = "/collections/buildings/items"
COLLECTIONS = ("buildings", "rooms", "pipes", "grids", "components")


@pytest.fixture(scope="module")
def definition(client) -> dict:
    return client.get("/api").json()


def links(document: dict, rel: str) -> list[dict]:
    return [link for link in document["links"] if link["rel"] == rel]


def parameter(definition: dict, path: str, name: str) -> dict:
    found = [p for p in definition["paths"][path]["get"]["parameters"] if p["name"] == name]
    assert len(found) == 1, name
    return found[0]


@pytest.mark.conformance(CORE)
@pytest.mark.conformance("ogcapi-common-1/1.0/conf/core")
@pytest.mark.conformance("ogcapi-common-1/1.0/conf/landing-page")
@pytest.mark.conformance("ogcapi-common-1/1.0/conf/json")
def test_the_landing_page_leads_to_definition_conformance_and_data(client):
    """/conf/core/root-op, root-success, api-definition-op, conformance-op"""
    landing = client.get("/", headers={"accept": "application/json"}).json()
    for rel in ("service-desc", "conformance", "data", "self"):
        (link,) = links(landing, rel)
        found = client.get(link["href"], headers={"accept": link["type"]})
        assert found.status_code == 200
        assert found.headers["content-type"].replace(" ", "") == link["type"]
    assert links(landing, "alternate")[0]["type"] == "text/html"
    assert all({"href", "rel"} <= link.keys() for link in landing["links"])


@pytest.mark.conformance("ogcapi-features-1/1.0/conf/oas30")
@pytest.mark.conformance("ogcapi-common-1/1.0/conf/oas30")
def test_the_definition_is_valid_openapi_and_its_examples_run(client, definition):
    """/conf/oas30/completeness, definition-1, oas-impl: each example is answered from what is loaded"""
    assert definition["openapi"] == "3.0.3"
    assert not list(OpenAPIV30SpecValidator(definition).iter_errors())
    operations = [
        op["operationId"] for path in definition["paths"].values() for op in path.values()
    ]
    assert len(operations) == len(set(operations))
    ran = 0
    for path, methods in definition["paths"].items():
        if not re.match(r"/(collections|landing|conformance|functions)", path):
            continue
        given = methods["get"].get("parameters", [])
        inside = {p["name"]: p["example"] for p in given if p["in"] == "path"}
        for one in [None, *(p for p in given if p["in"] == "query" and "example" in p)]:
            value = one and one["example"]
            told = ",".join(map(str, value)) if isinstance(value, list) else value
            found = client.get(path.format(**inside), params={one["name"]: told} if one else {})
            assert found.status_code in (200, 204), (path, one, found.text)
            ran += 1
    assert ran > 200


@pytest.mark.conformance(CORE)
def test_conformance_lists_core_and_its_links(get):
    """/conf/core/conformance-success"""
    declared = get("/conformance")["conformsTo"]
    assert f"http://www.opengis.net/spec/{CORE}" in declared
    assert len(declared) == len(set(declared)) >= 40


@pytest.mark.conformance(CORE)
@pytest.mark.conformance("ogcapi-common-2/1.0/conf/collections")
@pytest.mark.conformance("ogcapi-common-2/1.0/conf/json")
def test_collections_link_to_themselves_and_their_items(client, get):
    """/conf/core/fc-md-op, fc-md-success, fc-md-links, fc-md-items, fc-md-items-links, fc-md-extent, sfc-md-op"""
    listed = get("/collections")
    assert links(listed, "self")
    assert links(listed, "alternate")[0]["type"] == "text/html"
    assert [one["id"] for one in listed["collections"]] == list(COLLECTIONS)
    for one in listed["collections"]:
        for link in links(one, "items"):
            assert link["type"]
        box = one["extent"]["spatial"]["bbox"][0]
        west, south, east, north = box if len(box) == 4 else box[:2] + box[3:5]
        assert -180 <= west <= east <= 180
        assert -90 <= south <= north <= 90
        alone = get(f"/collections/{one['id']}")
        assert {k: v for k, v in alone.items() if k != "links"} == {
            k: v for k, v in one.items() if k != "links"
        }
        assert links(alone, "alternate")


@pytest.mark.conformance(CORE)
def test_limit_bbox_and_datetime_are_defined_as_the_standard_says(definition):
    """/conf/core/fc-limit-definition, fc-bbox-definition, fc-time-definition"""
    for name in COLLECTIONS:
        path = f"/collections/{name}/items"
        limit = parameter(definition, path, "limit")
        assert {"minimum", "maximum", "default"} <= limit["schema"].keys()
        assert limit["schema"]["type"] == "integer"
        bbox = parameter(definition, path, "bbox")
        assert (bbox["schema"]["type"], bbox["schema"]["items"]["type"]) == ("array", "number")
        assert (bbox["schema"]["minItems"], bbox["schema"]["maxItems"]) == (4, 6)
        time = parameter(definition, path, "datetime")
        assert time["schema"]["type"] == "string"
        for one in (limit, bbox, time):
            assert (one["in"], one["required"], one["style"], one["explode"]) == (
                "query",
                False,
                "form",
                False,
            )


@pytest.mark.conformance(CORE)
@pytest.mark.conformance("ogcapi-features-1/1.0/conf/geojson")
def test_items_are_geojson_with_exact_counts_and_links(client):
    """/conf/core/fc-op, fc-response, fc-links, fc-timeStamp, fc-numberMatched, fc-numberReturned; /conf/geojson/content"""
    found = client.get(ITEMS, params={"limit": 7}, headers={"accept": "application/geo+json"})
    assert found.headers["content-type"] == "application/geo+json"
    page = found.json()
    assert page["type"] == "FeatureCollection"
    assert (page["numberMatched"], page["numberReturned"], len(page["features"])) == (40, 7, 7)
    datetime.fromisoformat(page["timeStamp"])
    assert links(page, "self")[0]["type"] == "application/geo+json"
    kinds = {link["type"] for link in links(page, "alternate")}
    assert "text/html" in kinds
    for link in [*links(page, "alternate"), *links(page, "next")]:
        assert client.get(link["href"]).headers["content-type"].startswith(link["type"])
    for feature in page["features"]:
        assert feature["type"] == "Feature"
        assert shapely.geometry.shape(feature["geometry"]).is_valid


@pytest.mark.conformance(CORE)
def test_a_feature_links_to_itself_others_and_its_collection(client, get, ids):
    """/conf/core/f-op, f-success, f-links"""
    feature = get(f"{ITEMS}/{ids.tower}")
    assert feature["id"] == ids.tower
    for rel in ("self", "alternate", "collection"):
        for link in links(feature, rel):
            found = client.get(link["href"])
            assert found.status_code == 200
            assert found.headers["content-type"].startswith(link["type"])
    assert client.get(f"{ITEMS}/{ids.lost}").status_code == 404


@pytest.mark.conformance(CORE)
@pytest.mark.parametrize(
    "query",
    ["unknown=1", "limit=unlimited", "limit=0", "limit=-1", "bbox=0,0,no,90", "bbox=1,2,3", "bbox=1,2,3,4,5",
     "datetime=2026", "datetime=2026-02-02/2026-01-01", "crs=EPSG:1", "bbox=1,2,3,4&bbox-crs=x", "filter-lang=ecql",
     "filter=floors", "sortby=nothing", "properties=nothing", "f=xml", "token=7", "exclude-properties=name&properties=name"],
)  # fmt: skip
def test_what_is_unknown_or_invalid_is_400(client, query):
    """/conf/core/query-param-unknown, query-param-invalid; /conf/oas30/exception-codes"""
    found = client.get(f"{ITEMS}?{query}")
    assert found.status_code == 400
    assert found.headers["content-type"] == "application/problem+json"


@pytest.mark.conformance(CORE)
def test_formats_by_accept_and_by_f(client):
    for accept, media in (
        ("application/geo+json", "application/geo+json"), ("application/json", "application/geo+json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"), ("text/csv;q=0.9,text/html;q=0.1", "text/csv"),
        ("image/png,*/*;q=0.1", "application/geo+json"), ("application/vnd.ogc.fg+json", "application/vnd.ogc.fg+json"),
    ):  # fmt: skip
        found = client.get(ITEMS, headers={"accept": accept})
        assert found.headers["content-type"].startswith(media), accept
    assert client.get(ITEMS, headers={"accept": "image/png"}).status_code == 406
    assert client.get(f"{ITEMS}?f=json", headers={"accept": "text/html"}).json()["features"]


@pytest.mark.conformance(CORE)
def test_pages_of_one_version_hold_together_by_token_and_by_offset(get):
    """/conf/core/fc-links: next leads on until all were seen"""
    seen, page = [], get(ITEMS, limit=9, sortby="-floors")
    while True:
        seen += [feature["properties"]["floors"] for feature in page["features"]]
        onward = links(page, "next")
        if not onward:
            break
        assert "token=" in onward[0]["href"]
        page = get(onward[0]["href"])
    assert seen == list(range(40, 0, -1))
    by_offset = get(ITEMS, limit=9, sortby="-floors", offset=9)
    assert [f["properties"]["floors"] for f in by_offset["features"]] == seen[9:18]


@pytest.mark.parametrize("form", ["json", "jsonfg", "html", "csv", "parquet", "fgb"])
def test_a_version_that_is_not_kept_is_404_in_every_form(client, form):
    answer = client.get(f"{ITEMS}?token=999999-0&limit=5&f={form}")
    assert answer.status_code == 404, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.conformance(CORE)
def test_what_has_not_changed_is_not_sent_again(client, ids):
    for path in (f"{ITEMS}?limit=3", f"{ITEMS}/{ids.tower}", f"{ITEMS}?f=csv", f"{ITEMS}?f=html"):
        tag = client.get(path).headers["etag"]
        again = client.get(path, headers={"if-none-match": f'"x", {tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert client.get(path, headers={"if-none-match": '"x"'}).status_code == 200
    plain = client.get(f"{ITEMS}/{ids.tower}").headers["etag"]
    assert client.get(f"{ITEMS}/{ids.tower}?lang=en").headers["etag"] != plain


class Page(HTMLParser):
    """Attributes of elements, and whether they close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.seen, self.links = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.links += [v for k, v in attrs if k in ("href", "src")]
        if tag not in ("meta", "link", "br", "img", "input", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)
        self.links += [v for k, v in attrs if k in ("href", "src")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.conformance("ogcapi-features-1/1.0/conf/html")
@pytest.mark.conformance("ogcapi-common-1/1.0/conf/html")
@pytest.mark.conformance("ogcapi-common-2/1.0/conf/html")
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_resource_is_a_page_that_needs_nothing_from_elsewhere(client, address, ids, lang):
    """/conf/html/definition, content"""
    for path in ("/landing", "/conformance", "/collections", "/collections/buildings", ITEMS, f"{ITEMS}/{ids.tower}",
                 "/collections/pipes/items", "/collections/components/items?limit=200"):  # fmt: skip
        found = client.get(path, params={"f": "html", "lang": lang} if "?" not in path else None,
                           headers={"accept": "text/html", "accept-language": lang})  # fmt: skip
        assert found.headers["content-type"] == "text/html; charset=utf-8", path
        assert found.headers["content-language"] == lang
        page = Page(found.text)
        assert not page.open
        assert "script" not in page.seen
        assert all(href.startswith(address) for href in page.links)
        if "pipes" in path or "buildings" in path:
            assert "svg" in page.seen
    text = client.get(f"{ITEMS}/{ids.tower}?f=html&lang={lang}").text
    assert "临江花园5号楼" in text


def test_names_in_pages_are_text_not_markup(client, make_city, tmp_path, serve):
    from api.app import create_app
    from twin.settings import ServerSettings
    from twin.store import Store

    city = make_city(tmp_path / "city")
    with Store.open(city) as store, store.transaction() as con:
        con.execute("UPDATE entity SET name = '<script>x</script>' WHERE collection = 'buildings'")
    with serve(create_app(ServerSettings(city=city.path))) as root:
        for path in (ITEMS, f"{ITEMS}?sortby=name&filter=name%3D'%3Cscript%3E'"):
            text = client.get(f"{root}{path}", params=None, headers={"accept": "text/html"}).text
            assert "<script" not in text
