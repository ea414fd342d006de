"""The catalogue of datasets: what was loaded through the command line, as JSON and as pages."""

import hashlib
import json
from html.parser import HTMLParser

import httpx
import pytest
import shapely
from typer.testing import CliRunner

from api.app import create_app
from api.cli import app
from twin.city import City
from twin.settings import ServerSettings

D = 0.0002


def write(path, names, *, broken=False):
    """Houses of 20 m in a row, each with an id; the last of them nowhere if ``broken``."""
    features = [
        {
            "type": "Feature",
            "properties": {"编号": name, "名称": f"楼{name}", "高度": 9.0},
            "geometry": json.loads(shapely.to_geojson(shapely.box(114 + i * D, 30, 114 + (i + 0.8) * D, 30 + D))),
        }
        for i, name in enumerate(names)
    ]  # fmt: skip
    if broken:
        features[-1]["geometry"] = None
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}}
    document = {"type": "FeatureCollection", "crs": crs, "features": features}
    path.write_text(json.dumps(document), encoding="utf-8")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def loaded(serve, tmp_path_factory):
    """(digests of two deliveries of one source, a client of the city they were loaded into)."""
    folder = tmp_path_factory.mktemp("catalogue")
    source, city = folder / "建筑.geojson", folder / "city"

    def twin(*arguments):
        done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output

    twin("init", city)
    digests = []
    for names, broken in (("ABC", False), ("ABCD", True)):
        digests.append(write(source, names, broken=broken))
        twin("load", source, "--city", city)
    with (
        serve(create_app(ServerSettings(city=City.open(city).path))) as root,
        httpx.Client(base_url=root, timeout=180) as client,
    ):
        yield digests, client


def test_each_load_says_where_it_came_from_and_where_its_records_went(loaded):
    digests, client = loaded
    (there,) = [one for one in client.get("/landing").json()["links"] if one["href"].endswith("/datasets")]  # fmt: skip
    found = client.get(there["href"]).json()
    assert (found["numberMatched"], found["numberReturned"]) == (2, 2)
    newest, first = found["datasets"]
    assert [first["sha256"], newest["sha256"]] == digests
    for one in (first, newest):
        assert "建筑" in one["title"]
        assert one["format"] == "GeoJSON"
        assert one["crs"]["used"] == "EPSG:4490"
        assert one["crs"]["why"]
        count = one["records"]
        assert count["in"] == sum(count[n] for n in ("loaded", "merged", "unchanged", "quarantined"))  # fmt: skip
        assert "path" not in one
    assert (first["records"]["in"], first["records"]["loaded"]) == (3, 3)
    assert [newest["records"][n] for n in ("in", "loaded", "unchanged", "quarantined")] == [4, 0, 3, 1]  # fmt: skip
    (fed,) = first["collections"]
    assert (fed["collection"], fed["things"]) == ("buildings", 3)
    assert client.get(fed["href"]).json()["itemCount"] == 3


def test_one_load_says_why_records_were_not_taken(loaded):
    _, client = loaded
    newest = client.get("/datasets?limit=1").json()["datasets"][0]
    one = client.get(newest["links"][0]["href"]).json()
    assert [entry["records"] for entry in one["quarantine"]] == [1]
    assert one["quarantine"][0]["reason"]
    assert {k: v for k, v in one.items() if k not in ("links", "quarantine")} == {
        k: v for k, v in newest.items() if k != "links"
    }
    for path, status in (("/datasets/018f0000-0000-7000-8000-000000000000", 404), ("/datasets/x", 404), ("/datasets?limit=0", 400),
                         ("/datasets?x=1", 400), ("/datasets?f=csv", 400)):  # fmt: skip
        assert client.get(path).status_code == status, path


def test_pages_of_the_catalogue_lead_through_it_and_are_sent_once(loaded):
    _, client = loaded
    page = client.get("/datasets?limit=1").json()
    (onward,) = [one["href"] for one in page["links"] if one["rel"] == "next"]
    last = client.get(onward).json()
    assert [one["rel"] for one in last["links"] if one["rel"] in ("next", "prev")] == ["prev"]
    assert {page["datasets"][0]["id"], last["datasets"][0]["id"]} == {
        one["id"] for one in client.get("/datasets").json()["datasets"]
    }
    found = client.get("/datasets")
    again = client.get("/datasets", headers={"If-None-Match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    texts = []

    class Cells(HTMLParser):
        def handle_data(self, data):
            texts.append(data.strip())

    for lang, word in (("zh", "数据集目录"), ("en", "Catalogue of datasets")):
        for path in ("/datasets", f"/datasets/{page['datasets'][0]['id']}"):
            shown = client.get(path, params={"f": "html", "lang": lang})
            assert shown.headers["content-type"].startswith("text/html")
            texts.clear()
            Cells().feed(shown.text)
            assert word in texts
            assert page["datasets"][0]["title"] in texts
