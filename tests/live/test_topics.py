"""SensorThings topics over MQTT (18-088, requirement receive-updates-via-mqtt), through paho and gmqtt."""

import asyncio
import json
import queue
import time

import gmqtt
import numpy as np
import orjson
import pytest
from listening import NOW_MS, connected, ended
from paho.mqtt.client import MQTTv5, MQTTv311
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from api.access.policy import Grant, add_key, revoke_key
from api.mqtt.outgoing import MOST_WAITING

ROOT = "/v1.1"
DAY = 86_400_000


class Follower:
    """A client, and what it is told."""

    def __init__(self, port, *topics, version=MQTTv311, qos=1, **options):
        self.told, self.codes = queue.Queue(), queue.Queue()
        self.client, self.state = connected(port, version, told=self._hear, **options)
        self.client.on_subscribe = lambda *a: self.codes.put([code.value for code in a[3]])
        for topic in topics:
            assert self.follow(topic, qos) in (0, 1)

    def _hear(self, _, __, message):
        self.told.put((message.topic, json.loads(message.payload), message.qos))

    def follow(self, topic, qos=1):
        self.client.subscribe(topic, qos)
        return self.codes.get(timeout=10)[0]

    def next(self):
        return self.told.get(timeout=10)

    def send(self, stream, result, nth=0):
        body = json.dumps({"result": result, "time": NOW_MS + nth})
        self.client.publish(f"twin/observations/{stream}", body, 1).wait_for_publish(10)


@pytest.fixture
def follow():
    made = []

    def make(server, *topics, **options):
        made.append(Follower(server.port, *topics, name=f"f{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        ended(one.client)


@pytest.mark.parametrize("version", [MQTTv311, MQTTv5])
def test_an_observation_is_told_as_a_get_gives_it(listen, follow, version):
    server = listen()
    one = follow(server, "v1.1/Datastreams(4)/Observations", version=version)
    every = follow(server, "v1.1/Observations?$select=result", version=version, qos=0)
    one.send("d4", 7.0)  # another stream
    one.send("d3", 1.5, 1)
    topic, told, qos = one.next()
    assert (topic, qos) == ("v1.1/Datastreams(4)/Observations", 1)
    there = server.things.get("Datastreams(4)/Observations", "$top=1", ROOT).content["value"][0]
    assert told == {**there, "result": 1.5}
    assert told["@iot.selfLink"] == f"/v1.1/Observations('4-{(NOW_MS + 1) * 1000}')"
    assert [every.next() for _ in range(2)] == [
        ("v1.1/Observations?$select=result", {"result": value}, 0) for value in (7.0, 1.5)
    ]
    assert one.told.empty()


def test_what_comes_another_way_is_told_with_all_it_says(listen, follow):
    server = listen()
    one = follow(server, "v1.1/Datastreams(4)/Observations", "v1.1/Things(1)/Datastreams(4)/Observations")  # fmt: skip
    thing = server.things.get("Datastreams(4)/Thing", "", ROOT).content["@iot.id"]
    deep = f"v1.1/Things({thing})/Datastreams(4)/Observations"
    assert one.follow(deep) == 1
    made = server.things.post(
        "Datastreams(4)/Observations",
        {"result": 2, "phenomenonTime": "2026-01-01T00:00:00Z", "parameters": {"battery": 3.3}},
        ROOT,
    ).content
    text = server.things.post("Datastreams(4)/Observations", {"result": "rain"}, ROOT).content
    first, second, third, fourth = (one.next() for _ in range(4))
    assert plain(made)["parameters"] == {"battery": 3.3}
    told = sorted([first, second], key=lambda message: len(message[0]))
    assert [(m[0], m[1]) for m in told] == [("v1.1/Datastreams(4)/Observations", plain(made)), (deep, plain(made))]  # fmt: skip
    assert {m[0] for m in (third, fourth)} == {"v1.1/Datastreams(4)/Observations", deep}
    assert third[1] == fourth[1] == plain(text)
    assert one.told.empty()  # Things(1) is none of Datastream 4


def plain(entity):
    """As JSON has it."""
    return orjson.loads(orjson.dumps(entity))


def test_entities_and_properties_are_told_when_they_are_new_or_change(listen, follow):
    server = listen()
    one = follow(server, "v1.1/Things", "v1.1/Datastreams(4)", "v1.1/Datastreams(4)/description", "v1.1/Datastreams(5)")  # fmt: skip
    made = server.things.post("Things", {"name": "pump", "description": "d"}, ROOT).content
    assert one.next()[:2] == ("v1.1/Things", plain(made))
    server.things.change("Datastreams(4)", {"name": "new"}, ROOT, whole=False)
    topic, told, _ = one.next()
    assert (topic, told["name"]) == ("v1.1/Datastreams(4)", "new")
    server.things.change("Datastreams(4)", {"description": "warm"}, ROOT, whole=False)
    told = dict(one.next()[:2] for _ in range(2))
    assert told["v1.1/Datastreams(4)/description"] == {"description": "warm"}
    assert told["v1.1/Datastreams(4)"]["description"] == "warm"
    assert one.told.empty()


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ("v1.1/Datastreams(4)/+", 0xA2), ("#", 0xA2), ("$share/a/v1.1/Things", 0xA2), ("weather/today", 0x8F),
        ("v1.1/Nothing", 0x8F), ("v1.1/Things?$filter=id eq 1", 0x8F), ("v1.1/Things/$count", 0x8F),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_refused(listen, follow, topic, code):
    server = listen()
    assert follow(server, version=MQTTv5).follow(topic) == code
    assert follow(server).follow(topic) == 0x80


def test_tokens_keys_and_accounts_follow_what_is_theirs(listen, follow, city):
    _, whole = add_key(city.path, "reader", Grant("viewer"))
    _, part = add_key(city.path, "part", Grant("viewer", collections=("buildings",)))
    accounts = {"d0": {"password": "geheim", "subscribe": ["v1.1/Datastreams(1)/Observations"]}}
    server = listen(tokens={"operator": "op", "viewer": "see"}, mqtt_accounts=accounts)
    topics = ("v1.1/Datastreams(1)/Observations?$select=result", "v1.1/Things")
    for given in ("see", whole, "op"):
        one = follow(server, version=MQTTv5, user=("x", given))
        assert [one.follow(topic) for topic in topics] == [1, 1]
        told = one.client.publish("twin/observations/d0", json.dumps({"result": 1, "time": NOW_MS}), 1)  # fmt: skip
        told.wait_for_publish(10)
        assert one.state["reasons"][told.mid].value == (0 if given == "op" else 0x87)
    device = follow(server, version=MQTTv5, user=("d0", "geheim"))
    assert [device.follow(topic) for topic in topics] == [1, 0x87]
    refused = follow(server, version=MQTTv5, user=("x", part))
    assert refused.state["codes"][0].value == 0x86


def test_a_key_that_is_revoked_ends_the_following(listen, follow, city, monkeypatch):
    monkeypatch.setattr("api.mqtt.endpoint.ASK_EVERY_S", 0.0)
    key, secret = add_key(city.path, "reader", Grant("viewer"))
    server = listen(tokens={"admin": "a"})
    one = follow(server, "v1.1/Observations", version=MQTTv5, user=("x", secret))
    revoke_key(city.path, key.id)
    assert one.state["went"].wait(10)
    assert one.state["codes"][-1].value == 0x87


def test_a_session_is_told_later_what_came_while_it_was_away(listen, follow):
    server = listen()
    kept = Properties(PacketTypes.CONNECT)
    kept.SessionExpiryInterval = 100
    options = {"version": MQTTv5, "clean_start": False, "properties": kept}
    away = Follower(server.port, "v1.1/Observations?$select=result", name="away", **options)
    ended(away.client)
    other = follow(server)
    for nth in range(3):
        other.send("d0", float(nth), nth)
    until = time.monotonic() + 10
    outgoing = server.endpoint._left["away"][2]
    while len(outgoing._waiting) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    back = Follower(server.port, name="away", **options)
    assert [back.next()[1]["result"] for _ in range(3)] == [0.0, 1.0, 2.0]
    ended(back.client)


def test_who_misses_too_much_has_to_begin_anew(listen, follow):
    server = listen()
    kept = Properties(PacketTypes.CONNECT)
    kept.SessionExpiryInterval = 100
    options = {"version": MQTTv5, "clean_start": False, "properties": kept}
    away = Follower(server.port, "v1.1/Observations", name="away", **options)
    ended(away.client)
    times = (NOW_MS + np.arange(MOST_WAITING + 1)).astype("M8[ms]").astype("M8[us]")
    server.hub.ingest([1] * len(times), times, [1.0] * len(times))
    until = time.monotonic() + 20
    while not server.endpoint.counts["overrun"] and time.monotonic() < until:
        time.sleep(0.01)
    again = Follower(server.port, name="away", **options)
    assert server.endpoint._clients["away"].outgoing.topics == {}
    ended(again.client)


def test_gmqtt_follows_and_can_stop(listen):
    server = listen()
    told = []

    async def run():
        client = gmqtt.Client("g", clean_session=True)
        client.on_message = lambda _, topic, payload, *__: told.append((topic, json.loads(payload))) or 0  # fmt: skip
        ready = asyncio.Event()
        client.on_subscribe = lambda *_: ready.set()
        await client.connect("127.0.0.1", server.port, version=gmqtt.constants.MQTTv50)
        topic = "v1.1/Datastreams(9)/Observations?$select=result"
        client.subscribe(topic, qos=1)
        await asyncio.wait_for(ready.wait(), 10)
        for nth in range(200):
            client.publish("twin/observations/d8", {"result": nth, "time": NOW_MS + nth}, qos=1)
        until = time.monotonic() + 20
        while len(told) < 200 and time.monotonic() < until:
            await asyncio.sleep(0.02)
        gone = asyncio.Event()
        client.on_unsubscribe = lambda *_: gone.set()
        client.unsubscribe(topic)
        await asyncio.wait_for(gone.wait(), 10)
        client.publish("twin/observations/d8", {"result": -1, "time": NOW_MS + DAY // 1000}, qos=1)
        await asyncio.sleep(0.2)
        await client.disconnect()

    asyncio.run(run())
    assert [body["result"] for _, body in told] == [float(nth) for nth in range(200)]
