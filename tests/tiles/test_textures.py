"""Pictures of models in tiles: what is seen is what the picture shows there, cut, joined or repeated."""

import io
import json
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tiles.album import Album
from tiles.atlas import GUTTER, arrange, regions
from tiles.check_glb import BadTileError, read_content
from tiles.check_tileset import TilesetCheck
from tiles.glb import container
from tiles.materials import CLAMP, MIRROR, REPEAT
from tiles.models import build_models
from tiles.skins import COARSE, FINE, dress
from twin.schema import MESH_EXTRAS, MESHES


def smooth(width=256, height=128, alpha=None):
    """A picture whose red grows to the right and whose green grows downwards."""
    y, x = np.mgrid[0:height, 0:width]
    out = np.empty((height, width, 4), np.uint8)
    out[..., 0], out[..., 1] = x * 255 // (width - 1), y * 255 // (height - 1)
    out[..., 2], out[..., 3] = 60, 255 if alpha is None else alpha
    return out


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def seen(skin, corners):
    """RGBA of a skin's picture at coordinates (n, 2), nearest pixel, as its wrap mode says."""
    with Image.open(io.BytesIO(skin.texture.webp)) as image:
        pixels = np.asarray(image.convert("RGBA")).astype(int)
    h, w = pixels.shape[:2]
    at = corners.astype(float)
    if skin.texture.wrap == REPEAT:
        at = at - np.floor(at)
    elif skin.texture.wrap == MIRROR:
        at = 1 - np.abs(at % 2 - 1)
    at = np.clip(at, 0, 1)
    x = np.minimum((at[:, 0] * w).astype(int), w - 1)
    y = np.minimum((at[:, 1] * h).astype(int), h - 1)
    return pixels[y, x]


def wanted(pixels, uv, wrap):
    """What the source shows there (origin lower left)."""
    at = np.column_stack([uv[:, 0], 1 - uv[:, 1]]).astype(float)
    if wrap == REPEAT:
        at = at - np.floor(at)
    elif wrap == MIRROR:
        at = 1 - np.abs(at % 2 - 1)
    at = np.clip(at, 0, 1)
    h, w = pixels.shape[:2]
    return pixels[
        np.minimum((at[:, 1] * h).astype(int), h - 1), np.minimum((at[:, 0] * w).astype(int), w - 1)
    ].astype(int)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([REPEAT, MIRROR, CLAMP]),
    st.sampled_from([0.0, 1.0, -7.0, 40.0]),
    st.floats(0.05, 3.0),
    st.integers(0, 2**32 - 1),
)
def test_the_middle_of_a_triangle_shows_what_the_picture_has_there(wrap, shift, span, seed):
    rng = np.random.default_rng(seed)
    pictures = {"a": smooth(), "b": smooth(97, 301)[:, ::-1].copy(), "c": smooth(64, 64)}
    album = Album(lambda name: png(pictures[name]))
    picture = rng.integers(-1, 3, 40)
    start = rng.uniform(0, 0.8, (40, 1, 2))
    uv = start + rng.uniform(0, 0.2, (40, 3, 2)) * np.where(picture == 2, span, 1.0)[:, None, None]
    uv = (uv + np.where(picture == 2, shift, 0.0)[:, None, None]).astype(np.float32)
    wraps = [("a", REPEAT), ("b", CLAMP), ("c", wrap)]
    skins = dress(album, wraps, picture, uv)
    assert (
        sorted(np.concatenate([s.rows for s in skins] or [[]]))
        == np.flatnonzero(picture >= 0).tolist()
    )
    for skin in skins:
        found = seen(skin, skin.uv.mean(axis=1))
        for row, color in zip(skin.rows.tolist(), found, strict=True):
            name, mode = wraps[picture[row]]
            expected = wanted(pictures[name], uv[row].mean(axis=0, keepdims=True), mode)[0]
            near = np.abs(color - expected)
            # a border of the picture: red and green leap from one end to the other there
            assert near.max() < 26 or (mode != CLAMP and near.max() > 150)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 700), st.integers(1, 700)), min_size=1, max_size=60))
def test_pieces_of_a_sheet_never_overlap_and_stay_within_it(sizes):
    place, scaled, (width, height) = arrange(np.array(sizes, dtype=np.int64), 512)
    assert max(width, height) <= 512
    used = np.zeros((height, width), dtype=int)
    for (x, y), (w, h) in zip(place.tolist(), scaled.tolist(), strict=True):
        used[y - GUTTER : y + h + GUTTER, x - GUTTER : x + w + GUTTER] += 1
        assert x - GUTTER >= 0
        assert y - GUTTER >= 0
        assert x + w + GUTTER <= width
    assert used.max() == 1


def test_far_parts_of_a_picture_are_cut_apart():
    low = np.array([[0.0, 0.0], [0.05, 0.05], [0.9, 0.9]])
    part, box = regions(low, low + 0.06)
    assert part.tolist() == [0, 0, 1]
    assert box.tolist() == [[0, 0, 4, 4], [28, 28, 31, 31]]


def quad(size, picture, uv=((0, 0), (1, 0), (1, 1), (0, 1)), wrap="wrap"):
    """A wall of one rectangle under one picture."""
    xyz = np.array([[0, 0, 0], [size, 0, 0], [size, 0, size], [0, 0, size]], "<f4")
    row = {
        "mesh_id": picture,
        "positions": xyz.tobytes(),
        "normals": np.tile(np.array([0, -1, 0], "<f4"), (4, 1)).tobytes(),
        "indices": np.array([0, 1, 2, 0, 2, 3], "<u4").tobytes(),
        "colors": np.full((4, 4), 90, np.uint8).tobytes(),
        "uv": np.array(uv, "<f4").tobytes(),
        "texture": np.zeros(2, "<i4").tobytes(),
        "textures": json.dumps([{"image": picture, "wrapMode": wrap}]),
    }
    schema = pa.schema([*MESHES, *(f for f in MESH_EXTRAS if f.name in row)])
    return pa.Table.from_pylist([row], schema)


def instances(frame, names):
    rows = []
    for i, name in enumerate(names):
        matrix = frame(114.05, 22.54 + 0.0002 * i, 5.0)
        rows.append(
            {
                "eid": f"e{i}", "class_code": "building", "name": "", "storey": None,
                "building_eid": None, "asset": name, "mesh_id": name,
                "matrix": matrix.ravel().tolist(), "lon": 114.05, "lat": 22.54, "zmin": 0.0, "zmax": 9.0,
            }
        )  # fmt: skip
    return pa.Table.from_pylist(rows)


@pytest.fixture
def textured(tmp_path, frame):
    """A tileset of a wall with a large picture, one that repeats, and one whose picture is broken."""
    pictures = {
        "large": png(smooth(1600, 1200)),
        "brick": png(smooth(64, 64)),
        "broken": b"no picture",
    }
    shapes = {
        "large": quad(10.0, "large"),
        "brick": quad(8.0, "brick", ((0, 0), (6, 0), (6, 6), (0, 6))),
        "broken": quad(6.0, "broken"),
    }

    def build():
        written = {}
        layer = build_models(
            instances(frame, shapes), shapes.__getitem__, written.__setitem__, None, pictures.get
        )
        return layer, written

    layer, written = build()
    assert build()[1] == written
    (tmp_path / "models").mkdir()
    for name, blob in written.items():
        (tmp_path / "models" / name).write_bytes(blob)
    return layer, written, tmp_path


def document_of(blob):
    size = struct.unpack_from("<I", blob, 12)[0]
    return json.loads(blob[20 : 20 + size]), blob[28 + size :]


def pictures_of(blob):
    document, binary = document_of(blob)
    out = []
    for image in document["images"]:
        view = document["bufferViews"][image["bufferView"]]
        with Image.open(io.BytesIO(binary[view["byteOffset"] :][: view["byteLength"]])) as found:
            out.append((found.format, found.size))
    return document, out


def test_a_tile_with_large_pictures_has_a_copy_with_small_ones_for_afar(textured):
    layer, written, folder = textured
    assert layer.features == 3
    assert layer.notes[0].startswith("1 pictures that cannot be drawn, the first broken cannot")
    root = json.loads(written["tileset.json"])["root"]
    (far,) = root["children"]
    (near,) = far["children"]
    assert far["refine"] == "REPLACE"
    # 100 m² of 1600 × 1200 pixels and 64 m² of repeated ones, in the far sheet of 256 × 256 pixels
    assert far["geometricError"] == pytest.approx(8 * np.sqrt(164) / COARSE, rel=0.05)
    assert near["geometricError"] == 0
    for name, side in ((far["content"]["uri"], COARSE), (near["content"]["uri"], FINE)):
        document, found = pictures_of(written[name])
        assert {kind for kind, _ in found} == {"WEBP"}
        assert max(max(size) for _, size in found) <= side
        assert "EXT_texture_webp" in document["extensionsRequired"]
        assert {s["wrapS"] for s in document["samplers"]} == {CLAMP, REPEAT}
        assert len(document["materials"]) == 3
    run = TilesetCheck(folder)
    run.run(folder / "models" / "tileset.json")
    assert run.findings == []
    assert set(run.eid) == {"e0", "e1", "e2"}


def test_the_checker_sees_lost_entities_and_undeclared_pictures(textured):
    _, written, folder = textured
    path = folder / "models" / "tileset.json"
    tileset = json.loads(path.read_text())
    far = tileset["root"]["children"][0]
    kept = far["content"]["uri"]
    (folder / "models" / "other.glb").write_bytes(
        written[far["children"][0]["content"]["uri"]].replace(b"e0e1e2", b"e0e1e9")
    )
    far["children"][0]["content"]["uri"] = "other.glb"
    path.write_text(json.dumps(tileset))
    run = TilesetCheck(folder)
    run.run(path)
    assert [f.rule for f in run.findings] == ["replaced-lost"]
    document, binary = document_of(written[kept])
    document["extensionsRequired"].remove("EXT_texture_webp")
    with pytest.raises(BadTileError, match="not required"):
        read_content(container(json.dumps(document).encode(), binary))


def test_clear_pixels_are_masked_and_half_clear_ones_blended():
    half = np.where(np.arange(64) < 32, 0, 255)[None, :].repeat(64, axis=0)
    album = Album({"leaf": png(smooth(64, 64, half)), "glass": png(smooth(64, 64, 120))}.get)
    uv = np.array([[[0, 0], [1, 0], [1, 1]]] * 2, np.float32)
    skins = dress(album, [("leaf", REPEAT), ("glass", REPEAT)], np.array([0, 1]), uv)
    assert {(s.alpha, *s.rows) for s in skins} == {("MASK", 0), ("BLEND", 1)}
