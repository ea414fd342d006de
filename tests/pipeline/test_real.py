"""Real deliveries end in a city that verifies and tiles; the same ground whatever the system and encoding."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import shapely

from twin.city import City
from twin.store import Store

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
NANSHAN = {
    "wgs84": ("china/derived/nanshan_wgs84.geojson", None),
    "cgcs2000": ("china/derived/nanshan_4490.gpkg", None),
    "zone-gbk": ("china/derived/nanshan_4547_gbk_nocpg", None),
    "gcj02": ("china/derived/nanshan_gcj02.geojson", "GCJ-02"),
}


def twin(*arguments, check=True):
    return subprocess.run(
        [sys.executable, "-c", "from api.cli import main; main()", *map(str, arguments)],
        capture_output=True, text=True, encoding="utf-8", check=check, cwd=ROOT,
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def shared():
    if not SHARED.is_dir():
        pytest.skip("the folder of real data (../shared/data) is not here")


def loaded(folder, source, crs=None):
    """A city made of one source; the totals of its load."""
    twin("init", folder, "--crs", "EPSG:4547")
    plan = folder / "plan.toml"
    twin("scan", source, "--plan", plan, "--crs", "EPSG:4547")
    if crs is not None:
        text = plan.read_text(encoding="utf-8")
        lines = [
            line for line in text.splitlines() if not line.startswith(("crs =", "crs_evidence ="))
        ]
        plan.write_text(
            "\n".join(lines).replace("[[layer]]", f'[[layer]]\ncrs = "{crs}"'), encoding="utf-8"
        )
    done = twin("load", "--plan", plan, "--city", folder, "--json", check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def sound(folder):
    twin("tile", "--city", folder)
    laws = json.loads(twin("verify", "--city", folder, "--tiles", "--json", check=False).stdout)[
        "laws"
    ]
    assert [law for law in laws if law["broken"]] == []


def footprints(folder):
    with Store.open(City.open(folder), read_only=True) as store:
        rows = store.table(
            "SELECT e.name, g.wkb FROM geometry g JOIN entity e USING (eid) WHERE g.role = 'footprint'"
        )
    return rows["name"].to_pylist(), shapely.from_wkb(rows["wkb"].to_numpy(zero_copy_only=False))


@pytest.mark.parametrize("form", sorted(NANSHAN))
def test_nanshan_lands_on_the_same_ground_in_every_form(tmp_path, form):
    source, crs = NANSHAN[form]
    report = loaded(tmp_path / "city", SHARED / source, crs)
    sound(tmp_path / "city")
    names, shapes = footprints(tmp_path / "city")
    truth = shapely.from_geojson((SHARED / NANSHAN["wgs84"][0]).read_text(encoding="utf-8"))
    points = shapely.centroid(np.array(truth.geoms))
    tree = shapely.STRtree(points)

    near = tree.query_nearest(shapely.centroid(shapes), return_distance=True, all_matches=False)[1]
    assert report["total"]["n_in"] % len(points) == 0  # a GeoPackage may hold the layer twice
    assert np.quantile(near, 0.999) * 111_320 < 0.5
    assert not any("\ufffd" in name for name in names if name)


@pytest.mark.parametrize(
    "source",
    ["ifc/b_fzkhaus_ac20_ifc4.ifc", "ifc/g_duplex_A_2x3_epset_georef.ifc"],
    ids=["fzk", "duplex"],
)
def test_a_real_model_becomes_a_city(tmp_path, source):
    report = loaded(tmp_path / "city", SHARED / source)
    sound(tmp_path / "city")

    with Store.open(City.open(tmp_path / "city"), read_only=True) as store:
        rooms = store.scalar("SELECT count(*) FROM entity WHERE collection = 'rooms'")
        meshes = store.scalar("SELECT count(*) FROM geometry WHERE mesh_id IS NOT NULL")
    assert report["total"]["quarantined"] == 0
    assert rooms > 5
    assert meshes > 50


def test_delft_becomes_a_city(tmp_path):
    source = next(
        p
        for p in sorted((SHARED / "cityjson").rglob("*"))
        if "delft" in p.name.lower() and p.suffix == ".json"
    )
    report = loaded(tmp_path / "city", source)
    sound(tmp_path / "city")

    assert report["total"]["loaded"] > 100
