"""A model's first delivery leaves the same whether it is written straight or through the temporary tables."""

import numpy as np
import pyarrow as pa
import pytest
import shapely

from twin.city import City
from twin.heights import Heights
from twin.ingest import Source, load_records, records
from twin.ingest.records import OneRecord
from twin.schema import MESHES, RECORDS, REPRESENTATIONS
from twin.store import Store
from twin.verify import verify

LEFT = {
    "entity": "SELECT r.key, e.* EXCLUDE (eid, known_from, dataset_id) FROM entity e JOIN source_record r USING (eid) ORDER BY e.rowid",
    "geometry": "SELECT r.key, g.* EXCLUDE (gid, eid, dataset_id) FROM geometry g JOIN source_record r USING (eid) ORDER BY r.key, g.role, g.lod",
    "alias": "SELECT a.scheme, a.value, r.key FROM alias a JOIN source_record r USING (eid) ORDER BY ALL",
    "relation": "SELECT a.key AS src, b.key AS dst, kind FROM relation JOIN source_record a ON a.eid = src "
    "JOIN source_record b ON b.eid = dst ORDER BY ALL",
    "source_record": "SELECT source_key, key, subject_kind, record_hash::VARCHAR AS h, outcome FROM source_record ORDER BY ALL",
    "change": "SELECT c.* EXCLUDE (at_time, subject_id, dataset_id), r.key FROM change c JOIN source_record r "
    "ON r.eid::VARCHAR = c.subject_id ORDER BY seq",
    "quarantine": "SELECT row_number, reason, record::VARCHAR AS said FROM quarantine ORDER BY ALL",
    "mesh_asset": "SELECT asset, n_meshes, n_triangles, bytes FROM mesh_asset",
    "dataset": "SELECT n_in, n_loaded, n_merged, n_unchanged, n_quarantined FROM dataset",
}


def source(key: str = "tower.city.json") -> Source:
    return Source(key, key, "tower", "CityJSON 2.0", "model", "0" * 64, "EPSG:4547", "EPSG:4547", "declared", 1.0)  # fmt: skip


def tower() -> OneRecord:
    """A building without an outline, two parts with shapes, a room that makes no sense, a repeated id, an orphan."""
    at = [500_000.0, 3_400_000.0]

    def matrix(east: float) -> list[float]:
        return [1, 0, 0, at[0] + east, 0, 1, 0, at[1], 0, 0, 1, 12, 0, 0, 0, 1]

    floor = shapely.to_wkb(shapely.box(at[0], at[1], at[0] + 8, at[1] + 6))
    rows = [
        {"key": "b", "class_code": "building", "attributes": '{"height_m":9.5,"floors":3}', "role": "none", "name": "塔楼"},
        {"key": "p1", "class_code": "building_part", "parent_key": "b", "relation": "part_of", "mesh_id": "m", "matrix": matrix(0),
         "role": "mesh", "lod": "2", "aliases": [{"scheme": "gml.id", "value": "p1"}, {"scheme": "building.code", "value": "X"}]},
        {"key": "p2", "class_code": "building_part", "parent_key": "b", "mesh_id": "m", "matrix": matrix(30), "role": "mesh",
         "geometry": floor, "lod": "2"},
        {"key": "r", "class_code": "room", "parent_key": "p1", "fault": "it makes no sense"},
        {"key": "p1", "class_code": "building_part"},
        {"key": "o", "class_code": "building_part", "parent_key": "gone", "geometry": floor, "role": "footprint"},
    ]  # fmt: skip
    further = [{"key": key, "role": "mesh", "lod": "1", "mesh_id": "m", "matrix": matrix(0)} for key in ("p1", "r")]  # fmt: skip
    box = np.array([[x, y, z] for x in (0, 8) for y in (0, 6) for z in (0, 9)], "<f4")
    meshes = {
        "mesh_id": ["m"],
        "positions": [box.tobytes()],
        "normals": [np.tile(np.array([0, 0, 1], "<f4"), (8, 1)).tobytes()],
        "colors": [np.full((8, 4), 255, np.uint8).tobytes()],
        "indices": [np.array([[0, 2, 6], [0, 6, 4], [1, 7, 3]], "<u4").tobytes()],
    }
    return OneRecord(
        pa.Table.from_pylist([{"row": i, **row} for i, row in enumerate(rows)], schema=RECORDS),
        pa.table(meshes, schema=MESHES),
        pa.Table.from_pylist(further, schema=REPRESENTATIONS),
    )


def left_by(folder, monkeypatch, most: int) -> dict[str, list[dict]]:
    monkeypatch.setattr(records, "MOST_MODEL_BYTES", most)
    with Store.open(City.init(folder)) as store:
        load_records(store, source(), [tower()], Heights(-12.8))
        assert [law.law for law in verify(store) if law.broken] == []
        return {name: store.table(sql).to_pylist() for name, sql in LEFT.items()}


def test_both_ways_leave_the_same_tables(tmp_path, monkeypatch):
    straight = left_by(tmp_path / "straight", monkeypatch, 1 << 30)
    staged = left_by(tmp_path / "staged", monkeypatch, 0)

    assert straight == staged
    assert {row["key"] for row in straight["entity"]} == {"b", "p1", "p2", "o"}
    assert [(r["src"], r["dst"]) for r in straight["relation"]] == [("p1", "b"), ("p2", "b")]
    roles = [(row["key"], row["role"]) for row in straight["geometry"]]
    assert roles == [("b", "footprint"), ("o", "footprint"), ("p1", "mesh"), ("p1", "mesh"), ("p2", "mesh")]  # fmt: skip
    assert len(straight["quarantine"]) == 2


@pytest.mark.parametrize("most", [0, 1 << 30])
def test_a_second_delivery_changes_nothing(tmp_path, monkeypatch, most):
    monkeypatch.setattr(records, "MOST_MODEL_BYTES", most)
    with Store.open(City.init(tmp_path / "city")) as store:
        load_records(store, source(), [tower()], Heights(-12.8))
        again = load_records(store, source(), [tower()], Heights(-12.8))

        assert (again.loaded, again.unchanged, again.quarantined) == (0, 4, 2)
        assert store.scalar("SELECT count(*) FROM geometry") == 5


def test_a_model_of_a_known_building_is_merged_with_it(tmp_path):
    with Store.open(City.init(tmp_path / "city")) as store:
        load_records(store, source(), [tower()], Heights(-12.8))
        other = load_records(store, source("tower again.city.json"), [tower()], Heights(-12.8))

        assert other.merged >= 1
        assert [law.law for law in verify(store) if law.broken] == []
