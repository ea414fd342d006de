"""A city of its own, served, for the tests that change its SensorThings entities."""

import socket
from types import SimpleNamespace

import httpx
import pytest

from api.app import create_app
from twin.settings import ServerSettings

UNIT = {"name": "degree Celsius", "symbol": "°C", "definition": "ucum:Cel"}
NUMBER = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"


@pytest.fixture(scope="module")
def sta(make_city, serve, tmp_path_factory):
    """Client of the service, and ways to ask it."""
    city = make_city(tmp_path_factory.mktemp("sta") / "city")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        serve(create_app(ServerSettings(city=city.path, mqtt_port=port))) as root,
        httpx.Client(base_url=f"{root}/v1.1", timeout=60) as client,
    ):

        def get(path, status=200, **params):
            params = {name.replace("_", "$", 1): value for name, value in params.items()}
            found = client.get(path, params=params or None)
            assert found.status_code == status, found.text
            return found.json()

        def post(path, body, status=201):
            found = client.post(path, json=body)
            assert found.status_code == status, found.text
            return found.json()

        def values(path, name="name", **params):
            return [row[name] for row in get(path, **params)["value"]]

        yield SimpleNamespace(
            root=f"{root}/v1.1",
            base=root,
            mqtt=port,
            client=client,
            get=get,
            post=post,
            values=values,
        )


def sensor(**more):
    return {"name": "DS18B20", "description": "probe", "encodingType": "application/pdf", "metadata": "http://example.org/a.pdf", **more}  # fmt: skip


def observed(name="temperature", **more):
    return {"name": name, "definition": f"http://example.org/{name}", "description": name, **more}


def place(lon=114.002, lat=30.401, **more):
    return {"name": "bank", "description": "by the river", "encodingType": "application/geo+json",
            "location": {"type": "Point", "coordinates": [lon, lat]}, **more}  # fmt: skip


def stream(name="water", **more):
    return {"name": name, "description": "of the river", "observationType": NUMBER, "unitOfMeasurement": UNIT,
            "Sensor": sensor(), "ObservedProperty": observed(), **more}  # fmt: skip


@pytest.fixture(scope="module")
def make():
    """Bodies of new entities."""
    return SimpleNamespace(sensor=sensor, observed=observed, place=place, stream=stream)


@pytest.fixture(scope="module")
def river(sta, make):
    """A thing with a place, two datastreams, and twelve readings of each."""
    readings = [
        {"phenomenonTime": f"2026-07-01T{hour:02}:00:00Z", "result": hour * 1.5}
        for hour in range(12)
    ]
    body = {
        "name": "gauge 1", "description": "gauge", "properties": {"owner": "水务局", "depth": 4.5, "tags": {"a/b": "x"}},
        "Locations": [make.place()],
        "Datastreams": [make.stream("water", Observations=readings), make.stream("air", ObservedProperty=make.observed("humidity"), Observations=readings[:3])],
    }  # fmt: skip
    return sta.post("/Things", body)["@iot.id"]
