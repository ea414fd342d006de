"""Messages of sensor platforms, written after their standards: streams, places, units and every reading."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loaders.discovery import scan
from loaders.propose import propose
from loaders.registry import loader_for


def layers(tmp_path: Path, document: object, name: str = "m.json") -> dict[str, list[dict]]:
    path = tmp_path / name
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    infos = scan([path])
    assert loader_for(path).name == "sensors"
    out: dict[str, list[dict]] = {}
    for info in infos:
        plan = propose([info]).layers[0]
        batches = loader_for(path).read(info, plan, 2)
        out[info.kind] = [r for b in batches for r in b.records.to_pylist()]
        assert info.count == len(out[info.kind])
    return out


POINT = {"type": "Point", "coordinates": [114.1, 30.5, 7.0]}
UNIT = {"name": "Celsius", "symbol": "°C", "definition": "ucum:Cel"}


def test_a_deep_insert_gives_thing_place_stream_and_readings(tmp_path: Path) -> None:
    thing = {
        "name": "一号站",
        "Locations": [{"name": "l", "encodingType": "application/geo+json", "location": POINT}],
        "Datastreams": [
            {
                "name": "气温",
                "unitOfMeasurement": UNIT,
                "ObservedProperty": {"name": "AirTemperature", "definition": "x"},
                "Observations": [
                    {"phenomenonTime": "2026-07-01T08:00:00+08:00", "result": 31.5},
                    {"phenomenonTime": "2026-07-01T00:00:00Z/2026-07-01T01:00:00Z", "result": "32"},
                    {"phenomenonTime": "2026-07-01T02:00:00Z", "result": "offline"},
                    {"phenomenonTime": "2099-07-01T02:00:00Z", "result": 1},
                ],
            }
        ],
    }
    found = layers(tmp_path, thing)
    (stream,) = found["streams"]
    assert (stream["key"], stream["thing_key"], stream["unit"]) == ("一号站/气温", "一号站", "Cel")
    assert (stream["x"], stream["y"], stream["z"]) == (114.1, 30.5, 7.0)
    readings = found["observations"]
    assert readings[0]["phenomenon_time"] == datetime(2026, 7, 1, tzinfo=UTC)
    assert [r["result"] for r in readings[:2]] == [31.5, 32.0]
    assert readings[2]["fault"] == "result: 'offline' is not a number"
    assert "future" in readings[3]["fault"]


def test_an_expanded_answer_is_read_by_its_ids(tmp_path: Path) -> None:
    answer = {
        "@iot.count": 1,
        "value": [
            {
                "@iot.id": 7,
                "name": "d",
                "unitOfMeasurement": {"name": "Millimetre", "symbol": "mm", "definition": ""},
                "Thing": {
                    "@iot.id": 3,
                    "name": "闸",
                    "Locations": [{"@iot.id": 1, "location": POINT}],
                },
                "ObservedProperty": {"@iot.id": 2, "name": "Rain"},
                "Observations": [
                    {"@iot.id": 1, "phenomenonTime": "2026-07-01T00:00:00Z", "result": 0.2}
                ],
            }
        ],
    }
    found = layers(tmp_path, answer)
    (stream,) = found["streams"]
    assert (stream["key"], stream["thing_key"], stream["thing_name"]) == ("7", "3", "闸")
    assert (stream["property"], stream["x"]) == ("Rain", 114.1)
    assert found["observations"][0]["stream_key"] == "7"


def test_a_batch_resolves_its_references(tmp_path: Path) -> None:
    def post(name: str, url: str, body: object) -> dict[str, object]:
        return {"id": name, "method": "post", "url": url, "body": body}

    batch = {
        "requests": [
            post("l1", "Locations", {"name": "l", "location": POINT}),
            post("t1", "Things", {"name": "T", "Locations": [{"@iot.id": "$l1"}]}),
            post("p1", "ObservedProperties", {"name": "Humidity", "definition": "x"}),
            post("d1", "Datastreams", {"name": "D", "unitOfMeasurement": {"symbol": "%"}, "Thing": {"@iot.id": "$t1"}, "ObservedProperty": {"@iot.id": "$p1"}}),
            post("o1", "Observations", {"result": 5, "phenomenonTime": "2026-01-01T00:00:00Z", "Datastream": {"@iot.id": "$d1"}}),
            post("o2", "$d1/Observations", {"result": 6, "phenomenonTime": "2026-01-01T01:00:00Z"}),
            post("o3", "Datastreams(9)/Observations", {"result": 7, "phenomenonTime": "2026-01-01T01:00:00Z"}),
        ]
    }  # fmt: skip
    found = layers(tmp_path, batch)
    (stream,) = found["streams"]
    assert (stream["key"], stream["thing_name"], stream["property"]) == ("d1", "T", "Humidity")
    assert (stream["unit"], stream["x"]) == ("%", 114.1)
    assert [(r["stream_key"], r["result"]) for r in found["observations"]] == [
        ("d1", 5.0),
        ("d1", 6.0),
        ("9", 7.0),
    ]


def test_data_arrays_keep_rows_that_do_not_fit_and_multidatastreams_part(tmp_path: Path) -> None:
    arrays = [
        {
            "Datastream": {"@iot.id": 1},
            "components": ["phenomenonTime", "result"],
            "dataArray@iot.count": 3,
            "dataArray": [["2026-01-01T00:00:00Z", 1], ["2026-01-01T01:00:00Z"], ["2026-01-01T02:00:00Z", 3]],
        }
    ]  # fmt: skip
    found = layers(tmp_path, arrays)
    assert "streams" not in found
    assert [r["result"] for r in found["observations"] if not r["fault"]] == [1.0, 3.0]
    assert sum("does not fit" in (r["fault"] or "") for r in found["observations"]) == 1
    multi = {
        "@iot.id": "m",
        "name": "wind",
        "unitOfMeasurements": [{"symbol": "m/s"}, {"symbol": "deg"}],
        "multiObservationDataTypes": ["a", "b"],
        "ObservedProperties": [{"name": "speed"}, {"name": "direction"}],
        "Observations": [{"phenomenonTime": "2026-01-01T00:00:00Z", "result": [3.5, 270]}],
    }
    found = layers(tmp_path, multi, "multi.json")
    assert [(s["key"], s["unit"]) for s in found["streams"]] == [
        ("m/speed", "m/s"),
        ("m/direction", "deg"),
    ]
    assert [(r["stream_key"], r["result"]) for r in found["observations"]] == [
        ("m/speed", 3.5),
        ("m/direction", 270.0),
    ]


@pytest.mark.parametrize(
    "entity",
    [
        {
            "id": "urn:ngsi-ld:Air:1",
            "type": "AirQualityObserved",
            "@context": "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
            "location": {"type": "GeoProperty", "value": POINT},
            "no2": {"type": "Property", "value": 22, "unitCode": "GQ", "observedAt": "2026-07-01T00:00:00Z"},
            "refDevice": {"type": "Relationship", "object": "urn:ngsi-ld:Device:1"},
        },
        {
            "id": "urn:ngsi-ld:Air:1",
            "type": "AirQualityObserved",
            "location": {"type": "geo:json", "value": POINT, "metadata": {}},
            "no2": {"type": "Number", "value": 22, "metadata": {"unitCode": {"type": "Text", "value": "GQ"}, "TimeInstant": {"type": "DateTime", "value": "2026-07-01T00:00:00Z"}}},
        },
        {
            "id": "urn:ngsi-ld:Air:1",
            "type": "AirQualityObserved",
            "dateObserved": "2026-07-01T00:00:00Z",
            "location": POINT,
            "no2": 22,
        },
        {
            "id": "urn:ngsi-ld:Air:1",
            "type": "AirQualityObserved",
            "@context": "x",
            "location": {"type": "GeoProperty", "value": POINT},
            "no2": {"type": "Property", "unitCode": "GQ", "values": [[22, "2026-07-01T00:00:00Z"]]},
        },
    ],
)  # fmt: skip
def test_ngsi_in_every_form_says_the_same(tmp_path: Path, entity: dict[str, object]) -> None:
    found = layers(tmp_path, entity, "e.jsonld")
    (stream,), (reading,) = found["streams"], found["observations"]
    assert (stream["key"], stream["property"]) == ("urn:ngsi-ld:Air:1/no2", "no2")
    assert (stream["x"], stream["y"]) == (114.1, 30.5)
    assert stream["unit"] in ("ug/m3", None)
    assert (reading["result"], reading["fault"]) == (22.0, None)
    assert reading["phenomenon_time"] == datetime(2026, 7, 1, tzinfo=UTC)


def test_waterml_marks_no_data_and_takes_the_zone_of_the_site(tmp_path: Path) -> None:
    series = {
        "sourceInfo": {
            "siteName": "R",
            "siteCode": [{"value": "01"}],
            "timeZoneInfo": {"defaultTimeZone": {"zoneOffset": "-05:00"}},
            "geoLocation": {"geogLocation": {"latitude": 39.0, "longitude": -75.0}},
        },
        "variable": {
            "variableCode": [{"value": "00060"}],
            "variableName": "Streamflow",
            "unit": {"unitCode": "ft3/s"},
            "noDataValue": -999999.0,
        },
        "values": [
            {
                "value": [
                    {"value": "466", "qualifiers": ["P"], "dateTime": "2020-02-14T00:00:00.000"},
                    {"value": "-999999", "dateTime": "2020-02-15T00:00:00.000"},
                ]
            }
        ],
    }
    found = layers(tmp_path, {"value": {"timeSeries": [series]}})
    assert found["streams"][0]["unit"] == "[cft_i]/s"
    good, bad = found["observations"]
    assert good["phenomenon_time"] == datetime(2020, 2, 14, 5, tzinfo=UTC)
    assert (good["result"], good["quality"]) == (466.0, "P")
    assert "no data" in bad["fault"]


def test_a_message_without_anything_says_so(tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    path.write_text('{"value": {"timeSeries": []}}')
    (info,) = scan([path])
    assert info.format == "unreadable"
    assert "nothing is in it to load" in info.findings[0]
