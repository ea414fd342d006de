"""The MQTT endpoint over a city in this process, and clients of it."""

import asyncio
import threading
import time

from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from api.mqtt.endpoint import Endpoint, listening
from api.sensorthings.service import SensorThings
from twin.live import LiveHub
from twin.live.history import readings
from twin.settings import ServerSettings
from twin.store import Store

NOW_MS = int(time.time() * 1000) - 60_000


class Listening:
    """The endpoint over a city, on an event loop in a thread."""

    def __init__(self, city, port, **settings):
        self.store = Store.open(city)
        self.hub = LiveHub(self.store)
        self.things = SensorThings(self.store, self.hub)
        self.port = port
        self.settings = ServerSettings(city=city.path, mqtt_port=port, **settings)
        self.endpoint: Endpoint | None = None
        ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._stop = asyncio.Event()

        async def serve():
            async with listening(self.hub, self.settings, self.things) as self.endpoint:
                ready.set()
                await self._stop.wait()

        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(serve()))
        self._thread.start()
        assert ready.wait(10)

    def stored(self):
        found = readings(self.store, None)
        keys = dict(self.store.table("SELECT stream_id, key FROM datastream").to_pandas().values)
        return [
            (keys[stream], moment // 1000 - NOW_MS, value)
            for stream, moment, value in zip(
                found.stream_id.tolist(), found.time_us.tolist(), found.value.tolist(), strict=True
            )
        ]

    def close(self):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()
        self.hub.close()
        self.store.close()


def connected(port, version=MQTTv311, name="c", user=None, tls=None, told=None, **options):
    client = Client(CallbackAPIVersion.VERSION2, name, protocol=version)
    state = {"codes": [], "reasons": {}, "went": threading.Event(), "came": threading.Event()}
    client.user_data_set(state)
    client.on_connect = lambda *a: (state["codes"].append(a[3]), state["came"].set())
    client.on_publish = lambda *a: state["reasons"].update({a[2]: a[3]})
    client.on_disconnect = lambda *a: (state["codes"].append(a[3]), state["went"].set())
    client.on_message = told
    if user:
        client.username_pw_set(*user)
    if tls:
        client.tls_set(str(tls))
    client.connect("localhost" if tls else "127.0.0.1", port, **options)
    client.loop_start()
    assert state["came"].wait(10)
    return client, state


def ended(client):
    client.disconnect()
    client.loop_stop()
