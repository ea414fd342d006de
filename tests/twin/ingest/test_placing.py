"""Where plain shapes come to lie, beside PROJ asked for every corner."""

import numpy as np
import pyarrow as pa
import pytest
import shapely

from twin import crs
from twin.heights import Heights
from twin.ingest.placing import place

AT = np.array([500_000.0, 3_300_000.0])
SHAPES = [
    shapely.box(*AT, *(AT + np.array([8, 6]))),
    shapely.box(*AT, *(AT + np.array([8, 6]))).difference(shapely.box(*(AT + 1), *(AT + 2))),
    shapely.Point(AT),
    shapely.LineString([AT, AT + 5, AT + np.array([5, 0]), AT]),
    shapely.multipolygons([shapely.box(*AT, *(AT + 1)), shapely.box(*(AT + 3), *(AT + 4))]),
    None,
    shapely.force_3d(shapely.box(*(AT + 20), *(AT + 30)), 12.5),
]


@pytest.mark.parametrize("kept", [SHAPES[:6], SHAPES, SHAPES[:1], [None]])
def test_every_corner_lies_where_proj_puts_it(kept):
    column = pa.array(shapely.to_wkb(np.array(kept, dtype=object), flavor="iso"), pa.binary())

    placed = place(column, "EPSG:4547", Heights(0.0), "ellipsoid")

    for given, wkb in zip(kept, placed.wkb.to_pylist(), strict=True):
        if given is None:
            assert wkb is None
            continue
        corners = shapely.get_coordinates(given)
        lon, lat, _ = crs.to_geographic("EPSG:4547", corners[:, 0], corners[:, 1])
        assert (
            shapely.get_coordinates(shapely.from_wkb(wkb)) == np.stack([lon, lat], axis=1)
        ).all()
