"""Point clouds."""

import json
from pathlib import Path

import pytest
import shapely

from loaders.points import PointsLoader
from loaders.registry import scan
from twin.plan import LayerPlan


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
