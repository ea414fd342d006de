"""What a load of things leaves in the base, and what one that is cut off leaves."""

from dataclasses import dataclass

import pyarrow as pa
import pytest
import shapely

from twin.city import City
from twin.heights import Heights
from twin.ingest import Source, anchor_everything, anchors_pending, load_records
from twin.schema import RECORDS
from twin.store import Store
from twin.verify import verify


@dataclass(frozen=True)
class Batch:
    records: pa.Table
    meshes: pa.Table | None = None
    representations: pa.Table | None = None
    links: pa.Table | None = None
    findings: tuple[str, ...] = ()


def trees(*keys: str, lon: float = 114.0) -> pa.Table:
    rows = [
        {
            "row": i,
            "key": key,
            "class_code": "poi",
            "attributes": "{}",
            "geometry": shapely.to_wkb(shapely.Point(lon + i * 1e-4, 30.0)),
            "role": "point",
        }
        for i, key in enumerate(keys)
    ]
    return pa.Table.from_pylist(rows, schema=RECORDS)


def source(key: str = "trees.geojson", **more: object) -> Source:
    return Source(
        key, key, "trees", "GeoJSON", "features", "0" * 64, "EPSG:4490", "EPSG:4490", "declared", 1.0, **more
    )  # fmt: skip


@pytest.fixture
def store(tmp_path):
    with Store.open(City.init(tmp_path / "city")) as opened:
        yield opened


def broken(store: Store) -> list[str]:
    return [law.law for law in verify(store) if law.broken]


def test_what_batches_bring_to_light_stands_with_the_dataset_once(store):
    batches = [
        Batch(trees("a"), findings=("measures dropped",)),
        Batch(trees("b"), findings=("measures dropped", "curves drawn as lines")),
    ]

    load_records(store, source(findings=("no .prj",)), batches, Heights(0.0))

    assert store.scalar("SELECT findings FROM dataset") == [
        "no .prj",
        "measures dropped",
        "curves drawn as lines",
    ]


def test_a_load_that_ends_before_anchoring_leaves_everything_listed(store):
    load_records(store, source(), [Batch(trees("a", "b", "c"))], Heights(0.0))

    assert anchors_pending(store)
    assert broken(store) == []
    reasons = store.table("SELECT DISTINCT reason FROM anchor")["reason"].to_pylist()
    assert len(reasons) == 1
    assert "interrupted" in reasons[0]

    anchor_everything(store, Heights(0.0))

    assert not anchors_pending(store)
    assert store.scalar("SELECT count(*) FROM anchor WHERE lon IS NOT NULL") == 3


def test_a_thing_that_moved_is_anchored_anew_even_after_a_cut(store):
    load_records(store, source(), [Batch(trees("a"))], Heights(0.0))
    anchor_everything(store, Heights(0.0))

    load_records(store, source(), [Batch(trees("a", lon=115.0))], Heights(0.0))

    assert anchors_pending(store)
    anchor_everything(store, Heights(0.0))
    assert store.scalar("SELECT lon FROM anchor") == pytest.approx(115.0)
