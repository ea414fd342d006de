"""Kill -9 while somebody follows: who goes on by Last-Event-ID sees each event once; one that keeps none is noticed."""

import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import httpx

from api.client.live import follow
from api.client.transport import Transport
from twin.city import City
from twin.live.history import readings
from twin.store import Store

KILLS = 3
LAST = "最后一件"


class Sender(threading.Thread):
    """Sends readings one by one over HTTP, each until it is acknowledged."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.sent, self.stop = url, 0, threading.Event()

    def run(self):
        with httpx.Client(base_url=self.url, timeout=60) as web:
            while not self.stop.is_set():
                n, self.sent = self.sent, self.sent + 1
                at = datetime.now(UTC)
                value = 2e6 if n // 5 % 2 else 1.0  # in and out of alarm
                self.until_taken(
                    web, {"stream": f"d{n % 5}", "time": at.isoformat(), "result": value}
                )

    def until_taken(self, web, reading):
        while True:
            try:
                if web.post("/observations", json=reading).status_code < 300:
                    return
            except httpx.TransportError:
                time.sleep(0.02)


class Followed(threading.Thread):
    """Follows with the client of the product, which goes on after the last event that came."""

    def __init__(self, url, after):
        super().__init__(daemon=True)
        self.transport = Transport(url)
        self.after, self.events = after, []

    def run(self):
        for event in follow(self.transport, {}, self.after):
            self.events.append(event)
            if event.kind == "case" and event.data["title"] == LAST:
                return


def crash_and_follow(server, kills, rng):
    server.start()
    url = f"http://127.0.0.1:{server.mqtt}"
    with httpx.Client(base_url=url, timeout=60) as web:
        follower = Followed(url, str(web.get("/streams").json()["asOf"]))
        sender = Sender(url)
        follower.start()
        sender.start()
        for n in range(kills):
            time.sleep(rng.uniform(0.3, 0.9))
            report(web, f"井盖缺失 {n}")
            server.kill()
            server.start()
        time.sleep(0.5)
        sender.stop.set()
        sender.join(60)
        report(web, LAST)
        follower.join(60)
    server.end()
    assert not follower.is_alive()
    return follower.events


def report(web, title):
    """Open a case; a connection the killed server left behind is opened again."""
    web.post(
        "/cases", json={"title": title, "actor": "热线"}, headers={"Connection": "close"}
    ).raise_for_status()


def stored(folder):
    with Store.open(City.open(folder)) as store:
        found = readings(store, None)
        alarms = store.table("SELECT alarm_id::VARCHAR, event FROM alarm_event ORDER BY seq")
        cases = store.table("SELECT case_id::VARCHAR, event FROM case_event ORDER BY seq")
    return (
        Counter(zip(found.stream_id.tolist(), (found.time_us // 1000).tolist(), strict=True)),
        [tuple(row.values()) for row in alarms.to_pylist()],
        [tuple(row.values()) for row in cases.to_pylist()],
    )


def seen(events):
    """Readings by stream and millisecond, as often as they were told; steps of alarms and cases in order."""
    states = Counter(
        (row["id"], round(datetime.fromisoformat(row["time"]).timestamp() * 1e3))
        for event in events
        if event.kind == "state"
        for row in event.data["changes"]
        if row["state"] != "stale"
    )
    steps = {
        kind: [(event.data["id"], event.data["event"]) for event in events if event.kind == kind]
        for kind in ("alarm", "case")
    }
    return states, steps["alarm"], steps["case"]


def test_who_resumes_sees_each_event_once_through_kills(city, running):
    events = crash_and_follow(running(program="serving_web.py"), KILLS, random.Random(5))
    states, alarms, cases = seen(events)
    kept, alarm_steps, case_steps = stored(city.path)
    assert not [event for event in events if event.kind == "resync"]
    ids = [int(event.id) for event in events]
    assert ids == sorted(set(ids))
    assert max(states.values()) == 1
    assert alarms == alarm_steps
    assert cases == case_steps
    assert len(cases) == KILLS + 1
    assert alarms
    assert states == kept


def test_a_server_that_keeps_no_events_is_noticed(city, running):
    events = crash_and_follow(
        running({"FORGETFUL": "1"}, program="serving_web.py"), 1, random.Random(5)
    )
    assert [event for event in events if event.kind == "resync"]
