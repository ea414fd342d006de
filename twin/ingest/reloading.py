"""What a new delivery of a known source says: added, changed, moved, split, merged, gone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.ingest.source import Source
from twin.store import run

__all__ = ["Reload", "Reloading", "lineage_edges"]

Rows = list[dict[str, Any]]
MOST_PART = 0.6
"""A shape lies in another where the other covers at least this share of its area."""
_SHOWN = 200
"""So many single events are told; the counts are complete."""
_EARTH_M = 6_371_008.8


@dataclass(frozen=True, slots=True)
class Reload:
    """Counts of a delivery against the one before, and single events.

    ``added``, ``changed`` (other attributes, perhaps another shape too) and ``moved`` (only another shape) count records;
    ``split``, ``merged``, ``replaced`` and ``gone`` count things the delivery before had: parted into several, gone into
    another, taken over by one new thing, or missing without a successor. ``ended`` of them were closed (mode ``replace``).
    """

    added: int = 0
    changed: int = 0
    moved: int = 0
    split: int = 0
    merged: int = 0
    replaced: int = 0
    gone: int = 0
    ended: int = 0
    events: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def lineage_edges(old: Rows, new: Rows) -> Rows:
    """Which old things went into which new ones, by the areas they share.

    Parameters
    ----------
    old, new : list of dict
        ``eid`` and ``shape`` (valid polygon in EPSG:4490, or None). A thing that changed its shape stands in both with one
        ``eid``.

    Returns
    -------
    list of dict
        ``from_eid``, ``to_eid``, ``kind`` (``split_into``, ``merged_into``, ``replaced_by``), ``share`` of the old area;
        never from a thing to itself. A split has at least two parts that each lie in the old shape for
        ``MOST_PART`` of their area (the old thing may be one of them); a merge at least two old shapes that lie in the new
        one likewise.
    """
    shapes_old, shapes_new = _polygons(old), _polygons(new)
    i, j = shapely.STRtree(shapes_new).query(shapes_old, predicate="intersects")
    if not len(i):
        return []
    common = shapely.area(shapely.intersection(shapes_old[i], shapes_new[j]))
    share_old = common / shapely.area(shapes_old[i])
    in_new, in_old = share_old >= MOST_PART, common / shapely.area(shapes_new[j]) >= MOST_PART
    split = in_old & (np.bincount(i[in_old], minlength=len(old))[i] >= 2)
    merged = in_new & (np.bincount(j[in_new], minlength=len(new))[j] >= 2) & ~split
    from_eid = np.array([str(row["eid"]) for row in old], dtype=object)[i]
    to_eid = np.array([str(row["eid"]) for row in new], dtype=object)[j]
    other = from_eid != to_eid
    told = np.isin(from_eid.astype(str), from_eid[(split | merged) & other].astype(str))
    stands = np.isin(from_eid.astype(str), np.array([str(row["eid"]) for row in new], dtype=str))
    replaced = in_new & in_old & ~stands & ~told
    return [
        {
            "from_eid": from_eid[k],
            "to_eid": to_eid[k],
            "kind": kind,
            "share": round(float(share_old[k]), 4),
        }
        for mask, kind in (
            (split, "split_into"),
            (merged, "merged_into"),
            (replaced, "replaced_by"),
        )
        for k in np.flatnonzero(mask & other)
    ]


def _polygons(rows: Rows) -> NDArray[np.object_]:
    shapes = np.array([row["shape"] for row in rows], dtype=object)
    flat = shapely.get_dimensions(shapes) == 2
    flat &= shapely.area(shapes) > 0
    shapes[~flat] = None
    return shapes


class Reloading:
    """The comparison of one staged delivery with the base, in the steps of a load.

    Parameters
    ----------
    con : duckdb connection
        Inside the open write transaction, after the fates were decided.
    source : Source
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, source: Source) -> None:
        self.con, self.source = con, source
        known = con.execute(
            "SELECT 1 FROM source_record WHERE source_key = $k AND subject_kind = 'entity' LIMIT 1",
            {"k": source.key},
        ).fetchone()
        self.known = known is not None
        self.old: Rows = []
        self.edges: Rows = []
        self.events: Rows = []
        self.moved = 0

    def know_again(self) -> None:
        """Take new records for known things whose key changed with their content: same shape, or same attributes.

        Only records without a key of their own (their key is made of their content), and records that differ in the key
        alone.
        """
        if not self.known:
            return
        self.old = _shaped(run(self.con, "reload_old", source_key=self.source.key))
        gone = [row for row in self.old if row["key"] is None]
        if not gone:
            return
        fresh = [row for row in _shaped(run(self.con, "reload_new")) if row["fate"] == "create"]
        again = _paired(gone, fresh)
        if again:
            self.con.register("again", pa.Table.from_pylist(again))
            run(self.con, "reload_known_again", source_key=self.source.key)
            self.con.unregister("again")
            by_old = {row["old_key"]: row["key"] for row in again}
            for row in gone:
                row["key"] = by_old.get(row["old_key"])

    def compare(self) -> None:
        """Find what moved, and what was split, merged or replaced; after the new things have their ids."""
        if not self.old:
            return
        new = _shaped(run(self.con, "reload_new"))
        by_key = {row["key"]: row for row in new}
        old_shapes: Rows = []
        stayed: set[str] = set()
        for row in self.old:
            now = by_key.get(row["key"]) if row["key"] is not None else None
            if now is None:
                old_shapes.append(row)
                continue
            if row["wkb"] == now["wkb"]:
                stayed.add(now["key"])
                continue
            old_shapes.append(row)
            if _words(row) == _words(now):
                self.moved += 1
                self._tell("moved", row, distance_m=_distance_m(row["shape"], now["shape"]))
        self.edges = lineage_edges(old_shapes, [row for row in new if row["key"] not in stayed])

    def write(self) -> Reload:
        """Write lineage, end what a full delivery lacks, and tell it all."""
        counts = dict(self.con.execute("SELECT fate, count(*) FROM fate GROUP BY fate").fetchall())
        added = counts.get("create", 0) + counts.get("merge", 0)
        changed = counts.get("change", 0) - self.moved
        kinds: dict[str, set[str]] = defaultdict(set)
        for edge in self.edges:
            kinds[edge["kind"]].add(edge["from_eid"])
        missing = [row for row in self.old if row["key"] is None]
        followed = set().union(*kinds.values()) if kinds else set()
        gone = [row for row in missing if row["eid"] not in followed]
        self._tell_edges()
        for row in gone:
            self._tell("gone", row)
        ended = self._end(missing) if self.source.mode == "replace" else 0
        return Reload(
            added,
            changed,
            self.moved,
            len(kinds["split_into"]),
            len(kinds["merged_into"]),
            len(kinds["replaced_by"]),
            len(gone),
            ended,
            tuple(self.events[:_SHOWN]),
        )

    def _end(self, missing: Rows) -> int:
        stamp: dict[str, Any] = {"source_key": self.source.key, "at_time": self.source.started}
        if self.edges:
            self.con.register("edges", pa.Table.from_pylist(self.edges))
            run(self.con, "reload_lineage", **stamp)
            self.con.unregister("edges")
        alone = [{"eid": row["eid"]} for row in missing if row["n_others"] == 0]
        if missing:
            self.con.register(
                "missing", pa.Table.from_pylist([{"old_key": r["old_key"]} for r in missing])
            )
            run(self.con, "reload_forget", **stamp)
            self.con.unregister("missing")
        if alone:
            self.con.register("ended", pa.Table.from_pylist(alone))
            run(self.con, "reload_end", dataset_id=self.source.dataset_id, **stamp)
            self.con.unregister("ended")
        return len(alone)

    def _tell(self, event: str, row: Mapping[str, Any], **more: object) -> None:
        if len(self.events) < _SHOWN:
            told = {"event": event, "eid": row["eid"], "key": row["old_key"], "name": row["name"]}
            self.events.append({**told, **more})

    def _tell_edges(self) -> None:
        by_eid = {row["eid"]: row for row in self.old}
        into: dict[tuple[str, str], Rows] = defaultdict(list)
        for edge in self.edges:
            into[edge["from_eid"], edge["kind"]].append(
                {"eid": edge["to_eid"], "share": edge["share"]}
            )
        names = {"split_into": "split", "merged_into": "merged", "replaced_by": "replaced"}
        for (eid, kind), successors in into.items():
            self._tell(names[kind], by_eid[eid], into=successors)


def _shaped(answer: duckdb.DuckDBPyConnection) -> Rows:
    """Rows with their geometry as ``shape``."""
    rows: Rows = answer.to_arrow_table().to_pylist()
    for row, shape in zip(rows, shapely.from_wkb([r["wkb"] for r in rows]), strict=True):
        row["shape"] = shape
    return rows


def _words(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a record says beside its shape."""
    return row["name"], row["class_code"], row["attributes"]


def _speaking(row: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """What a record says, where it says anything."""
    return _words(row) if row["name"] or row["attributes"] not in (None, "{}") else None


def _paired(gone: Rows, fresh: Rows) -> Rows:
    """Gone and new records that are one thing; only where the pairing is one to one."""
    out: Rows = []
    used: set[str] = set()

    def pair(wanted: Any, old: Rows, new: Rows) -> None:  # noqa: ANN401 -- a function row → hashable or None
        of: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
        for row in new:
            if (word := wanted(row)) is not None and row["key"] not in used:
                of[word].append(row)
        alike: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
        for row in old:
            if (word := wanted(row)) is not None and row["old_key"] not in used:
                alike[word].append(row)
        for word, befores in alike.items():
            afters = of.get(word, [])
            if len(befores) == len(afters) == 1:
                before, after = befores[0], afters[0]
                used.update((before["old_key"], after["key"]))
                out.append(
                    {"key": after["key"], "old_key": before["old_key"], "eid": before["eid"]}
                )

    keyless_old = [row for row in gone if row["old_key"].startswith("content:")]
    keyless_new = [row for row in fresh if row["key"].startswith("content:")]
    pair(lambda r: (r["wkb"], *_words(r)) if r["wkb"] else None, gone, fresh)
    pair(lambda r: (r["wkb"], r["class_code"]) if r["wkb"] else None, keyless_old, keyless_new)
    pair(_speaking, keyless_old, keyless_new)
    return out


def _distance_m(a: shapely.Geometry | None, b: shapely.Geometry | None) -> float | None:
    """Metres between the centres of two shapes in degrees (great circle)."""
    if a is None or b is None:
        return None
    p, q = shapely.centroid(a), shapely.centroid(b)
    lon, lat = np.radians([p.x, q.x]), np.radians([p.y, q.y])
    h = np.sin((lat[1] - lat[0]) / 2) ** 2 + np.cos(lat[0]) * np.cos(lat[1]) * (
        np.sin((lon[1] - lon[0]) / 2) ** 2
    )
    return round(float(2 * _EARTH_M * np.arcsin(np.sqrt(h))), 3)
