"""The browser module, from a page of another address, and MapLibre GL JS on our vector tiles."""

import functools
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.page, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "tests" / "clients"
MAP = """async ([root, box]) => {
  const { City } = await import(`${root}/page/client/citytwin.js`); const city = new City(root);
  const bare = { version: 8, sources: { b: city.maplibreSource('buildings') }, layers: [
    { id: 'b', type: 'fill', source: 'b', 'source-layer': 'buildings', paint: { 'fill-color': '#c03030' } }] };
  const map = new maplibregl.Map({ container: 'map', style: bare, bounds: box, interactive: false, transformRequest: city.transformRequest });
  const wrong = []; map.on('error', (event) => wrong.push(event.error.message));
  await new Promise((done) => map.once('idle', done));
  const found = map.queryRenderedFeatures({ layers: ['b'] });
  return { wrong, count: new Set(found.map((f) => f.properties.eid ?? f.id)).size, names: Object.keys(found[0]?.properties ?? {}) };
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The npm packages that the lock file of the clients names, and a bare page."""
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(CLIENTS / name, folder)
    npm = Path(sys.executable).parent / "npm"
    words = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    dist = "node_modules/maplibre-gl/dist/maplibre-gl"
    (folder / "index.html").write_text(
        f"<!doctype html><link rel=stylesheet href={dist}.css><link rel=icon href=data:,><script src={dist}.js></script>"
        "<body style=margin:0><div id=map style='width:800px;height:600px'></div>"
    )
    return folder


@pytest.fixture(scope="module")
def other(packages: Path) -> Iterator[str]:
    """Address of a server that has nothing to do with ours."""
    handler = functools.partial(Quiet, directory=str(packages))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def open_city(
    demo_city: Path, other: str, tmp_path_factory: pytest.TempPathFactory, served: Any
) -> Iterator[Any]:
    """A server that lets pages of the other address read."""
    city = tmp_path_factory.mktemp("open") / "city"
    shutil.copytree(demo_city, city)
    server = type(served)(city)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWIN_CORS_ORIGINS", json.dumps([other]))
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="module")
def elsewhere(browser: Browser, other: str, open_city: Any) -> Iterator[Page]:
    """A page of the other address that has a client of our server as ``window.city``."""
    page = browser.new_page(viewport={"width": 800, "height": 600})
    page.set_default_timeout(60_000)
    page.goto(other)
    page.evaluate(
        "async (root) => { window.lib = await import(`${root}/page/client/citytwin.js`); window.city = new lib.City(root); }",
        open_city.url,
    )
    yield page
    page.close()


def test_items_come_across_addresses_page_by_page_and_none_twice(
    elsewhere: Page, open_city: Any
) -> None:
    told = elsewhere.evaluate(
        "async () => { const ids = []; for await (const f of city.items('buildings', { where: 'height_m > 60', pageSize: 7 })) ids.push(f.id); return ids; }"
    )
    asked = open_city.ask("/collections/buildings/items?limit=1000&filter=height_m%3E60")

    assert asked["numberMatched"] > 14
    assert sorted(told) == sorted(f["id"] for f in asked["features"])


def test_things_addresses_and_tiles_are_found_and_errors_have_their_kind(
    elsewhere: Page, open_city: Any
) -> None:
    told = elsewhere.evaluate(
        """async () => {
          const room = await city.geocode('临江花园5号楼2单元1203室'); const layers = await city.layers();
          const refused = await city.query('buildings', { where: 'nonsense >' }).catch((e) => e);
          const lost = await city.item('buildings', 'nobody').catch((e) => e);
          return { eid: room.eid, thing: (await city.entity(room.eid)).collection, suggested: (await city.suggest('临江')).length,
            ids: (await city.collections()).map((c) => c.id), tileset: (await fetch(layers.tilesets[0].url)).status,
            refused: [refused instanceof lib.InvalidRequestError, refused.status, refused.problem.type],
            lost: [lost instanceof lib.NotFoundError, lost.status],
            foreign: new lib.City(city.url, { token: 't' }).transformRequest('http://x.test/').headers ?? null };
        }"""
    )

    assert told["thing"] == "rooms"
    assert told["suggested"] > 0
    assert "buildings" in told["ids"]
    assert told["tileset"] == 200
    assert told["refused"] == [True, 400, "urn:citytwin:problem:invalid-request"]
    assert told["lost"] == [True, 404]
    assert told["foreign"] is None


def test_live_events_go_on_after_the_server_was_away(elsewhere: Page, open_city: Any) -> None:
    stream = next(s["properties"] for s in open_city.ask("/streams")["features"])

    def send(value: float) -> None:
        reading = {"stream": stream["key"], "time": datetime.now(UTC).isoformat(), "result": value}
        assert open_city.ask("/observations", {"observations": [reading]})["stored"] == 1

    elsewhere.evaluate(
        """() => { window.seen = []; window.kinds = []; window.done = new AbortController();
          (async () => { for await (const e of city.live({ signal: done.signal })) { kinds.push(e.kind);
            if (e.kind === 'state') for (const c of e.data.changes) seen.push([c.id, c.value]); } window.ended = true; })(); }"""
    )
    elsewhere.wait_for_timeout(1500)
    send(0.125)
    elsewhere.wait_for_function("() => seen.some((c) => c[1] === 0.125)")
    open_city.stop()
    open_city.start()
    send(0.25)
    elsewhere.wait_for_function("() => seen.some((c) => c[1] === 0.25) || kinds.includes('resync')")
    send(0.375)
    elsewhere.wait_for_function("() => seen.some((c) => c[1] === 0.375)")
    assert elsewhere.evaluate("() => seen.filter((c) => c[1] === 0.125).length") == 1
    elsewhere.evaluate("() => done.abort()")
    elsewhere.wait_for_function("() => window.ended")


def test_a_page_that_is_not_named_may_not_read(browser: Browser, other: str, served: Any) -> None:
    page = browser.new_page()
    page.goto(other)
    told = page.evaluate(
        "(root) => import(`${root}/page/client/citytwin.js`).then(() => 'read', () => 'refused')",
        served.url,
    )
    page.close()
    assert told == "refused"


def test_maplibre_draws_our_vector_tiles(elsewhere: Page, open_city: Any) -> None:
    home = open_city.ask("/city")["home"]
    box = [home["lon"] - 0.004, home["lat"] - 0.003, home["lon"] + 0.004, home["lat"] + 0.003]
    told = elsewhere.evaluate(MAP, [open_city.url, box])
    there = open_city.ask(f"/collections/buildings/items?limit=1&bbox={','.join(map(str, box))}")
    shots = ROOT / "screenshots"
    shots.mkdir(exist_ok=True)
    elsewhere.screenshot(path=shots / "maplibre.png")

    assert told["wrong"] == []
    assert told["count"] == pytest.approx(there["numberMatched"], rel=0.2)
    assert told["count"] > 20


def test_the_types_hold_for_a_program_that_uses_them_all(packages: Path) -> None:
    for name in ("citytwin.js", "citytwin.d.ts"):
        shutil.copy(ROOT / "api" / "page" / "client" / name, packages)
    good = """
import { City, ConflictError, type LiveEvent, type Page } from "./citytwin.js";
const city = new City("http://127.0.0.1:8000", { token: "t", language: "zh" });
for await (const f of city.items("buildings", { where: "floors > 3", bbox: [1, 2, 3, 4], sort: ["-floors"], pageSize: 5 })) f.geometry?.type;
const page: Page = await city.query("buildings", { limit: 2, at: new Date() }); page.numberMatched.toFixed();
for await (const e of city.live({ subject: "燃气", after: 7 })) if (e.kind === "state") e.data.changes[0].value?.toFixed();
const tile: string = (await city.layers()).vector[0].tiles; tile.length; const made = new ConflictError("x"); made.problem.detail?.length;
"""
    bad = "\nconst n: number = city.url; city.items(5); city.query('b', { wher: 'x' });\n"
    node, tsc = Path(sys.executable).parent / "node", "node_modules/typescript/bin/tsc"
    flags = ["--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler", "--types", "--lib", "es2022,dom"]  # fmt: skip
    flags.remove("--types")
    said = []
    for text in (good, good + bad):
        (packages / "use.ts").write_text(text, encoding="utf-8")
        done = subprocess.run(
            [str(node), tsc, *flags, "use.ts"], cwd=packages, capture_output=True, text=True
        )
        said.append(done.stdout)
    assert said[0] == ""
    assert said[1].count("error TS") == 3
    names = "Object.keys(await import('./citytwin.js')).sort().join()"
    (packages / "names.mjs").write_text(f"console.log({names})")
    out = subprocess.run(
        [str(node), "names.mjs"], cwd=packages, capture_output=True, text=True, check=True
    )
    declared = [
        line.split()[2]
        for line in (packages / "citytwin.d.ts").read_text().splitlines()
        if line.startswith("export class")
    ]
    assert out.stdout.strip().split(",") == sorted(declared)
