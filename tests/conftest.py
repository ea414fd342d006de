"""The sample city, generated, loaded and tiled once for the whole run, through the command line."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
CLIENTS = ROOT / "tests" / "clients"


def twin(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would; its output as text."""
    return subprocess.run(
        [sys.executable, "-c", "from api.cli import main; main()", *map(str, arguments)],
        capture_output=True, text=True, encoding="utf-8", check=check, cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip


LATE = ROOT / "tests" / "address"
"""The folder that needs the compiled code of addresses, which `make test` has made beside the first tests."""


SOON = [ROOT / "tests" / name for name in ("twin", "loaders", "live")]
"""Folders that ask little of the code that building the demo city has compiled meanwhile."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in an order in which workers seldom wait for each other, or compile the same code twice.

    First one that has the demo city built; last the others that need it, then those of addresses.
    """
    asks: dict[Path, bool] = {}
    for item in items:
        asks[item.path] = asks.get(item.path, False) or "demo" in getattr(item, "fixturenames", ())
    builder = next((path for path, demo in asks.items() if demo), None)

    def turn(item: pytest.Item) -> int:
        path = item.path
        if path == builder:
            return 0
        if asks[path]:
            return 3
        if LATE in path.parents:
            return 4
        return 1 if any(folder in path.parents for folder in SOON) else 2

    items.sort(key=turn)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The demo city's folder and what ``twin demo --json`` said of it.

    Processes of one run build it once, and so do the runs of one `make test`, which names a folder
    (``TWIN_TEST_DEMO``); each has a copy of its own, as one process holds a base.
    """
    folder = tmp_path_factory.mktemp("demo") / "city"
    named = os.environ.get("TWIN_TEST_DEMO")
    if named is None and "PYTEST_XDIST_WORKER" not in os.environ:
        return folder, _built(folder)
    shared = Path(named) if named else tmp_path_factory.getbasetemp().parent / "demo-shared"
    shared.mkdir(exist_ok=True)
    said = shared / "said.json"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.is_file():
            said.write_text(json.dumps(_built(shared / "city")), encoding="utf-8")
    shutil.copytree(shared / "city", folder)
    return folder, json.loads(said.read_text(encoding="utf-8"))


def _built(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(twin("demo", folder, "--no-serve", "--json").stdout)
    return report


@pytest.fixture(scope="session")
def demo_city(demo: tuple[Path, dict[str, Any]]) -> Path:
    """The demo city's folder, tiles included; tests only read it."""
    return demo[0]


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the clients with what their lock file names installed."""
    folder = tmp_path_factory.mktemp("clients")
    for file in CLIENTS.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    npm = Path(sys.executable).parent / "npm"
    words = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return folder
