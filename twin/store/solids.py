"""Bodies of things as the base has them: shapes, heights and meshes, whole or of some things."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from twin.store.store import Store, statement

__all__ = ["Stamp", "bodies", "changed_since", "stamp"]


@dataclass(frozen=True, slots=True)
class Stamp:
    """State that bodies were read at: place in the log of changes, number and newest time of the anchors (UTC)."""

    seq: int
    anchors: int
    anchored: datetime


def stamp(store: Store) -> Stamp:
    """State of the base now."""
    row = store.table(statement("solids_stamp")).to_pylist()[0]
    return Stamp(row["seq"], row["anchors"], row["anchored"])


def changed_since(store: Store, then: Stamp, most: int) -> list[str] | None:
    """Ids of things that changed after a state; None where more than ``most`` did, or others than things."""
    asked = {"since": then.seq, "anchored": then.anchored, "most": most + 1}
    rows = store.table(statement("solids_changes"), asked)
    kinds, found = rows["subject_kind"].to_pylist(), rows["subject_id"].to_pylist()
    if len(found) > most or any(kind != "entity" for kind in kinds):
        return None
    return sorted(set(found))


def bodies(store: Store, eids: Sequence[str] | None = None) -> pa.Table:
    """Bodies of all things, or of some.

    Returns
    -------
    pyarrow.Table
        eid, class_code, collection, name, height_m, floors, role, asset, mesh_id, matrix, wkb (degrees), zmin, zmax,
        diameter_mm, ground_z, z, hollow; as many rows for a thing as it has meshes, else one.
    """
    sql = statement("solids_things")
    if eids is None:
        return store.table(sql.replace("{only}", "true"))
    wanted = "e.eid IN (SELECT unnest($eids::UUID[]))"
    return store.table(sql.replace("{only}", wanted), {"eids": list(eids)})
