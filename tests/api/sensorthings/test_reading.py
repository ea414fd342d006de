"""Requirements of OGC 18-088 on reading, by their names."""

import pytest


def test_resource_path_root(sta):
    """/req/resource-path/resource-path-to-entities: the root lists every entity set."""
    root = sta.get("")
    assert [s["name"] for s in root["value"]] == [
        "Things", "Locations", "HistoricalLocations", "Datastreams", "MultiDatastreams", "Sensors",
        "ObservedProperties", "Observations", "FeaturesOfInterest",
    ]  # fmt: skip
    assert all(sta.client.get(s["url"]).status_code == 200 for s in root["value"])
    assert any("deep-insert" in name for name in root["serverSettings"]["conformance"])


def test_streams_that_came_another_way_are_there(sta):
    """Streams of a sensor table have their thing, sensor, property, place and readings."""
    (stream,) = sta.get("/Datastreams", _filter="name eq 'GAS-0001'", _expand="Thing,Sensor,ObservedProperty,Thing/Locations")["value"]  # fmt: skip
    assert stream["@iot.id"] == 1
    assert stream["Thing"]["Locations"][0]["location"]["type"] == "Point"
    assert stream["Sensor"]["@iot.id"]
    assert stream["ObservedProperty"]["name"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/Things({})", "Thing"),
        ("/Things({})/Datastreams", "Datastreams"),
        ("/Things({})/Locations", "Locations"),
        ("/Things({})/HistoricalLocations", "HistoricalLocations"),
    ],
)
def test_resource_path_to_navigation(sta, river, path, name):
    """/req/resource-path/resource-path-to-entities: an entity and what it leads to."""
    found = sta.get(path.format(river))
    assert ("value" in found) == name.endswith("s")
    rows = found.get("value", [found])
    assert rows
    for row in rows:
        assert sta.client.get(row["@iot.selfLink"]).json()["@iot.id"] == row["@iot.id"]
        for key, link in row.items():
            if key.endswith("@iot.navigationLink"):
                assert sta.client.get(link).status_code == 200, link


def test_resource_path_to_property_value_ref_and_count(sta, river):
    assert sta.get(f"/Things({river})/name") == {"name": "gauge 1"}
    assert sta.client.get(f"/Things({river})/name/$value").text == "gauge 1"
    assert sta.get(f"/Things({river})/properties")["properties"]["depth"] == 4.5
    assert sta.client.get(f"/Things({river})/properties/$value").json()["owner"] == "水务局"
    refs = sta.get(f"/Things({river})/Datastreams/$ref")["value"]
    assert [list(ref) for ref in refs] == [["@iot.selfLink"]] * 2
    assert sta.client.get(f"/Things({river})/Datastreams/$count").text == "2"
    one = sta.get(f"/Things({river})/Datastreams")["value"][0]
    assert sta.get(f"/Datastreams({one['@iot.id']})/Observations/$count", _filter="result gt 100") == 0  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["/Nothing", "/Things(99999999)", "/Things(1)/Nothing", "/Things('x')", "/Things/Datastreams", "/Things(1)/name/x",
     "/Observations('1-x')", "/Observations(3)", "/$count", "/Datastreams(987654)/Observations"],
)  # fmt: skip
def test_paths_that_lead_nowhere(sta, path):
    found = sta.client.get(path)
    assert found.status_code == 404, found.text
    assert found.headers["content-type"] == "application/problem+json"


def test_select_expand_and_nested_options(sta, river):
    """/req/request-data/expand, /select: nested, each with options of its own."""
    found = sta.get(
        f"/Things({river})",
        _select="name",
        _expand="Datastreams($select=name;$orderby=name desc;$expand=Observations($top=2;$orderby=phenomenonTime asc;$select=result),ObservedProperty($select=name)),Locations",
    )
    assert set(found) == {"name", "Datastreams", "Locations"}
    assert [d["name"] for d in found["Datastreams"]] == ["water", "air"]
    assert [o["result"] for o in found["Datastreams"][0]["Observations"]] == [0.0, 1.5]
    assert [set(o) for o in found["Datastreams"][0]["Observations"]] == [{"result"}] * 2
    assert [d["ObservedProperty"] for d in found["Datastreams"]] == [{"name": "temperature"}, {"name": "humidity"}]  # fmt: skip
    link = found["Datastreams"][0]["Observations@iot.nextLink"]
    assert len(sta.client.get(link).json()["value"]) == 2


def test_the_newest_of_every_stream(sta, river):
    found = sta.get(f"/Things({river})/Datastreams", _expand="Observations($top=1)", _orderby="name")["value"]  # fmt: skip
    assert [[o["result"] for o in d["Observations"]] for d in found] == [[3.0], [16.5]]
    same = sta.get(f"/Things({river})/Datastreams", _expand="Observations($top=1;$orderby=phenomenonTime desc;$filter=result ge 0)", _orderby="name")["value"]  # fmt: skip
    assert [d["Observations"][0]["@iot.id"] for d in same] == [d["Observations"][0]["@iot.id"] for d in found]  # fmt: skip


def test_pages_follow_each_other(sta, river):
    """/req/request-data/pagination, /top, /skip, /count, /orderby."""
    water = sta.get(f"/Things({river})/Datastreams", _filter="name eq 'water'")["value"][0]["@iot.id"]  # fmt: skip
    page = sta.get(f"/Datastreams({water})/Observations", _top="5", _orderby="phenomenonTime asc", _count="true")  # fmt: skip
    assert page["@iot.count"] == 12
    seen = [row["result"] for row in page["value"]]
    while "@iot.nextLink" in page:
        page = sta.client.get(page["@iot.nextLink"]).json()
        seen += [row["result"] for row in page["value"]]
    assert seen == [hour * 1.5 for hour in range(12)]
    assert sta.values(f"/Datastreams({water})/Observations", "result", _top="3") == [16.5, 15.0, 13.5]  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "hours"),
    [
        ("result gt 12", [9, 10, 11]),
        ("result ge 3 and result lt 6", [2, 3]),
        ("result mul 2 sub 3 eq 0", [1]),
        ("(result div 3) mod 2 eq 1", [2, 6, 10]),
        ("result eq -1.5 add 3", [1]),
        ("not (result gt 0 or false)", [0]),
        ("floor(result) ne result and ceiling(result) le 5 and round(result) gt 1", [1, 3]),
        ("phenomenonTime ge 2026-07-01T10:00:00Z", [10, 11]),
        ("phenomenonTime lt 2026-07-01T10:00:00+08:00", [0, 1]),
        ("phenomenonTime eq 2026-07-01T03:00:00Z", [3]),
        ("during(phenomenonTime, 2026-07-01T02:00:00Z/2026-07-01T04:00:00Z)", [2, 3, 4]),
        ("before(phenomenonTime, 2026-07-01T01:00:00Z)", [0]),
        ("after(phenomenonTime, 2026-07-01T10:00:00Z)", [11]),
        ("hour(phenomenonTime) eq 7 and year(phenomenonTime) eq 2026 and month(phenomenonTime) eq 7", [7]),
        ("phenomenonTime gt 2026-07-01T11:00:00Z sub duration'PT1H30M'", [10, 11]),
        ("phenomenonTime gt now()", []),
        ("Datastream/Thing/name eq 'gauge 1' and result eq 1.5", [1]),
        ("startswith(Datastream/Thing/properties/owner, '水') and Datastream/Thing/properties/depth gt 4 and result lt 1", [0]),
        ("Datastream/Thing/properties/tags/a eq null and result eq 0", [0]),
        ("st_within(FeatureOfInterest/feature, geography'POLYGON((114 30, 115 30, 115 31, 114 31, 114 30))') and result lt 2", [0, 1]),
        ("resultTime eq null and result lt 1", [0]),
    ],
)  # fmt: skip
def test_filters_of_observations(sta, river, condition, hours):
    """/req/request-data/filter, /built-in-filter-operations, /built-in-query-functions."""
    water = sta.get(f"/Things({river})/Datastreams", _filter="name eq 'water'")["value"][0]["@iot.id"]  # fmt: skip
    asked = {"_filter": condition, "_orderby": "phenomenonTime asc", "_count": "true"}
    found = sta.get(f"/Datastreams({water})/Observations", **asked)
    assert [row["result"] for row in found["value"]] == [hour * 1.5 for hour in hours]
    assert found["@iot.count"] == len(hours)


@pytest.mark.parametrize(
    ("condition", "there"),
    [
        ("name eq 'gauge 1'", True),
        ("properties/owner eq '水务局'", True),
        ("properties/depth lt 4.6 and properties/depth gt 4.4", True),
        ("properties/owner ne '水务局'", False),
        ("properties/nothing eq 'a'", False),
        ("substringof('uge', name) and contains(name, 'gau') and endswith(name, '1')", True),
        ("length(name) eq 7 and indexof(name, 'e') eq 4 and substring(name, 6) eq '1' and substring(name, 0, 2) eq 'ga'", True),
        ("toupper(name) eq 'GAUGE 1' and tolower('X') eq 'x' and trim(' a ') eq 'a' and concat(name, '!') eq 'gauge 1!'", True),
        ("Datastreams/name eq 'air'", True),
        ("Datastreams/ObservedProperty/name eq 'humidity'", True),
        ("Datastreams/ObservedProperty/name eq 'nothing'", False),
        ("Datastreams/Observations/result gt 16", True),
        ("Datastreams/Observations/result gt 17", False),
        ("geo.distance(Locations/location, geography'POINT(114.002 30.401)') lt 0.0001", True),
        ("geo.intersects(Locations/location, geography'SRID=4326;POINT(114.002 30.401)')", True),
        ("st_disjoint(Locations/location, geography'POINT(0 0)') and name eq 'gauge 1'", True),
        ("name eq 'it''s'", False),
    ],
)  # fmt: skip
def test_filters_of_things(sta, river, condition, there):
    assert (river in sta.values("/Things", "@iot.id", _filter=condition)) is there


@pytest.mark.parametrize(
    "query",
    [
        {"$filter": "name eq"}, {"$filter": "name eq 'a"}, {"$filter": "nothing eq 1"}, {"$filter": "name"},
        {"$filter": "frobnicate(name) eq 1"}, {"$filter": "(" * 200 + "1 eq 1" + ")" * 200}, {"$filter": "length(name, 2) eq 1"},
        {"$filter": "geo.distance(name, 1) lt 2"}, {"$filter": "name eq 'a' or"}, {"$filter": "x" * 9000},
        {"$filter": "Locations/location eq geography'nonsense'"}, {"$filter": "1 eq 1; DROP TABLE thing"},
        {"$orderby": "Datastreams/name"}, {"$orderby": "nothing"}, {"$top": "-1"}, {"$top": "x"}, {"$skip": "1.5"},
        {"$count": "maybe"}, {"$select": "nothing"}, {"$expand": "Nothing"}, {"$expand": "Datastreams($nothing=1)"},
        {"$expand": "Datastreams($top=1"}, {"$nothing": "1"}, {"nothing": "1"}, {"$resultFormat": "dataArray"},
        {"$filter": "phenomenonTime gt 2026-13-01T00:00:00Z"}, {"$filter": "properties/depth add 1"},
    ],
)  # fmt: skip
def test_questions_that_cannot_be_answered_say_why(sta, river, query):
    found = sta.client.get("/Things", params=query)
    assert found.status_code == 400, found.text
    assert found.json()["detail"]


def test_arrays_of_observations(sta, river):
    """/req/data-array/data-array: observations as arrays by datastream."""
    found = sta.get("/Observations", **{"_filter": "phenomenonTime lt 2026-07-01T02:00:00Z and Datastream/Thing/name eq 'gauge 1'", "_resultFormat": "dataArray", "_orderby": "phenomenonTime asc"})["value"]  # fmt: skip
    assert len(found) == 2
    for part in found:
        assert part["dataArray@iot.count"] == 2
        row = dict(zip(part["components"], part["dataArray"][1], strict=True))
        assert (row["result"], row["phenomenonTime"]) == (1.5, "2026-07-01T01:00:00Z")


def test_an_observation_leads_to_its_stream_and_feature(sta, river):
    one = sta.get(f"/Things({river})/Datastreams", _expand="Observations($top=1)")["value"][0]["Observations"][0]  # fmt: skip
    link = f"/Observations('{one['@iot.id']}')"
    assert sta.get(f"{link}/Datastream")["name"] in ("water", "air")
    assert sta.get(f"{link}/FeatureOfInterest")["feature"]["coordinates"] == [114.002, 30.401]
    whole = sta.get(link, _expand="Datastream/Thing,FeatureOfInterest")
    assert whole["Datastream"]["Thing"]["@iot.id"] == river
    assert whole["FeatureOfInterest"]["encodingType"] == "application/geo+json"
    feature = whole["FeatureOfInterest"]["@iot.id"]
    assert sta.get(f"/FeaturesOfInterest({feature})/Observations", _count="true")["@iot.count"] >= 15  # fmt: skip
