"""What lies within a reach: the things a caller may see, known at once for a state of the base.

A thing is within a reach if its class is, and any of its shapes meets the area (its middle where it has only a mesh,
its anchor where it has no shape; a thing without a place is in no area). Such a thing is seen as a whole, also where it
goes beyond the area.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.features.asking import Reach
from twin.store.read import rows
from twin.store.store import Store, statement

__all__ = ["EDGE", "Sight", "area_of_code", "inside", "sight_of"]

EDGE: Final = 1e-7
"""Degrees (1 cm) by which an area is drawn in, so that what only touches its edge from outside is not met."""
BOX: Final = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True, slots=True)
class Sight:
    """The things within a reach.

    Parameters
    ----------
    eids : ndarray of bytes (S36), shape (n,)
        Sorted; things that are no more included.
    counts : list of dict
        ``collection``, ``class_code``, ``n``, ``since``: what is there now, as ``sql/read_counts.sql``.
    extents : dict
        Collection → box (degrees, metres above the ellipsoid), as ``sql/read_extents.sql``.
    """

    eids: NDArray[np.bytes_]
    counts: list[dict[str, Any]]
    extents: dict[str, dict[str, Any]]
    digest: str = field(init=False)
    _attributes: dict[str, frozenset[str]] = field(init=False, default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Stamp of which things these are."""
        found = blake2b(self.eids.tobytes(), digest_size=8).hexdigest()
        object.__setattr__(self, "digest", found)

    def has(self, eid: str | None) -> bool:
        """Whether a thing is within it."""
        return eid is not None and bool(self.has_each([eid])[0])

    def has_each(self, eids: Sequence[str | None]) -> NDArray[np.bool_]:
        """Which of some things are within it, shape (n,)."""
        asked = np.array([(eid or "").encode("ascii", "replace") for eid in eids], dtype="S36")
        if not len(self.eids):
            return np.zeros(len(asked), bool)
        at = np.minimum(np.searchsorted(self.eids, asked), len(self.eids) - 1)
        return np.asarray(self.eids[at] == asked, bool)

    def attributes(self, store: Store, collection: str) -> frozenset[str]:
        """Names of the attributes that its things of a collection carry, in any of their states."""
        if collection not in self._attributes:
            found = self._asked(store, "read_fields_seen", {"collection": collection})
            self._attributes[collection] = frozenset(found["field"].to_pylist())
        return self._attributes[collection]

    def fed(self, store: Store) -> dict[str, dict[str, int]]:
        """Loads that the state of its things now is of: load → collection → how many of them."""
        out: dict[str, dict[str, int]] = {}
        for row in self._asked(store, "read_fed_seen", {}).to_pylist():
            out.setdefault(row["dataset_id"], {})[row["collection"]] = row["things"]
        return out

    def _asked(self, store: Store, name: str, values: dict[str, Any]) -> pa.Table:
        """Answer of a statement that reads ``seen``: the things by ``eid``."""
        seen = pa.table({"eid": pa.array(self.eids.astype("U36"), pa.string())})
        with store.cursor() as cursor:
            cursor.register("seen", seen)
            found = cursor.execute(statement(name), values).to_arrow_table()
            cursor.unregister("seen")
        return found

    def shows(self, eids: pa.Array, _box: tuple[float, ...] = ()) -> NDArray[np.bool_]:
        """Which of the identifiers of a column are within it."""
        return self.has_each(eids.to_pylist())

    def of(self, table: pa.Table) -> pa.Table:
        """The rows of a table whose ``eid`` is within it."""
        return table.filter(pa.array(self.has_each(table["eid"].to_pylist())))


def inside(
    area: shapely.Geometry | None, lon: Sequence[Any], lat: Sequence[Any]
) -> NDArray[np.bool_]:
    """Which points (degrees) lie in an area; where there is none, all do. A point that is missing lies in none."""
    if area is None:
        return np.ones(len(lon), bool)
    east, north = (np.array(side, dtype=float) for side in (lon, lat))
    shapely.prepare(area)
    met: NDArray[np.bool_] = shapely.intersects_xy(area, east, north) & np.isfinite(east + north)
    return met


def area_of_code(store: Store, code: str) -> shapely.Geometry:
    """Area of the administrative unit or grid cell of a code, degrees; empty where the base has none."""
    found = [shapely.from_wkb(row["wkb"]) for row in rows(store, "areas_of_code", code=code)]
    return shapely.force_2d(shapely.union_all(found)) if found else shapely.Polygon()


def sight_of(store: Store, reach: Reach, now: datetime) -> Sight:
    """Everything within a reach.

    Parameters
    ----------
    store : Store
    reach : Reach
    now : datetime
        UTC without a zone: what is counted is there then.
    """
    area = reach.area
    if area is not None and shapely.is_empty(area):
        return Sight(np.empty(0, "S36"), [], {})
    west, south, east, north = (None,) * 4 if area is None else shapely.bounds(area).tolist()
    table = store.table(
        statement("read_sight"),
        {
            "classes": None if reach.classes is None else sorted(reach.classes),
            **{"west": west, "south": south, "east": east, "north": north},
        },
    )
    if area is not None:
        table = table.filter(pa.array(_met(table, area)))
    eids = table["eid"].to_numpy(zero_copy_only=False).astype("S36")
    return Sight(np.unique(eids), *_counted(table, now))


def _met(table: pa.Table, area: shapely.Geometry) -> NDArray[np.bool_]:
    shapes = shapely.from_wkb(np.array(table["wkb"].to_pylist(), dtype=object))
    bare = shapely.is_missing(shapes)
    shapely.prepare(area)
    met = np.asarray(shapely.intersects(area, shapes), bool)
    met[bare] = inside(
        area, table["lon"].to_numpy()[bare].tolist(), table["lat"].to_numpy()[bare].tolist()
    )
    return met


def _counted(
    table: pa.Table, now: datetime
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    frame = table.drop_columns(["wkb", "lon", "lat"]).to_pandas()
    begun = frame["valid_from"].isna() | (frame["valid_from"] <= now)
    present = frame[begun & (frame["valid_to"].isna() | (frame["valid_to"] > now))]
    boxes = present.groupby("collection")[[*BOX, "zmin", "zmax"]]
    low, high = boxes.min(), boxes.max()
    extents: dict[str, dict[str, Any]] = {}
    for collection in low.index:
        sides = {name: low.at[collection, name] for name in ("xmin", "ymin", "zmin")}
        sides |= {name: high.at[collection, name] for name in ("xmax", "ymax", "zmax")}
        extents[str(collection)] = {
            name: None if value != value else float(value) for name, value in sides.items()
        }
    counts = []
    once = present.drop_duplicates("eid")
    for (collection, code), group in once.groupby(["collection", "class_code"], sort=True):
        since = group["valid_from"].min()
        begins = None if since != since else since.to_pydatetime()
        counts.append(
            {"collection": collection, "class_code": code, "n": len(group), "since": begins}
        )
    return counts, extents
