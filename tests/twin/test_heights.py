import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import InvalidRequestError, SourceError
from twin.heights import GeoidGrid, Heights

NODES = np.array([[-10.0, -12.0, -14.0], [-20.0, -22.0, -24.0]])  # south row first


def grid():
    return GeoidGrid(NODES, west=114.0, south=30.0, step_lon=0.5, step_lat=1.0)


def write_gtx(path, values, origin, step):
    header = struct.pack(">ddddii", *origin, *step, *values.shape)
    path.write_bytes(header + values.astype(">f4").tobytes())


def test_a_constant_lifts_1985_heights_and_leaves_ellipsoidal_ones():
    heights = Heights(-12.8)
    assert heights.to_ellipsoid([20.0, np.nan], [114, 114], [30, 30], "1985")[0] == pytest.approx(
        7.2
    )
    assert np.isnan(heights.to_ellipsoid([np.nan], [114.0], [30.0], "1985")[0])
    assert heights.to_ellipsoid([20.0], [114.0], [30.0], "ellipsoid").tolist() == [20.0]


def test_heights_above_ground_stand_on_it_and_missing_ones_lie_on_it():
    z = Heights(-12.8).to_ellipsoid(
        [3.0, np.nan], [114, 114], [30, 30], "ground", ground=[10.0, 11.0]
    )
    assert z.tolist() == [13.0, 11.0]


def test_a_grid_is_bilinear_between_nodes_and_unknown_outside():
    at = grid().at([114.0, 114.25, 114.75, 115.0, 113.9, 114.0, np.nan],
                   [30.0, 30.5, 31.0, 30.25, 30.5, 31.1, 30.0])  # fmt: skip
    # by hand: node, mean of four, mean of two in the north, a quarter of the way up the east edge
    assert at[:4].tolist() == [-10.0, (-10 - 12 - 20 - 22) / 4, -23.0, -14 * 0.75 - 24 * 0.25]
    assert np.isnan(at[4:]).all()


@given(st.floats(114.0, 115.0), st.floats(30.0, 31.0))
def test_a_plane_is_reproduced_exactly(lon, lat):
    # NODES is the plane -10 - 4·(lon-114) - 10·(lat-30)
    expected = -10 - 4 * (lon - 114) - 10 * (lat - 30)
    assert Heights(grid()).undulation([lon], [lat])[0] == pytest.approx(expected, abs=1e-12)


def test_gtx_and_npz_files_hold_the_same_grid(tmp_path):
    write_gtx(tmp_path / "g.gtx", NODES, (30.0, 114.0), (1.0, 0.5))
    np.savez(tmp_path / "g.npz", values=NODES, origin=[114.0, 30.0, 0.5, 1.0])
    for name in ("g.gtx", "g.npz"):
        read = GeoidGrid.read(tmp_path / name)
        assert read.at([114.25], [30.5])[0] == pytest.approx(-16.0)


def test_proj_reads_the_same_gtx_with_the_same_result(tmp_path):
    import pyproj

    path = tmp_path / "g.gtx"
    write_gtx(path, NODES, (30.0, 114.0), (1.0, 0.5))
    by_proj = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
        f"+step +proj=vgridshift +grids={path} +multiplier=1"
    )
    _, _, z = by_proj.transform(114.3, 30.4, 20.0)
    ours = Heights(GeoidGrid.read(path)).to_ellipsoid([20.0], [114.3], [30.4], "1985")[0]
    assert ours == pytest.approx(z, abs=1e-5)  # the file holds 32-bit numbers


def test_gaps_in_a_gtx_are_unknown(tmp_path):
    values = NODES.copy()
    values[0, 0] = -88.8888
    write_gtx(tmp_path / "g.gtx", values, (30.0, 114.0), (1.0, 0.5))
    at = GeoidGrid.read(tmp_path / "g.gtx").at([114.1, 114.9], [30.1, 30.1])
    assert np.isnan(at[0])
    assert np.isfinite(at[1])


@pytest.mark.parametrize(
    "content", [b"", b"short", b"\0" * 40, struct.pack(">ddddii", 30, 114, 1, 1, 9, 9)]
)
def test_a_damaged_grid_is_refused_with_the_file_named(tmp_path, content):
    path = tmp_path / "bad.gtx"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"bad\.gtx: no geoid grid"):
        GeoidGrid.read(path)


def test_calls_that_cannot_be_answered_say_what_is_missing():
    with pytest.raises(InvalidRequestError, match="1985, ellipsoid, ground"):
        Heights().to_ellipsoid([1.0], [114.0], [30.0], "sea level")
    with pytest.raises(InvalidRequestError, match="height of the ground"):
        Heights().to_ellipsoid([1.0], [114.0], [30.0], "ground")
