import io
import json

import numpy as np
import pyproj
import pytest
from PIL import Image

from tiles.imagery import Photo, build_imagery
from twin.cog import Cog, RasterSpec, write_cog

FROM = pyproj.Transformer.from_crs(4547, 3857, always_xy=True)
WORLD = 20037508.342789244


def pixel(folder, z, east, north):
    """Colour of a place, found with pyproj's Web Mercator."""
    x, y = FROM.transform(east, north)
    u, v = (x + WORLD) / (2 * WORLD) * 2**z, (WORLD - y) / (2 * WORLD) * 2**z
    path = folder / str(z) / str(int(u)) / f"{int(v)}.webp"
    if not path.exists():
        return None
    with Image.open(path) as image:
        return np.array(image.convert("RGBA"))[int(v % 1 * 256), int(u % 1 * 256)]


@pytest.mark.parametrize("z", [17, 16, 15, 13])
def test_places_have_the_colour_of_the_photo(built, z):
    folder = built / "imagery"
    colors = {
        (100, 100): (220, 30, 30),
        (600, 100): (30, 200, 30),
        (100, 500): (30, 30, 220),
        (600, 500): (230, 220, 40),
    }
    for (col, row), color in colors.items():
        found = pixel(folder, z, 507_500 + col, 3_371_500 - row)
        assert np.abs(found[:3].astype(int) - color).max() < 25
        assert found[3] == 255


def test_the_seam_between_colours_is_within_a_pixel(built):
    row = [pixel(built / "imagery", 17, 507_850 + d, 3_371_400) for d in (-4, -3, 3, 4)]
    assert [int(p[0] > p[1]) for p in row] == [1, 1, 0, 0]


def test_outside_the_photo_there_is_nothing(built):
    folder = built / "imagery"
    found = pixel(folder, 17, 507_500 - 5, 3_371_400)
    assert found is None or found[3] == 0
    assert pixel(folder, 17, 520_000, 3_371_400) is None
    assert pixel(folder, 17, 507_500 + 5, 3_371_400)[3] == 255


def test_tilejson_says_where_and_how_deep(built):
    document = json.loads((built / "imagery" / "tilejson.json").read_text())
    assert (document["minzoom"], document["maxzoom"]) == (10, 17)
    west, south, east, north = document["bounds"]
    to = pyproj.Transformer.from_crs(4547, 4490, always_xy=True)
    corners = [to.transform(507_500 + dx, 3_371_500 - dy) for dx in (0, 700) for dy in (0, 600)]
    lon, lat = np.array(corners).T
    assert (west, east) == pytest.approx((lon.min(), lon.max()), abs=1e-9)
    assert (south, north) == pytest.approx((lat.min(), lat.max()), abs=1e-9)


def drawn(photos):
    files = {}
    build_imagery(photos, "photos", files.__setitem__)
    return files


def colored(color, west, north, side=400, pixel=1.0):
    pixels = np.full((side, side, 4), (*color, 255), np.uint8)
    return Photo(pixels, (pixel, 0.0, west, 0.0, -pixel, north), "EPSG:4547")


def test_several_photos_are_one_map_the_first_on_top(tmp_path):
    red = colored((200, 0, 0), 507_500, 3_371_500)
    green = colored((0, 200, 0), 507_700, 3_371_500)
    for name, data in drawn([red, green]).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for east, color in ((507_600, (200, 0, 0)), (507_850, (200, 0, 0)), (508_050, (0, 200, 0))):
        found = pixel(tmp_path, 17, east, 3_371_300)
        assert np.abs(found[:3].astype(int) - color).max() < 25


def test_a_coarse_photo_is_no_deeper_than_its_pixels_beside_a_fine_one():
    fine = colored((200, 0, 0), 507_500, 3_371_500)
    coarse = colored((0, 200, 0), 480_000, 3_400_000, side=600, pixel=100.0)
    names = [n for n in drawn([fine, coarse]) if n.endswith(".webp")]
    deep = sum(n.startswith("17/") for n in names)
    alone = sum(n.startswith("17/") for n in drawn([fine]))
    assert alone <= deep <= 4 * alone
    assert sum(n.startswith("11/") for n in names) > 4


def test_an_asset_gives_the_tiles_of_the_array_it_holds(tmp_path):
    rng = np.random.default_rng(4)
    pixels = np.repeat(np.repeat(rng.integers(0, 255, (30, 40, 4), np.uint8), 20, 0), 20, 1)
    pixels[..., 3] = 255
    place = (0.5, 0.0, 507_500.0, 0.0, -0.5, 3_371_500.0)
    spec = RasterSpec(600, 800, "imagery", place, "EPSG:4547")
    name = write_cog(tmp_path, spec, lambda a, b, c, d: pixels[a:b, c:d])
    from_asset = drawn([Photo(Cog(tmp_path / name), place, "EPSG:4547")])
    from_array = drawn([Photo(pixels, place, "EPSG:4547")])
    assert from_asset.keys() == from_array.keys()
    deepest = next(n for n in from_asset if n.startswith("17/"))
    a, b = (
        np.array(Image.open(io.BytesIO(f[deepest])).convert("RGBA"))
        for f in (from_asset, from_array)
    )
    assert np.abs(a.astype(int) - b).mean() < 2
