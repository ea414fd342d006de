"""Heap of the page while sensors report: does it grow?

    python tests/bench/page/memory.py [minutes] [points] [hertz]

20,000 sensors report every second for ten minutes, 500 of them with thresholds some readings cross; the page of the server
follows in Chromium, with the panel of one sensor open. Every half minute garbage is collected and the heap, the nodes of the
document and the listeners are counted; what is left is what the page holds. The last line says growth from the second count (when
all is loaded) to the last, and how many frames and changes came meanwhile.
"""

import shutil
import socket
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import uvicorn
from playwright.sync_api import sync_playwright

from api.app import create_app
from api.standing.wire import bounded
from api.state import CityState
from twin.city import City
from twin.live import register_streams
from twin.schema import STREAMS
from twin.settings import ServerSettings
from twin.store import Store

LOAD = "0190a000-0000-7000-8000-000000000001"
WATCHED = 500
EVERY_S = 30
FLAGS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-sandbox"]  # fmt: skip
COUNT = """() => { const {live} = window.__citytwin.app; const told = {frames: 0, changes: 0};
  live.listeners.push((changed) => { told.frames += 1; told.changes += changed.size; }); window.__told = told; }"""


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def city(folder, n):
    made = City.init(folder, name="memory")
    placed = STREAMS
    for column in ("lon", "lat", "z_ell"):
        placed = placed.append(pa.field(column, pa.float64()))
    side = int(np.ceil(np.sqrt(n)))
    rows = [
        {"row": i, "key": f"s{i}", "subject": "燃气", "property": "p", "unit": "1", "lon": 114.0 + i % side * 4e-4, "lat": 30.4 + i // side * 4e-4,
         "z_ell": 10.0, "interval_s": 1.0, "alarm_high": 1.0 if i < WATCHED else None}
        for i in range(n)
    ]  # fmt: skip
    with Store.open(made) as store, store.transaction() as con:
        register_streams(con, pa.Table.from_pylist(rows, schema=placed), LOAD, datetime.now(UTC))
    return made


def report(state, n, hertz, stop):
    rng = np.random.default_rng(1)
    keys = [f"s{i}" for i in range(n)]
    due = time.monotonic()
    while not stop.is_set():
        values = rng.uniform(0.1, 0.9, n).round(3)
        values[:WATCHED][rng.random(WATCHED) < 0.02] = 1.5
        state.hub.ingest(keys, datetime.now(UTC), values)
        due = max(due + 1 / hertz, time.monotonic())
        stop.wait(due - time.monotonic())


def counted(session):
    session.send("HeapProfiler.collectGarbage")
    found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}  # fmt: skip
    return found["JSHeapUsedSize"] / 1e6, int(found["Nodes"]), int(found["JSEventListeners"])


def follow(url, seconds):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 640, "height": 360})
        page.set_default_timeout(300_000)
        page.goto(f"{url}/?lang=en", wait_until="domcontentloaded")
        page.wait_for_function("() => window.__citytwin")
        page.evaluate("() => window.__citytwin.ready.then(() => window.__citytwin.app.panel.stream(1))")  # fmt: skip
        page.evaluate(COUNT)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        begun, rows = time.monotonic(), []
        while True:
            at = time.monotonic() - begun
            heap, nodes, listeners = counted(session)
            told = page.evaluate("() => window.__told")
            rows.append((at, heap, nodes, listeners, told["frames"], told["changes"]))
            say(f"{at:6.0f} s  heap {heap:7.2f} MB  nodes {nodes:6d}  listeners {listeners:5d}  frames {told['frames']:5d}  changes {told['changes']:9d}")  # fmt: skip
            if at >= seconds:
                break
            page.wait_for_timeout(EVERY_S * 1000)
        browser.close()
    first, last = rows[1], rows[-1]
    minutes = (last[0] - first[0]) / 60
    say(
        f"growth {last[1] - first[1]:+.2f} MB in {minutes:.1f} min ({(last[1] - first[1]) / minutes:+.3f} MB/min), "
        f"nodes {last[2] - first[2]:+d}, {(last[4] - first[4]) / minutes / 60:.2f} frames/s, {(last[5] - first[5]) / minutes / 60:.0f} changes/s"
    )


def main(minutes=10.0, n=20_000, hertz=1.0):
    with tempfile.TemporaryDirectory() as folder:
        settings = ServerSettings(city=city(Path(folder) / "city", n).path)
        with CityState.open(settings) as state:
            serve(settings, state, minutes, n, hertz)


def serve(settings, state, minutes, n, hertz):
    stop = threading.Event()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(settings, state), log_level="error", http=bounded(60.0), access_log=False)  # fmt: skip
    server = uvicorn.Server(config)
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    serving.start()
    while not server.started:
        time.sleep(0.05)
    reporting = threading.Thread(target=report, args=(state, n, hertz, stop))
    reporting.start()
    try:
        follow(f"http://127.0.0.1:{listener.getsockname()[1]}", minutes * 60)
    finally:
        stop.set()
        reporting.join()
        server.should_exit = True
        serving.join(20)


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((float, int, float), sys.argv[1:], strict=False)))
