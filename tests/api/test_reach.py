"""Nothing a key may not see is in any answer: every GET route is asked, and what it says is searched."""

import base64
import math
import re
import threading
import time
import uuid
from datetime import UTC, datetime

import httpx
import mapbox_vector_tile
import numpy as np
import orjson
import pytest
import shapely
from starlette.routing import Route
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from api.access.policy import Grant, add_key, revoke_key
from api.app import create_app
from twin.live.frames import opened
from twin.settings import ServerSettings
from twin.store import Store

AREA = "POLYGON ((113.9995 30.3995, 114.0056 30.3995, 114.0056 30.4016, 113.9995 30.4016, 113.9995 30.3995))"
GRANTS = {
    "buildings of an area": Grant(collections=("buildings",), area=AREA),
    "all of an area": Grant(area=AREA),
    "some collections": Grant(
        collections=("components", "streams", "cases", "addresses", "imagery")
    ),
    "rooms": Grant(classes=("room",)),
    "an area that is not there": Grant(area="999999"),
}
SAME_FOR_ALL = ("/page/{path:path}", "/processes/{process_id}")
"""They tell of the program and not of the city; examples have the places of the sample."""
OPEN = ("/", "/healthz", "/readyz")
FAR_CASE, FAR_ALARM = (str(uuid.UUID(int=n, version=4)) for n in (77, 78))
FAR_ATTRIBUTE, FAR_LOAD = "far_attribute", "far_load.gpkg"
"""Of building 39 alone."""
FAR_NAMES = ("远处的阀井", "FAR-0002", "AJ20260601999", "远处积水", "远处大道", "远处花园")


def _far(con, building: str) -> None:
    """A stream, its alarm, a case and an address at building 39, far from the area."""
    thing, lon, lat = str(uuid.UUID(int=79, version=4)), 114.0092, 30.4032
    con.execute(
        "INSERT INTO thing VALUES (?, 'T-2', '远处的阀井', '燃气', NULL, NULL, NULL)", [thing]
    )
    con.execute(
        "INSERT INTO datastream VALUES (2, ?, 'FAR-0002', '甲烷浓度', '%', '燃气', NULL, 1.0, NULL, 2.0, 60, "
        "'building.code', 'FAR-CODE', ?, ?, 12.0, 'ellipsoid', NULL, NULL, NULL)",
        [thing, lon, lat],
    )
    con.execute("INSERT INTO latest VALUES (2, TIMESTAMP '2026-06-01 08:00:00', 3.25, 'alarm')")
    con.execute(
        "INSERT INTO alarm VALUES (?, 'FAR-0002/alarm/above', 2, 'alarm', 'active', 3.25, 2.0, "
        "TIMESTAMP '2026-06-01 08:00:00', NULL, NULL, '远处的阀井 超限', 'far well', 'level', 1, false, NULL)",
        [FAR_ALARM],
    )
    con.execute(
        "INSERT INTO case_file VALUES (?, 'AJ20260601999', '管理事项', '02103', 'GB/T 47678.5-2026', '远处积水', NULL, "
        "'远处大道1号', ?, ?, '立案', TIMESTAMP '2026-06-01 09:00:00', NULL, '市民', '城管', NULL, NULL, NULL, NULL, NULL, NULL)",
        [FAR_CASE, lon, lat],
    )
    for kind, subject in (("datastream", "2"), ("case", FAR_CASE), ("alarm", FAR_ALARM)):
        con.execute(
            "INSERT INTO anchor VALUES (?, ?, 'entity', ?, NULL, NULL, NULL, ?, ?, 10.0, 10.0, 'host', 1.0, NULL, NULL, "
            "TIMESTAMP '2026-06-01')",
            [kind, subject, building, lon, lat],
        )
    for node, parent, level, name in (
        ("far1", "s", "road", "远处大道"), ("far2", "far1", "number", "1号"), ("far3", "far2", "compound", "远处花园")
    ):  # fmt: skip
        full = (
            "湖北省云梦泽市临江示范区滨江街道远处大道"
            + {"far1": "", "far2": "1号", "far3": "1号远处花园"}[node]
        )
        con.execute(
            'INSERT INTO address_node (node_id, parent_id, level, name, "full", lon, lat, z, eid, status) '
            "VALUES (?, ?, ?, ?, ?, ?, ?, 10.0, ?, 'active')",
            [node.rjust(16, "0"), parent.rjust(16, "0"), level, name, full, lon, lat, building if node == "far3" else None],
        )  # fmt: skip


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, make_city, serve, ids):
    city = make_city(tmp_path_factory.mktemp("reach") / "city")
    with Store.open(city) as store, store.transaction() as con:
        _far(con, ids.building(39))
        con.execute(
            "INSERT INTO relation VALUES (?, ?, 'serves', NULL, NULL, NULL, NULL)",
            [ids.tower, ids.building(39)],
        )
        con.execute(
            "INSERT INTO change (at_time, kind, subject_kind) VALUES (TIMESTAMP '2026-06-01', 'load', 'dataset')"
        )
        con.execute(
            "INSERT INTO dataset (dataset_id, source_key, path, n_in, loaded_at) VALUES "
            "('00000000-0000-7000-8000-0000000000fa', ?, '/far', 4321, TIMESTAMP '2026-06-01')",
            [FAR_LOAD],
        )
        con.execute(
            "UPDATE entity SET dataset_id = '00000000-0000-7000-8000-0000000000fa', "
            "attributes = json_merge_patch(attributes, ?::JSON) WHERE eid = ?",
            [f'{{"{FAR_ATTRIBUTE}": 1}}', ids.building(39)],
        )
        things = con.execute(
            "SELECT e.eid::VARCHAR, e.collection, e.class_code, e.name, e.attributes ->> 'code', g.wkb, g.xmin, g.ymin, g.xmax, g.ymax "
            "FROM entity e LEFT JOIN geometry g USING (eid)"
        ).fetchall()  # fmt: skip
    keys = {name: add_key(city.path, name, grant)[1] for name, grant in GRANTS.items()}
    (city.tiles / "buildings" / "0.glb").write_bytes(b"glTF" + ids.building(39).encode())
    app = create_app(ServerSettings(city=city.path, tokens={"admin": "whole"}))
    with serve(app) as root:
        yield app, root, keys, things


def _shown(thing, grant) -> bool:
    """By hand: a thing's class is granted, and its shape (or the middle of its box) meets the area."""
    _eid, collection, code, _name, _code, wkb, xmin, ymin, xmax, ymax = thing
    if (
        (grant.collections or grant.classes)
        and collection not in grant.collections
        and code not in grant.classes
    ):
        return False
    if not grant.area:
        return True
    if not grant.area.startswith("POLYGON") or xmin is None:
        return False
    shape = (
        shapely.from_wkb(bytes(wkb)) if wkb else shapely.Point((xmin + xmax) / 2, (ymin + ymax) / 2)
    )
    return shapely.from_wkt(grant.area).intersects(shape)


class Searched:
    """What may not be in an answer, and where points may lie."""

    def __init__(self, things, grant) -> None:
        shown = [thing for thing in things if _shown(thing, grant)]
        hidden = [thing for thing in things if not _shown(thing, grant)]
        self.shown = {thing[0] for thing in shown}
        told = {text for thing in shown for text in thing[3:5]}
        self.words = {thing[0] for thing in hidden if thing[0] not in self.shown}
        self.words |= {text for thing in hidden for text in thing[3:5] if text and text not in told}
        if any(thing[3] == "住宅39号楼" for thing in hidden):
            self.words |= {FAR_ATTRIBUTE, FAR_LOAD}
        if "addresses" in grant.collections or "room" in grant.classes:
            self.words -= {
                "临江花园5号楼",
                "301室",
            }  # a part of the addresses granted, and of the room's own
        if grant.area:
            self.words |= {
                *FAR_NAMES,
                FAR_CASE,
                FAR_ALARM,
                "far1".rjust(16, "0"),
                "far3".rjust(16, "0"),
            }
        boxes = [shapely.box(*thing[6:]) for thing in shown if thing[6] is not None]
        places = [shapely.from_wkt(grant.area)] if grant.area.startswith("POLYGON") else []
        self.place = shapely.union_all(boxes + places).buffer(1e-7) if grant.area else None

    def leaks(self, found: httpx.Response, asked: str) -> list[str]:
        text = found.content.decode("utf-8", "ignore") + str(found.headers)
        said = [word for word in self.words if word in text and word not in asked]
        if "vector-tile" in found.headers.get("content-type", "") and found.content:
            for layer in mapbox_vector_tile.decode(found.content).values():
                said += [
                    f["properties"]["eid"]
                    for f in layer["features"]
                    if f["properties"]["eid"] not in self.shown
                ]
        if "json" in found.headers.get("content-type", "") and self.place is not None:
            said += [
                str(p)
                for p in _points(orjson.loads(found.content))
                if not self.place.intersects(shapely.Point(p))
            ]
        return said


def _points(node):  # noqa: C901 -- every way a place is written
    """Every place a document names: positions, boxes, lon/lat pairs, regions of tilesets (radians)."""
    if isinstance(node, dict):
        if "query" in node:
            node = {name: value for name, value in node.items() if name != "query"}
        if isinstance(node.get("lon"), float) and isinstance(node.get("lat"), float):
            yield node["lon"], node["lat"]
        if isinstance(node.get("region"), list):
            west, south, east, north = (v * 180 / 3.141592653589793 for v in node["region"][:4])
            yield from ((west, south), (east, north))
        for name, value in node.items():
            if (
                name in ("bounds", "bbox")
                and isinstance(value, list)
                and value
                and isinstance(value[0], float)
            ):
                half = len(value) // 2
                yield from (tuple(value[:2]), tuple(value[half : half + 2])) if any(value) else ()
            elif isinstance(value, dict) and "xmin" in value:
                yield from (
                    ((value["xmin"], value["ymin"]), (value["xmax"], value["ymax"]))
                    if value["xmin"]
                    else ()
                )
            elif name not in ("region", "box", "transform"):
                yield from _points(value)
    elif isinstance(node, list):
        if (
            len(node) in (2, 3)
            and all(isinstance(v, float | int) for v in node)
            and abs(node[0] - 114) < 5
        ):
            yield node[0], node[1]
        elif (
            len(node) in (4, 6)
            and all(isinstance(v, float | int) for v in node)
            and abs(node[0] - 114) < 5
        ):
            yield from ((node[0], node[1]), (node[len(node) // 2], node[len(node) // 2 + 1]))
        else:
            for value in node:
                yield from _points(value)


def examples(ids) -> dict[str, list[str]]:
    """Every GET route of the application, and what to ask it: what is shown, what is hidden, what is not there."""
    things = [
        ids.tower,
        ids.building(39),
        ids.courtyard,
        ids.old,
        ids.room,
        ids.grid,
        ids.pipe,
        ids.merged,
        ids.component(299),
        ids.lost,
    ]
    collections = ["buildings", "components", "grids", "pipes", "rooms", "nothing"]
    words = ["临江花园5号楼", "住宅39号楼", "远处大道1号远处花园", "远处", "FAR-0002", "AJ20260601999", "网格001", "429871001001001", ids.merged,
             ids.building(39), "LJ-0005", "GAS-0001", "旧仓库"]  # fmt: skip
    tiles = ["buildings/tileset.json", "buildings/0.glb", "manifest.json", "mvt/grids/3/6/3.mvt", "mvt/grids/tilejson.json", "pipes/tileset.json",
             "rooms/tileset.json", "models/tileset.json", "scene/tileset.json", "imagery/tilejson.json", "terrain/layer.json"]  # fmt: skip
    nodes = [name.rjust(16, "0") for name in ("far1", "far3", "b", "o", "p", "zz")]
    places = sorted(
        {
            _tile(z, lon, lat)
            for z in (13, 14, 16)
            for lon in (114.0, 114.0045, 114.0095)
            for lat in (30.4, 30.4035)
        }
    )
    box = "bbox=113,30,115,31"
    return {
        "/": ["/", "/?f=html"],
        "/v1.1": ["/v1.1"],
        "/v1.1/{path:path}": [
            "/v1.1/Things?$count=true", "/v1.1/Datastreams?$expand=Observations,Thing,Sensor,ObservedProperty", "/v1.1/Datastreams(1)",
            "/v1.1/Datastreams(2)", "/v1.1/Datastreams(2)/Observations", "/v1.1/Datastreams(2)/Thing", "/v1.1/Datastreams/$count",
            "/v1.1/Observations?$count=true&$expand=Datastream,FeatureOfInterest", "/v1.1/Observations(2-1780300800000000)",
            "/v1.1/Observations(2-1780300800000000)/Datastream", "/v1.1/Locations?$expand=Things,HistoricalLocations", "/v1.1/HistoricalLocations",
            "/v1.1/FeaturesOfInterest", "/v1.1/Sensors?$expand=Datastreams", "/v1.1/ObservedProperties?$expand=Datastreams",
            "/v1.1/MultiDatastreams", "/v1.1/Things?$expand=Locations,Datastreams($expand=Observations;$top=1)&$top=1",
            "/v1.1/ObservedProperties?$filter=Datastreams/Thing/name eq '远处的阀井'"],
        "/landing": ["/landing"],
        "/conformance": ["/conformance"],
        "/api": ["/api"],
        "/page/{path:path}": ["/page/index.html"],
        "/city": ["/city"],
        "/collections": ["/collections", "/collections?f=html"],
        "/collections/{collectionId}": [f"/collections/{c}{q}" for c in collections for q in ("", "?f=html")],
        "/collections/{collectionId}/items": [f"/collections/{c}/items?limit=1000{q}" for c in collections for q in
                                              ("", f"&{box}", "&valid_at=2025-06-01", "&datetime=../..", "&f=html", "&f=jsonfg", "&f=csv",
                                               "&sortby=name", "&filter=eid IS NOT NULL")],
        "/collections/{collectionId}/items/{featureId}": [f"/collections/{c}/items/{t}" for c in collections for t in things] +
                                                         [f"/collections/buildings/items/{t}?f={f}" for t in things for f in ("html", "jsonfg")],
        **{f"/collections/{{collectionId}}/{what}": [f"/collections/{c}/{what}" for c in collections]
           for what in ("queryables", "sortables", "schema")},
        "/tileMatrixSets": ["/tileMatrixSets"],
        "/tileMatrixSets/{tileMatrixSetId}": ["/tileMatrixSets/WebMercatorQuad"],
        "/collections/{collectionId}/tiles": [f"/collections/{c}/tiles" for c in collections],
        "/collections/{collectionId}/tiles/{tileMatrixSetId}": [f"/collections/{c}/tiles/WebMercatorQuad{q}" for c in collections for q in
                                                                ("", "?f=tilejson")],
        "/collections/{collectionId}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}":
            [f"/collections/{c}/tiles/WebMercatorQuad/{z}/{y}/{x}" for c in ("buildings", "grids", "components", "nothing") for z, x, y in places] +
            [f"/collections/buildings/tiles/WebMercatorQuad/{z}/{y}/{x}?filter={FAR_ATTRIBUTE}=1 OR eid IS NOT NULL" for z, x, y in places],
        "/tiles": ["/tiles"],
        "/tiles/WebMercatorQuad": ["/tiles/WebMercatorQuad", "/tiles/WebMercatorQuad?f=tilejson", "/tiles/WebMercatorQuad?collections=buildings"],
        "/tiles/WebMercatorQuad/{tileMatrix}/{tileRow}/{tileCol}": [f"/tiles/WebMercatorQuad/{z}/{y}/{x}" for z, x, y in places],
        "/map/tiles": ["/map/tiles"],
        "/map/tiles/{tileMatrixSetId}": ["/map/tiles/WebMercatorQuad"],
        "/map/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}": ["/map/tiles/WebMercatorQuad/18/0/0"],
        "/styles": ["/styles"],
        "/styles/{styleId}": [f"/styles/{c}{q}" for c in [*collections, "city"] for q in ("", "?f=3dtiles")],
        "/styles/{styleId}/metadata": [f"/styles/{c}/metadata" for c in [*collections, "city"]],
        "/datasets": ["/datasets", "/datasets?f=html"],
        "/datasets/{datasetId}": [f"/datasets/00000000-0000-7000-8000-0000000000{n}{q}" for n in ("fa", "00") for q in ("", "?f=html")],
        "/functions": ["/functions"],
        "/processes": ["/processes"],
        "/processes/{process_id}": ["/processes/within"],
        "/jobs": ["/jobs"],
        "/jobs/{job_id}": ["/jobs/x"],
        "/jobs/{job_id}/results": ["/jobs/x/results"],
        "/completeness": ["/completeness?all=true"],
        "/observations/aside": ["/observations/aside"],
        "/receivers": ["/receivers"],
        "/entities/{eid}": [f"/entities/{t}{q}" for t in things for q in ("", "?valid_at=2025-06-01T00:00:00Z")],
        "/entities/{eid}/history": [f"/entities/{t}/history" for t in things],
        "/resolve": [f"/resolve?limit=50&q={w}" for w in words] + [f"/resolve?code={n}" for n in nodes],
        "/geocode": [f"/geocode?q={w}" for w in words],
        "/reverse": ["/reverse?lon=114.0092&lat=30.4032", "/reverse?lon=114.0002&lat=30.4002"],
        "/suggest": [f"/suggest?q={w}&limit=50" for w in ("远处", "临江", "湖北省", "滨江")],
        "/address/parse": ["/address/parse?q=临江大道35号"],
        "/address/compare": ["/address/compare?a=临江大道35号&b=临江大道36号"],
        "/address/batch": ["/address/batch"],
        "/address/batch/{job_id}": ["/address/batch/x"],
        "/address/batch/{job_id}/result": ["/address/batch/x/result"],
        "/address/edits": ["/address/edits"],
        "/address/nodes/{node_id}": [f"/address/nodes/{n}" for n in nodes],
        "/address/faults": ["/address/faults"],
        "/tiles/{path:path}": [f"/tiles/{t}" for t in tiles],
        "/external/{asset}/{path:path}": [f"/external/{'0' * 64}.tileset/tileset.json"],
        "/terrain/{path:path}": ["/terrain/layer.json", "/terrain/0/0/0.terrain"],
        "/imagery/tilejson.json": ["/imagery/tilejson.json"],
        "/imagery/{z}/{x}/{y}.webp": ["/imagery/1/1/0.webp", "/imagery/18/0/0.webp"],
        "/imagery/{z}/{x}/{y}.jpg": ["/imagery/18/0/0.jpg"],
        "/mvt/{collection}/tilejson.json": [f"/mvt/{c}/tilejson.json" for c in collections],
        "/mvt/{collection}/{z}/{x}/{y}": [f"/mvt/{c}/{z}/{x}/{y}" for c in collections for z, x, y in places],
        "/wmts": ["/wmts?service=WMTS&request=GetCapabilities"],
        "/wmts/1.0.0/WMTSCapabilities.xml": ["/wmts/1.0.0/WMTSCapabilities.xml"],
        "/wmts/1.0.0/imagery/default/WebMercatorQuad/{z}/{row}/{col}.{suffix}": ["/wmts/1.0.0/imagery/default/WebMercatorQuad/18/0/0.webp"],
        "/streams": ["/streams", f"/streams?{box}", "/streams?f=arrow", "/streams?state=alarm"],
        "/streams/{stream:path}": ["/streams/1", "/streams/2", "/streams/FAR-0002"],
        "/streams/{stream:path}/observations": ["/streams/1/observations", "/streams/FAR-0002/observations"],
        "/indicators": ["/indicators"],
        "/live": [],  # test_the_live_stream_tells_of_what_is_seen
        "/scene/{layer}": [f"/scene/{layer}?f={f}" for layer in ("things", "streams", *collections) for f in ("json", "geojson", "czml", "binary")] +
                          [f"/scene/things?f=json&{box}", "/scene/streams?f=json&from=2026-06-02T00:00:00Z"],
        "/scene/{layer}/events": [],  # test_the_scene_stream_tells_of_what_is_seen
        "/alarms": ["/alarms", "/alarms?state=all", "/alarms?at=2026-07-01T00:00:00Z&state=all"],
        "/alarms/{alarm_id}": [f"/alarms/{FAR_ALARM}"],
        "/alarms/{alarm_id}/reach": [f"/alarms/{FAR_ALARM}/reach?distance_m=2000"],
        "/alarm-rules": ["/alarm-rules", "/alarm-rules?subject=燃气", "/alarm-rules?stream=FAR-0002"],
        "/alarm-rules/{rule_id:path}": ["/alarm-rules/FAR-0002/alarm/above", "/alarm-rules/nothing"],
        "/cases": ["/cases", f"/cases?{box}"],
        "/cases/{case_id}": [f"/cases/{FAR_CASE}", "/cases/AJ20260601999", f"/cases/{ids.case}"],
        "/cases/counts": [f"/cases/counts?by={by}" for by in ("street", "community", "grid")] + [f"/cases/counts?{box}"],
        "/cases/standing": [f"/cases/standing?at={moment}" for moment in ("2026-07-01T00:00:00Z", "2035-01-01T00:00:00Z")],
        "/cases/{case_id}/duplicates": [f"/cases/{c}/duplicates?metres=2000&hours=720" for c in (FAR_CASE, ids.case)],
        "/cases/{case_id}/photos": [f"/cases/{c}/photos" for c in (FAR_CASE, ids.case)],
        "/cases/{case_id}/photos/{sha256}": [f"/cases/{FAR_CASE}/photos/{'0' * 64}"],
        "/case-units": ["/case-units"],
        "/healthz": ["/healthz"],
        "/readyz": ["/readyz"],
        "/metrics": ["/metrics"],
    }  # fmt: skip


def _tile(z: int, lon: float, lat: float) -> tuple[int, int, int]:
    north = math.asinh(math.tan(math.radians(lat))) / math.pi
    return z, int((lon + 180) / 360 * 2**z), int((1 - north) / 2 * 2**z)


def routes_of(app) -> set[str]:
    return {route.path for route in _flat(app.routes) if "GET" in (route.methods or ())}


def _flat(routes):
    for route in routes:
        if isinstance(route, Route):
            yield route
        elif hasattr(route, "routes"):
            yield from _flat(route.routes)
        elif hasattr(route, "original_router"):
            yield from _flat(route.original_router.routes)


def test_every_route_is_asked(guarded, ids):
    """A route that is new is listed in `examples`, and held to the same."""
    assert routes_of(guarded[0]) == set(examples(ids))


@pytest.mark.parametrize("name", list(GRANTS))
def test_no_answer_holds_what_a_key_may_not_see(guarded, ids, name):
    _app, root, keys, things = guarded
    searched = Searched(things, GRANTS[name])
    answered = 0
    with httpx.Client(base_url=root, headers={"X-API-Key": keys[name]}, timeout=120) as client:
        for template, paths in examples(ids).items():
            for path in paths:
                found = client.get(path)
                assert found.status_code < 500, (path, found.text)
                if template in SAME_FOR_ALL:
                    continue
                if template == "/api":  # the rest has the examples of the program
                    own = {p: v for p, v in found.json()["paths"].items() if "/collections/" in p}
                    found = httpx.Response(200, json=own, headers={"vary": found.headers["vary"]})
                assert not searched.leaks(found, path), (
                    template,
                    path,
                    searched.leaks(found, path),
                )
                answered += found.status_code == 200
                if template in OPEN:
                    continue
                assert "public" not in found.headers.get("cache-control", ""), path
                assert "Authorization" in found.headers["vary"], path
    assert answered > 20


def test_the_search_itself_finds_what_a_whole_answer_holds(guarded, ids):
    """The same questions with a token that sees everything: nearly all routes that tell of things would be found out."""
    _app, root, _keys, things = guarded
    searched = Searched(things, GRANTS["buildings of an area"])
    found_out = set()
    with httpx.Client(
        base_url=root, headers={"Authorization": "Bearer whole"}, timeout=30
    ) as client:
        for template, paths in examples(ids).items():
            if any(searched.leaks(client.get(path), path) for path in paths):
                found_out.add(template)
    assert found_out >= {
        "/city", "/collections", "/collections/{collectionId}", "/collections/{collectionId}/items", "/collections/{collectionId}/items/{featureId}",
        "/entities/{eid}", "/resolve", "/geocode", "/reverse", "/suggest", "/address/nodes/{node_id}", "/tiles/{path:path}",
        "/mvt/{collection}/{z}/{x}/{y}", "/mvt/{collection}/tilejson.json", "/streams", "/collections/{collectionId}/queryables",
        "/collections/{collectionId}/tiles/{tileMatrixSetId}", "/tiles/WebMercatorQuad", "/datasets", "/datasets/{datasetId}",
        "/collections/{collectionId}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}", "/tiles/WebMercatorQuad/{tileMatrix}/{tileRow}/{tileCol}", "/streams/{stream:path}", "/streams/{stream:path}/observations",
        "/alarms", "/alarms/{alarm_id}", "/alarms/{alarm_id}/reach", "/cases", "/cases/{case_id}",
    }  # fmt: skip


def test_what_is_granted_is_seen_and_counted(guarded, ids):
    _app, root, keys, things = guarded
    grant = GRANTS["buildings of an area"]
    wanted = {thing[0] for thing in things if _shown(thing, grant)}
    with httpx.Client(
        base_url=root, headers={"Authorization": f"Bearer {keys['buildings of an area']}"}
    ) as client:
        found = client.get("/collections/buildings/items?limit=1000").json()
        present = wanted - {ids.old}
        assert {feature["id"] for feature in found["features"]} == present
        assert found["numberMatched"] == len(present) == 12
        assert client.get("/collections").json()["collections"][0]["itemCount"] == 12
        city = client.get("/city").json()
        assert [(layer["id"], layer["count"]) for layer in city["layers"]] == [("buildings", 12)]
        drawn = _eids_of_tiles(client, "/tiles/buildings/tileset.json")
        assert drawn == present
        assert client.get(f"/entities/{ids.tower}").json()["name"] == "临江花园5号楼"
        same = (
            client.get(f"/entities/{ids.building(39)}").json(),
            client.get(f"/entities/{ids.lost}").json(),
        )
        hidden, unknown = (
            doc["detail"].replace(eid, "")
            for doc, eid in zip(same, (ids.building(39), ids.lost), strict=True)
        )
        assert hidden == unknown
        assert client.get("/streams").json()["numberMatched"] == 1
        assert client.get("/geocode?q=远处大道1号远处花园").json()["status"] == "none"


def _eids_of_tiles(client: httpx.Client, path: str) -> set[str]:
    tileset = client.get(path)
    assert tileset.status_code == 200, tileset.text
    base, found, front = path.rpartition("/")[0], set(), [tileset.json()["root"]]
    while front:
        tile = front.pop()
        front += tile.get("children", [])
        contents = [*tile.get("contents", []), *([tile["content"]] if "content" in tile else [])]
        for content in contents:
            data = client.get(f"{base}/{content['uri']}")
            assert data.status_code == 200, content
            if content["uri"].endswith(".json"):
                inner = data.json()["root"]
                deeper = f"{base}/{content['uri']}"
                found |= _eids_of_tiles(client, deeper) if inner else set()
            found |= {
                eid.decode()
                for eid in re.findall(
                    rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", data.content
                )
            }
    return found


def test_sensorthings_tells_of_the_streams_that_are_seen(guarded):
    """Sets, counts, pages and links of one stream of two; who sees both sees both."""
    _app, root, keys, _things = guarded

    def ask(key, path, status=200):
        found = httpx.get(f"{root}/v1.1/{path}", headers={"X-API-Key": key}, timeout=60)
        assert found.status_code == status, (path, found.text)
        return found

    part = keys["all of an area"]
    for kind in ("Things", "Datastreams"):
        assert ask("whole", f"{kind}?$count=true").json()["@iot.count"] == 2
        told = ask(part, f"{kind}?$count=true&$top=1").json()
        assert (told["@iot.count"], len(told["value"])) == (1, 1)
        assert "@iot.nextLink" not in told
        assert "@iot.nextLink" in ask("whole", f"{kind}?$top=1").json()
        assert ask(part, f"{kind}/$count").text == "1"
    assert ask(part, "Datastreams(1)").json()["@iot.id"] == 1
    missing, unseen = (ask(part, f"Datastreams({n})", 404).json()["detail"] for n in (999, 2))
    assert missing == unseen
    thing = ask("whole", "Datastreams(2)/Thing").json()["@iot.id"]
    ask(part, f"Things({thing})", 404)
    nothing = [ask(part, f"Things({n})/Datastreams?$count=true").json() for n in (thing, 999)]
    assert nothing == [{"@iot.count": 0, "value": []}] * 2  # as of what is not there
    own = ask(part, "Things?$expand=Locations,Datastreams").json()["value"]
    assert [d["@iot.id"] for t in own for d in t["Datastreams"]] == [1]
    places = [p["location"]["coordinates"][:2] for t in own for p in t["Locations"]]
    assert places == [[114.0002, 30.4002]]
    common = ask(part, "ObservedProperties?$expand=Datastreams").json()["value"]
    assert [d["@iot.id"] for p in common for d in p["Datastreams"]] == [1]
    granted = ask(keys["some collections"], "Datastreams?$count=true").json()
    assert granted["@iot.count"] == 2  # streams are named, and there is no area
    for key in ("rooms", "an area that is not there"):
        assert ask(keys[key], "Observations?$count=true").json() == {"@iot.count": 0, "value": []}
    wide = {"type": "Polygon", "coordinates": [[[114, 30], [115, 30], [115, 31], [114, 30]]]}
    near = {"type": "Point", "coordinates": [114.0002, 30.4002]}
    writer = {"X-API-Key": "whole"}
    for given, told in ((wide, [False, True]), (near, [True, True])):
        changed = httpx.patch(f"{root}/v1.1/Datastreams(1)", json={"observedArea": given}, headers=writer, timeout=60)  # fmt: skip
        assert changed.status_code == 200, changed.text
        shown = ["observedArea" in ask(key, "Datastreams(1)").json() for key in (part, "whole")]
        assert shown == told
    refused = httpx.post(f"{root}/v1.1/Things", json={}, headers={"X-API-Key": part}, timeout=60)
    assert refused.status_code == 403


def test_the_live_stream_tells_of_what_is_seen(guarded):
    app, root, keys, _things = guarded
    told: dict[str, str] = {}

    def follow(who: str, headers: dict[str, str]) -> None:
        with (
            httpx.Client(base_url=root, headers=headers, timeout=10) as client,
            client.stream("GET", "/live") as stream,
        ):
            text = ""
            for line in stream.iter_lines():
                text += line + "\n"
                if "GAS-0001" in line or "END" in line:
                    break
            told[who] = text

    people = {
        "whole": {"Authorization": "Bearer whole"},
        "area": {"X-API-Key": keys["all of an area"]},
    }
    threads = [threading.Thread(target=follow, args=item, daemon=True) for item in people.items()]
    for thread in threads:
        thread.start()
    hub = app.state.city_state.hub
    for _ in range(200):
        if hub.events.followers == 2:
            break
        time.sleep(0.02)
    assert hub.events.followers == 2
    now = datetime.now(UTC)
    hub.ingest(["FAR-0002"], [now], [9.75])
    hub.events.publish(
        "case",
        {
            "id": FAR_CASE,
            "key": "AJ20260601999",
            "lon": 114.0092,
            "lat": 30.4032,
            "eid": None,
            "closed_at": None,
        },
        place=(114.0092, 30.4032),
    )
    hub.events.publish("indicators", {"streams": {"total": 2}})
    hub.events.publish(
        "alarm",
        {
            "id": "a",
            "stream_id": 2,
            "key": "FAR-0002",
            "eid": None,
            "state": "active",
            "level": "alarm",
        },
        stream_id=2,
    )
    hub.events.publish(
        "alarm",
        {
            "id": "b",
            "stream_id": 1,
            "key": "GAS-0001",
            "eid": None,
            "state": "active",
            "level": "alarm",
        },
        stream_id=1,
    )
    for thread in threads:
        thread.join(10)
    assert "FAR-0002" in told["whole"]
    assert "9.75" in told["whole"]
    assert "GAS-0001" in told["area"]
    for hidden in ("FAR-0002", "9.75", FAR_CASE, "indicators"):
        assert hidden not in told["area"]


def _first_frames(root, headers, layer):
    """Bodies of the first index and full frame as server-sent events, and over a WebSocket."""
    with (
        httpx.Client(base_url=root, headers=headers, timeout=20) as client,
        client.stream("GET", f"/scene/{layer}/events") as told,
    ):
        lines = (line for line in told.iter_lines() if line.startswith("data: "))
        events = [base64.b64decode(next(lines)[6:]) for _ in range(2)]
    url = f"{root.replace('http', 'ws')}/scene/{layer}/socket"
    with connect(url, additional_headers=headers, open_timeout=20) as socket:
        messages = [socket.recv(20) for _ in range(2)]
    return events, messages


def test_the_scene_stream_tells_of_what_is_seen(guarded):
    _app, root, keys, things = guarded
    far = things and {thing[0] for thing in things if thing[4] == "FAR-CODE"}
    for name, grant in GRANTS.items():
        headers = {"X-API-Key": keys[name]}
        shown = Searched(things, grant).shown
        with httpx.Client(base_url=root, headers=headers, timeout=20) as client:
            streams = {f["id"] for f in client.get("/streams").json()["features"]}
        for events in _first_frames(root, headers, "things"):
            raw = opened(events[0])["ids"]
            told = {str(uuid.UUID(bytes=raw[at : at + 16])) for at in range(0, len(raw), 16)}
            assert told <= shown - far, name
        for events in _first_frames(root, headers, "streams"):
            assert set(np.frombuffer(opened(events[0])["ids"], "<i8").tolist()) == streams, name
    whole = _first_frames(root, {"Authorization": "Bearer whole"}, "streams")
    assert all(opened(events[0])["n"] == 2 for events in whole)
    with pytest.raises(InvalidStatus):
        connect(f"{root.replace('http', 'ws')}/scene/streams/socket")


def test_an_operator_with_a_limited_reach_writes_only_there(guarded, ids):
    app, root, _keys, _things = guarded
    city = app.state.city_state.settings.city
    key, secret = add_key(city, "巡查员", Grant("operator", area=AREA))
    time.sleep(1.1)
    with httpx.Client(base_url=root, headers={"X-API-Key": secret}, timeout=20) as client:
        there = {"title": "t", "lon": 114.0002, "lat": 30.4002, "actor": "a"}
        opened = client.post("/cases", json=there)
        assert opened.status_code == 201, opened.text
        assert (
            client.post("/cases", json=there | {"lon": 114.0092, "lat": 30.4032}).status_code == 403
        )
        assert client.post("/cases", json={"title": "t", "actor": "a"}).status_code == 403
        assert client.post(f"/cases/{FAR_CASE}/dispatch", json={"actor": "a"}).status_code == 404
        assert (
            client.post(f"/alarms/{FAR_ALARM}/acknowledge", json={"actor": "a"}).status_code == 404
        )
        assert client.post(f"/alarms/{FAR_ALARM}/case", json={"actor": "a"}).status_code == 404
        at = "2026-06-01T09:00:00Z"
        for stream, status in (("FAR-0002", 404), ("nothing", 404), ("GAS-0001", 201)):
            reading = {"observations": [{"stream": stream, "time": at, "result": 0.2}]}
            assert client.post("/observations", json=reading).status_code == status, stream
        assert client.post("/address/batch", json={"texts": ["x"]}).status_code == 403
        edit = {"event": "retire", "node": "远处大道", "actor": "a"}
        assert client.post("/address/edits", json=edit).status_code == 403
        revoke_key(city, key.id)
        time.sleep(1.1)
        assert client.get("/collections").status_code == 401
