import hashlib
import json

import pytest

import tiles
from twin.errors import InvalidRequestError


def hashes(folder):
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*") if p.is_file() and ".records" not in p.parts
    }  # fmt: skip


def test_the_same_city_gives_the_same_bytes(built, tmp_path, city):
    tiles.build(city, tmp_path / "tiles")
    assert hashes(tmp_path / "tiles") == hashes(built)


def test_only_what_changed_is_written_again(built, tmp_path, make_city):
    out = tmp_path / "tiles"
    wanted = ("buildings", "models", "rooms", "pipes", "mvt")
    tiles.build(make_city(), out, wanted)
    again = tiles.build(make_city(), out, wanted)
    assert all(r.skipped for r in again.layers)
    before = hashes(out)
    report = tiles.build(make_city(height={7: 99.0}), out, wanted)
    assert [r.layer for r in report.layers if not r.skipped] == ["buildings", "scene"]
    after = hashes(out)
    changed = {k.split("/")[0] for k in after if after[k] != before.get(k)}
    assert changed == {"buildings", "scene", "manifest.json"}
    assert not list(tmp_path.glob(".tiles*"))


def test_a_damaged_layer_is_built_again(tmp_path, city):
    out = tmp_path / "tiles"
    tiles.build(city, out, ["pipes"])
    before = hashes(out)
    next((out / "pipes").glob("*.glb")).unlink()
    report = tiles.build(city, out, ["pipes"])
    assert [r.layer for r in report.layers if not r.skipped] == ["pipes"]
    assert hashes(out) == before


def test_a_layer_the_city_lost_is_taken_away(tmp_path, city, monkeypatch):
    out = tmp_path / "tiles"
    tiles.build(city, out, ["imagery", "pipes"])
    none = city.pipes().slice(0, 0)
    monkeypatch.setattr(city, "imagery", lambda: None)
    monkeypatch.setattr(city, "pipes", lambda: none)
    tiles.build(city, out, ["imagery", "pipes"])
    assert sorted(hashes(out)) == ["manifest.json"]


def test_manifest_and_report_count_what_is_there(built):
    layers = json.loads((built / "manifest.json").read_text())["layers"]
    assert layers["buildings"]["features"] == 120
    assert layers["models"]["features"] == 10
    assert layers["rooms"]["features"] == 3
    assert layers["mvt/components"]["features"] == 200
    listed = {f"{k}/{n}": h for k, v in layers.items() for n, (h, _) in v["files"].items()}
    found = hashes(built)
    del found["manifest.json"]
    assert listed == found


def test_progress_reaches_the_end_of_every_layer(tmp_path, city):
    told = {}
    tiles.build(
        city,
        tmp_path / "t",
        ["buildings", "models", "pipes"],
        lambda *a: told.__setitem__(a[0], a[1:]),
    )
    assert told == {"buildings": (120, 120), "models": (10, 10), "pipes": (2, 2)}


def test_an_unknown_layer_is_refused(tmp_path, city):
    with pytest.raises(InvalidRequestError, match="no such layer: clouds"):
        tiles.build(city, tmp_path / "t", ["clouds"])


def test_the_scene_shows_the_four_layers(built):
    scene = json.loads((built / "scene" / "tileset.json").read_text())
    uris = [c["content"]["uri"] for c in scene["root"]["children"]]
    assert uris == [
        f"../{n}/tileset.json" for n in ("buildings", "models", "pipes", "furniture", "points")
    ]


def test_an_empty_city_has_a_manifest_and_nothing_else(tmp_path, make_city, monkeypatch):
    city = make_city(1)
    for name in ("buildings", "meshes", "pipes", "furniture"):
        empty = getattr(city, name)().slice(0, 0)
        monkeypatch.setattr(city, name, lambda empty=empty: empty)
    bare = city.flat("roads")
    monkeypatch.setattr(city, "flat", lambda _: bare)
    monkeypatch.setattr(city, "terrain", lambda: None)
    monkeypatch.setattr(city, "imagery", lambda: None)
    monkeypatch.setattr(city, "clouds", list)
    out = tmp_path / "tiles"
    report = tiles.build(city, out)
    assert sorted(hashes(out)) == ["manifest.json"]
    assert {r.features for r in report.layers} == {0}
    assert tiles.check(out) == []


def test_what_stays_the_same_is_not_touched(tmp_path, make_city, small_tiles):
    """Files are the same ones, so their tags stay: only the edited tile and what lies above it is new."""
    out = tmp_path / "tiles"
    tiles.build(make_city(600), out, ["buildings"])
    before = {p: p.stat().st_ino for p in (out / "buildings").rglob("*.*") if p.is_file()}
    told = []
    tiles.build(make_city(600, {7: 99.0}), out, ["buildings"], lambda *a: told.append(a))
    after = {p: p.stat().st_ino for p in (out / "buildings").rglob("*.*") if p.is_file()}
    new = {p.relative_to(out / "buildings").as_posix() for p in after if after[p] != before.get(p)}
    glbs = {n for n in new if n.endswith(".glb")}
    assert len([n for n in glbs if b'"eid"' in (out / "buildings" / n).read_bytes()]) == 1
    assert told[-1][1:] == (600, 600)
    assert len(new) < len(after) / 4
    assert tiles.check(out) == []


def test_a_killed_run_is_taken_up_where_it_stopped(tmp_path, make_city, small_tiles, monkeypatch):
    out, whole = tmp_path / "tiles", tmp_path / "whole"
    tiles.build(make_city(600), whole, ["buildings"])
    import tiles.workers as workers

    made, make = [], workers.make

    def dies(area, terrain):
        if len(made) == 5:
            raise KeyboardInterrupt
        made.append(area.cell)
        return make(area, terrain)

    monkeypatch.setattr(workers, "make", dies)
    with pytest.raises(KeyboardInterrupt):
        tiles.build(make_city(600), out, ["buildings"])
    assert not (out / "buildings").exists()
    again = []
    monkeypatch.setattr(workers, "make", lambda a, t: again.append(a.cell) or make(a, t))
    tiles.build(make_city(600), out, ["buildings"])
    assert hashes(out) == hashes(whole)
    assert len(again) > 3
    assert not set(again) & set(made)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
