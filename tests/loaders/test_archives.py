"""Archives: what is in them is loaded under names people know; what is dangerous is refused with the entry's name."""

import bz2
import gc
import gzip
import io
import json
import lzma
import stat
import tarfile
import zipfile
from pathlib import Path

import py7zr
import pytest

from api import pipeline
from api.scanning import scan_sources
from loaders import archives
from loaders.discovery import scan, scan_all
from loaders.propose import propose
from loaders.registry import loader_for
from twin.city import City
from twin.store import Store

SQUARE = [[[114.0, 30.0], [114.001, 30.0], [114.001, 30.001], [114.0, 30.0]]]


def geojson(n=2):
    features = [
        {
            "type": "Feature",
            "properties": {"id": f"G{i}"},
            "geometry": {"type": "Polygon", "coordinates": SQUARE},
        }
        for i in range(n)
    ]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}}
    return json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}).encode()


def zipped(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in entries:
            out.writestr(name, data)
    return path


def tarred(path, entries, mode="w:gz"):
    with tarfile.open(path, mode) as out:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return path


def seven(path, entries):
    with py7zr.SevenZipFile(path, "w") as out:
        for name, data in entries:
            out.writestr(data, name)
    return path


def rows(layer):
    batches = loader_for(layer.path).read(layer, propose([layer]).layers[0])
    return sum(b.records.num_rows for b in batches)


def refusal(path):
    layers = scan([path])
    assert [layer.format for layer in layers] == ["unreadable"]
    return layers[0].findings[0]


class GbkInfo(zipfile.ZipInfo):
    """An entry as Chinese Windows writes it: name in GBK, no flag."""

    def _encodeFilenameFlags(self):  # noqa: N802 -- the name zipfile calls
        return self.filename.encode("gbk"), 0


INSIDE = [("绿地/公园.geojson", geojson()), ("readme.md", b"x")]


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.zip", zipped),
        ("a.7z", seven),
        ("a.tar.gz", tarred),
        ("a.tgz", tarred),
        ("a.tar", lambda p, e: tarred(p, e, "w")),
        ("a.tar.xz", lambda p, e: tarred(p, e, "w:xz")),
        ("a.tar.bz2", lambda p, e: tarred(p, e, "w:bz2")),
    ],
)
def test_every_kind_of_archive_gives_its_layers_and_what_was_left_out(tmp_path, name, pack):
    scanned = scan_all([pack(tmp_path / name, INSIDE)])

    assert [layer.shown for layer in scanned.layers] == [f"{tmp_path}/{name}/绿地/公园.geojson"]
    assert [s.shown for s in scanned.skipped] == [f"{tmp_path}/{name}/readme.md"]
    assert rows(scanned.layers[0]) == 2


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip), ("bz2", bz2), ("xz", lzma)])
def test_a_single_packed_file_keeps_its_own_name(tmp_path, ending, pack):
    path = tmp_path / f"公园.geojson.{ending}"
    path.write_bytes(pack.compress(geojson(3)))
    (layer,) = scan([path])

    assert (layer.path.name, layer.name, rows(layer)) == ("公园.geojson", "公园", 3)


def test_gbk_names_of_a_zip_are_read_as_chinese(tmp_path):
    path = tmp_path / "a.zip"
    name = "建筑物数据/临江花园.geojson"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(GbkInfo(name), geojson())
    (layer,) = scan([path])

    assert layer.shown == f"{path}/{name}"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("../evil.geojson", "leads out of the archive"),
        ("a/../../evil.geojson", "leads out of the archive"),
        ("..\\evil.geojson", "leads out of the archive"),
        ("/etc/evil.geojson", "absolute name"),
        ("C:\\evil.geojson", "absolute name"),
        ("x" * 300 + ".geojson", "longer than"),
        ("a\x07.geojson", "control characters"),
    ],
)
@pytest.mark.parametrize("pack", [zipped, tarred], ids=["zip", "tar"])
def test_a_dangerous_name_refuses_the_archive_and_nothing_is_written(tmp_path, entry, said, pack):
    folder = tmp_path / "in"
    folder.mkdir()
    path = pack(
        folder / ("a.zip" if pack is zipped else "a.tgz"),
        [("ok.geojson", geojson()), (entry, b"{}")],
    )
    text = refusal(path)

    assert said in text
    assert [p.name for p in tmp_path.rglob("*.geojson")] == []


def test_links_and_devices_are_refused(tmp_path):
    link = tmp_path / "link.zip"
    with zipfile.ZipFile(link, "w") as out:
        info = zipfile.ZipInfo("passwd.csv")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        out.writestr(info, "/etc/passwd")
    device = tmp_path / "device.tar"
    with tarfile.open(device, "w") as out:
        for name, kind in (("a", tarfile.SYMTYPE), ("b", tarfile.LNKTYPE), ("c", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            out.addfile(info)

    assert "'passwd.csv' is a link or a device" in refusal(link)
    assert "'a' is a link or a device" in refusal(device)


def test_a_bomb_is_refused_by_what_it_unpacks_to(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "RATIO_FROM", 1 << 20)
    zeros = bytes(8 << 20)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(zeros))

    assert "250 times" in refusal(zipped(tmp_path / "a.zip", [("a.csv", zeros)]))
    assert "250 times" in refusal(seven(tmp_path / "a.7z", [("a.csv", zeros)]))
    assert "250 times" in refusal(tmp_path / "a.csv.gz")


def test_archives_in_archives_share_bounds_and_have_a_depth(tmp_path, monkeypatch):
    inner = zipped(tmp_path / "inner.zip", [("a.geojson", geojson())]).read_bytes()
    middle = zipped(tmp_path / "middle.zip", [("inner.zip", inner)]).read_bytes()
    outer = zipped(tmp_path / "outer.zip", [("x/middle.zip", middle)])
    (layer,) = scan([outer])
    assert layer.shown == f"{outer}/x/middle.zip/inner.zip/a.geojson"

    deep = zipped(tmp_path / "deep.zip", [("outer.zip", outer.read_bytes())])
    assert "nested deeper than 3" in refusal(deep)

    monkeypatch.setattr(archives, "MAX_ENTRIES", 2)
    unpacking = archives.Unpacking(entries_left=2)
    archives.unpack(outer, unpacking)
    with pytest.raises(archives.UnsafeSourceError, match="is one more than"):
        archives.unpack(zipped(tmp_path / "two.zip", [("a", b""), ("b", b"")]), unpacking)


@pytest.mark.parametrize("name", ["a.zip", "a.7z", "a.tar", "a.gz", "a.tar.gz"])
@pytest.mark.parametrize("cut", [0, 20, 0.5])
def test_a_damaged_archive_is_refused(tmp_path, name, cut):
    pack = {"zip": zipped, "7z": seven}.get(name.split(".")[-1], tarred)
    path = pack(tmp_path / name, INSIDE)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut) if isinstance(cut, float) else cut])

    assert "archive" in refusal(path)


def test_a_name_that_lies_about_being_an_archive(tmp_path):
    path = zipped(tmp_path / "a.zip", [("读数.csv.zip", b"x,y\n1,2\n")])

    assert [layer.path.name for layer in scan([path])] == ["读数.csv"]


def test_a_zip_is_loaded_and_loaded_again_from_its_plan_and_leaves_no_files(tmp_path, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    path = zipped(tmp_path / "交付.zip", [("绿地/公园.geojson", geojson())])
    city = City.init(tmp_path / "city")
    first = pipeline.load(city, [path])
    plan = tmp_path / "plan.toml"
    plan.write_text(scan_sources([path]).plan.to_toml(), encoding="utf-8")
    again = pipeline.load(city, [], plan)
    with Store.open(city, read_only=True) as store:
        sources = store.table("SELECT source_key, path FROM dataset").to_pylist()
    gc.collect()

    assert (first.total.loaded, again.total.unchanged, again.total.loaded) == (2, 2, 0)
    assert first.layers[0].path == f"{path}/绿地/公园.geojson"
    assert {s["source_key"] for s in sources} == {"公园.geojson"}
    assert list(temporary.iterdir()) == []


def test_the_unpacked_files_go_when_the_load_fails(tmp_path, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    scan([zipped(tmp_path / "a.zip", [("good.geojson", geojson()), ("../bad", b"")])])
    gc.collect()

    assert list(temporary.iterdir()) == []


def test_a_bare_zipped_file_geodatabase_becomes_one_source(tmp_path):
    path = zipped(tmp_path / "库.gdb.zip", [("a00000001.gdbtable", b"x"), ("gdb", b"x")])

    assert refusal(path).startswith("GDAL cannot read it")
    assert scan([path])[0].shown == f"{path}/库.gdb"
    assert Path(scan([path])[0].shown).name == "库.gdb"
