"""A base on disk: its log of changes says what is made again, with the bytes of a build from nothing."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
import shapely

import tiles
import tiles.retile
import tiles.workers
from tiles.ondemand import OnDemand
from twin.city import City
from twin.store import Store
from twin.store.scene import Scene

NOW = datetime(2026, 1, 1)


def hashes(folder):
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json" and ".records" not in p.parts
    }  # fmt: skip


class Base:
    """A city on disk that can be edited as a load edits it."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def put(self, table: pa.Table, *, named: bool = True) -> None:
        bounds = shapely.bounds(shapely.from_wkb(table["wkb"].to_pylist()))
        for i, name in enumerate(("xmin", "ymin", "xmax", "ymax")):
            table = table.append_column(name, pa.array(bounds[:, i]))
        with self.store.transaction() as con:
            con.register("incoming", table)
            con.execute(
                "INSERT INTO entity SELECT eid::UUID, class_code, 'e', 'buildings', name, height_m, "
                "floors, json_object('usage', usage), 'existing', $now, NULL, $now, NULL, NULL "
                "FROM incoming",
                {"now": NOW},
            )
            con.execute(
                "INSERT INTO geometry SELECT uuid(), eid::UUID, 'footprint', '1', NULL, wkb, NULL, NULL, "
                "NULL, 12, 12, xmin, ymin, xmax, ymax, 0, NULL FROM incoming"
            )
            con.execute(
                "INSERT INTO anchor SELECT 'entity', eid, 'entity', eid::UUID, NULL, NULL, NULL, xmin, "
                "ymin, 12, base_z, 'terrain', 1, NULL, NULL, $now FROM incoming",
                {"now": NOW},
            )
            con.unregister("incoming")
        self.log(table["eid"].to_pylist() if named else [])

    def take(self, eids: list[str]) -> None:
        with self.store.transaction() as con:
            for table in ("entity", "geometry"):
                con.execute(
                    f"DELETE FROM {table} WHERE list_contains($e::UUID[], eid)",  # noqa: S608
                    {"e": eids},
                )
            con.execute("DELETE FROM anchor WHERE list_contains($e, subject_id)", {"e": eids})
        self.log(eids)

    def log(self, eids: list[str]) -> None:
        with self.store.transaction() as con:
            for name in eids:
                con.execute(
                    "INSERT INTO change (kind, subject_kind, subject_id, collection) "
                    "VALUES ('change', 'entity', $e, 'buildings')",
                    {"e": name},
                )
            if not eids:
                con.execute(
                    "INSERT INTO change (kind, subject_kind, subject_id, collection) "
                    "VALUES ('create', 'dataset', 'x', 'buildings')"
                )


@pytest.fixture
def base(tmp_path, make_city, small_tiles):
    city = City.init(tmp_path / "city")
    with Store.open(city) as store:
        found = Base(store)
        found.put(make_city(420).buildings(), named=False)
        yield found


@pytest.fixture
def made(monkeypatch):
    """Districts that are made: their cells, or cell and number of tiles."""
    cells, make = [], tiles.workers.make

    def counted(area, terrain):
        cells.append(area.cell)
        return make(area, terrain)

    def some(area, terrain, write):
        cells.append((area.cell, len(area.starts) - 1))
        return make_parts(area, terrain, write)

    make_parts = tiles.retile.make_parts
    monkeypatch.setattr(tiles.workers, "make", counted)
    monkeypatch.setattr(tiles.retile, "make_parts", some)
    return cells


def build(base, out):
    tiles.build(Scene(base.store), out, ["buildings"])
    return hashes(out)


def test_a_base_on_disk_gives_the_tiles_of_its_table(base, tmp_path, make_city, monkeypatch):
    first = build(base, tmp_path / "t")
    city = make_city(420)
    monkeypatch.setattr(city, "terrain", lambda: None)
    tiles.build(city, tmp_path / "u", ["buildings"])
    shown = {n: h for n, h in hashes(tmp_path / "u").items() if "/.records/" not in n}
    assert {n: h for n, h in first.items() if "/.records/" not in n} == shown
    assert tiles.check(tmp_path / "t") == []


def test_only_the_district_of_an_edit_is_looked_at(base, tmp_path, make_city, made, monkeypatch):
    out = tmp_path / "t"
    first = build(base, out)
    before = make_city(420).buildings().slice(100, 1)
    after = make_city(420, {100: 61.0}).buildings().slice(100, 1)
    made.clear()
    whole = Scene.building_rows

    def no_scan(self):
        raise AssertionError("the whole city was read")

    monkeypatch.setattr("twin.store.scene.Buildings.outlines", no_scan)
    base.take(before["eid"].to_pylist())
    base.put(after)
    second = build(base, out)
    assert [n for _, n in made] == [1]
    base.take(after["eid"].to_pylist())
    base.put(before)
    assert build(base, out) == first
    monkeypatch.undo()
    assert Scene.building_rows is whole
    contents = [n for n in first if n.endswith(".glb") and first[n] != second[n]]
    assert len([n for n in contents if b'"eid"' in (out / n).read_bytes()]) == 1


@pytest.mark.parametrize("seed", range(2))
def test_edits_give_what_a_build_from_nothing_gives(base, tmp_path, make_city, seed):
    """Buildings rise, move, go and come; after each step both ways agree to the byte."""
    rng = np.random.default_rng(seed)
    out = tmp_path / "t"
    build(base, out)
    table = make_city(420).buildings()
    gone: list[int] = []
    for step in range(2):
        some = sorted(set(rng.integers(0, 420, 4).tolist()) - set(gone))
        base.take([table["eid"][i].as_py() for i in some])
        gone += some[:1]
        moved = table.take(pa.array(some[1:]))
        shapes = shapely.from_wkb(moved["wkb"].to_pylist())
        shapes = shapely.transform(shapes, lambda p: p + rng.uniform(-4e-4, 4e-4, 2))
        at = moved.column_names.index("wkb")
        moved = moved.set_column(at, "wkb", pa.array(shapely.to_wkb(shapes)))
        if len(some) > 1:
            base.put(moved)
        rows = {e: k for k, e in enumerate(table["eid"].to_pylist())}
        order = [rows[e] for e in moved["eid"].to_pylist()]
        keep = np.delete(np.arange(420), order)
        table = pa.concat_tables([table.take(pa.array(keep)), moved]).sort_by("eid")
        assert build(base, out) == build(base, tmp_path / f"anew{step}")
    assert tiles.check(out) == []


def test_a_change_elsewhere_moves_the_layer_on_and_renews_nothing(base, tmp_path, monkeypatch):
    out = tmp_path / "t"
    first = build(base, out)
    eid = base.store.table("SELECT eid::VARCHAR AS eid FROM entity LIMIT 1")["eid"][0].as_py()
    elsewhere = "018f0000-0000-7000-8000-0000000000ff"
    told = "INSERT INTO change (kind, subject_kind, subject_id, collection) VALUES ('change', 'entity', $e, 'roads')"
    monkeypatch.setattr("tiles.buildings.plan_of", lambda _: pytest.fail("the city was looked at"))
    with base.store.transaction() as con:
        con.execute(told, {"e": elsewhere})
    before = json.loads((out / "manifest.json").read_bytes())["layers"]["buildings"]
    assert build(base, out) == first
    after = json.loads((out / "manifest.json").read_bytes())["layers"]["buildings"]
    assert after["input"] != before["input"]
    assert {**after, "input": ""} == {**before, "input": ""}
    with base.store.transaction() as con:  # it is part of a building: that may give way to it
        con.execute(told, {"e": elsewhere})
        con.execute("INSERT INTO relation (kind, src, dst) VALUES ('part_of', $e, $b)", {"e": elsewhere, "b": eid})  # fmt: skip
    with pytest.raises(pytest.fail.Exception, match="looked at"):
        build(base, out)


def test_a_plan_is_carried_over_edits(base, tmp_path, make_city, monkeypatch):
    """What is drawn on demand after edits, from the plan of before, has the bytes of a build."""
    drawing = OnDemand(Scene(base.store), tmp_path / "nothing")
    eids = make_city(420).buildings()["eid"].to_pylist()
    build(base, tmp_path / "before")
    names = contents(tmp_path / "before")
    assert drawing.draw(names[0]).data == (tmp_path / "before" / names[0]).read_bytes()
    monkeypatch.setattr("tiles.ondemand.plan_of", lambda _: pytest.fail("planned anew"))
    with base.store.transaction() as con:
        con.execute("UPDATE entity SET height_m = 61 WHERE eid = $e::UUID", {"e": eids[100]})
        con.execute("UPDATE entity SET valid_to = now() WHERE eid = $e::UUID", {"e": eids[7]})
    base.log([eids[100], eids[7]])
    base.put(make_city(421).buildings().slice(420, 1))
    build(base, tmp_path / "after")
    now = contents(tmp_path / "after")
    assert now
    for name in now:
        assert drawing.draw(name).data == (tmp_path / "after" / name).read_bytes()
    monkeypatch.undo()
    moved = make_city(420).buildings().slice(100, 1)  # written anew: its old row is gone
    base.take(moved["eid"].to_pylist())
    base.put(moved)
    build(base, tmp_path / "anew")
    for name in contents(tmp_path / "anew"):
        assert drawing.draw(name).data == (tmp_path / "anew" / name).read_bytes()


def contents(folder):
    """Contents that show buildings."""
    found = (p for p in folder.rglob("*.glb") if b'"eid"' in p.read_bytes())
    return sorted(p.relative_to(folder).as_posix() for p in found)


def test_an_address_of_a_place_without_district_is_planned_whole(base, tmp_path, make_city):
    out = tmp_path / "t"
    build(base, out)
    far = make_city(421).buildings().slice(420, 1)
    shape = shapely.transform(shapely.from_wkb(far["wkb"].to_pylist()), lambda p: p + 0.5)
    far = far.set_column(far.column_names.index("wkb"), "wkb", pa.array(shapely.to_wkb(shape)))
    base.put(far)
    assert build(base, out) == build(base, tmp_path / "anew")


def test_single_edits_never_look_at_the_whole_city(base, tmp_path, make_city, monkeypatch):
    """Risen, moved within its leaf and out of it, gone and come again: records are enough, the bytes those of a build."""
    out = tmp_path / "t"
    first = build(base, out)
    rng = np.random.default_rng(3)
    table = make_city(420).buildings()
    whole = "tiles.buildings.plan_of"
    for i in rng.integers(0, 420, 6).tolist():
        before = table.slice(i, 1)
        shape = shapely.from_wkb(before["wkb"][0].as_py())
        shift = rng.uniform(-1, 1, 2) * 10.0 ** rng.uniform(-6, -3.3)
        moved = shapely.transform(shape, lambda p, d=shift: p + d)
        after = before.set_column(
            before.column_names.index("wkb"), "wkb", pa.array([shapely.to_wkb(moved)])
        )
        base.take(before["eid"].to_pylist())
        base.put(after)
        with monkeypatch.context() as patch:
            patch.setattr(whole, lambda _: pytest.fail("the whole city was looked at"))
            edited = build(base, out)
        assert edited == build(base, tmp_path / "anew")
        base.take(before["eid"].to_pylist())
        base.put(before)
        with monkeypatch.context() as patch:
            patch.setattr(whole, lambda _: pytest.fail("the whole city was looked at"))
            assert build(base, out) == first
    manifest = (out / "manifest.json").read_bytes()
    assert json.loads(manifest)["layers"]["buildings"]["files"] == listed(out)
    assert tiles.check(out) == []


def listed(out):
    """What the manifest should say of the layer's files."""
    layer = out / "buildings"
    return {
        p.relative_to(layer).as_posix(): [hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_size]
        for p in layer.rglob("*") if p.is_file() and ".records" not in p.parts
    }  # fmt: skip


KILLED = """
import os, signal, sys
import tiles.membership as rules
rules.LEAF_FEATURES, rules.DISTRICT_FEATURES = 12, 60
import tiles
from pathlib import Path
from twin.city import City
from twin.store import Store
from twin.store.scene import Scene

left = int(sys.argv[3])

def dying(call):
    def wrapped(*a, **k):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*a, **k)
    return wrapped

with Store.open(City.open(Path(sys.argv[1]))) as store:
    os.replace, os.rename = dying(os.replace), dying(os.rename)
    tiles.build(Scene(store), Path(sys.argv[2]), ["buildings"])
    print(left)
"""


def test_a_run_killed_in_the_middle_of_an_edit_is_carried_out_by_the_next(
    tmp_path, make_city, small_tiles
):
    """A process of its own, SIGKILL: while it writes beside, at the moment the patch holds, and between two files of it."""
    city, out = City.init(tmp_path / "city"), tmp_path / "t"
    table = make_city(420).buildings()
    with Store.open(city) as store:
        base = Base(store)
        base.put(table, named=False)
        build(base, out)
        base.take(table["eid"].to_pylist()[100:101])
        base.put(make_city(420, {100: 61.0}).buildings().slice(100, 1))
        expected = build(base, tmp_path / "whole")

    def run(name, kill_at):
        shutil.copytree(out, tmp_path / name)
        words = [sys.executable, "-c", KILLED, str(city.path), str(tmp_path / name), str(kill_at)]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    steps = 10_000 - int(run("counted", 10_000).stdout)
    assert hashes(tmp_path / "counted") == expected
    kinds = set()
    for at in (1, steps // 2, steps):
        name = f"killed{at}"
        assert run(name, at).returncode == -signal.SIGKILL
        kinds.add("held" if (tmp_path / f".{name}.patch").is_dir() else "not held")
        with Store.open(city) as store:
            assert build(Base(store), tmp_path / name) == expected
        assert tiles.check(tmp_path / name) == []
        assert [p.name for p in tmp_path.iterdir() if p.name.startswith(f".{name}")] == []
    assert kinds == {"held", "not held"}
