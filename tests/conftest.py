"""The sample city, generated, loaded and tiled once for the whole run, through the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


def twin(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would; its output as text."""
    return subprocess.run(
        [sys.executable, "-c", "from api.cli import main; main()", *map(str, arguments)],
        capture_output=True, text=True, encoding="utf-8", check=check, cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The demo city's folder and what ``twin demo --json`` said of it."""
    folder = tmp_path_factory.mktemp("demo") / "city"
    done = twin("demo", folder, "--no-serve", "--json")
    return folder, json.loads(done.stdout)


@pytest.fixture(scope="session")
def demo_city(demo: tuple[Path, dict[str, Any]]) -> Path:
    """The demo city's folder, tiles included; tests only read it."""
    return demo[0]
