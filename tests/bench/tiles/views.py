"""Five views of a city of a million buildings in CesiumJS: requests and bytes until each is complete, from an empty cache.

Run: ``python tests/bench/tiles/views.py [buildings] [--keep FOLDER] [--only VIEW]``. The base is that of ``plan.py``, tiled, and served by the product's own
server; Chromium opens each view in a fresh profile, so nothing is cached. Bytes are those that travelled (compressed bodies and headers), for everything below
``/tiles/``. The screen is 1,280 × 720, the error 16 pixels, CesiumJS's own. Needs Chromium and the page's CesiumJS (``make assets browser``).
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "page"), str(HERE.parents[2])]

import eyes  # noqa: E402
from conftest import ARGUMENTS, CHROMIUM, Served  # noqa: E402
from plan import fill  # noqa: E402
from playwright.sync_api import Browser, sync_playwright  # noqa: E402

import tiles  # noqa: E402
from twin.city import City  # noqa: E402
from twin.store import Store  # noqa: E402
from twin.store.scene import Scene  # noqa: E402

SIZE = {"width": 1280, "height": 720}
VIEWS = {
    "whole city": (45_000.0, -60.0),
    "quarter": (8_000.0, -45.0),
    "streets": (2_000.0, -35.0),
    "block": (500.0, -30.0),
    "skyline": (1_500.0, -8.0),
}
"""Distance from the middle of the city (metres) and pitch (degrees)."""
MOST_REQUESTS, MOST_BYTES = 40, 8_000_000
BLANK = """<!doctype html><meta charset="utf-8"><style>body{margin:0}#it,.cesium-widget,.cesium-widget canvas{width:1280px;height:720px}</style>
<script>window.CESIUM_BASE_URL = "/page/vendor/cesium/";</script><script src="/page/vendor/cesium/Cesium.js"></script><div id="it"></div>"""
LOOK = """async ({position, direction, up, fov}) => {
  const widget = new Cesium.CesiumWidget("it", {baseLayer: false, globe: false, skyBox: false, skyAtmosphere: false, msaaSamples: 1, scene3DOnly: true,
    useDefaultRenderLoop: false, creditContainer: document.createElement("div")});
  widget.resize();
  widget.camera.frustum.fov = 2 * Math.atan(Math.tan(fov * Math.PI / 360) * 1280 / 720);
  const orientation = {direction: Cesium.Cartesian3.fromArray(direction), up: Cesium.Cartesian3.fromArray(up)};
  widget.camera.setView({destination: Cesium.Cartesian3.fromArray(position), orientation});
  const tileset = widget.scene.primitives.add(await Cesium.Cesium3DTileset.fromUrl("/tiles/buildings/tileset.json"));
  let failed = 0; tileset.tileFailed.addEventListener(() => { failed += 1; });
  for (let calm = 0; calm < 4;) { widget.scene.render(); calm = tileset.tilesLoaded ? calm + 1 : 0; await new Promise((done) => setTimeout(done, 200)); }
  return {failed, drawn: tileset._selectedTiles.length, megabytes: tileset.totalMemoryUsageInBytes / 1e6};
}"""


@contextmanager
def city_of(n: int, keep: Path | None) -> Iterator[Path]:
    """A tiled city of ``n`` buildings; the one that is kept where it is there already."""
    with tempfile.TemporaryDirectory() as made:
        folder = keep or Path(made) / "city"
        if not (folder / "city.toml").is_file():
            city = City.init(folder, name="views")
            with Store.open(city) as store:
                fill(store, n)
                tiles.build(Scene(store), city.tiles, ["buildings"])
        yield folder


def seen(browser: Browser, url: str, eye: eyes.Eye) -> dict[str, Any]:
    """One view from an empty cache: what CesiumJS tells, and what travelled."""
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    page.set_default_timeout(2_400_000)  # a view of thousands of drawn buildings, in software
    page.route("**/clients/", lambda route: route.fulfill(body=BLANK, content_type="text/html"))
    page.goto(f"{url}/clients/")
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    asked: dict[str, str] = {}
    travelled: dict[str, float] = {}

    def note(event: dict[str, Any]) -> None:
        if "/tiles/" in event["request"]["url"]:
            asked[event["requestId"]] = event["request"]["url"]

    wire.on("Network.requestWillBeSent", note)
    wire.on("Network.loadingFinished", lambda event: travelled.update({event["requestId"]: event["encodedDataLength"]}))  # fmt: skip
    told: dict[str, Any] = page.evaluate(LOOK, eye.to_json())
    page.wait_for_timeout(200)
    told |= {"requests": len(asked), "bytes": sum(travelled.get(i, 0) for i in asked)}
    context.close()
    return told


def main() -> int:
    """Measure and print; 1 where the first view asks for more than it may."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("buildings", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--only", choices=list(VIEWS))
    asked = parser.parse_args()
    side = 0.3 * (asked.buildings / 1e6) ** 0.5
    middle = (114 + side * 0.52, 30 + side * 0.45)
    sys.stdout.write("| view | requests | kB | contents drawn | MB in memory |\n|---|---|---|---|---|\n")  # fmt: skip
    with city_of(asked.buildings, asked.keep) as folder, sync_playwright() as playwright:
        server = Served(folder)
        server.start(1800)  # a million buildings are read first
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        first: dict[str, Any] = {}
        try:
            for name, (away, pitch) in VIEWS.items():
                if asked.only not in (None, name):
                    continue
                told = seen(browser, server.url, eyes.Eye.at(*middle, 20.0, away, 0.0, pitch))
                first = first or told
                sys.stdout.write(f"| {name} | {told['requests']} | {told['bytes'] / 1e3:,.0f} | {told['drawn']} | {told['megabytes']:.1f} |\n")  # fmt: skip
                sys.stdout.flush()
                if told["failed"]:
                    raise RuntimeError(f"{told['failed']} contents failed in {name}")
        finally:
            browser.close()
            server.stop()
    return int(first["requests"] > MOST_REQUESTS or first["bytes"] > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
