"""Requirements of OGC 18-088 on creating, changing and deleting, by their names."""

import json

import pytest


def test_create_entities_and_links_between_existing_ones(sta, make):
    """/req/create-update-delete/create-entity, /link-to-existing-entities."""
    thing = sta.post("/Things", {"name": "t", "description": "d"})
    sensor, observed = sta.post("/Sensors", make.sensor()), sta.post("/ObservedProperties", make.observed())  # fmt: skip
    body = make.stream(**{
        "Thing": {"@iot.id": thing["@iot.id"]}, "Sensor": {"@iot.id": sensor["@iot.id"]},
        "ObservedProperty": {"@iot.id": observed["@iot.id"]},
    })  # fmt: skip
    made = sta.client.post("/Datastreams", json=body)
    assert made.status_code == 201
    link = made.headers["location"]
    assert sta.client.get(link).json()["name"] == "water"
    assert sta.client.get(f"{link}/Sensor").json()["@iot.id"] == sensor["@iot.id"]
    assert sta.client.get(f"{link}/Thing").json()["@iot.id"] == thing["@iot.id"]


def test_deep_insert_gives_everything_its_place(sta, make, river):
    """/req/create-update-delete/deep-insert, /historical-location-auto-creation; the stream has its anchor and grid cell."""
    (stream, _) = sta.get(f"/Things({river})/Datastreams", _orderby="name desc")["value"]
    assert len(sta.values(f"/Things({river})/HistoricalLocations", "time")) >= 1
    known = sta.client.get(f"{sta.base}/streams/{stream['@iot.id']}").json()
    shown = known.get("properties", known)
    assert (shown["value"], shown["unit"]) == (16.5, "°C")
    assert (shown["lon"], shown["lat"]) == (114.002, 30.401)


def test_observations_are_stored_once_and_known_by_stream_and_time(sta, make):
    thing = sta.post("/Things", {"name": "t", "description": "d", "Locations": [make.place()]})
    stream = sta.post(f"/Things({thing['@iot.id']})/Datastreams", make.stream())["@iot.id"]
    at = {"phenomenonTime": "2026-07-01T00:00:00Z", "result": 1.25, "resultTime": "2026-07-01T00:00:01Z",
          "resultQuality": "good", "parameters": {"battery": 3.3}, "validTime": "2026-07-01T00:00:00Z/2026-07-02T00:00:00Z"}  # fmt: skip
    made = sta.post(f"/Datastreams({stream})/Observations", at)
    assert {name: made[name] for name in at} == at
    again = sta.post(f"/Datastreams({stream})/Observations", {k: at[k] for k in ("phenomenonTime", "result")})  # fmt: skip
    assert again["@iot.id"] == made["@iot.id"]
    sta.post(f"/Datastreams({stream})/Observations", {**at, "result": 2}, status=409)
    assert sta.client.get(f"/Datastreams({stream})/Observations/$count").text == "1"
    sta.post(f"/Datastreams({stream})/Observations", {"result": 1, "phenomenonTime": "2099-01-01T00:00:00Z"}, status=400)  # fmt: skip
    now = sta.post("/Observations", {"result": 3, "Datastream": {"@iot.id": stream}})
    assert sta.values(f"/Datastreams({stream})/Observations", "@iot.id")[0] == now["@iot.id"]
    assert sta.get(f"/Datastreams({stream})")["resultTime"] == "2026-07-01T00:00:01Z/2026-07-01T00:00:01Z"  # fmt: skip
    later = {"resultTime": "2026-07-03T00:00:00Z", "phenomenonTime": "2026-07-02T00:00:00Z", "result": "rain"}  # fmt: skip
    sta.post(f"/Datastreams({stream})/Observations", later)
    shown = sta.get(f"/Datastreams({stream})", _select="resultTime")
    assert shown == {"resultTime": "2026-07-01T00:00:01Z/2026-07-03T00:00:00Z"}


def test_what_an_observation_says_beside_its_result_is_changed_and_its_result_stays(sta, make):
    """/req/create-update-delete/update-entity, update-entity-put and update-entity-jsonpatch of Observations."""
    thing = sta.post("/Things", {"name": "t", "description": "d", "Locations": [make.place()], "Datastreams": [make.stream()]})  # fmt: skip
    stream = sta.get(f"/Things({thing['@iot.id']})/Datastreams")["value"][0]["@iot.id"]
    at = {"phenomenonTime": "2026-07-01T00:00:00Z", "result": 1.25, "resultQuality": "good"}
    made = sta.post(f"/Datastreams({stream})/Observations", at)
    link = f"/Observations('{made['@iot.id']}')"
    more = {"resultTime": "2026-07-01T00:00:09Z", "parameters": {"by": "hand"}}
    for change in (
        more,
        {"parameters": {"by": "two"}},
        {"result": 1.25, "validTime": "2026-07-01T00:00:00Z/2026-07-02T00:00:00Z"},
    ):
        found = sta.client.patch(link, json=change)
        assert found.status_code == 200, found.text
        assert {name: found.json()[name] for name in change} == change
    assert sta.get(link)["resultTime"] == more["resultTime"]
    far = sta.post("/FeaturesOfInterest", {"name": "f", "description": "d", "encodingType": "application/geo+json", "feature": {"type": "Point", "coordinates": [114.2, 30.5]}})  # fmt: skip
    assert (
        sta.client.patch(link, json={"FeatureOfInterest": {"@iot.id": far["@iot.id"]}}).status_code
        == 200
    )
    assert sta.get(f"{link}/FeatureOfInterest")["@iot.id"] == far["@iot.id"]
    assert 114.2 in sta.get(f"/Datastreams({stream})")["observedArea"]["coordinates"][0][2]
    steps = [{"op": "replace", "path": "/parameters/by", "value": "three"}]
    stepped = sta.client.patch(
        link, json=steps, headers={"Content-Type": "application/json-patch+json"}
    )
    assert stepped.json()["parameters"] == {"by": "three"}
    for change in (
        {"result": 2},
        {"phenomenonTime": "2026-07-01T00:00:01Z"},
        {"resultQuality": "bad"},
        {"Datastream": {"@iot.id": 1}},
    ):
        refused = sta.client.patch(link, json=change)
        assert refused.status_code == 409, change
        assert next(iter(change)) in refused.json()["detail"]
    whole = sta.client.put(link, json={**at, "parameters": {"last": True}}).json()
    assert whole["parameters"] == {"last": True}
    assert whole["resultTime"] is None
    assert "validTime" not in whole
    assert sta.client.get(f"/Datastreams({stream})/Observations/$count").text == "1"
    for lost in (f"/Observations('{stream}-5')", "/Observations('o999999')"):
        assert sta.client.patch(lost, json={"parameters": {}}).status_code == 404
    assert sta.client.patch(link, json={"odd": 1}).status_code == 400


def test_an_observation_that_is_no_number_is_changed_whole(sta, make):
    thing = sta.post("/Things", {"name": "t", "description": "d", "Datastreams": [make.stream()]})
    stream = sta.get(f"/Things({thing['@iot.id']})/Datastreams")["value"][0]["@iot.id"]
    made = sta.post(f"/Datastreams({stream})/Observations", {"result": "rain", "phenomenonTime": "2026-07-01T00:00:00Z"})  # fmt: skip
    link = f"/Observations('{made['@iot.id']}')"
    change = {"result": {"sky": ["clear"]}, "resultQuality": "good", "phenomenonTime": "2026-07-01T00:00:00Z/2026-07-01T01:00:00Z"}  # fmt: skip
    found = sta.client.patch(link, json=change).json()
    assert {name: found[name] for name in change} == change
    assert sta.get(link) == found
    assert sta.client.patch(link, json={"Datastream": {"@iot.id": 1}}).status_code == 409


def test_datastreams_are_found_and_sorted_by_when_they_observed(sta, make):
    """Times of a Datastream follow from its observations, those that are no numbers among them."""
    thing = sta.post("/Things", {"name": "timed", "description": "d", "Locations": [make.place()]})["@iot.id"]  # fmt: skip
    spans = {"a": (1, 5), "b": (3, 9), "c": (7, 8), "none": ()}
    for name, days in spans.items():
        stream = sta.post(f"/Things({thing})/Datastreams", {**make.stream(), "name": name})["@iot.id"]  # fmt: skip
        for day in days:
            at = {
                "phenomenonTime": f"2024-03-0{day}T00:00:30Z",
                "resultTime": f"2024-04-0{day}T00:00:00Z",
                "result": day,
            }
            sta.post(f"/Datastreams({stream})/Observations", at)
        if name == "b":
            sta.post(f"/Datastreams({stream})/Observations", {"phenomenonTime": "2024-03-02T00:00:00Z", "result": "rain"})  # fmt: skip
    path = f"/Things({thing})/Datastreams"

    def names(condition, **more):
        return sta.values(path, "name", _filter=condition, **more)

    assert sorted(names("phenomenonTime lt 2024-03-06T00:00:00Z")) == ["a"]
    assert sorted(names("phenomenonTime gt 2024-03-06T00:00:00Z")) == ["c"]
    assert sorted(names("resultTime ge 2024-04-03T00:00:00Z")) == ["b", "c"]
    assert sorted(names("overlaps(phenomenonTime, 2024-03-04T00:00:00Z/2024-03-06T00:00:00Z)")) == ["a", "b"]  # fmt: skip
    assert sorted(names("phenomenonTime eq null")) == ["none"]
    assert names("phenomenonTime ne null", _orderby="phenomenonTime desc") == ["c", "b", "a"]
    assert names("phenomenonTime ne null", _orderby="resultTime") == ["a", "b", "c"]
    assert sta.values("/Things", "name", _filter="Datastreams/phenomenonTime lt 2024-03-06T00:00:00Z and name eq 'timed'") == ["timed"]  # fmt: skip
    shown = sta.get(path, _select="name,phenomenonTime", _filter="name eq 'b'")["value"]
    assert shown == [{"name": "b", "phenomenonTime": "2024-03-02T00:00:00Z/2024-03-09T00:00:30Z"}]


@pytest.mark.parametrize("result", ["rain", True, {"a": [1, 2]}, None])
def test_results_that_are_no_numbers(sta, make, result):
    thing = sta.post("/Things", {"name": "t", "description": "d", "Datastreams": [make.stream()]})
    stream = sta.get(f"/Things({thing['@iot.id']})/Datastreams")["value"][0]["@iot.id"]
    made = sta.post(f"/Datastreams({stream})/Observations", {"result": result, "phenomenonTime": "2026-07-01T00:00:00Z/2026-07-01T01:00:00Z"})  # fmt: skip
    assert made["result"] == result
    assert made["phenomenonTime"] == "2026-07-01T00:00:00Z/2026-07-01T01:00:00Z"
    assert sta.get(f"/Datastreams({stream})")["phenomenonTime"] == made["phenomenonTime"]
    if isinstance(result, str):
        assert sta.values(f"/Datastreams({stream})/Observations", "result", _filter="result eq 'rain'") == ["rain"]  # fmt: skip
    assert sta.client.delete(f"/Observations('{made['@iot.id']}')").status_code == 200
    assert sta.client.get(f"/Observations('{made['@iot.id']}')").status_code == 404


def test_several_properties_at_once(sta, make):
    """/req/multi-datastream/properties, /relations, /constraints."""
    body = {
        "name": "wind", "description": "speed and direction", "multiObservationDataTypes": ["x", "y"],
        "unitOfMeasurements": [{"name": "a", "symbol": "m/s", "definition": ""}, {"name": "b", "symbol": "°", "definition": ""}],
        "Sensor": make.sensor(), "ObservedProperties": [make.observed("speed"), make.observed("direction")],
        "Thing": {"name": "mast", "description": "m", "Locations": [make.place()]},
    }  # fmt: skip
    multi = sta.post("/MultiDatastreams", body)["@iot.id"]
    assert sta.values(f"/MultiDatastreams({multi})/ObservedProperties") == ["speed", "direction"]
    made = sta.post(f"/MultiDatastreams({multi})/Observations", {"result": [5, 270]})
    assert made["result"] == [5, 270]
    found = sta.get(f"/MultiDatastreams({multi})", _expand="Observations,Thing")
    assert found["Observations"][0]["result"] == [5, 270]
    assert found["Thing"]["name"] == "mast"
    sta.post(f"/MultiDatastreams({multi})/Observations", {"result": [5]}, status=400)
    sta.post("/MultiDatastreams", {**body, "unitOfMeasurements": []}, status=400)


def test_update_and_replace(sta, make):
    """/req/create-update-delete/update-entity: PATCH keeps what it does not name, PUT takes properties away."""
    thing = sta.post("/Things", {"name": "a", "description": "d", "properties": {"x": 1}, "Datastreams": [make.stream()]})["@iot.id"]  # fmt: skip
    assert sta.client.patch(f"/Things({thing})", json={"name": "b"}).json()["properties"] == {"x": 1}  # fmt: skip
    put = sta.client.put(f"/Things({thing})", json={"name": "c", "description": "e"}).json()
    assert (put["name"], put["description"], put.get("properties")) == ("c", "e", None)
    stream = sta.get(f"/Things({thing})/Datastreams")["value"][0]["@iot.id"]
    unit = {"name": "kelvin", "symbol": "K", "definition": "ucum:K"}
    found = sta.client.patch(f"/Datastreams({stream})", json={"unitOfMeasurement": unit, "ObservedProperty": make.observed("heat")})  # fmt: skip
    assert found.json()["unitOfMeasurement"] == unit
    assert sta.get(f"/Datastreams({stream})/ObservedProperty")["name"] == "heat"
    moved = sta.client.patch(f"/Things({thing})", json={"Locations": [make.place(114.0055)]})
    assert moved.status_code == 200, moved.text
    assert sta.values(f"/Things({thing})/Locations", "location") == [{"type": "Point", "coordinates": [114.0055, 30.401]}]  # fmt: skip
    assert sta.client.patch("/Things(987654)", json={"name": "b"}).status_code == 404
    assert sta.client.patch(f"/Things({thing})", json={"nothing": 1}).status_code == 400


def test_what_cannot_be_without_a_thing_goes_with_it(sta, make):
    """/req/create-update-delete/delete-entity: integrity of table 24; ids are not given again."""
    thing = sta.post("/Things", {"name": "a", "description": "d", "Locations": [make.place()], "Datastreams": [make.stream(Observations=[{"result": 1}])]})["@iot.id"]  # fmt: skip
    stream = sta.get(f"/Things({thing})/Datastreams")["value"][0]["@iot.id"]
    place = sta.values(f"/Things({thing})/Locations", "@iot.id")[0]
    assert sta.client.delete(f"/Things({thing})").status_code == 200
    for gone in (f"/Things({thing})", f"/Datastreams({stream})", f"{sta.base}/streams/{stream}"):
        assert sta.client.get(gone).status_code == 404, gone
    assert sta.client.get(f"/Locations({place})").status_code == 200
    later = sta.post("/Things", {"name": "a", "description": "d", "Datastreams": [make.stream()]})
    assert sta.get(f"/Things({later['@iot.id']})/Datastreams")["value"][0]["@iot.id"] > stream


def test_the_observed_area_holds_what_was_observed(sta, make):
    """18-088, 8.2.4: the box of the features of interest of a Datastream's observations, as they come."""
    thing = sta.post("/Things", {"name": "t", "description": "d", "Locations": [make.place(114.0, 30.0)]})["@iot.id"]  # fmt: skip
    link = sta.client.post(f"/Things({thing})/Datastreams", json=make.stream()).headers["location"]

    def area(name=link):
        return sta.client.get(name).json().get("observedArea")

    def observe(hour, **more):
        at = f"2026-07-01T{hour:02}:00:00Z"
        found = sta.client.post(f"{link}/Observations", json={"phenomenonTime": at, "result": 1, **more})  # fmt: skip
        assert found.status_code == 201, found.text

    assert area() is None
    observe(1)
    assert area() == {"type": "Point", "coordinates": [114.0, 30.0]}
    sta.post(f"/Things({thing})/Locations", make.place(114.5, 30.0))
    square = {"type": "Polygon", "coordinates": [[[114.0, 30.0], [114.5, 30.0], [114.5, 30.0], [114.0, 30.0], [114.0, 30.0]]]}  # fmt: skip
    assert area() == square
    feature = {"name": "f", "description": "d", "encodingType": "application/geo+json",
               "feature": {"type": "Point", "coordinates": [114.2, 31.0]}}  # fmt: skip
    observe(2, FeatureOfInterest=feature)
    observe(3, result="rain")
    (west, south), _, (east, north), *_ = area()["coordinates"][0]
    assert (west, south, east, north) == (114.0, 30.0, 114.5, 31.0)
    listed = sta.get("/Datastreams", _top="10000")["value"]
    assert next(row["observedArea"] for row in listed if row["@iot.selfLink"] == link) == area()
    wide = {"type": "Point", "coordinates": [113.0, 30.0]}
    assert sta.client.patch(link, json={"observedArea": wide}).json()["observedArea"]["coordinates"][0][0] == [113.0, 30.0]  # fmt: skip


def test_arrays_and_batches(sta, make, river):
    """/req/data-array/data-array, /req/batch-request/batch-request."""
    stream = sta.get(f"/Things({river})/Datastreams", _filter="name eq 'air'")["value"][0]["@iot.id"]  # fmt: skip
    rows = [["2026-08-01T00:00:00Z", 1], ["2026-08-01T00:01:00Z", 2], ["nonsense", 3], ["2026-07-01T00:00:00Z", 99]]  # fmt: skip
    told = sta.post("/CreateObservations", [{"Datastream": {"@iot.id": stream}, "components": ["phenomenonTime", "result"], "dataArray@iot.count": 4, "dataArray": rows}])  # fmt: skip
    assert told[2:] == ["error", "error"]
    assert [sta.client.get(link).json()["result"] for link in told[:2]] == [1.0, 2.0]
    batch = {"requests": [
        {"id": "a", "method": "post", "url": "Things", "body": {"name": "b", "description": "d"}},
        {"id": "b", "method": "get", "url": "Things($a)?$select=name"},
        {"id": "c", "method": "patch", "url": "Things($a)", "body": {"name": "c"}},
        {"id": "d", "method": "delete", "url": "Things($a)"},
        {"id": "e", "method": "get", "url": "Things($a)"},
    ]}  # fmt: skip
    answers = sta.client.post("/$batch", json=batch).json()["responses"]
    assert [a["status"] for a in answers] == [201, 200, 200, 200, 404]
    assert answers[1]["body"] == {"name": "b"}


def change_set(*requests, group="g"):
    return {"requests": [{"id": f"r{n}", "atomicityGroup": group, "method": m, "url": u, "body": b} for n, (m, u, b) in enumerate(requests)]}  # fmt: skip


def test_a_change_set_is_stored_as_a_whole(sta, make):
    """/req/batch-request/batch-request; OData 4.01 JSON, 19.1: atomicityGroup."""
    batch = change_set(
        ("post", "Things", {"name": "set", "description": "d", "Locations": [make.place()]}),
        ("post", "Things($r0)/Datastreams", make.stream("in set")),
        ("post", "Datastreams($r1)/Observations", {"result": 1.5, "phenomenonTime": "2026-07-01T00:00:00Z"}),
        ("post", "Datastreams($r1)/Observations", {"result": "rain", "phenomenonTime": "2026-07-01T01:00:00Z"}),
        ("patch", "Things($r0)", {"description": "changed"}),
    )  # fmt: skip
    batch["requests"].append({"id": "after", "method": "get", "url": "Things($r0)?$select=description"})  # fmt: skip
    told = sta.client.post("/$batch", json=batch).json()["responses"]
    assert [each["status"] for each in told] == [201, 201, 201, 201, 200, 200]
    assert [told[2]["body"]["result"], told[3]["body"]["result"]] == [1.5, "rain"]
    assert told[4]["body"]["description"] == told[5]["body"]["description"] == "changed"
    stream = told[1]["location"]
    assert sorted(map(str, (row["result"] for row in sta.client.get(f"{stream}/Observations").json()["value"]))) == ["1.5", "rain"]  # fmt: skip


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (("post", "Things", {"name": "no description"}), 400),
        (("post", "Datastreams($r1)/Observations", {"result": 1, "phenomenonTime": "2099-01-01T00:00:00Z"}), 400),
        (("patch", "Things(999999)", {"name": "x"}), 404),
        (("get", "Things", None), 400),
    ],
)  # fmt: skip
def test_of_a_change_set_that_fails_nothing_is_left(sta, make, last, status):
    counts = ("Things", "Sensors", "Datastreams", "ObservedProperties")
    before = [sta.client.get(f"/{name}/$count").text for name in counts]
    told = sta.client.post("/$batch", json=change_set(
        ("post", "Things", {"name": "set", "description": "d"}), ("post", "Things($r0)/Datastreams", make.stream()), last,
    )).json()["responses"]  # fmt: skip
    assert {each["status"] for each in told} in ({424, status}, {status})
    assert [sta.client.get(f"/{name}/$count").text for name in counts] == before


def test_an_observation_that_cannot_be_takes_what_came_with_it_along(sta, make):
    """Deep insert is one transaction: a Datastream is not left when its Observation is refused."""
    before = sta.client.get("/Datastreams/$count").text
    thing = sta.post("/Things", {"name": "t", "description": "d"})["@iot.id"]
    body = make.stream(Observations=[{"result": 1, "phenomenonTime": "2099-01-01T00:00:00Z"}])
    sta.post(f"/Things({thing})/Datastreams", body, status=400)
    deep = {"result": 1, "phenomenonTime": "2099-01-01T00:00:00Z", "Datastream": make.stream(Thing={"@iot.id": thing})}  # fmt: skip
    sta.post("/Observations", deep, status=400)
    assert sta.client.get("/Datastreams/$count").text == before
    made = sta.post("/Observations", {**deep, "phenomenonTime": "2026-07-01T00:00:00Z"})
    assert sta.get(f"/Observations('{made['@iot.id']}')/Datastream")["name"] == "water"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/Things", {"name": "a"}), ("/Things", {"name": 1, "description": "d"}), ("/Things", []),
        ("/Things", {"name": "a", "description": "d", "color": "red"}), ("/Things", {"name": "a", "description": "d", "properties": 5}),
        ("/Locations", {"name": "a", "description": "d", "encodingType": "application/geo+json", "location": {"type": "Point", "coordinates": [30.4, 114]}}),
        ("/Locations", {"name": "a", "description": "d", "encodingType": "application/geo+json", "location": "x"}),
        ("/Datastreams", {"name": "a", "description": "d", "observationType": "o", "unitOfMeasurement": {}}),
        ("/Observations", {"result": 1}), ("/Observations", {"result": 1, "Datastream": 5}), ("/Sensors", {"name": "a", "description": "d"}),
        ("/HistoricalLocations", {"time": "x"}), ("/$batch", {"requests": []}), ("/$batch", []), ("/CreateObservations", {}),
        ("/CreateObservations", [{"Datastream": {"@iot.id": 1}, "components": ["result"], "dataArray": [[1, 2]]}]),
    ],
)  # fmt: skip
def test_bodies_that_cannot_be_say_why_and_leave_nothing(sta, path, body):
    before = sta.client.get("/Things/$count").text
    found = sta.client.post(path, json=body)
    assert found.status_code == 400, found.text
    assert found.json()["detail"]
    assert sta.client.get("/Things/$count").text == before


def test_a_deep_insert_that_fails_leaves_nothing(sta, make):
    before = sta.client.get("/Things/$count").text
    broken = {"name": "a", "description": "d", "Datastreams": [make.stream(), make.stream(Sensor={"@iot.id": 10**9})]}  # fmt: skip
    sta.post("/Things", broken, status=404)
    assert sta.client.get("/Things/$count").text == before
    assert sta.client.post("/Things", content=json.dumps(broken), headers={"Content-Type": "text/plain"}).status_code == 400  # fmt: skip
