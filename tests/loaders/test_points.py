"""Point clouds."""

import json
import shutil
import struct
from pathlib import Path

import laspy
import numpy as np
import pytest
import shapely

from loaders.discovery import scan
from loaders.points import PointsLoader
from loaders.registry import read_points
from twin.cloud import CloudAsset, write_cloud
from twin.errors import SourceError, UnsafeSourceError
from twin.plan import LayerPlan


def stored(path: Path, folder: Path) -> tuple[CloudAsset, list[str]]:
    """The cloud as the base keeps it, and all findings."""
    layer = scan([path])[0]
    stream = read_points(layer, LayerPlan(str(path), kind="points"))
    name, summary = write_cloud(folder, stream.spec, "EPSG:4547", "1985", stream.batches())
    return CloudAsset(folder / name), [*stream.findings, *summary.findings()]


def positions(asset: CloudAsset) -> np.ndarray:
    return np.concatenate([asset.positions(k) for k in range(asset.n_chunks)])


def las(path: Path, kind: int = 3, version: str = "1.2", n: int = 5000, **more: object) -> Path:
    """A cloud whose point i lies at (i / 10, i % 7, i % 11), class i % 5."""
    header = laspy.LasHeader(point_format=kind, version=version)
    header.scales, header.offsets = [0.01, 0.01, 0.01], [0, 0, 0]
    for name in more:
        header.add_extra_dim(laspy.ExtraBytesParams(name, "int32"))
    cloud = laspy.LasData(header)
    i = np.arange(n)
    cloud.x, cloud.y, cloud.z = i / 10, i % 7, i % 11
    cloud.classification, cloud.intensity = i % 5, i % 60_000
    cloud.return_number, cloud.number_of_returns = i % 3 + 1, np.full(n, 3)
    for name, values in more.items():
        cloud[name] = values
    cloud.write(path)
    return path


def test_a_cloud_is_one_record_with_box_and_classes(cloud: Path) -> None:
    layer = scan([cloud])[0]
    assert layer.bounds == (1.0, 10.0, 4.0, 12.0)
    (batch,) = PointsLoader().read(layer, LayerPlan(str(cloud), kind="points"))
    row = batch.records.to_pylist()[0]
    assert row["class_code"] == "point_cloud"
    assert shapely.from_wkb(row["geometry"]).equals(shapely.box(1, 10, 4, 12))
    assert json.loads(row["attributes"]) == {
        "points": 3,
        "format": "LAS 1.2",
        "classes": {"2": 1, "6": 2},
        "z_min": 0.0,
        "z_max": 9.0,
    }


@pytest.mark.parametrize(
    ("kind", "version"),
    [(0, "1.1"), (1, "1.2"), (2, "1.2"), (3, "1.2"), (5, "1.3"), (6, "1.4"), (7, "1.4"), (8, "1.4"), (10, "1.4")],
)  # fmt: skip
def test_every_point_format_keeps_every_field(tmp_path: Path, kind: int, version: str) -> None:
    path = las(tmp_path / "a.las", kind, version, 500, echo=np.arange(500))
    asset, _ = stored(path, tmp_path)
    i = np.sort(asset.chunk(0)["echo"].to_numpy())
    assert i.tolist() == list(range(500))
    table = asset.chunk(0).to_pandas().set_index("echo").sort_index()
    assert np.array_equal(table["classification"], i % 5)
    assert np.array_equal(table["return_number"], i % 3 + 1)
    assert np.array_equal(table["number_of_returns"], np.full(500, 3))
    assert np.array_equal(table["intensity"], i)
    assert np.array_equal(table["x"], i * 10)


def test_packed_and_plain_files_are_the_same_cloud(tmp_path: Path) -> None:
    plain, _ = stored(las(tmp_path / "a.las"), tmp_path)
    packed, _ = stored(las(tmp_path / "a.laz"), tmp_path)
    assert packed.path == plain.path


def test_of_a_cut_file_all_whole_points_are_read(tmp_path: Path) -> None:
    path = las(tmp_path / "a.las")
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) - 34 * 1000 - 5])
    asset, told = stored(path, tmp_path)
    assert len(asset) == 3999
    assert "the header says 5,000 points, 3,999 could be read" in told


def test_of_a_cut_packed_file_the_first_points_are_read_and_the_loss_is_told(
    tmp_path: Path,
) -> None:
    path = las(tmp_path / "a.laz", n=200_000)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) * 6 // 10])
    asset, told = stored(path, tmp_path)
    assert 50_000 < len(asset) < 200_000
    assert any(f"the header says 200,000 points, {len(asset):,} could be read" in f for f in told)
    at = positions(asset)
    i = np.rint(at[:, 0] * 10).astype(int)
    assert np.array_equal(np.sort(i), np.arange(len(asset)))
    assert np.array_equal(at[:, 1], i % 7)


def test_a_count_the_file_cannot_hold_is_refused_before_reading(tmp_path: Path) -> None:
    path = las(tmp_path / "a.las", n=10)
    raw = bytearray(path.read_bytes())
    struct.pack_into("<I", raw, 107, 4_000_000_000)
    path.write_bytes(raw)
    with pytest.raises(UnsafeSourceError, match="promises 4,000,000,000 points"):
        PointsLoader().scan(path)
    struct.pack_into("<I", raw, 100, 4_000_000_000)
    path.write_bytes(raw)
    with pytest.raises(UnsafeSourceError, match="variable length records"):
        PointsLoader().scan(path)


def test_a_scale_of_zero_is_refused(tmp_path: Path) -> None:
    path = las(tmp_path / "a.las", n=10)
    raw = bytearray(path.read_bytes())
    struct.pack_into("<d", raw, 131, 0.0)
    path.write_bytes(raw)
    with pytest.raises(SourceError, match="give no coordinates"):
        PointsLoader().scan(path)


PLY = """ply
format {encoding} 1.0
comment made by hand, EPSG:4547
element vertex 3
property double x
property double y
property float z
property uchar red
property uchar green
property uchar blue
end_header
"""
VERTICES = [(500_000.123, 3_400_000.456, 7.5, 1, 2, 3), (500_001, 3_400_002, 8, 4, 5, 6), (500_002, 3_400_001, 9, 7, 8, 9)]  # fmt: skip


@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_ply_of_every_encoding_is_the_same_cloud(tmp_path: Path, encoding: str) -> None:
    head = PLY.format(encoding=encoding).encode()
    order = ">" if "big" in encoding else "<"
    body = (
        "\n".join(" ".join(map(str, v)) for v in VERTICES).encode()
        if encoding == "ascii"
        else b"".join(struct.pack(f"{order}ddf3B", *v) for v in VERTICES)
    )
    (tmp_path / "a.ply").write_bytes(head + body)
    layer = scan([tmp_path / "a.ply"])[0]
    assert (layer.crs, layer.bounds) == (
        "EPSG:4547",
        (500_000.123, 3_400_000.456, 500_002, 3_400_002),
    )
    asset, _ = stored(tmp_path / "a.ply", tmp_path)
    assert sorted(map(tuple, positions(asset).tolist())) == [v[:3] for v in VERTICES]
    assert sorted(asset.chunk(0)["blue"].to_pylist()) == [3, 6, 9]


def test_a_cut_ply_gives_what_it_has(tmp_path: Path) -> None:
    head = PLY.format(encoding="binary_little_endian").encode()
    body = b"".join(struct.pack("<ddf3B", *v) for v in VERTICES)
    (tmp_path / "a.ply").write_bytes(head + body[:-4])
    asset, told = stored(tmp_path / "a.ply", tmp_path)
    assert len(asset) == 2
    assert "the header says 3 points, 2 could be read" in told


TEXTS = {
    "a.xyz": ("1 2 3 10 20 30\n4 5 6 11 21 31\n7 8 9 12 22 32\n", ["red", "green", "blue"]),
    "b.pts": (
        "3\n1 2 3 500 10 20 30\n4 5 6 501 11 21 31\n7 8 9 502 12 22 32\n",
        ["intensity", "red"],
    ),
    "c.txt": ("X;Y;Z;Intensity\n1,0;2,0;3,0;5\n4,0;5,0;6,0;6\n7,0;8,0;9,0;7\n", ["intensity"]),
    "d.csv": ('"X","Y","Z","Classification"\n1,2,3,2\n4,5,6,6\n7,8,9,2\n', ["classification"]),
    "e.txt": ("// x y z\n1\t2\t3\n4\t5\t6\n7\t8\t9\n", []),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_lists_of_every_kind(tmp_path: Path, name: str) -> None:
    text, more = TEXTS[name]
    (tmp_path / name).write_text(text)
    layer = scan([tmp_path / name])[0]
    assert (layer.kind, layer.bounds) == ("points", (1.0, 2.0, 7.0, 8.0))
    asset, told = stored(tmp_path / name, tmp_path)
    assert sorted(positions(asset).tolist()) == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert set(more) <= set(asset.columns)
    assert not any("left out" in f for f in told)


def test_lines_that_are_no_points_are_left_out_and_counted(tmp_path: Path) -> None:
    good = [f"{i} {i * 2} {i * 3} {i % 200}" for i in range(3000)]
    bad = ["nonsense here and there", "1 2", "5 6 7 8 9 10 11 12", "4 nan 6 7"]
    (tmp_path / "a.xyz").write_text("\n".join(good[:1500] + bad + ["", ""] + good[1500:]))
    asset, told = stored(tmp_path / "a.xyz", tmp_path)
    assert len(asset) == 3000
    assert "4 of 3,004 lines are no points and were left out" in told


def test_tables_of_places_are_no_clouds(tmp_path: Path) -> None:
    (tmp_path / "poi.csv").write_text("name,x,y\na,1,2\nb,3,4\nc,5,6\n")
    (tmp_path / "xyz.csv").write_text("x,y,z\n1,2,3\n4,5,6\n7,8,9\n")
    (tmp_path / "prose.txt").write_text("1 2 3 are numbers\nthis is none\n")
    assert not any(PointsLoader().supports(p) for p in tmp_path.iterdir())


def test_scanner_formats_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.e57").write_bytes(b"ASTM-E57")
    with pytest.raises(SourceError, match="convert it to LAZ"):
        PointsLoader().scan(tmp_path / "a.e57")


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("laspy/simple1_3.las", "does not match the points"),
        ("pdal/las/permutations/1.2-no-points.las", None),
    ],
)
def test_headers_that_lie_are_found_out(real: Path, name: str, finding: str | None) -> None:
    layer = PointsLoader().scan(real / "pointcloud" / name)[0]
    (batch,) = PointsLoader().read(layer, LayerPlan("x"))
    if finding is None:
        assert batch.records["fault"][0].as_py() == "the cloud has no points"
    else:
        assert any(finding in f for f in batch.findings)


@pytest.mark.real
def test_real_clouds_match_their_truth(real: Path, tmp_path: Path) -> None:
    truths = json.loads((real / "pointcloud" / "GROUND_TRUTH.json").read_text())
    seen = 0
    for name, entry in truths.items():
        truth = entry["truth"]
        if "class_hist" not in truth:
            continue
        copy = shutil.copy(real / name, tmp_path)
        asset, _ = stored(Path(copy), tmp_path)
        assert len(asset) == truth["read_points"], name
        assert asset.meaning["classes"] == truth["class_hist"], name
        assert positions(asset)[:, 2].mean() == pytest.approx(truth["z_mean"], abs=2e-3), name
        seen += 1
    assert seen > 40
