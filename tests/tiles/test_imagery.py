import json

import numpy as np
import pyproj
import pytest
from PIL import Image

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
