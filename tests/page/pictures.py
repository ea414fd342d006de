"""The README's pictures, taken of a city with its simulator running: ``make figures``.

Writes ``docs/pictures/*.webp``, each at most 200 kB; names on the command line take only those.
"""

import sys
import tempfile
from pathlib import Path

from conftest import ARGUMENTS, CHROMIUM, QUIET, ROOT, Served, open_page
from PIL import Image
from playwright.sync_api import Error, Page, sync_playwright

MOST_BYTES = 200_000
SIZE = (1280, 720)
SETTLE_MS = 180_000
ROOM = "临江花园5号楼2单元1203室"
VIEWS = {
    "scene": "",
    "room": f"await c.app.search.resolve('{ROOM}');",
    "alarm": "const alarm = [...c.alarms.values()].find((each) => each.state === 'active' && each.lon !== null); if (alarm) { c.app.live.visit(alarm); await wait(3000); }",
    "underground": "await c.app.setUnderground(true);",
    "components": "await c.app.layers.toggle('components', true); await c.app.layers.toggle('communities', true);"
    "await c.flyTo({lon: 114.0868, lat: 30.4765, z: 15, range: 420, pitch: -38, heading: 20});",
}
RESET = "c.app.clear(); if (c.app.underground) await c.app.setUnderground(false); for (const id of ['components', 'communities']) await c.app.layers.toggle(id, false);"


def take(page: Page, name: str, folder: Path) -> Path:
    """Go to a view, wait until it is complete, and keep it as PNG."""
    page.evaluate(
        "async () => { const c = window.__citytwin, wait = (ms) => new Promise((done) => setTimeout(done, ms));"
        f"{RESET} {VIEWS[name]} await wait(800); }}"
    )
    page.wait_for_function(QUIET, polling=400, timeout=SETTLE_MS)
    page.evaluate("() => document.getElementById('toasts').replaceChildren()")
    path = folder / f"{name}.png"
    page.screenshot(path=path, timeout=SETTLE_MS)
    return path


def save(path: Path, target: Path) -> None:
    """As WebP, at the best quality that stays within the bound."""
    picture = Image.open(path).convert("RGB")
    for quality in (86, 80, 72, 64, 50):
        picture.save(target, quality=quality, method=6)
        if target.stat().st_size <= MOST_BYTES:
            return


def main(city: Path, names: list[str]) -> None:
    """Serve the city with its simulator, look at it, keep what is seen."""
    target = ROOT / "docs" / "pictures"
    target.mkdir(parents=True, exist_ok=True)
    server = Served(city, simulate=True)
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            page = open_page(browser, server.url, size=SIZE, scale=1.0)
            for name in names or VIEWS:
                try:
                    save(take(page, name, Path(folder)), target / f"{name}.webp")
                except Error as error:
                    sys.stderr.write(f"{name}: not taken: {error.message.splitlines()[0]}\n")
            browser.close()
    finally:
        server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
