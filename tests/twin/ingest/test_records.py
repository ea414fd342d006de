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
    images: pa.Table | None = None


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
    assert "interrupted" in store.scalar("SELECT reason FROM anchor_pending")

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


def states(store: Store) -> list[dict]:
    return store.table(
        "SELECT r.key, e.class_code, e.name, e.height_m, e.attributes::VARCHAR AS attributes, g.role, g.wkb, g.xmin, g.hilbert, "
        "(SELECT list(scheme || '=' || value ORDER BY scheme, value) FROM alias a WHERE a.eid = e.eid) AS aliases "
        "FROM source_record r JOIN entity e USING (eid) JOIN geometry g USING (eid) ORDER BY r.key"
    ).to_pylist()


def test_the_straight_way_of_a_first_delivery_writes_what_the_general_way_writes(
    tmp_path, monkeypatch
):
    table = trees(*"abcdefgh")
    made = table.set_column(1, "key", pa.array(["a", "b", None, None, "e", "f", "g", "h"]))
    made = made.set_column(
        made.schema.get_field_index("attributes"), "attributes", pa.array(['{"height_m":3.5}'] * 8)
    )
    results = []
    for name, most, known in (
        ("one", 500_000, False),
        ("parts", 3, False),
        ("general", 500_000, True),
    ):
        monkeypatch.setattr("twin.ingest.records.MOST_HELD", most)
        monkeypatch.setattr("twin.ingest.records._is_known", lambda *_, known=known: known)
        with Store.open(City.init(tmp_path / name)) as opened:
            balance = load_records(
                opened, source(), [Batch(made.slice(0, 4)), Batch(made.slice(4))], Heights(0.0)
            )
            anchor_everything(opened, Heights(0.0))
            assert broken(opened) == []
            results.append((balance, states(opened)))

    assert results[0] == results[1] == results[2]
    assert results[0][0].loaded == 8
    assert results[0][1][0]["height_m"] == 3.5


def test_a_layer_that_repeats_an_id_keeps_the_first_and_says_so(store):
    balance = load_records(
        store, source(), [Batch(trees("a", "b")), Batch(trees("b", "c"))], Heights(0.0)
    )

    assert (balance.loaded, balance.quarantined) == (3, 1)
    assert "'b' was already used" in store.scalar("SELECT reason FROM quarantine")


def test_a_first_delivery_meets_the_buildings_already_known(store):
    def house(key, shift):
        shape = shapely.box(114.0 + shift, 30.0, 114.0003 + shift, 30.0003)
        row = {
            "row": 0,
            "key": key,
            "class_code": "building",
            "attributes": "{}",
            "geometry": shapely.to_wkb(shape),
            "role": "footprint",
        }
        return Batch(pa.Table.from_pylist([row], schema=RECORDS))

    load_records(store, source("a.shp"), [house("1", 0.0)], Heights(0.0))
    balance = load_records(
        store, source("b.shp"), [house("2", 0.000002), house("3", 0.01)], Heights(0.0)
    )

    assert (balance.merged, balance.loaded) == (1, 1)
    assert store.scalar("SELECT count(*) FROM entity") == 2
