import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.hilbert import BITS, hilbert_key


def reference(x: int, y: int, order: int) -> int:
    """The textbook recursion: quadrant by quadrant, in exact integers."""
    if order == 0:
        return 0
    half = 1 << (order - 1)
    right, upper = x >= half, y >= half
    inner_x, inner_y = x - half * right, y - half * upper
    area = half * half
    if not right and not upper:
        return reference(inner_y, inner_x, order - 1)
    if not right and upper:
        return area + reference(inner_x, inner_y, order - 1)
    if right and upper:
        return 2 * area + reference(inner_x, inner_y, order - 1)
    return 3 * area + reference(half - 1 - inner_y, half - 1 - inner_x, order - 1)


@pytest.mark.parametrize("bits", [1, 2, 3, 5])
def test_every_cell_has_the_key_of_the_textbook_curve(bits):
    n = 1 << bits
    x, y = (v.ravel() for v in np.meshgrid(np.arange(n), np.arange(n)))
    lon, lat = (x + 0.5) * 360 / n - 180, (y + 0.5) * 180 / n - 90
    expected = [reference(int(a), int(b), bits) for a, b in zip(x, y, strict=True)]
    assert hilbert_key(lon, lat, bits).tolist() == expected


def test_consecutive_keys_are_neighbouring_cells():
    n = 1 << 6
    x, y = (v.ravel() for v in np.meshgrid(np.arange(n), np.arange(n)))
    order = np.argsort(hilbert_key((x + 0.5) * 360 / n - 180, (y + 0.5) * 180 / n - 90, 6))
    steps = np.abs(np.diff(x[order])) + np.abs(np.diff(y[order]))
    assert (steps == 1).all()


@given(st.floats(-180, 179.999999), st.floats(-90, 89.999999))
def test_full_resolution_agrees_with_the_textbook_curve(lon, lat):
    x, y = int((lon + 180.0) * (2**BITS / 360.0)), int((lat + 90.0) * (2**BITS / 180.0))
    assert hilbert_key([lon], [lat])[0] == reference(x, y, BITS)


def test_the_edge_and_unknown_places_have_a_key():
    keys = hilbert_key([180.0, -180.0, np.nan, 114.0], [90.0, -90.0, 30.0, np.inf])
    assert keys[0] == hilbert_key([179.9999999], [89.9999999])[0]
    assert keys[1] == 0
    assert keys[2:].tolist() == [-1, -1]
