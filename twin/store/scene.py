"""The base as the tiler sees it: Arrow tables in canonical coordinates, ready to draw."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.cloud import CloudAsset
from twin.cloud.placed import PlacedCloud
from twin.heights import Heights
from twin.ingest.meshes import read_asset
from twin.store.flat import flat_collections, flat_rows, flat_version
from twin.store.rasters import Imagery, imagery_of, terrain_of
from twin.store.store import Store, statement
from twin.terrain import Surface

__all__ = ["Buildings", "Scene"]

BATCH = 1 << 17
MOST_EDITS = 200
"""More changes than that are not followed one by one."""
READ_OVER, MOST_RANGES, ROWS_A_RANGE = 2048, 24, 500
"""Rows between two that are read with them; ranges of one question, and rows that are worth a range beyond those."""
OF_BUILDINGS = ("buildings", "building_parts")
MOST_AT_ONCE = 8
"""More edits are not looked for in the rows they were in."""
OUTLINE_OF = pa.schema(
    [("eid", pa.string()), ("row", pa.int64()), ("thing", pa.int64())]
    + [(name, pa.float64()) for name in ("base_z", "xmin", "ymin", "xmax", "ymax")]
)
Box = tuple[float, float, float, float]


class Buildings:
    """The buildings of :meth:`Scene.buildings` at one moment, in batches and by rows.

    Satisfies ``tiles.outlines.BuildingRows``. All answers come from the transaction of one cursor: what is
    written meanwhile is not seen.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self._standing: tuple[Any, ...] = ()
        self._alone: frozenset[str] = frozenset()
        self._seen: tuple[pa.Table, pa.Table] | None = None

    def _state(self) -> tuple[Any, ...]:
        """Place in the log of changes, count and time of the anchors; of one moment, so asked once."""
        if not self._standing:
            self._standing = self._cursor.execute(statement("scene_stamp")).fetchone() or (
                0,
                0,
                None,
            )
        return self._standing

    def stamp(self) -> str:
        """Place in the log of changes, and when places were computed last."""
        return str(self._state())

    def outlines(self) -> Iterator[pa.RecordBatch]:
        """Where each building stands in the base, its ground and box (degrees)."""
        yield from self._cursor.execute(statement("scene_outlines")).to_arrow_reader(BATCH)

    def position(self) -> int:
        """Place in the log of changes that the answers stand at."""
        return int(self._state()[0])

    def changed(self, since: int) -> list[str] | None:
        """Buildings the log names after a place; None where it names more than single buildings, or too many."""
        asked = {"since": since, "most": MOST_EDITS + 1}
        found = self._cursor.execute(statement("scene_changes"), asked).fetchall()
        found = [row for row in found if row[0] != "raster" or row[2] != "imagery"]
        if len(found) > MOST_EDITS or any(kind != "entity" for kind, _, _ in found):
            return None
        others = sorted({eid for _, eid, collection in found if collection not in OF_BUILDINGS})
        if others and self._cursor.execute(statement("scene_above"), {"eids": others}).fetchone():
            return None  # a model or a part of something: buildings may give way to it
        return sorted({eid for _, eid, collection in found if collection in OF_BUILDINGS})

    def things_of(self, eids: list[str]) -> list[int]:
        """``thing`` of :meth:`outlines` of those that are in the base, whether they stand or not."""
        rows = self._cursor.execute(statement("scene_things_of"), {"eids": eids}).fetchall()
        return [row[0] for row in rows]

    def places(self) -> str:
        """Changes when places of things are computed anew."""
        _, count, latest = self._state()
        return f"{count} {'' if latest is None else latest.isoformat()}"

    def above(self, eids: list[str]) -> list[str]:
        """Buildings, and all that they are part of."""
        found, asked = set(eids), eids
        tied = False
        while asked:
            rows = self._cursor.execute(statement("scene_above"), {"eids": asked}).fetchall()
            tied |= bool(rows)
            asked = sorted({r[0] for r in rows if r[0]} - found)
            found |= set(asked)
        self._alone = frozenset() if tied else frozenset(found)
        return sorted(found)

    def outlines_of(
        self, known: pa.Table, *, places: str | None, beside: pa.Table | None = None
    ) -> pa.Table:
        """:meth:`outlines` of some buildings as they stand now, with their ``eid``.

        Parameters
        ----------
        known : pyarrow.Table
            ``eid`` and, null where unknown, ``row``, ``thing`` and ``base_z`` as they were.
        places : str, optional
            :meth:`places` of then.
        beside : pyarrow.Table, optional
            ``row`` and ``thing`` of others that :meth:`rows` will be asked for.
        """
        eids = known["eid"].to_pylist()
        if not self._alone.issuperset(eids):
            self.above(eids)
        if not self._alone.issuperset(eids):
            asked = {"eids": eids, "west": 0.0, "south": 1.0, "east": 0.0, "north": -1.0}
            return self._cursor.execute(statement("scene_outlines_near"), asked).to_arrow_table()
        fresh = None
        if len(eids) <= MOST_AT_ONCE and not known["row"].null_count:
            fresh = self._placed_since(places)
        if fresh is not None:
            rows = self._where_they_were(known, beside)
            if None not in rows:
                rows = [r and {**r, "base_z": fresh.get(r["eid"], r["base_z"])} for r in rows]
                standing = [r for r in rows if r]
                return pa.Table.from_pylist(standing, OUTLINE_OF)
        asked_ids = {"eids": eids}
        return self._cursor.execute(statement("scene_outlines_of"), asked_ids).to_arrow_table()

    def _placed_since(self, places: str | None) -> dict[str, float | None] | None:
        """Height of the ground at what got a place after a moment; None where that is not told one by one."""
        if places == self.places():
            return {}
        count, _, latest = (places or "").partition(" ")
        if count != str(self._state()[1]) or not latest:
            return None
        asked = {"since": datetime.fromisoformat(latest), "most": MOST_EDITS + 1}
        found = self._cursor.execute(statement("scene_placed_since"), asked).fetchall()
        return dict(found) if len(found) <= MOST_EDITS else None

    def _where_they_were(
        self, known: pa.Table, beside: pa.Table | None
    ) -> list[dict[str, Any] | None]:
        """Outlines from the rows buildings stood in, {} where one does not stand any more, None where one left them."""
        row, thing = (known[n].to_numpy() for n in ("row", "thing"))
        others = {n: [] if beside is None else beside[n].to_numpy() for n in ("row", "thing")}
        shapes = self._scan("scene_edited_shapes", np.append(row, others["row"]), row)
        things = self._scan("scene_edited_things", np.append(thing, others["thing"]), thing)
        self._seen = shapes.drop_columns("outline"), things.drop_columns("stands")
        (at, shaped), (of, named) = _found(shapes, row), _found(things, thing)
        found: list[dict[str, Any] | None] = []
        for i, said in enumerate(known.to_pylist()):
            box = shapes["outline"][at[i]].as_py() if shaped[i] else None
            there = {
                box["eid"] if box else None,
                things["eid"][of[i]].as_py() if named[i] else None,
            }
            if there != {said["eid"]} or not shapes["wkb"][at[i]].is_valid:
                found.append(None)
            else:
                found.append({**said, **(box or {})} if things["stands"][of[i]].as_py() else {})
        return found

    def rows(self, wanted: pa.Table, box: Box) -> pa.Table:  # noqa: ARG002 - rows are ranges already
        """Buildings by ``row``, ``thing`` and ``base_z`` of :meth:`outlines`; ``box`` holds the middles of all (degrees)."""
        rows, things = wanted["row"].to_numpy(), wanted["thing"].to_numpy()
        shapes = self._read("scene_building_shapes", 0, rows)
        named = self._read("scene_building_things", 1, things)
        at, shaped = _found(shapes, rows)
        of, known = _found(named, things)
        both = np.flatnonzero(shaped & known)
        columns = {"row": pa.array(rows[both]), "base_z": wanted["base_z"].take(pa.array(both))}
        for table, taken in ((named, of[both]), (shapes, at[both])):
            chosen = table.drop_columns("r").take(pa.array(taken))
            columns |= dict(zip(chosen.column_names, chosen.columns, strict=True))
        return pa.table(columns)

    def _read(self, name: str, which: int, numbers: NDArray[np.int64]) -> pa.Table:
        """Rows of a statement; what was seen already is not asked for again."""
        if self._seen is None:
            return self._scan(name, numbers)
        seen = self._seen[which]
        missing = numbers[~_found(seen, numbers)[1]]
        if not len(missing):
            return seen
        return pa.concat_tables([seen, self._scan(name, missing)]).combine_chunks()

    def _scan(
        self, name: str, numbers: NDArray[np.int64], own: NDArray[np.int64] | None = None
    ) -> pa.Table:
        """What a statement gives for ranges that hold some rows; of many, those between them are let go batch by batch."""
        wanted = np.sort(numbers)
        ranges = _ranges(wanted) if len(wanted) else [(0, -1)]
        few = sum(last - first + 1 for first, last in ranges) <= BATCH
        found: list[pa.Table] = []
        for start in range(0, len(ranges), MOST_RANGES):
            bound: dict[str, Any] = {} if own is None else {"own": own.tolist()}
            scans = []
            for i, (first, last) in enumerate(ranges[start : start + MOST_RANGES]):
                bound |= {f"a{i}": first, f"b{i}": last}
                scans.append(f"{statement(name)} WHERE rowid BETWEEN $a{i} AND $b{i}")
            asked = self._cursor.execute(" UNION ALL ".join(scans), bound)
            if few:
                found.append(asked.to_arrow_table())
                continue
            reader = asked.to_arrow_reader(BATCH)
            found.append(pa.Table.from_batches((_only(b, wanted) for b in reader), reader.schema))
        return pa.concat_tables(found).combine_chunks()


def _found(table: pa.Table, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each row stands in a scan, and whether it is there."""
    numbers = table["r"].to_numpy()
    if not len(numbers):
        return np.zeros(len(rows), np.int64), np.zeros(len(rows), bool)
    order = np.argsort(numbers, kind="stable")
    at = order[np.minimum(np.searchsorted(numbers, rows, sorter=order), len(order) - 1)]
    return at, numbers[at] == rows


def _only(batch: pa.RecordBatch, wanted: NDArray[np.int64]) -> pa.RecordBatch:
    """Rows of a scan that are wanted; those are sorted."""
    numbers = batch["r"].to_numpy()
    near = wanted[np.minimum(np.searchsorted(wanted, numbers), len(wanted) - 1)]
    kept = near == numbers
    return batch if kept.all() else batch.filter(pa.array(kept))


def _ranges(found: NDArray[np.int64]) -> list[tuple[int, int]]:
    """First and last of the runs that rows, sorted, lie in: the widest gaps are left out, small ones read over."""
    gaps = np.diff(found)
    wide = np.flatnonzero(gaps > READ_OVER)
    most = max(MOST_RANGES, len(found) // ROWS_A_RANGE)
    wide = np.sort(wide[np.argsort(gaps[wide])[::-1][: most - 1]])
    first, last = np.append(found[0], found[wide + 1]), np.append(found[wide], found[-1])
    return list(zip(first.tolist(), last.tolist(), strict=True))


class Scene:
    """Everything that can be drawn of one city.

    Satisfies ``tiles.source.TileSource``. Tables are in Hilbert order of the things, so the same
    base gives
    the same rows in the same order.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def buildings(self) -> pa.Table:
        """Buildings whose best representation is the footprint; those with meshes are left to :meth:`meshes`."""
        return self._store.table(statement("scene_buildings"))

    def commits(self) -> int:
        """Transactions written so far; a base that others write to is not followed."""
        return self._store.commits

    @contextmanager
    def building_rows(self) -> Iterator[Buildings]:
        """The same buildings without holding them all: outlines first, shapes when asked for."""
        with self._store.snapshot() as cursor:
            yield Buildings(cursor)

    def meshes(self) -> pa.Table:
        """Placed meshes with the storey and the building they belong to."""
        return self._store.table(statement("scene_meshes"))

    def asset(self, sha: str) -> pa.Table:
        """Shapes of one mesh asset (:data:`twin.schema.MESHES`)."""
        return read_asset(self._store.assets, sha)

    def image(self, name: str) -> bytes | None:
        """Content of a picture among the assets; None where it is missing."""
        path = self._store.assets / Path(name).name
        return path.read_bytes() if path.is_file() else None

    def pipes(self) -> pa.Table:
        """Pipe axes in 3D."""
        return self._store.table(statement("scene_pipes"))

    def furniture(self) -> pa.Table:
        """管理部件 that are points, with the height they stand at."""
        return self._store.table(statement("scene_furniture"))

    def flat(self, collection: str) -> pa.Table:
        """Things of one collection on the map."""
        return flat_rows(self._store, collection)

    def collections(self) -> list[str]:
        """Collections that have shapes on the map."""
        return flat_collections(self._store)

    def version(self, collection: str) -> int:
        """Grows with every change of a collection."""
        return flat_version(self._store, collection)

    def clouds(self) -> list[PlacedCloud]:
        """Point clouds that stand in the base, in the order of their assets; missing assets are left out."""
        heights, ground = Heights(self._store.city.undulation), self.terrain()
        found = []
        for row in self._store.table(statement("scene_clouds")).to_pylist():
            path = self._store.assets / row["asset"]
            if path.is_file():
                asset = CloudAsset(path)
                found.append(PlacedCloud(row["eid"], row["name"] or "", asset, heights, ground))
        return found

    def terrain(self) -> Surface | None:
        """Ground surface."""
        return terrain_of(self._store)

    def imagery(self) -> list[Imagery]:
        """Orthophotos, the one that lies on top first."""
        return imagery_of(self._store)

    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of everything that has a place; a zero box where there is nothing."""
        row = self._store.table(statement("scene_bounds")).to_pylist()[0]
        return (row["west"] or 0.0, row["south"] or 0.0, row["east"] or 0.0, row["north"] or 0.0)
