"""Things edited one at a time: created, replaced, ended; whole or not at all, durable when the block has ended.

An edit does what a load does for each record: the state before goes to ``entity_history``, shapes are brought
into the base's coordinates and checked, the change is logged with its box, the anchor is computed anew.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import shapely

from twin import codes
from twin.errors import InvalidRequestError, NotFoundError
from twin.features.placing import HERE, anchor_again
from twin.heights import Heights
from twin.hilbert import hilbert_key
from twin.ids import uuid7
from twin.ingest.placing import place, refuse_heights
from twin.ingest.source import utc_now
from twin.store import Store, run
from twin.store.rasters import terrain_in
from twin.store.shapes import rounded

__all__ = ["SOURCE", "Draft", "Edit", "editing"]

SOURCE: Final = "api:items"
"""Source that edits are booked under."""
_ROLES: Final = {
    0: "point",
    1: "centreline",
    2: "centreline",
    3: "area",
    4: "point",
    5: "centreline",
    6: "area",
}
_AREAS: Final = frozenset({"buildings", "building_parts", "bridges", "rooms", "units", "storeys"})


@dataclass(frozen=True, slots=True)
class Draft:
    """What a thing shall be.

    Parameters
    ----------
    class_code : str
        Of the collection it stands in.
    name : str, optional
    attributes : Mapping
        ``height_m`` (metres) and ``floors`` among them, where they are known.
    shape : shapely.Geometry, optional
        In ``crs``; heights in metres above the ellipsoid.
    crs : str
        As :func:`twin.crs.canonical` understands it, ``@yx`` behind it for the second axis first.
    lifecycle : str
    valid_from, valid_to : datetime, optional
        UTC without a zone.
    """

    class_code: str
    name: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    shape: shapely.Geometry | None = None
    crs: str = "EPSG:4490"
    lifecycle: str = "in_use"
    valid_from: datetime | None = None
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Shape:
    wkb: bytes
    box: list[float | None]
    role: str
    hilbert: int


@contextmanager
def editing(store: Store, heights: Heights) -> Iterator["Edit"]:
    """Edits as one transaction; other writers wait, readers see what was before.

    Parameters
    ----------
    store : Store
    heights : Heights
        Of the city.
    """
    with store.transaction() as con:
        yield Edit(con, store, heights)


class Edit:
    """What can be done inside :func:`editing`."""

    def __init__(self, con: duckdb.DuckDBPyConnection, store: Store, heights: Heights) -> None:
        self._con, self._store, self._heights = con, store, heights
        self.at_time = utc_now()

    def create(self, collection: str, draft: Draft, client_id: str | None = None) -> str:
        """A new thing; its id.

        Parameters
        ----------
        collection : str
        draft : Draft
        client_id : str, optional
            What the client calls it: leads to it from now on, unless it leads elsewhere already.

        Raises
        ------
        InvalidRequestError
            If the class does not belong to the collection, or the shape cannot be used.
        """
        shape = self._placed(collection, draft, None)
        if shape is None:
            raise InvalidRequestError("geometry: null; a new thing needs a place.", "geometry")
        eid = str(uuid7())
        stamp = self._stamp(eid, collection, changed=0)
        run(self._con, "edit_create", HERE, **stamp, **_row(draft))
        self._write_shape(shape, stamp)
        if client_id:
            alias = {"scheme": f"source:{SOURCE}:{collection}", "value": client_id}
            run(self._con, "edit_alias", HERE, **alias, **stamp)
        self._log("create", stamp, [None] * 6)
        return eid

    def replace(self, collection: str, eid: str, draft: Draft) -> bool:
        """A thing gets a new state; whether it differs from the one it had.

        A shape equal to the one it is shown with leaves all its representations as they are.

        Raises
        ------
        NotFoundError
            If the collection has no such thing now.
        InvalidRequestError
            As :meth:`create`.
        """
        was = self._state(collection, eid)
        shape = self._placed(collection, draft, was)
        kept = was["wkb"] is None if shape is None else _same(shape.wkb, was["wkb"])
        row = _row(draft)
        if kept and _said(was) == _said(row):
            return False
        stamp = self._stamp(eid, collection, changed=1)
        run(self._con, "edit_keep", HERE, **stamp)
        run(self._con, "edit_replace", HERE, **stamp, **row)
        gone: list[float | None] = [None] * 6
        if not kept:
            if was["wkb"] is not None:
                gone = _bounds(was["wkb"])
                run(self._con, "edit_shape_drop", HERE, gid=was["gid"])
            if shape is not None:
                self._write_shape(shape, stamp)
        self._log("change", stamp, gone)
        return True

    def end(self, collection: str, eid: str) -> None:
        """A thing ends now; its past and its id stay known.

        Raises
        ------
        NotFoundError
            If the collection has no such thing now.
        """
        self._state(collection, eid)
        stamp = self._stamp(eid, collection, changed=1)
        run(self._con, "edit_keep", HERE, **stamp)
        run(self._con, "edit_end", HERE, **stamp)
        self._log("end", stamp, [None] * 6)

    def _state(self, collection: str, eid: str) -> dict[str, Any]:
        asked = {"eid": eid, "collection": collection, "now": self.at_time}
        found: list[dict[str, Any]] = (
            run(self._con, "edit_state", HERE, **asked).to_arrow_table().to_pylist()
        )
        if not found:
            raise NotFoundError(f"No item {eid} in {collection} now.")
        return found[0]

    def _stamp(self, eid: str, collection: str, changed: int) -> dict[str, Any]:
        booked = run(
            self._con, "edit_dataset", HERE, dataset_id=uuid7(), source_key=SOURCE, at_time=self.at_time, changed=changed
        ).fetchone()  # fmt: skip
        assert booked is not None  # noqa: S101 -- just written
        return {
            "eid": eid,
            "collection": collection,
            "dataset_id": booked[0],
            "at_time": self.at_time,
        }

    def _placed(
        self, collection: str, draft: Draft, was: Mapping[str, Any] | None
    ) -> _Shape | None:
        """The draft's shape in the base's coordinates."""
        if codes.collection_of(np.array([draft.class_code], dtype=object))[0] != collection:
            raise InvalidRequestError(
                f"class_code={draft.class_code[:60]!r} does not belong to {collection}.",
                "class_code",
            )
        if draft.shape is None:
            return None
        wkb = shapely.to_wkb(draft.shape, output_dimension=3, flavor="iso")
        placed = place(pa.array([wkb], pa.binary()), draft.crs, self._heights, "ellipsoid")
        refuse_heights(placed.boxes, placed.reason)
        if placed.reason[0] is not None:
            raise InvalidRequestError(f"geometry: {placed.reason[0]}.", "geometry")
        role = _ROLES.get(int(shapely.get_type_id(draft.shape)), "area")
        if role == "area" and collection in _AREAS:
            role = "footprint"
        if was is not None and was["wkb"] is not None and was["role"] != "mesh":
            same = shapely.get_dimensions(shapely.from_wkb(was["wkb"])) == shapely.get_dimensions(
                draft.shape
            )
            role = was["role"] if same else role
        box = [None if np.isnan(v) else float(v) for v in placed.boxes[0]]
        west, south, _, east, north, _ = placed.boxes[0]
        key = hilbert_key([(west + east) / 2], [(south + north) / 2])
        return _Shape(placed.wkb[0].as_py(), box, role, int(key[0]))

    def _write_shape(self, shape: _Shape, stamp: Mapping[str, Any]) -> None:
        box = dict(zip(("xmin", "ymin", "zmin", "xmax", "ymax", "zmax"), shape.box, strict=True))
        run(
            self._con, "edit_shape", HERE, **stamp, **box, role=shape.role, lod="0", wkb=shape.wkb,
            hilbert=shape.hilbert,
        )  # fmt: skip

    def _log(self, kind: str, stamp: Mapping[str, Any], gone: list[float | None]) -> None:
        box = dict(zip(("xmin", "ymin", "zmin", "xmax", "ymax", "zmax"), gone, strict=True))
        run(self._con, "edit_change", HERE, kind=kind, **stamp, **box)
        terrain = terrain_in(self._con, self._store.assets)
        anchor_again(self._con, stamp["eid"], terrain, self._heights, {"at_time": self.at_time})


_TEXTS: Final = ("class_code", "name", "lifecycle", "valid_from", "valid_to")
_NUMBERS: Final = ("height_m", "floors")


def _row(draft: Draft) -> dict[str, Any]:
    """The columns of an entity that a draft says."""
    attributes = dict(draft.attributes)
    return {
        "class_code": draft.class_code,
        "edition": codes.edition_of(np.array([draft.class_code], dtype=object))[0],
        "name": draft.name,
        "height_m": _number(attributes, "height_m"),
        "floors": _number(attributes, "floors"),
        "attributes": orjson.dumps(attributes).decode(),
        "lifecycle": draft.lifecycle,
        "valid_from": draft.valid_from,
        "valid_to": draft.valid_to,
    }


def _number(attributes: Mapping[str, Any], name: str) -> float | None:
    value = attributes.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e6:
        raise InvalidRequestError(f"{name}={value!r}: expected a number or null.", name)
    return float(value)


def _said(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a row says, however it is kept: typed values may stand among the attributes as well, unknown ones anywhere."""
    attributes: dict[str, Any] = orjson.loads(row["attributes"] or "{}")
    rest = {
        name: value
        for name, value in attributes.items()
        if value is not None and name not in _NUMBERS
    }
    floors = row["floors"]
    return (
        *(row[name] for name in _TEXTS),
        row["height_m"],
        None if floors is None else round(floors),
        rest,
    )


def _same(new: bytes, was: bytes | None) -> bool:
    """Whether a shape is the one that is there, or what answers round it to."""
    if was is None:
        return False
    given, kept = shapely.from_wkb([new, was])
    shown = rounded(np.array([kept], dtype=object))[0]
    return any(
        bool(shapely.equals_exact(given, one, tolerance=1e-9, normalize=False))
        and given.has_z == one.has_z
        and bool(np.allclose(_z(given), _z(one), rtol=0, atol=1e-4, equal_nan=True))
        for one in (kept, shown)
    )


def _z(shape: shapely.Geometry) -> Any:  # noqa: ANN401 -- array
    return shapely.get_coordinates(shape, include_z=True)[:, 2]


def _bounds(wkb: bytes) -> list[float | None]:
    west, south, east, north = shapely.from_wkb(wkb).bounds
    return [west, south, None, east, north, None]
