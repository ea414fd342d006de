"""A server that takes readings over MQTT, as a process: ``serving.py FOLDER MQTT [BROKER]``.

For each line on standard input a server is forked off (everything is imported by then, so that a
restart costs little) and its process id printed; it is meant to be killed. With ``ACK_EARLY=1`` it acknowledges messages before they are on disk: the control that a test of
durability must notice.
"""

import asyncio
import os
import time
from pathlib import Path

from forking import serve_in_forks
from paho.mqtt.client import Client

from api.intake import Intake
from api.receiving import receiving
from twin.city import City
from twin.live import LiveHub
from twin.settings import ServerSettings
from twin.store import Store


def acknowledge_early():
    """Break the promise: receipts first, storage later."""
    store, put = Intake._store, Intake.put

    def early(self, owner, reference, topic, payload):
        put(self, None, reference, topic, payload)
        if owner is not None:
            self._settled({owner: [(reference, 0)]})

    def slow(self, group):
        time.sleep(0.1)
        store(self, group)

    Intake.put, Intake._store = early, slow


def start_clean():
    """A bridge the broker forgets: the other control."""
    connect = Client.connect_async

    def clean(self, *args, **options):
        options["clean_start"] = True
        connect(self, *args, **options)

    Client.connect_async = clean


async def serve(hub, settings):
    async with receiving(hub, settings):
        while True:
            await asyncio.sleep(1)
            await asyncio.to_thread(hub.tick)
            await asyncio.to_thread(hub.maintain)


def main(folder, port, *broker):
    bridge = {"bridge_url": broker[0]} if broker else {}
    settings = ServerSettings(city=Path(folder), mqtt_port=int(port), **bridge)
    with Store.open(City.open(settings.city)) as store:
        asyncio.run(serve(LiveHub(store), settings))


if __name__ == "__main__":
    if os.environ.get("ACK_EARLY"):
        acknowledge_early()
    if os.environ.get("CLEAN_SESSION"):
        start_clean()
    serve_in_forks(main)
