"""Abstract tests of OGC API – Features Part 4 (20-002): create, replace, update, delete, locks; and what the base keeps."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest
import shapely
from pyproj import Transformer

from api.app import create_app
from twin.settings import ServerSettings
from twin.store import Store
from twin.verify import verify

PART = "ogcapi-features-4/1.0/conf/"
ITEMS = "/collections/buildings/items"
GEOJSON = {"content-type": "application/geo+json"}
PATCH = {"content-type": "application/merge-patch+json"}
SQUARE = [
    [[114.05, 30.45], [114.0503, 30.45], [114.0503, 30.4502], [114.05, 30.4502], [114.05, 30.45]]
]


def feature(name: str = "新楼", **properties) -> dict:
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": SQUARE},
            "properties": {"name": name, "height_m": 12.5, "floors": 4, "usage": "住宅", **properties}}  # fmt: skip


@pytest.fixture(scope="module")
def here(make_city, serve, tmp_path_factory) -> Iterator[SimpleNamespace]:
    """A city of its own, served; broken laws of it are compared at the end."""
    city = make_city(tmp_path_factory.mktemp("write") / "city")
    with Store.open(city) as store:
        before = broken(store)
    with (
        serve(create_app(ServerSettings(city=city.path))) as root,
        httpx.Client(base_url=root, timeout=180) as client,
    ):
        yield SimpleNamespace(client=client, city=city)
    with Store.open(city) as store:
        assert broken(store) == before


def broken(store: Store) -> dict[str, int]:
    return {law.law: law.broken for law in verify(store)}


@pytest.fixture
def client(here) -> httpx.Client:
    here.client.headers["accept-encoding"] = "identity"  # each encoding has an ETag of its own
    return here.client


@pytest.fixture
def made(client) -> str:
    """Address of a new item."""
    found = client.post(ITEMS, json=feature(), headers=GEOJSON)
    assert found.status_code == 201, found.text
    return found.headers["location"]


def state(client, path: str) -> tuple[dict, dict]:
    found = client.get(path)
    return found.json(), {"if-match": found.headers["etag"]}


@pytest.mark.conformance(PART + "create-replace-delete")
@pytest.mark.conformance(PART + "features")
def test_options_name_the_methods(client, made):
    """/req/core/methods, /req/create-replace-delete/options-op, options-response"""
    assert set(client.options(ITEMS).headers["allow"].split(", ")) == {
        "GET",
        "HEAD",
        "OPTIONS",
        "POST",
    }
    found = client.options(made)
    assert found.status_code == 200
    assert {"PUT", "PATCH", "DELETE"} <= set(found.headers["allow"].split(", "))
    assert found.headers["accept-patch"] == "application/merge-patch+json"


@pytest.mark.conformance(PART + "create-replace-delete")
def test_a_new_item_is_where_location_says(client):
    """/req/create-replace-delete/post-op, post-body, post-content-type, post-response, post-response-rid"""
    before = client.get(ITEMS).json()["numberMatched"]
    found = client.post(ITEMS, json={**feature(), "id": "mine-7"}, headers=GEOJSON)
    assert found.status_code == 201
    item = client.get(found.headers["location"])
    assert item.headers["etag"] == found.headers["etag"]
    assert (
        item.json()["properties"]
        | {"name": "新楼", "usage": "住宅", "floors": 4, "class_code": "building"}
        == item.json()["properties"]
    )
    assert item.json()["id"] != "mine-7"
    assert shapely.equals(
        shapely.geometry.shape(item.json()["geometry"]), shapely.Polygon(SQUARE[0])
    )
    assert client.get(ITEMS).json()["numberMatched"] == before + 1
    assert item.json()["id"] in client.get("/resolve", params={"q": "mine-7"}).text
    entity = client.get(f"/entities/{item.json()['id']}").json()
    assert entity["anchor"]["lon"] == pytest.approx(114.05015)


@pytest.mark.conformance(PART + "create-replace-delete")
@pytest.mark.conformance(PART + "optimistic-locking-etags")
def test_a_replaced_item_is_wholly_new_and_its_past_is_kept(client, made):
    """/req/create-replace-delete/put-op, put-body, put-response, put-rid; /req/optimistic-locking-etags/*"""
    was, lock = state(client, made)
    body = {"type": "Feature", "id": "ignored", "geometry": {"type": "Point", "coordinates": [114.06, 30.46, 21.5]},
            "properties": {"name": "改名", "year_built": 1999}}  # fmt: skip
    found = client.put(made, json=body, headers={**GEOJSON, **lock})
    assert found.status_code == 204
    now, _ = state(client, made)
    assert found.headers["etag"] == client.get(made).headers["etag"]
    assert now["id"] == was["id"]
    assert now["geometry"] == body["geometry"]
    assert (now["properties"]["name"], now["properties"]["floors"]) == ("改名", None)
    assert "usage" not in now["properties"]
    history = client.get(f"/entities/{now['id']}/history").json()
    assert "新楼" in str(history)
    entity = client.get(f"/entities/{now['id']}").json()
    assert entity["anchor"]["z"] == pytest.approx(21.5)


@pytest.mark.conformance(PART + "optimistic-locking-etags")
def test_a_state_that_has_gone_by_is_not_written_over(client, made):
    """/req/optimistic-locking-etags/ifmatch-put-eval, ifmatch-patch-eval; RFC 9110, 13.1.1"""
    _, lock = state(client, made)
    assert client.put(made, json=feature("一"), headers=GEOJSON).status_code == 428
    assert client.patch(made, json={"properties": {"floors": 5}}, headers=PATCH).status_code == 428
    assert client.put(made, json=feature("一"), headers={**GEOJSON, **lock}).status_code == 204
    for headers in ({**GEOJSON, **lock}, {**GEOJSON, "if-match": 'W/"x"'}):
        assert client.put(made, json=feature("二"), headers=headers).status_code == 412
    assert (
        client.patch(
            made, json={"properties": {"name": "三"}}, headers={**PATCH, **lock}
        ).status_code
        == 412
    )
    assert client.delete(made, headers=lock).status_code == 412
    assert client.get(made).json()["properties"]["name"] == "一"
    html = client.get(made, params={"f": "html", "lang": "en"}).headers["etag"]
    assert (
        client.put(
            made, json=feature("四"), headers={**GEOJSON, "if-match": f'"no", {html}'}
        ).status_code
        == 204
    )
    assert (
        client.put(made, json=feature("五"), headers={**GEOJSON, "if-match": "*"}).status_code
        == 204
    )


@pytest.mark.conformance(PART + "optimistic-locking-etags")
def test_of_many_who_hold_one_state_one_writes(client, made):
    _, lock = state(client, made)
    answers = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(
            httpx.put(f"{made}", json=feature(f"写者{n}"), headers={**GEOJSON, **lock}, timeout=30).status_code))
        for n in range(6)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [204, 412, 412, 412, 412, 412]


@pytest.mark.conformance(PART + "update")
@pytest.mark.conformance(PART + "features")
def test_a_patch_changes_what_it_names(client, made):
    """/req/update/update-patch-op, rid; /req/features/update-json-merge-patch"""
    was, lock = state(client, made)
    found = client.patch(
        made,
        json={"properties": {"floors": 9, "usage": None, "owner": {"name": "甲"}}},
        headers={**PATCH, **lock},
    )
    assert found.status_code == 204
    now, lock = state(client, made)
    assert found.headers["etag"] == lock["if-match"]
    assert now["geometry"] == was["geometry"]
    assert (now["properties"]["floors"], now["properties"]["owner"], now["properties"]["name"]) == (
        9,
        {"name": "甲"},
        "新楼",
    )
    assert "usage" not in now["properties"]
    assert client.patch(made, json={"id": "other"}, headers={**PATCH, **lock}).status_code == 400
    point = {"type": "Point", "coordinates": [114.07, 30.47]}
    assert (
        client.patch(made, json={"geometry": point}, headers={**PATCH, **lock}).status_code == 204
    )
    assert client.get(made).json()["geometry"] == point
    assert client.get(made).json()["properties"]["floors"] == 9


@pytest.mark.conformance(PART + "create-replace-delete")
def test_a_deleted_item_has_ended_but_is_remembered(client, made):
    """/req/create-replace-delete/delete-op, delete-response, put-rid-exception"""
    was, lock = state(client, made)
    assert client.delete(made).status_code == 204
    assert client.get(made).status_code == client.delete(made).status_code == 404
    assert client.put(made, json=feature(), headers=GEOJSON).status_code == 404
    assert client.put(made, json=feature(), headers={**GEOJSON, **lock}).status_code == 412
    assert client.get(f"/entities/{was['id']}").status_code in (200, 410)
    assert "新楼" in str(client.get(f"/entities/{was['id']}/history").json())


@pytest.mark.conformance(PART + "features")
def test_bodies_in_another_system(client):
    """/req/features/content-crs-header, crs-other-crs, default-crs"""
    there = Transformer.from_crs("EPSG:4490", "EPSG:4547", always_xy=True)
    ring = [list(reversed(there.transform(*xy))) for xy in SQUARE[0]]
    body = feature() | {"geometry": {"type": "Polygon", "coordinates": [ring]}}
    header = {"content-crs": "<http://www.opengis.net/def/crs/EPSG/0/4547>"}
    found = client.post(ITEMS, json=body, headers={**GEOJSON, **header})
    stored = shapely.geometry.shape(client.get(found.headers["location"]).json()["geometry"])
    assert shapely.equals_exact(stored.normalize(), shapely.Polygon(SQUARE[0]).normalize(), 1e-9)
    other = {"content-crs": "<http://www.opengis.net/def/crs/EPSG/0/27700>"}
    assert client.post(ITEMS, json=body, headers={**GEOJSON, **other}).status_code == 400


def test_what_was_read_and_put_back_changes_nothing(client, here, ids):
    path = f"{ITEMS}/{ids.building(5)}"
    body, lock = state(client, path)
    assert client.put(path, json=body, headers={**GEOJSON, **lock}).status_code == 204
    assert client.get(path).headers["etag"] == lock["if-match"]
    assert len(client.get(f"/entities/{body['id']}/history").json()["states"]) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400), (b"[]", 400), (b'{"type":"FeatureCollection","features":[]}', 400),
        (b'{"type":"Feature","geometry":null,"properties":{}}', 400),
        (b'{"type":"Feature","geometry":{"type":"Point","coordinates":[200,30]},"properties":{}}', 400),
        (b'{"type":"Feature","geometry":{"type":"Point"},"properties":{}}', 400),
        (b'{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[1,1],[2,2]]]},"properties":{}}', 400),
        (b'{"type":"Feature","geometry":{"type":"Point","coordinates":[114,30]},"properties":{"class_code":"pipe_gas"}}', 400),
        (b'{"type":"Feature","geometry":{"type":"Point","coordinates":[114,30]},"properties":{"floors":"many"}}', 400),
        (b'{"type":"Feature","geometry":{"type":"Point","coordinates":[114,30]},"properties":{"valid_from":"x"}}', 400),
        (b'{"type":"Feature","geometry":{"type":"Point","coordinates":[114,30,1e9]},"properties":{}}', 400),
        (b'{"type":"Feature","geometry":{"type":"Point","coordinates":[114,30]},"properties":' + b'{"a":' * 300 + b"1" + b"}" * 301, 400),
    ],
)  # fmt: skip
def test_bodies_that_are_no_feature_write_nothing(client, body, status):
    before = client.get(ITEMS).json()["numberMatched"]
    found = client.post(ITEMS, content=body, headers=GEOJSON)
    assert found.status_code == status, found.text
    assert found.headers["content-type"] == "application/problem+json"
    assert client.get(ITEMS).json()["numberMatched"] == before


def test_other_media_types_are_415(client, made):
    assert (
        client.post(ITEMS, content=b"<x/>", headers={"content-type": "application/xml"}).status_code
        == 415
    )
    found = client.patch(
        made, content=b"[]", headers={"content-type": "application/json-patch+json"}
    )
    assert found.status_code == 415
    assert found.headers["accept-patch"].startswith("application/merge-patch+json")


def test_a_viewer_may_not_write_and_a_lock_may_be_waived(make_city, serve, tmp_path, ids):
    city = make_city(tmp_path / "city")
    settings = ServerSettings(
        city=city.path, tokens={"viewer": "v" * 20, "operator": "o" * 20}, edit_lock=False
    )
    with serve(create_app(settings)) as root:
        path = f"{root}{ITEMS}/{ids.tower}"
        viewer, operator = ({"authorization": f"Bearer {letter * 20}"} for letter in "vo")
        assert httpx.put(path, json=feature(), headers={**GEOJSON, **viewer}).status_code == 403
        assert httpx.delete(path).status_code == 401
        assert "PUT" not in httpx.options(path, headers=viewer).headers["allow"]
        assert "PUT" in httpx.options(path, headers=operator).headers["allow"]
        assert httpx.put(path, json=feature(), headers={**GEOJSON, **operator}).status_code == 204
