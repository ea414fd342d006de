"""Oblique models: recognised, placed, converted by the real program where it is installed."""

import json
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pyproj
import pytest
from PIL import Image

from loaders.discovery import discover, scan
from loaders.oblique import ObliqueLoader, convert
from loaders.oblique.convert import data_tiles
from loaders.oblique.place import place_of
from twin.errors import SourceError, UnsafeSourceError
from twin.heights import Heights

OSGCONV = shutil.which("osgconv")
needs_osgconv = pytest.mark.skipif(
    OSGCONV is None, reason="osgconv (openscenegraph) is not installed"
)
OBJ = """mtllib a.mtl
v 0 0 0
v 40 0 0
v 40 30 0
v 0 30 8
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl m
f 1/1 2/2 3/3 4/4
"""
LOD = """#Ascii Scene
#Version 161
#Generator OpenSceneGraph 3.6.5

osg::PagedLOD {
  UniqueID 1
  CenterMode USER_DEFINED_CENTER
  UserCenter 20 15 0 30
  RangeMode PIXEL_SIZE_ON_SCREEN
  RangeList 2 { 0 500 500 1e+30 }
  RangeDataList 2 { "" "Tile_+000_+000_L1.osgb" }
  PriorityList 2 { 0 1 0 1 }
}
"""


def folder(path: Path, srs: str = "EPSG:4547", origin: str = "507500,3371500,20") -> Path:
    tile = path / "Data" / "Tile_+000_+000"
    tile.mkdir(parents=True)
    (path / "metadata.xml").write_text(
        f'<?xml version="1.0"?><ModelMetadata version="1"><SRS>{srs}</SRS><SRSOrigin>{origin}</SRSOrigin></ModelMetadata>'
    )
    (tile / "Tile_+000_+000.osgb").write_bytes(b"OSGB?")
    return path


@pytest.mark.parametrize(
    ("srs", "crs", "enu"),
    [
        ("EPSG:4547", "EPSG:4547", None),
        ("EPSG::4547+5773", "EPSG:4547", None),
        ("ENU:30.5,114.25", None, (30.5, 114.25)),
        ("PROJCS[&quot;x&quot;]", 'PROJCS["x"]', None),
    ],
)
def test_metadata_says_system_and_origin(tmp_path: Path, srs: str, crs: str, enu: tuple) -> None:
    place = place_of(folder(tmp_path / "m", srs, "1.5,2.5,3"))
    assert (place.crs, place.origin, place.enu) == (crs, (1.5, 2.5, 3.0), enu)


@pytest.mark.parametrize(
    ("xml", "error", "says"),
    [
        ('<!DOCTYPE a [<!ENTITY x "y">]><a><SRS>&x;</SRS></a>', UnsafeSourceError, "document type"),
        ("<a><SRS>EPSG:4547</SRS><SRSOrigin>a,b</SRSOrigin></a>", SourceError, "is not x,y,z"),
        ("<a></a>", SourceError, "names no SRS"),
        ("<a>", SourceError, "is no XML"),
    ],
)
def test_bad_metadata_says_what_is_wrong(tmp_path: Path, xml: str, error: type, says: str) -> None:
    model = folder(tmp_path / "m")
    (model / "metadata.xml").write_text(xml)
    with pytest.raises(error, match=says):
        ObliqueLoader().scan(model)


def test_a_model_is_one_source_of_a_folder(tmp_path: Path) -> None:
    model = folder(tmp_path / "倾斜" / "m")
    assert discover([tmp_path]) == [model]
    layer = scan([model])[0]
    assert (layer.kind, layer.format, layer.crs) == ("tileset", "OSGB", "EPSG:4547")
    assert layer.bounds[:2] == (507_500.0, 3_371_500.0)
    assert "1 tiles, 1 OSGB files, 5 bytes" in layer.findings[0]


def test_without_the_program_the_refusal_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    model = folder(tmp_path / "m")
    assert "apt-get install openscenegraph" in scan([model])[0].findings[-1]
    with pytest.raises(SourceError, match="apt-get install openscenegraph"):
        convert(model, tmp_path, "EPSG:4547", Heights())


def model_of(path: Path, **more: str) -> Path:
    """A model whose coarse file leads to a finer textured one, made by the program itself."""
    model = folder(path, **more)
    tile = data_tiles(model)[0].parent
    work = path.parent / "work"
    work.mkdir()
    Image.new("RGB", (8, 8), (200, 30, 20)).save(work / "t.png")
    (work / "a.mtl").write_text("newmtl m\nmap_Kd t.png\n")
    (work / "a.obj").write_text(OBJ)
    (work / "lod.osgt").write_text(LOD)
    for source, target in (
        ("a.obj", tile / "Tile_+000_+000_L1.osgb"),
        ("lod.osgt", tile / "Tile_+000_+000.osgb"),
    ):
        subprocess.run(
            [str(OSGCONV), "-O", "noRotation", source, str(target)],
            cwd=work,
            check=True,
            capture_output=True,
        )
    return model


def glb(path: Path) -> tuple[dict, bytes]:
    raw = path.read_bytes()
    length = struct.unpack_from("<I", raw, 12)[0]
    return json.loads(raw[20 : 20 + length]), raw[28 + length :]


@needs_osgconv
def test_a_model_becomes_tiles_at_its_place(tmp_path: Path) -> None:
    model = model_of(tmp_path / "m")
    out = tmp_path / "out"
    out.mkdir()
    files = convert(model, out, "EPSG:4547", Heights(-12.0))
    assert files.attributes["tiles"] == 2
    document = json.loads((out / "tileset.json").read_text())
    child = document["root"]["children"][0]
    fine = child["children"][0]
    gltf, binary = glb(out / fine["content"]["uri"])
    view = gltf["bufferViews"][gltf["accessors"][0]["bufferView"]]
    points = np.frombuffer(binary, "<f4", 12, view["byteOffset"]).reshape(4, 3)
    local = np.column_stack([points[:, 0], -points[:, 2], points[:, 1], np.ones(4)])
    placed = local @ np.array(child["transform"]).reshape(4, 4)
    want = [(507_500 + x, 3_371_500 + y, 20 - 12 + z) for x, y, z in ((0, 0, 0), (40, 0, 0), (40, 30, 0), (0, 30, 8))]  # fmt: skip
    lon, lat = pyproj.Transformer.from_crs(4547, 4490, always_xy=True).transform(
        *np.array(want).T[:2]
    )
    ecef = pyproj.Transformer.from_crs(4979, 4978, always_xy=True).transform(
        lon, lat, np.array(want)[:, 2]
    )
    assert placed[:, :3] == pytest.approx(np.column_stack(ecef), abs=0.01)
    image = gltf["images"][0]
    assert image["mimeType"] == "image/webp"
    west, south, east, north = files.box
    assert west <= lon.min() <= lon.max() <= east
    assert south <= lat.min() <= lat.max() <= north


@needs_osgconv
def test_a_tangent_plane_is_placed_by_its_touching_point(tmp_path: Path) -> None:
    model = model_of(tmp_path / "m", srs="ENU:30.5,114.25", origin="0,0,0")
    out = tmp_path / "out"
    out.mkdir()
    files = convert(model, out, "EPSG:4326", Heights(-12.0))
    child = json.loads((out / "tileset.json").read_text())["root"]["children"][0]
    ecef = pyproj.Transformer.from_crs(4979, 4978, always_xy=True).transform(114.25, 30.5, 0)
    assert child["transform"][12:15] == pytest.approx(ecef, abs=1e-3)
    assert files.box[0] == pytest.approx(114.25, abs=1e-4)


@needs_osgconv
def test_files_that_cannot_be_converted_are_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    model = model_of(tmp_path / "m")
    bad = model / "Data" / "Tile_+001_+000"
    bad.mkdir()
    (bad / "Tile_+001_+000.osgb").write_bytes(b"rubbish")
    out = tmp_path / "out"
    out.mkdir()
    files = convert(model, out, "EPSG:4547", Heights())
    assert files.attributes["missing"] == 1
    assert any("1 files could not be converted: Tile_+001_+000.osgb" in f for f in files.findings)
