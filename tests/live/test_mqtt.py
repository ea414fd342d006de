"""The MQTT endpoint through clients of others (paho, gmqtt) and through raw bytes."""

import asyncio
import json
import socket
import ssl
import subprocess
import threading
import time

import gmqtt
import numpy as np
import pytest
from listening import NOW_MS, connected, ended
from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


@pytest.mark.parametrize("version", [MQTTv311, MQTTv5])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_every_form_of_message_arrives_at_every_quality_of_service(listen, version, qos):
    server = listen()
    client, _ = connected(server.port, version)
    ours, first = "twin/observations", "1970-01-01T00:00:00Z"
    array = [{
        "Datastream": {"@iot.id": 4}, "components": ["phenomenonTime", "result"],
        "dataArray@iot.count": 2, "dataArray": [[NOW_MS, 5.0], [NOW_MS + 1, 6.0]],
    }]  # fmt: skip
    sent = [
        (f"{ours}/d0", {"result": 1.5, "time": NOW_MS}),
        (f"{ours}/d1", [{"result": 2, "time": NOW_MS}, {"result": 3, "time": NOW_MS + 1}]),
        (ours, {"observations": [{"stream": "d2", "time": NOW_MS, "result": 4}]}),
        ("v1.1/Datastreams(5)/Observations", {"phenomenonTime": NOW_MS, "result": 7}),
        ("v1.1/CreateObservations", array),
        (f"{ours}/d5", {"result": 8, "time": first}),
    ]
    for topic, payload in sent:
        told = client.publish(topic, json.dumps(payload), qos)
        told.wait_for_publish(10)
    ended(client)
    until = time.monotonic() + 60  # the first readings of a process wait for compiled code
    while len(server.stored()) < 8 and time.monotonic() < until:
        time.sleep(0.02)
    assert server.stored() == [
        ("d0", 0, 1.5), ("d1", 0, 2.0), ("d1", 1, 3.0), ("d2", 0, 4.0), ("d3", 0, 5.0),
        ("d3", 1, 6.0), ("d4", 0, 7.0), ("d5", -NOW_MS, 8.0),
    ]  # fmt: skip


def test_reasons_are_told_in_mqtt_5_and_nothing_is_lost(listen):
    server = listen()
    client, state = connected(server.port, MQTTv5)
    sent = {
        "known": ("twin/observations/d0", b"1.5"),
        "unknown device": ("twin/observations/new", b'{"result": 1, "time": %d}' % NOW_MS),
        "no topic of ours": ("weather/today", b"1"),
        "no JSON": ("twin/observations/d0", b"\xff{"),
        "no result": ("twin/observations/d0", b'{"value": 1}'),
    }
    mids = {}
    for name, (topic, payload) in sent.items():
        told = client.publish(topic, payload, 1)
        told.wait_for_publish(10)
        mids[name] = told.mid
    ended(client)
    assert {name: state["reasons"][mid].value for name, mid in mids.items()} == {
        "known": 0, "unknown device": 0, "no topic of ours": 0x90, "no JSON": 0x99, "no result": 0x99,
    }  # fmt: skip
    kept = server.hub.aside.records()
    assert sorted((r["stream"], r["reason"]) for r in kept) == [
        ("new", "unknown stream"),
        ("twin/observations/d0", "message cannot be read"),
        ("twin/observations/d0", "message cannot be read"),
        ("weather/today", "message cannot be read"),
    ]
    assert server.endpoint.status()["bad"] == 3


def test_parked_readings_are_stored_once_their_device_is_known(listen, make_streams):
    server = listen()
    client, _ = connected(server.port)
    for nth in range(3):
        payload = json.dumps({"result": nth, "time": NOW_MS + nth})
        client.publish("twin/observations/d70", payload, 1).wait_for_publish(10)
    ended(client)
    assert server.stored() == []
    make_streams(server.store, 80)
    server.hub.reload()
    assert server.stored() == [("d70", 0, 0.0), ("d70", 1, 1.0), ("d70", 2, 2.0)]
    assert len(server.hub.aside) == 0


def test_readings_without_a_time_are_known_by_their_number(listen):
    server = listen()
    client, _ = connected(server.port)
    for number in (1, 2, 2, 1, 5):
        payload = json.dumps({"result": number, "seq": number})
        client.publish("twin/observations/d0", payload, 1).wait_for_publish(10)
    ended(client)
    assert [value for _, _, value in server.stored()] == [1.0, 2.0, 5.0]
    assert [(gap.first, gap.last) for _, gap in server.hub.sequences.listed()] == [(3, 4)]


def test_tokens_accounts_and_topics_are_asked_for(listen):
    accounts = {"d0": {"password": "geheim"}}
    server = listen(tokens={"operator": "op", "viewer": "see"}, mqtt_accounts=accounts)
    for user, code in (
        (None, 134),
        (("x", "none"), 134),
        (("x", "see"), 0),  # may subscribe
        (("d0", "wrong"), 134),
        (("x", "op"), 0),
        (("d0", "geheim"), 0),
    ):
        client, state = connected(server.port, MQTTv5, user=user)
        assert state["codes"][0].value == code, user
        ended(client)
    client, state = connected(server.port, MQTTv5, user=("d0", "geheim"))
    mine = client.publish("twin/observations/d0/x", b"1", 1)
    other = client.publish("twin/observations/d1", b"1", 1)
    for told in (mine, other):
        told.wait_for_publish(10)
    assert state["reasons"][mine.mid].value == 0
    assert state["reasons"][other.mid].value == 0x87
    ended(client)


def test_tls_is_spoken(listen, tmp_path, free_port):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    port = free_port()
    server = listen(mqtt_tls_port=port, mqtt_certificate=certificate, mqtt_key=key)
    client, _ = connected(port, tls=certificate)
    client.publish("twin/observations/d0", b'{"result":1,"time":%d}' % NOW_MS, 1).wait_for_publish(
        10
    )
    ended(client)
    assert server.stored() == [("d0", 0, 1.0)]
    with pytest.raises(ssl.SSLError):
        ssl.create_default_context().wrap_socket(
            socket.create_connection(("127.0.0.1", port), 5), server_hostname="localhost"
        )


def test_a_will_is_published_when_the_device_falls_silent_but_not_after_goodbye(listen):
    server = listen()
    for number, polite in enumerate((True, False)):
        client = Client(CallbackAPIVersion.VERSION2, f"w{number}")
        will = json.dumps({"result": -1, "time": NOW_MS + number})
        client.will_set("twin/observations/d0", will, 1)
        client.connect("127.0.0.1", server.port)
        client.loop_start()
        client.publish(
            "twin/observations/d1", json.dumps({"result": 1, "time": NOW_MS + number}), 1
        ).wait_for_publish(10)
        if polite:
            client.disconnect()
        else:
            client.socket().shutdown(socket.SHUT_RDWR)
            client.on_disconnect = lambda c, *_: c.loop_stop()
            client._reconnect_min_delay = 1000
        client.loop_stop()
    until = time.monotonic() + 60  # the first readings of a process wait for compiled code
    while len(server.stored()) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    assert server.stored() == [("d0", 1, -1.0), ("d1", 0, 1.0), ("d1", 1, 1.0)]


def test_a_session_of_mqtt_5_is_there_again_and_taken_over(listen):
    server = listen()
    kept = Properties(PacketTypes.CONNECT)
    kept.SessionExpiryInterval = 100
    flags = []
    first, state = connected(server.port, MQTTv5, "same", clean_start=False, properties=kept)
    second = Client(CallbackAPIVersion.VERSION2, "same", protocol=MQTTv5)
    came = threading.Event()
    second.on_connect = lambda *a: (flags.append(a[2].session_present), came.set())
    second.connect("127.0.0.1", server.port, clean_start=False, properties=kept)
    second.loop_start()
    assert came.wait(10)
    assert flags == [True]
    assert state["went"].wait(10)
    assert state["codes"][-1].value == 0x8E
    first.loop_stop()
    ended(second)


def test_gmqtt_publishes_a_thousand_readings(listen):
    server = listen()

    async def publish():
        client = gmqtt.Client("g", clean_session=True)
        await client.connect("127.0.0.1", server.port, version=gmqtt.constants.MQTTv50)
        for nth in range(1000):
            client.publish("twin/observations/d9", {"result": nth, "time": NOW_MS + nth}, qos=1)
        until = time.monotonic() + 20
        while len(server.stored()) < 1000 and time.monotonic() < until:
            await asyncio.sleep(0.05)
        await client.disconnect()

    asyncio.run(publish())
    assert server.stored() == [("d9", nth, float(nth)) for nth in range(1000)]


HELLO = bytes.fromhex("100d00044d5154540402003c000178")


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\xff\xff\xff\xff\x7f",
        bytes.fromhex("100d00044d5154540902003c000178"),
        HELLO + HELLO,
        HELLO + bytes.fromhex("36050001610001"),
        HELLO + bytes.fromhex("3204ffff6100"),
        HELLO + b"\x32\x80\x80\x80\x7f",
        HELLO + bytes.fromhex("3206000123000131"),
        HELLO + bytes.fromhex("820600010001ff00"),
        HELLO + b"\xf0\x00",
    ],
    ids=[
        "http",
        "length",
        "version",
        "twice",
        "qos 3",
        "topic length",
        "huge",
        "wildcard",
        "utf-8",
        "kind 15",
    ],
)
def test_malformed_bytes_end_their_connection_and_no_other(listen, data):
    server = listen()
    other, _ = connected(server.port)
    with socket.create_connection(("127.0.0.1", server.port), 5) as sock:
        sock.sendall(data)
        rest = b"?"
        while rest:
            rest = sock.recv(1000)
    assert server.endpoint.counts["malformed"] + server.endpoint.counts["refused"] == 1
    other.publish(
        "twin/observations/d0", json.dumps({"result": 1, "time": NOW_MS}), 1
    ).wait_for_publish(10)
    ended(other)
    assert server.stored() == [("d0", 0, 1.0)]


def test_random_bytes_and_torn_packets_stop_nothing(listen):
    server = listen()
    rng = np.random.default_rng(3)
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", server.port), 5) as sock:
            sock.sendall(HELLO + rng.bytes(int(rng.integers(1, 80))))
    payload = b"\x00\x14twin/observations/d0\x00\x01" + b'{"result":1,"time":%d}' % NOW_MS
    whole = HELLO + b"\x32" + bytes([len(payload)]) + payload
    with socket.create_connection(("127.0.0.1", server.port), 5) as sock:
        for at in range(len(whole)):
            sock.sendall(whole[at : at + 1])
        assert sock.recv(4) == b"\x20\x02\0\0"
        assert sock.recv(4) == b"\x40\x02\0\x01"
    assert ("d0", 0, 1.0) in server.stored()


def test_a_full_disk_is_told_and_the_reading_comes_again(listen, monkeypatch):
    server = listen()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", full)
    client, state = connected(server.port, MQTTv5)
    told = client.publish("twin/observations/d0", b'{"result":1,"time":%d}' % NOW_MS, 1)
    told.wait_for_publish(10)
    assert state["reasons"][told.mid].value == 0x97
    monkeypatch.undo()
    told = client.publish("twin/observations/d0", b'{"result":1,"time":%d}' % NOW_MS, 1)
    told.wait_for_publish(10)
    assert state["reasons"][told.mid].value == 0
    ended(client)
    assert server.stored() == [("d0", 0, 1.0)]
