"""The scene page in a real browser over the demo city."""

import json
import math
import time
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = [pytest.mark.page, pytest.mark.slow]
SHOTS = Path(__file__).resolve().parents[2] / "screenshots"
ROOM = "临江花园5号楼2单元1203室"
QUIET = """() => { const {viewer} = window.__citytwin; const {scene} = viewer; scene.requestRender();
  const all = scene.primitives; for (let i = 0; i < all.length; i += 1) { const each = all.get(i); if (each.show && each.tilesLoaded === false) return false; }
  return scene.globe.tilesLoaded; }"""


def fetch(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 -- own server
        url, data, {"Content-Type": "application/json", "Accept": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 -- own server
        return json.load(answer)


def shot(page: Page, name: str) -> None:
    page.wait_for_function(QUIET, polling=250)
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", timeout=120_000)
    assert (SHOTS / f"{name}.png").stat().st_size > 20_000


def ecef(lon: float, lat: float, height: float) -> tuple[float, float, float]:
    """WGS84 by the textbook."""
    a, e2 = 6378137.0, 6.69437999014e-3
    lon, lat = math.radians(lon), math.radians(lat)
    n = a / math.sqrt(1 - e2 * math.sin(lat) ** 2)
    return (
        (n + height) * math.cos(lat) * math.cos(lon),
        (n + height) * math.cos(lat) * math.sin(lon),
        (n * (1 - e2) + height) * math.sin(lat),
    )


def test_page_loads_without_errors(page: Page, complaints: list[str], server: str) -> None:
    shot(page, "home")
    assert complaints == []
    assert page.inner_text("#city-name") == fetch(f"{server}/city")["name"]
    colours = page.evaluate(
        """() => { const {scene, canvas} = window.__citytwin.viewer; scene.requestRender(); scene.render();
        const copy = document.createElement('canvas'); copy.width = 64; copy.height = 36; const pen = copy.getContext('2d');
        pen.drawImage(canvas, 0, 0, 64, 36); return new Set(new Uint32Array(pen.getImageData(0, 0, 64, 36).data.buffer)).size; }"""
    )
    assert colours > 200  # a scene, not an empty canvas


def test_picked_building_shows_its_attributes(page: Page, server: str) -> None:
    eid = page.evaluate(
        """() => { const {viewer} = window.__citytwin;
        for (const [x, y] of [[610, 240], [420, 260], [730, 260], [920, 290], [1100, 300], [540, 270], [980, 230], [820, 230], [340, 230], [660, 290]]) {
          const found = viewer.scene.pick(new Cesium.Cartesian2(x, y));
          if (found instanceof Cesium.Cesium3DTileFeature && found.getProperty('class') === 'building') return [found.getProperty('eid'), x, y]; }
        return null; }"""
    )
    assert eid is not None, "no building in the home view"
    page.mouse.click(eid[1], eid[2])
    page.wait_for_function("() => document.querySelector('#panel:not([hidden]) dl dd')")
    entity = fetch(f"{server}/entities/{eid[0]}")
    text = page.inner_text("#panel")
    assert (entity["name"] or entity["class"]["zh"]) in text
    if entity["height_m"] is not None:
        assert f"{entity['height_m']:g}" in text.replace(",", "")
    assert entity["anchor"]["grid"]["code"] in text
    assert entity["datasets"][0]["source_key"] in text
    shot(page, "building")


def test_room_search_flies_to_the_room(page: Page, server: str) -> None:
    hit = fetch(f"{server}/resolve?q={urllib.parse.quote(ROOM)}")["candidates"][0]
    place = hit["location"]
    goal = list(ecef(place["lon"], place["lat"], place["z"]))
    page.fill("#search-box", ROOM)
    page.press("#search-box", "Enter")
    page.wait_for_function(
        "(goal) => { const p = window.__citytwin.viewer.camera.positionWC; window.__citytwin.viewer.scene.requestRender(); return Math.hypot(p.x - goal[0], p.y - goal[1], p.z - goal[2]) < 30; }",
        arg=goal, polling=200,
    )  # fmt: skip
    page.wait_for_timeout(2500)
    at = page.evaluate(
        "() => { const p = window.__citytwin.viewer.camera.positionWC; return [p.x, p.y, p.z]; }"
    )
    assert math.dist(at, goal) < 30
    assert hit["full"] in page.inner_text("#panel")
    shot(page, "room")


def test_alarm_appears_within_two_seconds(page: Page, server: str) -> None:
    streams = [each["properties"] for each in fetch(f"{server}/streams")["features"]]
    stream = next(
        each for each in streams if each["alarm_high"] is not None and each["state"] != "alarm"
    )
    before = set(page.evaluate("() => [...window.__citytwin.alarms.keys()]"))
    page.evaluate(
        """(id) => { window.__seen = new Promise((resolve) => { const look = () => {
        if ([...window.__citytwin.alarms.values()].some((each) => each.stream_id === id) && document.querySelector('.toast')) resolve(Date.now()); else setTimeout(look, 20); }; look(); }); }""",
        stream["id"],
    )
    sent = time.time()
    reading = {
        "stream": stream["key"],
        "time": datetime.now(UTC).isoformat(),
        "result": stream["alarm_high"] * 1.5 + 1,
    }
    assert fetch(f"{server}/observations", {"observations": [reading]})["stored"] == 1
    seen = page.evaluate("() => window.__seen") / 1000
    assert seen - sent < 2.0
    new = set(page.evaluate("() => [...window.__citytwin.alarms.keys()]")) - before
    assert new
    assert stream["name"] in page.inner_text("#alarm-list")
    shot(page, "alarm")


def test_language_switch(page: Page) -> None:
    assert "图层" in page.inner_text("#layers")
    page.click("#language")
    page.wait_for_function("() => document.documentElement.lang === 'en'")
    assert "layers" in page.inner_text("#layers").lower()
    assert "图层" not in page.inner_text("#layers")
    assert "lang=en" in page.url
    shot(page, "english")
    page.click("#language")
    page.wait_for_function("() => document.documentElement.lang.startsWith('zh')")


def test_nothing_was_complained_of(complaints: list[str]) -> None:
    assert complaints == []
