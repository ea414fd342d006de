"""The wheel, installed into an environment outside the checkout, is the whole product."""

import json
import os
import shutil
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
    _take_compiled(site)
    return folder


def _take_compiled(site: Path) -> None:
    """What the compiler has kept beside the checkout's sources: kept for equal files of equal time."""
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            installed = site / source.relative_to(ROOT)
            if installed.is_file() and installed.read_bytes() == source.read_bytes():
                shutil.copystat(source, installed)
        for kept in (ROOT / package).rglob("__pycache__/*.nb[ic]"):
            copy = site / kept.relative_to(ROOT)
            copy.parent.mkdir(exist_ok=True)
            shutil.copy2(kept, copy)


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
def test_a_city_is_loaded_tiled_and_verified_from_the_wheel(elsewhere, demo_city, tmp_path):
    """A part of the sample: shapes, pipes, a model, sensors and their readings."""
    twin, sources = elsewhere / "bin" / "twin", demo_city / "inbox" / "sample"
    run(twin, "init", "city", cwd=tmp_path)
    some = (
        "dem_1985.tif",
        "行政.gpkg",
        "建筑物.shp",
        "管线.gpkg",
        "传感器.csv",
        "历史读数.csv",
        "案件.csv",
    )
    head, *layers = (sources / "plan.toml").read_text(encoding="utf-8").split("[[layer]]")
    kept = [layer for layer in layers if any(f'"{name}"' in layer for name in some)]
    plan = tmp_path / "plan.toml"
    plan.write_text("[[layer]]".join([head, *kept]), encoding="utf-8")

    said = run(
        twin, "load", "--plan", plan, "--root", sources, "--city", "city", "--json", cwd=tmp_path,
    )  # fmt: skip
    tiles = run(twin, "tile", "--city", "city", "--layer", "pipes", "--json", cwd=tmp_path)
    laws = json.loads(run(twin, "verify", "--city", "city", "--json", cwd=tmp_path).stdout)

    report = json.loads(said.stdout)
    assert {layer["status"] for layer in report["layers"]} == {"loaded"}
    assert report["total"]["n_in"] > 30_000
    assert [row["features"] for row in json.loads(tiles.stdout)["layers"] if row["layer"] == "pipes"] > [7_000]  # fmt: skip
    assert laws["broken"] == 0
    assert sum(law["checked"] for law in laws["laws"]) > 50_000
