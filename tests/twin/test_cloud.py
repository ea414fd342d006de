"""Clouds as assets: every point once, unchanged, in order of place, however it came."""

import numpy as np
import pyarrow.parquet as pq
import pyproj
import pytest

from twin.cloud import CloudAsset, CloudSpec, CloudSummary, write_cloud, writer
from twin.errors import CityError
from twin.heights import Heights

SPEC = CloudSpec((0.001, 0.001, 0.01), (500_000.0, 3_400_000.0, 0.0), declared=9000)


def points(n=9000, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "x": rng.integers(0, 900_000, n).astype(np.int32),
        "y": rng.integers(0, 700_000, n).astype(np.int32),
        "z": rng.integers(-500, 9000, n).astype(np.int32),
        "classification": rng.integers(0, 20, n).astype(np.uint8),
        "gps_time": rng.random(n),
        "red": rng.integers(0, 65_535, n).astype(np.uint16),
    }


def batches(columns, size):
    n = len(columns["x"])
    for start in range(0, n, size):
        yield {name: c[start : start + size] for name, c in columns.items()}


def stored(folder, columns, size=1000, spec=SPEC):
    name, summary = write_cloud(folder, spec, "EPSG:4547", "1985", batches(columns, size))
    return CloudAsset(folder / name), summary


def rows(columns):
    return sorted(zip(*(columns[name].tolist() for name in sorted(columns)), strict=True))


def test_every_point_is_there_with_everything_it_carries(tmp_path):
    columns = points()
    asset, summary = stored(tmp_path, columns)
    table = pq.read_table(asset.path)
    assert rows({n: table[n].to_numpy() for n in table.column_names}) == rows(columns)
    assert (len(asset), summary.n, asset.meaning["points"]) == (9000, 9000, 9000)
    assert summary.histogram == {
        str(k): int(v) for k, v in enumerate(np.bincount(columns["classification"])) if v
    }
    assert [p.suffix for p in tmp_path.iterdir()] == [".parquet"]


def test_clouds_beyond_memory_are_the_same_file(tmp_path, monkeypatch):
    columns = points()
    monkeypatch.setattr(writer, "CHUNK", 256)
    whole, _ = stored(tmp_path, columns)
    content = whole.path.read_bytes()
    whole.path.unlink()
    monkeypatch.setattr(writer, "IN_MEMORY", 1500)
    again, _ = stored(tmp_path, columns)
    assert again.path == whole.path
    assert again.path.read_bytes() == content


def test_chunks_hold_neighbours_and_say_where_without_being_read(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "CHUNK", 256)
    asset, summary = stored(tmp_path, points())
    boxes = asset.boxes()
    areas = (boxes[:, 3] - boxes[:, 0]) * (boxes[:, 4] - boxes[:, 1])
    whole = (summary.high[0] - summary.low[0]) * (summary.high[1] - summary.low[1])
    assert len(boxes) == asset.n_chunks == 36
    assert np.median(areas) < 3 * whole / 36
    for k in (0, 20, 35):
        xyz = asset.positions(k)
        assert boxes[k] == pytest.approx([*xyz.min(axis=0), *xyz.max(axis=0)])


def test_places_are_those_of_another_library(tmp_path):
    asset, _ = stored(tmp_path, points(50))
    xyz = asset.positions(0)
    lon, lat = pyproj.Transformer.from_crs(4547, 4490, always_xy=True).transform(
        xyz[:, 0], xyz[:, 1]
    )
    found = asset.geographic(0, Heights(-12.5))
    assert found == pytest.approx(np.column_stack([lon, lat, xyz[:, 2] - 12.5]), abs=1e-9)


def test_feet_become_metres_only_on_the_way_out(tmp_path):
    spec = CloudSpec(SPEC.scale, SPEC.offset, z_metres=0.3048)
    asset, summary = stored(tmp_path, points(50), spec=spec)
    assert asset.geographic(0, Heights())[:, 2] == pytest.approx(asset.positions(0)[:, 2] * 0.3048)
    assert summary.attributes()["z_max"] == pytest.approx(summary.high[2] * 0.3048, abs=1e-3)


def test_a_box_that_lies_costs_order_not_points(tmp_path):
    spec = CloudSpec(SPEC.scale, SPEC.offset, declared=9100, low=(0, 0, 0), high=(10, 10, 10))
    asset, summary = stored(tmp_path, points(), spec=spec)
    assert len(asset) == 9000
    told = " | ".join(summary.findings())
    assert "the header says 9,100 points, 9,000 could be read" in told
    assert "box does not match" in told


def test_floats_and_places_that_are_none(tmp_path):
    columns = {name: np.array([1.0, np.nan, 3.0]) for name in "xyz"}
    asset, summary = stored(tmp_path, columns, spec=CloudSpec())
    assert (len(asset), summary.n, summary.nowhere) == (3, 3, 1)
    assert summary.findings() == ["1 points have no finite coordinates"]
    assert (summary.low.tolist(), summary.high.tolist()) == ([1, 1, 1], [3, 3, 3])


@pytest.mark.parametrize(("top", "bits"), [(0, None), (255, 8), (256, 16)])
def test_colours_of_8_bits_in_16_are_recognised(top, bits):
    summary = CloudSummary(SPEC)
    summary.add(points(5) | {"red": np.full(5, top, np.uint16)})
    assert summary.color_bits == bits


def test_no_points_is_an_empty_asset_and_foreign_files_say_what_to_do(tmp_path):
    asset, summary = stored(tmp_path, {n: np.zeros(0, np.int32) for n in "xyz"})
    assert (len(asset), summary.n) == (0, 0)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(CityError, match="load its source again"):
        CloudAsset(tmp_path / "x.parquet")
