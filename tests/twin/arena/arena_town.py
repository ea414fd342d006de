"""A base of things made by hand for the readers: written by plain SQL, as loads and edits write it."""

import json
from datetime import datetime

import numpy as np
import pyarrow as pa
import shapely

from twin.hilbert import hilbert_key
from twin.ids import uuid7
from twin.store import Store
from twin.store.read import Box

NOW = datetime(2026, 3, 1)
ENTITY = """
INSERT INTO entity SELECT eid::UUID, class_code, 'e', collection, name, height_m, floors, attributes::JSON, 'in_use',
       valid_from, valid_to, $now, NULL, NULL FROM incoming"""
GEOMETRY = """
INSERT INTO geometry SELECT uuid(), eid::UUID, role, '1', NULL, wkb, NULL, NULL, NULL, zmin, zmax, xmin, ymin, xmax, ymax, hilbert, NULL
FROM incoming WHERE role IS NOT NULL"""
ANCHOR = """
INSERT INTO anchor SELECT 'entity', eid, 'entity', eid::UUID, NULL, NULL, NULL, NULL, NULL, foot, foot, 'terrain', 1, NULL, NULL, $now
FROM incoming WHERE foot IS NOT NULL"""
CHANGE = """
INSERT INTO change (at_time, kind, subject_kind, subject_id, collection, dataset_id)
SELECT $now, kind, 'entity', eid, collection, NULL FROM incoming"""
SCHEMA = pa.schema(
    [("eid", pa.string()), ("class_code", pa.string()), ("collection", pa.string()), ("name", pa.string()),
     ("height_m", pa.float64()), ("floors", pa.int32()), ("attributes", pa.string()), ("valid_from", pa.timestamp("us")),
     ("valid_to", pa.timestamp("us")), ("role", pa.string()), ("wkb", pa.binary()), ("zmin", pa.float64()), ("zmax", pa.float64()),
     ("xmin", pa.float64()), ("ymin", pa.float64()), ("xmax", pa.float64()), ("ymax", pa.float64()), ("hilbert", pa.int64()),
     ("foot", pa.float64()), ("kind", pa.string())]
)  # fmt: skip
ROLES = {"Point": "point", "LineString": "centreline", "Polygon": "footprint"}


def thing(shape=None, *, eid=None, collection="buildings", box=None, attributes=None, **more):
    """A row of the base; ``box`` (w, s, e, n) for one that has only a mesh."""
    row = dict.fromkeys(SCHEMA.names) | {
        "eid": eid or uuid7(), "collection": collection, "class_code": "building", "kind": "create",
        "attributes": json.dumps(attributes or {}, ensure_ascii=False),
    }  # fmt: skip
    bounds = box
    if shape is not None:
        row |= {"role": ROLES.get(shape.geom_type, "area"), "wkb": shapely.to_wkb(shape)}
        bounds = None if shape.is_empty else shape.bounds
    elif box is not None:
        row["role"] = "mesh"
    if bounds is not None:
        row |= dict(zip(("xmin", "ymin", "xmax", "ymax"), map(float, bounds), strict=True))
        middle = np.add(bounds[:2], bounds[2:]) / 2
        row["hilbert"] = int(hilbert_key([middle[0]], [middle[1]])[0])
    return row | more


def write(store: Store, rows, ended=()) -> None:
    """Put things in the place of those with the same ids, and end others, in one transaction."""
    incoming = pa.Table.from_pylist(
        [*rows, *(thing(eid=eid, kind="end", collection=collection) for collection, eid in ended)],
        SCHEMA,
    )
    with store.transaction() as con:
        con.register("incoming", incoming)
        for name in ("entity", "geometry"):
            con.execute(f"DELETE FROM {name} WHERE eid IN (SELECT eid::UUID FROM incoming)")  # noqa: S608 -- constant names
        con.execute("DELETE FROM anchor WHERE subject_id IN (SELECT eid FROM incoming)")
        con.register("incoming", incoming.filter(pa.compute.not_equal(incoming["kind"], "end")))
        con.execute(ENTITY, {"now": NOW})
        con.execute(GEOMETRY)
        con.execute(ANCHOR, {"now": NOW})
        con.register("incoming", incoming)
        con.execute(CHANGE, {"now": NOW})
        con.unregister("incoming")


class Where:
    """A condition made by hand: on a field, or meeting a shape; satisfies ``twin.features.asking.Condition``."""

    def __init__(self, key, names, test, box=None):
        self.key, self.names, self._test, self.box = key, frozenset(names), test, box

    def holds(self, rows):
        return self._test(rows)

    @classmethod
    def equals(cls, name, value):
        def test(rows):
            values, known = rows.column(name)
            return known & np.array(values == value, dtype=bool)

        return cls(f"{name}={value!r}", [name], test)

    @classmethod
    def above(cls, name, value):
        def test(rows):
            values, known = rows.column(name)
            return known & (values > value)

        return cls(f"{name}>{value!r}", [name], test)

    @classmethod
    def meets(cls, shape):
        return cls(
            shape.wkt,
            ["geometry"],
            lambda rows: shapely.intersects(shape, rows.shapes()),
            Box(*shape.bounds),
        )


def plain(page):
    """What a page says, comparable."""
    return page.version, page.matched, [bytes(feature) for feature in page.features]
