"""The tiles in viewers no one here wrote: CesiumJS, 3DTilesRendererJS, loaders.gl and MapLibre GL JS, from the same eye.

What must be seen is computed from the base by the textbook (``eyes.py``): a point inside every building lies behind something drawn.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, Route

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import eyes  # noqa: E402

pytestmark = [pytest.mark.page, pytest.mark.slow]
CLIENTS = HERE / "clients"
SHOTS = HERE.parents[1] / "screenshots"
VIEW = (114.0833, 30.477, 20.0, 900.0, 30.0, -35.0)
"""Over the middle of the sample city: towers before, villages behind."""
BLANK = """<!doctype html><meta charset="utf-8">
<style>body{margin:0}.cesium-widget,.cesium-widget canvas{width:100%;height:100%}</style>
<script>window.CESIUM_BASE_URL = "/page/vendor/cesium/";</script><script src="/page/vendor/cesium/Cesium.js"></script>
<script src="/clients/maplibre-gl.js"></script><script src="/clients/viewers.js"></script><body></body>"""
Drawn = tuple[NDArray[np.bool_], dict[str, Any]]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The viewers from npm, bundled; skipped where npm reaches nothing, but not in CI."""
    folder = tmp_path_factory.mktemp("viewers")
    shutil.copytree(CLIENTS, folder, dirs_exist_ok=True)
    beside = Path(sys.executable).parent
    path = os.pathsep.join([str(beside), os.environ.get("PATH", os.defpath)])
    words = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(
        [str(beside / words[0]), *words[1:]],
        cwd=folder, capture_output=True, text=True, check=False, env=os.environ | {"PATH": path},
    )  # fmt: skip
    if done.returncode and "CI" not in os.environ:
        pytest.skip(f"the viewers cannot be installed: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr
    made = ["--bundle", "--format=iife", "--global-name=viewers", "--outfile=bundle.js", "--log-level=error"]  # fmt: skip
    bundler = next((folder / "node_modules" / "@esbuild").glob("*/bin/esbuild"))
    subprocess.run([bundler, "viewers.js", *made], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def blank(browser: Browser, served: Any, scripts: Path) -> Iterator[Page]:
    """A page of the server's address with the viewers and nothing else."""
    page = browser.new_page(viewport={"width": eyes.WIDTH, "height": eyes.HEIGHT})
    page.set_default_timeout(170_000)
    files = {
        "viewers.js": scripts / "bundle.js",
        "maplibre-gl.js": scripts / "node_modules" / "maplibre-gl" / "dist" / "maplibre-gl.js",
    }
    for name, path in files.items():
        page.route(f"**/clients/{name}", giving(path))
    page.route("**/clients/", lambda route: route.fulfill(body=BLANK, content_type="text/html"))
    page.goto(f"{served.url}/clients/")
    yield page
    page.close()


def giving(path: Path) -> Callable[[Route], None]:
    return lambda route: route.fulfill(path=path)


@pytest.fixture(scope="module")
def there(demo_city: Path) -> eyes.Truth:
    return eyes.truth(demo_city)


@pytest.fixture(scope="module")
def seen(blank: Page, served: Any) -> Callable[..., Drawn]:
    """``seen(viewer, face, pixels)``: where the viewer drew something, and what else it told; each only once."""
    known: dict[tuple[str, str], Drawn] = {}
    eye = eyes.Eye.at(*VIEW).to_json()

    def look(viewer: str, face: str, pixels: Any = ()) -> Drawn:
        if (viewer, face) not in known:
            url = f"{served.url}/tiles/buildings/{face}.json"
            call = "([viewer, url, eye, pixels]) => viewers[viewer](url, eye, pixels)"
            told = blank.evaluate(call, [viewer, url, eye, list(pixels)])
            known[viewer, face] = keep(f"{viewer}-{face}", told)
        return known[viewer, face]

    return look


def keep(name: str, told: dict[str, Any]) -> Drawn:
    """The picture as a mask, kept for a person to look at as well."""
    pixels = eyes.picture(told.pop("picture"))
    SHOTS.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(SHOTS / f"viewer-{name}.png")
    assert pixels.shape == (eyes.HEIGHT, eyes.WIDTH, 3)
    return eyes.drawn(pixels), told


@pytest.fixture(scope="module")
def roofs(there: eyes.Truth) -> tuple[list[list[int]], list[str]]:
    """Pixels on roofs that nothing stands before, and whose they are."""
    eye = eyes.Eye.at(*VIEW)
    return eyes.free_roofs(eye, there)


VIEWERS = [("cesium", "tileset"), ("cesium", "implicit"), ("tilesRenderer", "tileset"), ("tilesRenderer", "implicit"), ("loadersGl", "tileset"), ("loadersGl", "implicit")]  # fmt: skip


@pytest.mark.parametrize(("viewer", "face"), VIEWERS)
def test_no_building_of_the_base_is_a_hole(
    seen: Callable[..., Drawn], there: eyes.Truth, roofs: Any, viewer: str, face: str
) -> None:
    mask, told = seen(viewer, face, roofs[0])
    at, inside = eyes.Eye.at(*VIEW).pixels(there.middle)
    assert told["failed"] == []
    assert inside.sum() > 300
    assert eyes.covered(mask, at[inside]).all()
    assert 0.2 < mask.mean() < 0.8  # the plain ground is seen between them


@pytest.mark.parametrize(("viewer", "face"), VIEWERS[1:])
def test_every_viewer_and_both_faces_show_the_same(
    seen: Callable[..., Drawn], viewer: str, face: str
) -> None:
    assert eyes.common(seen(*VIEWERS[0])[0], seen(viewer, face)[0]) > 0.98


@pytest.mark.parametrize("viewer", ["cesium", "tilesRenderer"])
def test_what_is_picked_on_a_roof_is_the_building_of_that_roof(
    seen: Callable[..., Drawn], roofs: Any, viewer: str
) -> None:
    pixels, eids = roofs
    told = seen(viewer, "tileset", pixels)[1]
    assert len(eids) > 10
    assert told["eids"] == eids


COARSE, FINE = 24, 16
DISTANCES = (900.0, 4_000.0, 9_000.0, 18_000.0, 36_000.0)
"""Metres: nearer than the last massing, and about where each massing gives way to the next."""


@pytest.fixture(scope="module")
def refined(blank: Page, served: Any) -> list[tuple[eyes.Eye, list[NDArray[np.bool_]], list[str]]]:
    """At each distance: the eye, what is drawn in every state from the coarse to the fine one, what was drawn twice."""
    looks = [eyes.Eye.at(*VIEW[:3], away, 30.0, -40.0) for away in DISTANCES]
    call = "([url, eyes, errors]) => viewers.refining(url, eyes, errors)"
    url = f"{served.url}/tiles/buildings/tileset.json"
    told = blank.evaluate(call, [url, [e.to_json() for e in looks], [COARSE, FINE]])
    assert told["failed"] == []
    found = []
    for eye, away, one in zip(looks, DISTANCES, told["told"], strict=True):
        pictures = one["pictures"]
        masks = [keep(f"refining-{away:.0f}-{i}", {"picture": p})[0] for i, p in enumerate(pictures)]  # fmt: skip
        found.append((eye, masks, one["twice"]))
    return found


def test_nothing_is_drawn_together_with_what_stands_for_it(refined: Any) -> None:
    assert [pair for _, _, twice in refined for pair in twice] == []


def test_nothing_disappears_while_it_is_refined(refined: Any, there: eyes.Truth) -> None:
    size = np.sqrt(shapely.area(there.footprint) * 111_320 * 110_574 * np.cos(np.radians(VIEW[1])))
    for eye, masks, _ in refined:
        at, inside = eye.pixels(there.foot)
        # a hut smaller than a pixel may fall between two of them
        inside &= size > eye.pixel_at(there.foot)
        assert inside.any()
        for mask in masks:
            assert eyes.covered(mask, at[inside]).all()


def test_two_levels_of_detail_differ_by_no_more_than_the_error_they_promise(refined: Any) -> None:
    assert sum(len(masks) > 1 for _, masks, _ in refined) >= 2  # there was something to refine
    for _, masks, _ in refined:
        for one, other in pairwise(masks):
            assert eyes.beyond(one, other, COARSE) < 0.01
            assert eyes.beyond(other, one, COARSE) < 0.01


def test_maplibre_shows_the_footprints_of_the_base(
    blank: Page, served: Any, there: eyes.Truth
) -> None:
    call = "([url, at, zoom]) => viewers.maplibre(url, 'buildings', at, zoom)"
    url = f"{served.url}/mvt/buildings/tilejson.json"
    told = blank.evaluate(call, [url, VIEW[:2], 14.0])
    mask, said = keep("maplibre", told)
    west, south, east, north = said["bounds"]
    merc = np.degrees(np.arcsinh(np.tan(np.radians(np.array([south, north, *there.place[:, 1]])))))
    x = (there.place[:, 0] - west) / (east - west) * eyes.WIDTH
    y = (merc[1] - merc[2:]) / (merc[1] - merc[0]) * eyes.HEIGHT
    inside = (x > 2) & (x < eyes.WIDTH - 3) & (y > 2) & (y < eyes.HEIGHT - 3)
    expected = {e for e, here in zip(there.eid, inside, strict=True) if here}
    box = shapely.box(west, south, east, north)
    reach = {e for e, s in zip(there.eid, shapely.intersects(there.footprint, box), strict=True) if s}  # fmt: skip
    assert said["failed"] == []
    assert len(expected) > 300
    assert expected <= set(said["found"]) & reach
    assert eyes.covered(mask, np.stack([x, y], 1)[inside]).all()
