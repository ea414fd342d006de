"""The requirement receive-updates-via-mqtt through the whole server: posted over HTTP, told over MQTT."""

import json
import queue

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion


def test_what_is_posted_over_http_is_told_over_mqtt(sta, make, river):
    told, ready = queue.Queue(), queue.Queue()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _, __, m: told.put((m.topic, json.loads(m.payload)))
    client.on_subscribe = lambda *_: ready.put(None)
    client.connect("127.0.0.1", sta.mqtt)
    client.loop_start()
    topic = f"v1.1/Things({river})/Datastreams"
    client.subscribe(topic, 1)
    ready.get(timeout=10)
    made = sta.post(f"/Things({river})/Datastreams", make.stream("told"))
    assert told.get(timeout=10) == (topic, json.loads(json.dumps(made).replace(sta.root, "/v1.1")))
    client.disconnect()
    client.loop_stop()
