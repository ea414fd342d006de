"""A server over a copy of the demo city, and a browser on its page."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
"""The system's browser; None leaves it to Playwright to look for its own."""
CESIUM = ROOT / "api" / "page" / "vendor" / "cesium" / "Cesium.js"
SHOTS = ROOT / "screenshots"
PATIENCE_MS = 300_000
"""A scene is drawn by the processor here; one that has other work takes minutes for the first one."""
ARGUMENTS = [
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-sandbox",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic",
]  # fmt: skip
SERVE = (
    "import sys, uvicorn; from pathlib import Path; from api.app import create_app; from twin.settings import ServerSettings; "
    "uvicorn.run(create_app(ServerSettings(city=Path(sys.argv[1]), simulate=sys.argv[3] == 'simulate')), "
    "port=int(sys.argv[2]), log_level='warning', timeout_graceful_shutdown=2)"
)
QUIET = """() => { const {viewer} = window.__citytwin; const {scene} = viewer; scene.requestRender();
  const all = scene.primitives; for (let i = 0; i < all.length; i += 1) { const each = all.get(i); if (each.show && each.tilesLoaded === false) return false; }
  return scene.globe.tilesLoaded; }"""
# Draws a frame, keeps a small copy of it under a name, and compares two of them.
EYES = """
window.__see = (name) => { const {scene, canvas} = window.__citytwin.viewer; scene.requestRender(); scene.render();
  const copy = document.createElement('canvas'); copy.width = 640; copy.height = 360; const pen = copy.getContext('2d', {willReadFrequently: true});
  pen.drawImage(canvas, 0, 0, 640, 360); (window.__seen ??= {})[name] = pen.getImageData(0, 0, 640, 360).data; };
window.__differ = (one, other) => { const a = window.__seen[one], b = window.__seen[other]; let count = 0, sum = 0; const where = [];
  for (let i = 0; i < a.length; i += 4) { const d = Math.abs(a[i] - b[i]) + Math.abs(a[i + 1] - b[i + 1]) + Math.abs(a[i + 2] - b[i + 2]); sum += d;
    if (d > 40) { count += 1; where.push([(i / 4) % 640 * 2, Math.floor(i / 4 / 640) * 2]); } }
  return {count, mean: sum / (a.length / 4), where}; };
null;
"""


class Served:
    """The HTTP server as a process of its own, which can end and start anew at the same address."""

    def __init__(self, city: Path, *, simulate: bool = False) -> None:
        self.city, self.simulate = city, simulate
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: int = 120) -> None:
        how = "simulate" if self.simulate else "quiet"
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.city), str(self.port), how], cwd=ROOT
        )
        for _ in range(4 * seconds):
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):  # noqa: S310 -- own server
                    return
            except OSError:
                assert self.process.poll() is None, "the server ended"
                time.sleep(0.25)
        self.stop()
        raise AssertionError(f"the server did not answer within {seconds} s")

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
        self.process = None

    def ask(self, path: str, body: Any = None) -> Any:
        """JSON of a GET, or of a POST with a body."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 -- own server
            self.url + path,
            data,
            {"Content-Type": "application/json", "Accept": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 -- own server
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise AssertionError(f"{path}: {refused.read().decode()}") from refused


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The page last: its browser draws without pause until the run ends, and takes a core from whatever runs beside it."""
    items.sort(key=lambda item: item.path.is_relative_to(Path(__file__).parent))


@pytest.fixture(scope="session", autouse=True)
def _needs() -> None:
    with sync_playwright() as playwright:
        if not Path(CHROMIUM or playwright.chromium.executable_path).is_file():
            pytest.skip("no Chromium; run `make browser`")
    if not CESIUM.is_file():
        pytest.skip("CesiumJS is not installed; run `python -m api.page_assets`")


@pytest.fixture(scope="session")
def served(
    _needs: None, demo_city: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    city = tmp_path_factory.mktemp("page") / "city"
    shutil.copytree(demo_city, city)
    server = Served(city)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def ask(served: Served) -> Callable[..., Any]:
    """``ask(path)`` and ``ask(path, body)``: what the API itself says."""
    return served.ask


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


def open_page(
    browser: Browser,
    url: str,
    lang: str = "zh",
    size: tuple[int, int] = (1280, 720),
    scale: float = 0.5,
) -> Page:
    """The page of a server, opened and everything asked for arrived."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.set_default_timeout(PATIENCE_MS)
    return go(page, url, lang, scale)


def go(page: Page, url: str, lang: str = "zh", scale: float = 0.5) -> Page:
    """The page, drawn at half its points a side: what is looked at here does not need more."""
    page.goto(f"{url}/?lang={lang}&scale={scale}", wait_until="domcontentloaded")
    page.wait_for_function("() => window.__citytwin")
    page.evaluate("() => window.__citytwin.ready.then(() => true)")
    page.evaluate(EYES)
    page.wait_for_function(QUIET, polling=250)
    return page


@pytest.fixture(scope="session")
def page(browser: Browser, served: Served, complaints: list[str]) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.set_default_timeout(PATIENCE_MS)

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield go(page, served.url)
    page.close()


@pytest.fixture
def expected(complaints: list[str]) -> Iterator[Callable[[str], None]]:
    """``expected("404")``: the browser writes refused requests into its console; these were meant."""
    before = len(complaints)
    meant: list[str] = []
    yield meant.append
    rest = [each for each in complaints[before:] if not any(word in each for word in meant)]
    complaints[before:] = rest


@pytest.fixture
def shot(page: Page) -> Callable[[str], None]:
    """``shot(name)``: a picture of the whole page when everything asked for has arrived."""

    def take(name: str) -> None:
        page.wait_for_function(QUIET, polling=250)
        SHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SHOTS / f"{name}.png", timeout=PATIENCE_MS)
        assert (SHOTS / f"{name}.png").stat().st_size > 20_000

    return take
