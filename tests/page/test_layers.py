"""What is switched on is seen, what is switched off is gone; counted in pixels and against the API."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = [pytest.mark.page, pytest.mark.slow]
Ask, Shot = Callable[..., Any], Callable[[str], None]
FLAT = ["subdistricts", "communities", "grids", "roads", "water", "green"]
SEEN = "([one, other, least]) => { window.__see(other); return window.__differ(one, other).count > least; }"
# Everything has arrived and two pictures in a row are the same.
STILL = """() => { const {scene} = window.__citytwin.viewer; window.__see('now'); const done = scene.globe.tilesLoaded && window.__seen.then && window.__differ('then', 'now').count < 5;
  window.__seen.then = window.__seen.now; return done; }"""
SOLID = ["buildings", "models", "streams"]


def switch(page: Page, layer: str, on: bool) -> None:
    """The switch in the layer tree, as a person finds it."""
    page.locator(f"input[data-layer={layer}]").set_checked(on)
    page.wait_for_function(
        "(layer) => !document.querySelector(`input[data-layer=${layer}]`).closest('.layer').classList.contains('busy')",
        arg=layer,
    )


@pytest.fixture(scope="module")
def bare(page: Page, ask: Ask) -> Any:
    """The middle of the city from above, without what stands on it."""
    for layer in SOLID:
        switch(page, layer, False)
    home = ask("/city")["home"]
    page.evaluate(
        "(home) => window.__citytwin.flyTo({...home, heading: 0, z: 0, range: 2600, pitch: -70, duration: 0})",
        home,
    )
    page.wait_for_function(STILL, polling=400)
    yield page
    for layer in SOLID:
        switch(page, layer, True)
    page.evaluate("() => { document.getElementById('home').click(); }")


@pytest.mark.parametrize("layer", FLAT)
def test_a_flat_layer_comes_and_goes(bare: Page, ask: Ask, layer: str) -> None:
    bare.evaluate("() => window.__see('without')")
    switch(bare, layer, True)
    bare.wait_for_function(SEEN, arg=["without", "with", 60], polling=100)
    known = next(each for each in ask("/city")["layers"] if each["id"] == layer)
    label = bare.locator(f"label.layer:has(input[data-layer={layer}])")
    assert label.locator("em").inner_text().replace(",", "") == str(known["count"])
    if layer in ("subdistricts", "communities"):
        items = ask(f"/collections/{layer}/items?limit=1000")["features"]
        shown = bare.evaluate(
            "(layer) => { const {names} = window.__citytwin.app.layers.overlays.get(layer); return Array.from({length: names.length}, (_, i) => names.get(i).text); }",
            layer,
        )
        assert sorted(shown) == sorted(each["properties"]["name"] for each in items)
    switch(bare, layer, False)
    bare.evaluate("() => window.__see('after')")
    left = bare.evaluate("() => window.__differ('without', 'after').count")
    assert left < 30


def test_components_near_the_ground_are_those_of_the_api(bare: Page, ask: Ask, shot: Shot) -> None:
    some = ask("/collections/components/items?limit=1")["features"][0]["geometry"]["coordinates"]
    switch(bare, "components", True)
    row = bare.locator("label.layer:has(input[data-layer=components])")
    assert row.locator("small").inner_text() == "靠近地面后显示"  # 2.6 km up nothing is asked for
    bare.evaluate(
        "([lon, lat]) => window.__citytwin.flyTo({lon, lat, z: 12, range: 500, pitch: -50, duration: 0})",
        some[:2],
    )
    points = "window.__citytwin.app.layers.rows.find((each) => each.id === 'components').points"
    bare.wait_for_function(f"() => {points}.points.length > 0", polling=100)
    box = bare.evaluate(f"() => {points}.box")
    found = ask(f"/collections/components/items?bbox={box}&limit=10000")
    drawn = bare.evaluate(f"() => {points}.points.length")
    assert drawn == min(1500, found["numberMatched"]) > 0
    note = row.locator("small").inner_text().replace(",", "")
    assert str(found["numberMatched"]) in note
    assert ("只显示前 1500 个" in note) == (found["numberMatched"] > 1500)
    at = bare.evaluate(
        f"""() => {{ const {{viewer}} = window.__citytwin; viewer.scene.render(); const all = {points}.points;
        for (let i = 0; i < all.length; i += 1) {{ const p = Cesium.SceneTransforms.worldToWindowCoordinates(viewer.scene, all.get(i).position);
          if (p && p.x > 420 && p.x < 800 && p.y > 250 && p.y < 550) return [all.get(i).id.eid, p.x, p.y]; }} return null; }}"""
    )
    assert at is not None, "no component in the middle of the view"
    bare.mouse.click(at[1], at[2])
    bare.wait_for_function("() => document.querySelector('#panel:not([hidden]) dl dd')")
    eid = bare.evaluate("() => document.getElementById('panel').dataset.eid")
    entity = ask(f"/entities/{eid}")
    assert entity["collection"] == "components"
    assert bare.locator("#panel dd[data-attr=code]").inner_text() == entity["attributes"]["code"]
    switch(bare, "components", False)
    assert bare.evaluate(f"() => {points}.points.length") == 0
    bare.evaluate("() => window.__citytwin.app.clear()")


def shown_at_rest(page: Page) -> str | None:
    """What the panel shows when no answer to an earlier click has changed it for a while."""
    told: list[str | None] = []
    while len(told) < 4 or len(set(told[-4:])) > 1:
        page.wait_for_timeout(300)
        told.append(page.evaluate("() => document.getElementById('panel').dataset.eid ?? null"))
    return told[-1]


def test_underground_shows_pipes_and_a_picked_one_says_what_the_api_says(
    page: Page, ask: Ask, shot: Shot
) -> None:
    hide = "(shown) => { const {app} = window.__citytwin; app.tilesets.%s.show = shown; window.__see(`%s ${shown}`); }"
    page.evaluate("() => { window.__citytwin.app.tilesets.buildings.show = true; }")
    place = ask("/resolve?q=%E4%B8%B4%E6%B1%9F%E8%8A%B1%E5%9B%AD")["candidates"][0]["location"]
    page.evaluate(
        "({lon, lat}) => window.__citytwin.flyTo({lon, lat, z: 12, range: 420, pitch: -40, duration: 0})",
        place,
    )
    shot("above")
    for shown in (False, True):
        page.evaluate(hide % ("buildings", "solid"), shown)
    page.click("#underground")
    assert page.get_attribute("#underground", "aria-pressed") == "true"
    page.wait_for_timeout(500)
    shot("underground")
    for shown in (False, True):
        page.evaluate(hide % ("buildings", "ghost"), shown)
    solid, ghost = page.evaluate(
        "() => ['solid', 'ghost'].map((name) => window.__differ(`${name} false`, `${name} true`).mean)"
    )
    assert 0 < ghost < 0.4 * solid  # the buildings are still there, but one sees through them

    legend = page.locator("#legend p")
    media = next(each for each in ask("/city")["layers"] if each["id"] == "pipes")["classes"]
    said = {each.get_attribute("data-class"): each.inner_text().split() for each in legend.all()}
    assert said == {each["code"]: [each["title"]["zh"], f"{each['count']:,}"] for each in media}

    for shown in (False, True):
        page.evaluate(hide % ("pipes", "pipes"), shown)
    changed = page.evaluate("() => window.__differ('pipes false', 'pipes true').where")
    assert len(changed) > 300, "no pipes to be seen"
    middle = [each for each in changed if 320 < each[0] < 900 and 120 < each[1] < 560]
    eid = None
    for x, y in middle[:: max(1, len(middle) // 12)]:
        page.mouse.click(x, y)
        eid = shown_at_rest(page)
        if eid and ask(f"/entities/{eid}")["collection"] == "pipes":
            break
    entity = ask(f"/entities/{eid}")
    assert entity["collection"] == "pipes"
    panel = page.locator("#panel")
    assert entity["class"]["zh"] in panel.inner_text()
    diameter = panel.locator("dd[data-attr=diameter_mm]").inner_text().replace(",", "")
    assert diameter == f"{entity['attributes']['diameter_mm']:g} mm"
    page.click("#underground")
    assert page.locator("#legend").is_hidden()
    assert not page.locator("input[data-layer=pipes]").is_checked()
    page.evaluate(
        "() => { window.__citytwin.app.clear(); document.getElementById('home').click(); }"
    )


def test_no_complaint(complaints: list[str]) -> None:
    assert complaints == []
