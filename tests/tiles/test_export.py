"""What is carried away is complete, refers to itself alone, and is the same each time."""

import gzip
import hashlib
import json
import shutil
import struct
import zipfile

import mapbox_vector_tile
import pytest
from pmtiles.reader import MmapSource, Reader, all_tiles

from tiles.check_tileset import TilesetCheck
from tiles.export import export
from twin.errors import InvalidRequestError


def addresses(value):
    """Every uri and tile address of a JSON document."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in ("uri", "url") and isinstance(each, str):
                yield each
            elif key == "tiles" and isinstance(each, list):
                yield from each
            else:
                yield from addresses(each)
    elif isinstance(value, list):
        for each in value:
            yield from addresses(each)


def test_a_folder_has_every_layer_and_points_at_itself_alone(built, tmp_path):
    out = tmp_path / "site" / "tiles"
    report = export(built, out)
    catalogue = json.loads((out / "catalogue.json").read_text())["layers"]
    assert {(e["id"], e["kind"]) for e in catalogue} >= {
        ("buildings", "3d-tiles"), ("scene", "3d-tiles"), ("terrain", "quantized-mesh"),
        ("imagery", "tilejson"), ("mvt/grids", "tilejson"),
    }  # fmt: skip
    assert all((out / entry["url"]).is_file() for entry in catalogue)
    files = [p for p in out.rglob("*") if p.is_file()]
    assert len(files) == report["files"]
    for path in files:
        if path.name != "catalogue.json":
            assert path.read_bytes() == (built / path.relative_to(out)).read_bytes()
        if path.suffix == ".json":
            for address in addresses(json.loads(path.read_bytes())):
                assert not address.startswith(("/", "http", "file"))
                if "{" not in address:
                    assert (path.parent / address).resolve().is_relative_to(out.resolve())
                    assert (path.parent / address).is_file()
    run = TilesetCheck(out)
    run.run(out / "scene" / "tileset.json")
    assert run.findings == []


def test_an_export_is_renewed_and_nothing_else_is_overwritten(built, tmp_path):
    out = tmp_path / "out"
    export(built, out)
    (out / "left-over.txt").write_text("old")
    export(built, out)
    assert not (out / "left-over.txt").exists()
    assert not list(tmp_path.glob(".*"))
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    for place in (mine, built, built.parent, mine / "thesis.txt"):
        with pytest.raises(InvalidRequestError, match="in use"):
            export(built, place)
    assert (mine / "thesis.txt").read_text() == "years of work"
    with pytest.raises(InvalidRequestError, match="run `twin tile` first"):
        export(mine, tmp_path / "other")
    (tmp_path / "x.3tz").mkdir()
    with pytest.raises(InvalidRequestError, match="is a folder"):
        export(built, tmp_path / "x.3tz")


def entry_at(blob, offset):
    """Name and compressed bytes of a local file header, by the zip format's own words."""
    signature, _, flags, method, _, _, _, packed, size, name, extra = struct.unpack_from(
        "<IHHHHHIIIHH", blob, offset
    )
    assert signature == 0x04034B50
    assert flags & 8 == 0  # sizes stand in the local header
    assert size > 0
    start = offset + 30
    return (
        blob[start : start + name].decode(),
        method,
        blob[start + name + extra : start + name + extra + packed],
    )


def test_an_archive_is_a_zip_whose_index_finds_every_file(built, tmp_path):
    out = tmp_path / "city.3tz"
    export(built, out)
    blob = out.read_bytes()
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names[0] == "tileset.json"
        assert names[-1] == "@3dtilesIndex1@"
        last = archive.infolist()[-1]
        assert (last.compress_type, last.comment) == (zipfile.ZIP_STORED, b"")
        index = archive.read("@3dtilesIndex1@")
        archive.extractall(tmp_path / "unpacked")
    keys = [struct.unpack_from("<QQ", index, k) for k in range(0, len(index), 24)]
    assert keys == sorted(keys)
    assert len(keys) == len(names) - 1
    found = set()
    for k in range(0, len(index), 24):
        (offset,) = struct.unpack_from("<Q", index, k + 16)
        name, _, _ = entry_at(blob, offset)
        assert hashlib.md5(name.encode(), usedforsecurity=False).digest() == index[k : k + 16]
        found.add(name)
    assert found == set(names[:-1])
    run = TilesetCheck(tmp_path / "unpacked")
    run.run(tmp_path / "unpacked" / "tileset.json")
    assert run.findings == []
    whole = TilesetCheck(built)
    whole.run(built / "scene" / "tileset.json")
    assert set(run.eid) == set(whole.eid)


def test_pmtiles_hold_every_tile_of_every_layer(built, tmp_path, gdal):
    out = tmp_path / "city.pmtiles"
    report = export(built, out)
    with out.open("rb") as file:
        source = MmapSource(file)
        header, about = Reader(source).header(), Reader(source).metadata()
        held = dict(all_tiles(source))
    assert len(held) == report["tiles"]
    assert [layer["id"] for layer in about["vector_layers"]] == ["components", "grids"]
    assert (header["min_zoom"], header["max_zoom"], header["clustered"]) == (12, 16, True)
    files = {}
    for layer in ("components", "grids"):
        for path in (built / "mvt" / layer).glob("*/*/*.mvt"):
            z, x, y = map(int, path.relative_to(built / "mvt" / layer).with_suffix("").parts)
            files.setdefault((z, x, y), {})[layer] = mapbox_vector_tile.decode(path.read_bytes())[
                layer
            ]
    assert {
        key: mapbox_vector_tile.decode(gzip.decompress(blob)) for key, blob in held.items()
    } == files
    told, rows = gdal(str(out), "grids")
    assert set(told["layers"]) == {"components", "grids"}
    assert len(set(rows["eid"].to_pylist())) == 16


@pytest.mark.parametrize("name", ["city.3tz", "city.pmtiles"])
def test_the_same_tiles_give_the_same_archive(built, tmp_path, name):
    copy = shutil.copytree(built, tmp_path / "copy")
    export(built, tmp_path / name)
    export(copy, tmp_path / f"again-{name}")
    assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()
