"""The bridge against a real Mosquitto: what the broker took comes through kill -9 of the server once."""

import json
import shutil
import subprocess
import time

import pytest
from crashing import BASE_MS
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from twin.city import City
from twin.live.history import readings
from twin.store import Store

MOSQUITTO = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
pytestmark = pytest.mark.skipif(
    MOSQUITTO is None, reason="no mosquitto here: run make mosquitto (apt, root)"
)
KILLS, MESSAGES = 3, 3000


@pytest.fixture
def broker(tmp_path, free_port):
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
        "max_inflight_messages 0\npersistence false\n"
    )
    process = subprocess.Popen([MOSQUITTO, "-c", str(config)], stderr=subprocess.DEVNULL)
    yield port
    process.terminate()
    process.wait(10)


def published(port, server):
    """Publish through the broker while the server is killed again and again; how many were taken."""
    client = Client(CallbackAPIVersion.VERSION2, "devices")
    until = time.monotonic() + 10
    while True:
        try:
            client.connect("127.0.0.1", port)
            break
        except OSError:
            assert time.monotonic() < until, "the broker does not answer"
            time.sleep(0.05)
    client.loop_start()
    told = []
    for nth in range(MESSAGES):
        payload = json.dumps({"result": nth, "time": BASE_MS - 10**10 + nth, "seq": nth})
        told.append(client.publish(f"twin/observations/d{nth % 50}", payload, 1))
        turn = nth % (MESSAGES // KILLS)
        if turn == 300:
            server.kill()
        elif turn == 700:  # the broker took some while the server was away
            server.start()
        elif turn % 100 == 0:
            time.sleep(0.02)
    for one in told:
        one.wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


def stored(city, server, expected, seconds):
    """Readings in the base once the server has gone."""
    time.sleep(seconds)
    server.end()
    with Store.open(City.open(city.path)) as store:
        found = readings(store, None)
    return sorted(found.value.tolist())


def run(city, running, broker, seconds, **env):
    server = running(env, (f"mqtt://127.0.0.1:{broker}",))
    server.start()
    time.sleep(0.5)  # the broker knows the bridge's session from now on
    published(broker, server)
    return stored(city, server, MESSAGES, seconds)


def test_what_the_broker_took_is_stored_once_through_kills_of_the_server(city, running, broker):
    assert run(city, running, broker, 4) == [float(nth) for nth in range(MESSAGES)]


def test_a_clean_session_loses_and_is_noticed(city, running, broker):
    assert len(run(city, running, broker, 2, CLEAN_SESSION="1")) < MESSAGES
