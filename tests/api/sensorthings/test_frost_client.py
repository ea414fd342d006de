"""The whole surface, driven by frost_sta_client."""

import frost_sta_client as fsc
import jsonpatch
import pytest
from geojson import Point

pytestmark = pytest.mark.filterwarnings("ignore:furl.pathstr is deprecated")

NUMBER = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"


@pytest.fixture(scope="module")
def service(sta):
    return fsc.SensorThingsService(sta.root)


def built():
    thing = fsc.Thing("pump", "at the river", properties={"owner": "水务局"})
    thing.locations = [
        fsc.Location("bank", "left", location=Point((114.002, 30.401)), encoding_type="application/geo+json")
    ]  # fmt: skip
    unit = fsc.UnitOfMeasurement(name="bar", symbol="bar", definition="ucum:bar")
    sensor = fsc.Sensor("P1", "gauge", encoding_type="text/plain", metadata="none")
    pressure = fsc.ObservedProperty("pressure", definition="http://example.org/p", description="p")
    stream = fsc.Datastream("inlet", "of the pump", observation_type=NUMBER, unit_of_measurement=unit, sensor=sensor, observed_property=pressure)  # fmt: skip
    thing.datastreams = [stream]
    return thing


def test_create_find_query_update_patch_delete(service):
    thing = built()
    service.create(thing)
    found = service.things().find(thing.id)
    assert (found.name, found.properties) == ("pump", {"owner": "水务局"})
    streams = service.datastreams().query().filter(f"Thing/id eq {thing.id}").expand("Sensor,ObservedProperty").list()  # fmt: skip
    (stream,) = list(streams)
    assert (stream.sensor.name, stream.observed_property.name) == ("P1", "pressure")

    for second in range(150):
        at = f"2026-07-01T00:{second // 60:02}:{second % 60:02}Z"
        service.create(fsc.Observation(phenomenon_time=at, result=float(second), datastream=fsc.Datastream(id=stream.id)))  # fmt: skip
    observations = service.observations().query().filter(f"Datastream/id eq {stream.id}").orderby("phenomenonTime", "asc").top(40).list()  # fmt: skip
    assert [o.result for o in observations] == [float(n) for n in range(150)]  # over four pages

    found.description = "moved"
    service.update(found)
    assert service.things().find(thing.id).description == "moved"
    service.patch(found, jsonpatch.JsonPatch([{"op": "add", "path": "/properties/age", "value": 7}]))  # fmt: skip
    assert service.things().find(thing.id).properties == {"owner": "水务局", "age": 7}

    assert thing.id in [t.id for t in service.things().query().filter("properties/age eq 7").list()]
    service.delete(found)
    with pytest.raises(Exception, match="404"):
        service.things().find(thing.id)


def test_locations_history_and_features(service):
    thing = built()
    service.create(thing)
    place = fsc.Location("other bank", "right", location=Point((114.003, 30.402)), encoding_type="application/geo+json")  # fmt: skip
    place.things = [fsc.Thing(id=thing.id)]
    service.create(place)
    now = list(service.locations().query().filter(f"Things/id eq {thing.id}").list())
    assert [x.name for x in now] == ["other bank"]
    history = list(service.historical_locations().query().filter(f"Thing/id eq {thing.id}").list())
    assert len(history) == 2
    (stream,) = list(service.datastreams().query().filter(f"Thing/id eq {thing.id}").list())
    feature = fsc.FeatureOfInterest("pool", "behind", encoding_type="application/geo+json", feature=Point((114.004, 30.4)))  # fmt: skip
    service.create(feature)
    service.create(fsc.Observation(phenomenon_time="2026-07-01T00:00:00Z", result=1, datastream=fsc.Datastream(id=stream.id), feature_of_interest=feature))  # fmt: skip
    found = list(service.observations().query().filter(f"FeatureOfInterest/id eq {feature.id}").expand("FeatureOfInterest").list())  # fmt: skip
    assert [o.feature_of_interest.name for o in found] == ["pool"]
