"""The scene page in a real browser over the demo city."""

import contextlib
import math
import time
import urllib.parse
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, TimeoutError

pytestmark = [pytest.mark.page, pytest.mark.slow]
Ask, Shot = Callable[..., Any], Callable[[str], None]
HOME = "() => import('/page/js/scene.js').then(({goHome}) => goHome(window.__citytwin.viewer, window.__citytwin.app.city, 0))"
ROOM = "临江花园5号楼2单元1203室"
PIXELS = (
    (610, 240),
    (420, 260),
    (730, 260),
    (920, 290),
    (1100, 300),
    (540, 270),
    (980, 230),
    (820, 230),
    (660, 290),
)


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


def test_page_loads_without_errors(page: Page, complaints: list[str], ask: Ask, shot: Shot) -> None:
    shot("home")
    assert complaints == []
    assert page.inner_text("#city-name") == ask("/city")["name"]
    colours = page.evaluate(
        """() => { const {scene, canvas} = window.__citytwin.viewer; scene.requestRender(); scene.render();
        const copy = document.createElement('canvas'); copy.width = 64; copy.height = 36; const pen = copy.getContext('2d');
        pen.drawImage(canvas, 0, 0, 64, 36); return new Set(new Uint32Array(pen.getImageData(0, 0, 64, 36).data.buffer)).size; }"""
    )
    assert colours > 200  # a scene, not an empty canvas


def test_picked_building_shows_its_attributes(page: Page, ask: Ask, shot: Shot) -> None:
    for x, y in PIXELS:  # a sensor or a case may stand before the building
        page.evaluate("() => window.__citytwin.app.clear()")
        page.mouse.click(x, y)
        with contextlib.suppress(TimeoutError):
            page.wait_for_function(
                "() => document.querySelector('#panel:not([hidden]) dl dd')", timeout=5_000
            )
        eid = page.evaluate("() => document.querySelector('#panel:not([hidden])')?.dataset.eid")
        if eid and ask(f"/entities/{eid}")["collection"] == "buildings":
            break
    else:
        pytest.fail("no building in the home view answers a click")
    entity = ask(f"/entities/{eid}")
    text = page.inner_text("#panel")
    assert (entity["name"] or entity["class"]["zh"]) in text
    if entity["height_m"] is not None:
        assert f"{entity['height_m']:g}" in text.replace(",", "")
    assert entity["anchor"]["grid"]["code"] in text
    assert entity["datasets"][0]["source_key"] in text
    shot("building")


def test_room_search_flies_to_the_room(page: Page, ask: Ask, shot: Shot) -> None:
    hit = ask(f"/resolve?q={urllib.parse.quote(ROOM)}")["candidates"][0]
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
    room = ask(f"/entities/{hit['eid']}")
    bottom, top = room["bbox"][2], room["bbox"][5]
    plane = page.evaluate(
        """() => { const {models} = window.__citytwin.app.tilesets; const planes = models.clippingPlanes;
        const frame = Cesium.Matrix4.multiply(models.clippingPlanesOriginMatrix, planes.modelMatrix, new Cesium.Matrix4());
        const place = Cesium.Cartographic.fromCartesian(Cesium.Matrix4.getTranslation(frame, new Cesium.Cartesian3()));
        return [place.height, planes.get(0).normal.z, planes.get(0).distance, planes.enabled]; }"""
    )
    assert bottom + 1 < plane[0] < top  # the building is cut open between floor and ceiling
    assert plane[1:] == [-1, 0, True]  # and what lies above is taken away
    shot("room")
    page.evaluate("() => window.__citytwin.app.clear()")
    assert not page.evaluate("() => window.__citytwin.app.tilesets.models.clippingPlanes.enabled")
    page.evaluate(HOME)


def test_alarm_appears_within_two_seconds(page: Page, ask: Ask, shot: Shot) -> None:
    streams = [each["properties"] for each in ask("/streams")["features"]]
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
    assert ask("/observations", {"observations": [reading]})["stored"] == 1
    seen = page.evaluate("() => window.__seen") / 1000
    assert seen - sent < 2.0
    new = set(page.evaluate("() => [...window.__citytwin.alarms.keys()]")) - before
    assert new
    assert stream["name"] in page.inner_text("#alarm-list")
    shot("alarm")


def test_language_switch(page: Page, shot: Shot) -> None:
    assert "图层" in page.inner_text("#layers")
    page.click("#language")
    page.wait_for_function("() => document.documentElement.lang === 'en'")
    assert "layers" in page.inner_text("#layers").lower()
    assert "图层" not in page.inner_text("#layers")
    assert "lang=en" in page.url
    shot("english")
    page.click("#language")
    page.wait_for_function("() => document.documentElement.lang.startsWith('zh')")


def test_the_sun_stands_where_the_almanac_says(page: Page, ask: Ask) -> None:
    """Heights of the sun at solar noon: 90° − |latitude − declination|, 23.44° in June."""
    heights = page.evaluate(
        "() => import('/page/js/sun.js').then(({sunAt}) => [sunAt(30, 12), sunAt(23.44, 12), sunAt(30, 6), sunAt(30, 0)])"
    )
    assert abs(heights[0]["height"] - (90 - (30 - 23.44))) < 0.1
    assert abs(heights[1]["height"] - 90) < 0.1
    assert heights[2]["height"] > 0  # up before six in June
    assert 55 < heights[2]["azimuth"] < 90  # in the north-east
    assert heights[3]["height"] < -30
    # The view from above, whatever was looked at before: how much of it is lit ground decides the ratio.
    page.evaluate(
        "(home) => window.__citytwin.flyTo({...home, heading: 0, z: 0, range: 2600, pitch: -70, duration: 0})",
        ask("/city")["home"],
    )
    page.wait_for_function(
        "() => { const {scene} = window.__citytwin.viewer; scene.requestRender(); return scene.globe.tilesLoaded; }",
        polling=100,
    )
    page.evaluate("() => window.__see('morning')")
    page.fill("#hour", "22")
    page.evaluate("() => window.__see('night')")
    morning, night = page.evaluate(
        "() => ['morning', 'night'].map((name) => { const a = window.__seen[name]; let sum = 0; for (let i = 0; i < a.length; i += 4) sum += a[i] + a[i + 1] + a[i + 2]; return sum; })"
    )
    assert night < 0.75 * morning
    page.fill("#hour", "10")


def test_nothing_was_complained_of(complaints: list[str]) -> None:
    assert complaints == []
