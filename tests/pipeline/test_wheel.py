"""The wheel, installed into an environment outside the checkout, is the whole product."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("twin", "loaders", "tiles", "api", "address", "sample_data")
DATA = (".sql", ".csv", ".html", ".js", ".css", ".json", ".svg")


def run(*command, cwd):
    clean = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "TWIN_"))
    }
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=clean,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built by the backend itself, so nothing is fetched."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    [file] = folder.glob("citytwin-*.whl")
    return file


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """A fresh environment that has the wheel, and sees the locked libraries of this one but not its checkout."""
    folder = tmp_path_factory.mktemp("elsewhere") / "env"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
        wheel,
        cwd=folder,
    )
    [site] = (folder / "lib").glob("python*/site-packages")
    # A path file's own path files are not read, so the checkout's editable install stays out of sight.
    (site / "locked_libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def test_every_statement_code_table_and_page_file_is_inside(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    here = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.suffix in (".py", *DATA) and not {"out", "__pycache__"} & set(file.parts)
    }

    assert len([name for name in here if name.endswith(".sql")]) > 20
    assert here - inside == set()
    assert not [name for name in inside if name.split("/")[0] in ("tests", "docs", "notebooks")]


def test_the_packages_come_from_the_wheel_and_not_from_the_checkout(elsewhere, tmp_path):
    told = f"import importlib, json; print(json.dumps([importlib.import_module(n).__file__ for n in {PACKAGES!r}]))"
    files = json.loads(run(elsewhere / "bin" / "python", "-c", told, cwd=tmp_path).stdout)

    assert all(Path(file).is_relative_to(elsewhere) for file in files), files
    assert (
        str(ROOT)
        not in run(
            elsewhere / "bin" / "python",
            "-c",
            "import sys; print(*(p for p in sys.path if 'site-packages' not in p))",
            cwd=tmp_path,
        ).stdout
    )


@pytest.mark.slow
def test_the_demo_is_built_from_the_wheel_and_holds_every_law(elsewhere, tmp_path):
    twin = elsewhere / "bin" / "twin"

    report = json.loads(run(twin, "demo", "city", "--no-serve", "--json", cwd=tmp_path).stdout)
    laws = json.loads(run(twin, "verify", "--city", "city", "--json", cwd=tmp_path).stdout)

    assert report["load"]["total"]["n_in"] > 150_000
    assert {layer["status"] for layer in report["load"]["layers"]} == {"loaded"}
    assert (
        next(row["features"] for row in report["tiles"]["layers"] if row["layer"] == "buildings")
        > 11_000
    )
    assert laws["broken"] == 0
    assert sum(law["checked"] for law in laws["laws"]) > 500_000
