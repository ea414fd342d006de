"""Things on the map, a collection at a time or what meets a box."""

import pyarrow as pa

from twin.store.store import Store, statement

__all__ = [
    "Mark",
    "flat_collections",
    "flat_count",
    "flat_rows",
    "flat_touched",
    "flat_version",
    "flat_versions",
    "flat_within",
]

_COUNT = "SELECT count(*) FROM entity WHERE collection = $collection AND valid_to IS NULL"
_VERSION = "SELECT coalesce(max(seq), 0) FROM change WHERE collection = $collection"

_VERSIONS = (
    "SELECT collection, max(seq) AS seq, max_by(coalesce(subject_id, ''), seq) AS subject, max_by(epoch_us(at_time), seq) AS at "
    "FROM change GROUP BY collection"
)
Mark = tuple[int, str, int | None]
"""Number of a change, what it was about, when (microseconds): told from one of the same number in another base."""


def flat_rows(store: Store, collection: str) -> pa.Table:
    """All things of a collection that have a shape on the map, each once, with its best shape.

    Returns
    -------
    pyarrow.Table
        eid, class_code, name, wkb (degrees), attributes (JSON), height_m, floors.
    """
    return store.table(statement("scene_flat"), {"collection": collection})


def flat_within(store: Store, collection: str, box: tuple[float, float, float, float]) -> pa.Table:
    """:func:`flat_rows` of things any of whose shapes meets a box (west, south, east, north, degrees)."""
    west, south, east, north = box
    given = {"west": west, "south": south, "east": east, "north": north}
    return store.table(statement("scene_flat_within"), {"collection": collection} | given)


def flat_touched(store: Store, collection: str, since: int) -> pa.Table:
    """What changed of a collection after change number ``since``.

    Returns
    -------
    pyarrow.Table
        eid (null where a change names no thing), xmin, ymin, xmax, ymax (degrees, null for none).
    """
    given = {"collection": collection, "since": since}
    return store.table(statement("scene_flat_touched"), given)


def flat_collections(store: Store) -> list[str]:
    """Collections that have shapes on the map, by name."""
    found: list[str] = store.table(statement("scene_flat_collections"))["collection"].to_pylist()
    return found


def flat_count(store: Store, collection: str) -> int:
    """Things of a collection now, with or without a shape."""
    return int(store.scalar(_COUNT, {"collection": collection}))


def flat_version(store: Store, collection: str) -> int:
    """Number of the last change of a collection in the log; 0 where there is none."""
    return int(store.scalar(_VERSION, {"collection": collection}))


def flat_versions(store: Store) -> tuple[dict[str | None, int], dict[str | None, Mark]]:
    """Number, and mark, of the last change of every collection; None stands for changes that name none."""
    rows = store.table(_VERSIONS).to_pylist()
    marks = {row["collection"]: (row["seq"], row["subject"], row["at"]) for row in rows}
    return {name: mark[0] for name, mark in marks.items()}, marks
