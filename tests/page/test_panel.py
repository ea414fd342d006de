"""The panel and the marks that open it: cases, history, refusals, data that looks like markup, keys."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = [pytest.mark.page, pytest.mark.slow]
Ask, Shot = Callable[..., Any], Callable[[str], None]
NOBODY = "00000000-0000-7000-8000-000000000000"
CLOSED = ("结案", "作废")


def test_open_cases_stand_on_the_map_and_open_their_file(page: Page, ask: Ask, shot: Shot) -> None:
    cases = [each["properties"] for each in ask("/cases?limit=10000")["features"]]
    open_ones = {
        each["id"]: each
        for each in cases
        if each["stage"] not in CLOSED and each["lon"] is not None
    }
    page.locator("input[data-layer=cases]").check()
    shown = page.evaluate(
        "() => window.__citytwin.app.live.cases.entities.values.map((each) => each.id)"
    )
    assert set(shown) == set(open_ones)
    case = open_ones[shown[3]]
    page.evaluate(
        "({lon, lat, z}) => window.__citytwin.flyTo({lon, lat, z, range: 120, pitch: -50, duration: 0})",
        case,
    )
    shot("case")
    at = page.evaluate(
        """(id) => { const {app, viewer} = window.__citytwin; const entity = app.live.cases.entities.getById(id); viewer.scene.requestRender(); viewer.scene.render();
        const p = Cesium.SceneTransforms.worldToWindowCoordinates(viewer.scene, entity.position.getValue(Cesium.JulianDate.now())); return [p.x, p.y]; }""",
        case["id"],
    )
    page.mouse.click(*at)
    page.wait_for_function("() => document.querySelector('#panel:not([hidden]) dl dd')")
    found = ask(f"/cases/{case['id']}")["properties"]
    text = page.inner_text("#panel")
    for value in (
        found["title"],
        found["stage"],
        found["key"],
        found["address_text"],
        found["unit"],
    ):
        assert value in text
    assert found["events"][-1]["to_stage"] in page.locator("#panel ul").last.inner_text()
    shot("case")
    page.locator("input[data-layer=cases]").uncheck()


def test_history_lists_every_state(page: Page, ask: Ask) -> None:
    eid = ask("/collections/buildings/items?limit=1")["features"][0]["id"]
    page.evaluate("(eid) => window.__citytwin.select(eid).then(() => true)", eid)
    entity = ask(f"/entities/{eid}")
    rows = page.evaluate(
        "() => { const head = [...document.querySelectorAll('#panel h3')].find((each) => each.textContent === '变更历史'); return [...head.nextElementSibling.children].map((each) => each.textContent); }"
    )
    assert len(rows) == len(entity["history"]) > 0
    assert all(state["source"] in row for state, row in zip(entity["history"], rows, strict=True))
    assert entity["known_from"][:4] in rows[0]


def test_a_refusal_is_told_in_the_servers_words(
    page: Page, ask: Ask, expected: Callable[[str], None]
) -> None:
    expected("404")
    with pytest.raises(AssertionError) as refused:
        ask(f"/entities/{NOBODY}")
    page.evaluate("(eid) => window.__citytwin.select(eid).then(() => true)", NOBODY)
    told = page.locator("#toasts .toast.warning").first.inner_text()
    assert NOBODY in told
    assert told in str(refused.value)


def test_what_looks_like_markup_stays_text(page: Page, ask: Ask) -> None:
    evil = '<img src=x onerror="window.__broken = 1"><b>粗</b>'
    case = ask(
        "/cases",
        {
            "title": evil,
            "description": evil,
            "address_text": evil,
            "actor": evil,
            "code": "06010",
            "lon": 114.0846,
            "lat": 30.476,
        },
    )["properties"]
    page.wait_for_function(
        "(id) => window.__citytwin.app.live.cases.entities.getById(id)", arg=case["id"]
    )
    page.evaluate("(id) => window.__citytwin.app.panel.case(id)", case["id"])
    assert page.inner_text("#panel").count(evil) >= 3
    assert page.locator("#panel img").count() == 0
    assert page.locator("#panel b b").count() == 0
    page.fill("#search-box", case["key"])
    page.press("#search-box", "Enter")
    page.wait_for_timeout(500)
    page.evaluate("(text) => window.__citytwin.app.toast(text, 'info', text)", evil)
    assert page.locator("#toasts img, #hits img, #panel img").count() == 0
    assert page.evaluate("() => window.__broken") is None


def test_keys_do_what_the_mouse_does(page: Page, ask: Ask) -> None:
    page.evaluate("() => { window.__citytwin.app.clear(); document.activeElement?.blur(); }")
    page.fill("#search-box", "")
    page.focus("#search-box")
    page.keyboard.type("临江花园5号楼2单元12层1203")
    page.wait_for_function("() => document.querySelectorAll('#hits li:not(.none)').length > 0")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("#hits li.on")
    assert chosen.count() == 1
    want = (
        chosen.locator("small").inner_text() if chosen.locator("small").count() else ""
    ) or chosen.inner_text()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#panel:not([hidden]) dl dd')")
    assert want in page.input_value("#search-box")
    parent = page.locator("#panel button.link").first
    parent.focus()
    before = page.evaluate("() => document.getElementById('panel').dataset.eid")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "(was) => document.getElementById('panel').dataset.eid !== was", arg=before
    )
    assert ask(f"/entities/{before}")["parent"]["eid"] == page.evaluate(
        "() => document.getElementById('panel').dataset.eid"
    )
    page.keyboard.press("Escape")
    assert page.locator("#panel").is_hidden()
    box = page.locator("input[data-layer=imagery]")
    box.focus()
    page.keyboard.press("Space")
    assert page.evaluate("() => window.__citytwin.viewer.imageryLayers.get(0).show") is False
    page.locator("input[data-layer=imagery]").focus()
    page.keyboard.press("Space")
    assert page.evaluate("() => window.__citytwin.viewer.imageryLayers.get(0).show") is True
    page.evaluate("() => { document.getElementById('home').click(); }")


def test_no_complaint(complaints: list[str]) -> None:
    assert complaints == []
