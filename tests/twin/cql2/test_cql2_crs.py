"""Literals in other systems (filter-crs) lie where they would in degrees."""

import numpy as np
import pytest
import shapely
from cql2_rows import DictRows, fields_of

from twin.cql2 import parse
from twin.crs import from_geographic, to_geographic
from twin.errors import InvalidRequestError
from twin.features.asking import Kind

FIELDS = fields_of({"geometry": Kind.SHAPE})


def _points(crs: str, n: int = 400) -> tuple[DictRows, np.ndarray, np.ndarray]:
    """Points around 114.3° E, 30.6° N, and their places in a system."""
    lon, lat = np.random.default_rng(3).uniform((114.0, 30.4), (114.6, 30.8), (n, 2)).T
    rows = [{"geometry": p, "_low": None, "_high": None} for p in shapely.points(lon, lat)]
    x, y, _ = from_geographic(crs, lon, lat)
    return DictRows(rows, FIELDS), x, y


@pytest.mark.parametrize("crs", ["EPSG:4547", "EPSG:3857", "EPSG:2436", "GCJ-02", "BD-09", "EPSG:4610", "EPSG:4490@yx", "EPSG:4547@yx",
                                 "http://www.opengis.net/def/crs/OGC/1.3/CRS84"])  # fmt: skip
def test_boxes_and_polygons_in_any_system(crs: str) -> None:
    rows, x, y = _points(crs)
    west, south, east, north = (
        *np.quantile(x, [0.2]),
        *np.quantile(y, [0.3]),
        *np.quantile(x, [0.7]),
        *np.quantile(y, [0.9]),
    )
    expected = ((x >= west) & (x <= east) & (y >= south) & (y <= north)).tolist()
    for literal in (
        f"BBOX({west},{south},{east},{north})",
        f"POLYGON(({west} {south},{east} {south},{east} {north},{west} {north},{west} {south}))",
    ):
        found = parse(f"S_INTERSECTS(geometry, {literal})", "cql2-text", FIELDS, crs=crs)
        assert found.holds(rows).tolist() == expected
        assert 0.1 < np.mean(expected) < 0.6


def test_a_long_edge_of_a_projected_shape_is_bent_as_it_should_be() -> None:
    """A straight edge of 200 km in a zone runs over 150 m north of the chord in degrees; points 5 cm on either side of it are told apart."""
    east = np.linspace(420_000, 580_000, 41)
    line = (
        "POLYGON((400000 3400000, 600000 3400000, 600000 3300000, 400000 3300000, 400000 3400000))"
    )
    found = parse(f"S_INTERSECTS(geometry, {line})", "cql2-text", FIELDS, crs="EPSG:4547")
    for off, hit in ((-0.05, True), (0.05, False)):
        lon, lat, _ = to_geographic("EPSG:4547", east, np.full(41, 3_400_000 + off))
        rows = [{"geometry": p, "_low": None, "_high": None} for p in shapely.points(lon, lat)]
        assert found.holds(DictRows(rows, FIELDS)).tolist() == [hit] * 41
    (w, e), (s, n), _ = to_geographic(
        "EPSG:4547", [400_000.0, 600_000.0], [3_400_000.0, 3_400_000.0]
    )
    _, y, _ = from_geographic("EPSG:4547", (w + e) / 2, (s + n) / 2)
    assert abs(float(y) - 3_400_000) > 150


def test_systems_and_places_that_are_not_there() -> None:
    with pytest.raises(InvalidRequestError, match="filter-crs") as caught:
        parse("S_INTERSECTS(geometry, POINT(1 2))", "cql2-text", FIELDS, crs="EPSG:999999")
    assert caught.value.parameter == "filter-crs"
    for literal in ("POINT(1e11 1e11)", "POINT(-900000000 3)"):
        with pytest.raises(InvalidRequestError):
            parse(f"S_INTERSECTS(geometry, {literal})", "cql2-text", FIELDS, crs="EPSG:4547")
