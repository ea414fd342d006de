"""Real footprints of Shenzhen Nanshan through the building tiler."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyogrio
import pytest
import shapely

from tiles.buildings import build_buildings
from tiles.check_tileset import TilesetCheck

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "china" / "derived"


@pytest.mark.real
def test_nanshan_footprints_make_a_clean_tileset(tmp_path):
    source = DATA / "nanshan_wgs84.geojson"
    if not source.exists():
        pytest.skip("the shared real data is not on this machine")
    frame = pyogrio.read_dataframe(source)
    frame = frame[frame.geometry.is_valid & ~frame.geometry.is_empty]
    n = len(frame)
    table = pa.table(
        {
            "eid": [f"{i:032x}" for i in range(n)],
            "class_code": ["building"] * n,
            "name": [""] * n,
            "height_m": np.full(n, 20.0),
            "floors": pa.nulls(n, pa.int32()),
            "base_z": np.zeros(n),
            "wkb": shapely.to_wkb(frame.geometry.values),
        }
    )
    out = tmp_path / "buildings"
    out.mkdir()
    layer = build_buildings(table, None, lambda name, b: (out / name).write_bytes(b))
    assert layer.features == n > 1000
    run = TilesetCheck(tmp_path)
    run.run(out / "tileset.json")
    assert run.findings == []
    assert len(run.eid) == n
