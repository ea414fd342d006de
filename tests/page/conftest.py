"""A server over a copy of the demo city, and a browser on its page."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
"""The system's browser; None leaves it to Playwright to look for its own."""
CESIUM = ROOT / "api" / "page" / "vendor" / "cesium" / "Cesium.js"
ARGUMENTS = [
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-sandbox",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic",
]  # fmt: skip
SERVE = (
    "import sys, uvicorn; from pathlib import Path; from api.app import create_app; from twin.settings import ServerSettings; "
    "uvicorn.run(create_app(ServerSettings(city=Path(sys.argv[1]))), port=int(sys.argv[2]), log_level='warning', timeout_graceful_shutdown=2)"
)
QUIET = """() => { const {viewer} = window.__citytwin; const {scene} = viewer; scene.requestRender();
  const all = scene.primitives; for (let i = 0; i < all.length; i += 1) { const each = all.get(i); if (each.show && each.tilesLoaded === false) return false; }
  return scene.globe.tilesLoaded; }"""


@pytest.fixture(scope="session", autouse=True)
def _needs() -> None:
    with sync_playwright() as playwright:
        if not Path(CHROMIUM or playwright.chromium.executable_path).is_file():
            pytest.skip("no Chromium; run `make browser`")
    if not CESIUM.is_file():
        pytest.skip("CesiumJS is not installed; run `python -m api.page_assets`")


@pytest.fixture(scope="session")
def server(
    _needs: None, demo_city: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    city = tmp_path_factory.mktemp("page") / "city"
    shutil.copytree(demo_city, city)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(city), str(port)], cwd=ROOT)
    try:
        for _ in range(240):
            try:
                with urllib.request.urlopen(f"{url}/healthz", timeout=5):  # noqa: S310 -- own server
                    break
            except OSError:
                assert process.poll() is None, "the server ended"
                time.sleep(0.25)
        else:
            pytest.fail("the server did not answer within a minute")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


@pytest.fixture(scope="session")
def browser(_needs: None) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def complaints() -> list[str]:
    """What the page said in its console as errors, and exceptions nobody caught."""
    return []


@pytest.fixture(scope="session")
def page(browser: Browser, server: str, complaints: list[str]) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.set_default_timeout(120_000)

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{server}/?lang=zh", wait_until="domcontentloaded")
    page.wait_for_function("() => window.__citytwin")
    page.evaluate("() => window.__citytwin.ready.then(() => true)")
    page.wait_for_function(QUIET, polling=250)
    yield page
    page.close()
