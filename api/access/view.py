"""The city as one caller sees it: what of an answer is shown, and which ties are cut."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.codes import cim_classes
from twin.errors import ForbiddenError, NotFoundError
from twin.features.asking import Reach
from twin.live.catalogue import Catalogue
from twin.store import Store
from twin.store.read import rows
from twin.store.sight import Sight, inside

__all__ = ["View"]

Row = dict[str, Any]
GRIDS: Final = frozenset(
    row["code"] for row in cim_classes().to_pylist() if row["collection"] == "grids"
)


@dataclass(frozen=True, slots=True)
class View:
    """What a caller with a limited reach sees.

    Parameters
    ----------
    store : Store
    reach : Reach
    key : str
        Of the reach (:func:`api.access.sights.key_of`).
    sight : Sight
        The things.
    catalogue : Catalogue
        The streams that ``streams`` is about.
    streams : ndarray of bool, shape (n_streams,)
        Which streams are shown.
    """

    store: Store
    reach: Reach
    key: str
    sight: Sight
    catalogue: Catalogue
    streams: NDArray[np.bool_]

    @property
    def part(self) -> str:
        """Key of what is seen now: another whenever other things are."""
        return f"{self.key}.{self.sight.digest}"

    def named(self, what: str) -> bool:
        """Whether ``streams``, ``cases``, ``addresses``, ``imagery`` or ``terrain`` are granted by name."""
        return self.reach.classes is None or what in self.reach.classes

    def here(self, lon: float | None, lat: float | None) -> bool:
        """Whether a point lies in the area."""
        return bool(inside(self.reach.area, [lon], [lat])[0])

    def meets(self, west: float, south: float, east: float, north: float) -> bool:
        """Whether a box (degrees) meets the area."""
        area = self.reach.area
        return area is None or bool(shapely.intersects(area, shapely.box(west, south, east, north)))

    def stream(self, stream_id: int) -> bool:
        """Whether a stream is shown."""
        at = int(self.catalogue.of_ids(np.array([stream_id]))[0])
        return at >= 0 and bool(self.streams[at])

    def attributes(self, collection: str) -> frozenset[str]:
        """Names of the attributes that the things seen of a collection carry."""
        return self.sight.attributes(self.store, collection)

    def fed(self) -> dict[str, dict[str, int]]:
        """Loads that the things seen are of: load → collection → how many of them."""
        return self.sight.fed(self.store)

    def untied(self, row: Mapping[str, Any]) -> Row:
        """A record without the ids and codes of things that are not seen."""
        told = dict(row)
        if "eid" in told and not self.sight.has(told["eid"]):
            told["eid"] = None
        if "grid_code" in told and not self._grids:
            told["grid_code"] = None
        return told

    @property
    def _grids(self) -> bool:
        return self.reach.classes is None or bool(GRIDS & self.reach.classes)

    def alarm(self, alarm: Mapping[str, Any]) -> Row | None:
        """An alarm as it is shown; None where its stream is not."""
        return self.untied(alarm) if self.stream(alarm["stream_id"]) else None

    def case(self, case: Mapping[str, Any]) -> Row | None:
        """A case as it is shown; None where it is not."""
        tied = self.named("cases") or self.sight.has(case.get("eid"))
        if not tied or not self.here(case.get("lon"), case.get("lat")):
            return None
        told = self.untied(case)
        if told.get("node_id") is not None and not self.nodes([told["node_id"]]):
            told["node_id"] = None
        if told.get("merged_into") is not None and not self._case_shown(told["merged_into"]):
            told["merged_into"] = None
        if "events" in told:
            told["events"] = [self._case_event(event) for event in told["events"]]
        if told.get("alarm_id") is not None and not self._alarm_shown(told["alarm_id"]):
            told["alarm_id"], told["attributes"] = None, {}
        return told

    def _case_event(self, event: Mapping[str, Any]) -> Row:
        """An event of a case without what it says of things and cases that are not seen."""
        told = dict(event["details"])
        if "eid" in told and not self.sight.has(told["eid"]):
            del told["eid"]
        if not self._grids:
            told = {name: told[name] for name in told if name not in ("grid_code", "area")}
        for name in ("from", "into"):
            if name in told and not self._case_shown(told[name]):
                del told[name]
        return {**event, "details": told}

    def _case_shown(self, case_id: str) -> bool:
        found = rows(self.store, "case_place", case=case_id)
        return bool(found) and self.case(found[0]) is not None

    def _alarm_shown(self, alarm_id: str) -> bool:
        found = self.store.scalar(
            "SELECT stream_id FROM alarm WHERE alarm_id = TRY_CAST($a AS UUID)", {"a": alarm_id}
        )
        return found is not None and self.stream(int(found))

    def told(self, kind: str, data: Mapping[str, Any]) -> Row | None:
        """What is told of an event of the live stream."""
        if kind == "alarm":
            return self.alarm(data)
        if kind == "case":
            return self.case(data)
        return dict(data) if kind == "resync" else None

    def nodes(self, nodes: Iterable[str]) -> dict[str, str | None]:
        """Which of some address nodes are shown, each with the thing it names where that is seen."""
        listed = list(dict.fromkeys(nodes))
        if not listed:
            return {}
        found = rows(self.store, "node_places", nodes=listed)
        seen = self.sight.has_each([row["eid"] for row in found])
        placed = inside(
            self.reach.area, [row["lon"] for row in found], [row["lat"] for row in found]
        )
        shown = placed & (seen | self.named("addresses"))
        return {
            row["node_id"]: row["eid"] if thing else None
            for row, is_shown, thing in zip(found, shown.tolist(), seen.tolist(), strict=True)
            if is_shown
        }

    @property
    def shown(self) -> tuple[Catalogue, NDArray[np.bool_]]:
        """The streams, as the hub is told which to show."""
        return self.catalogue, self.streams

    def rows_of(self, listed: Sequence[Row], *names: str) -> list[Row]:
        """The rows of which every thing named is seen."""
        seen = np.ones(len(listed), bool)
        for name in names:
            seen &= self.sight.has_each([row[name] for row in listed])
        return [row for row, shown in zip(listed, seen.tolist(), strict=True) if shown]

    def expect(self, shown: bool, message: str) -> None:
        """Answer for what is not shown as for what is not there.

        Raises
        ------
        NotFoundError
            With the message of something unknown.
        """
        if not shown:
            raise NotFoundError(message)

    def may_write_at(self, lon: float | None, lat: float | None, what: str) -> None:
        """Refuse writing where the caller does not see.

        Raises
        ------
        ForbiddenError
            If ``what`` is not granted by name, or the place is outside the area.
        """
        if not self.named(what):
            raise ForbiddenError(f"{what} are not granted to this token.")
        if not self.here(lon, lat):
            raise ForbiddenError(f"{lon}, {lat} is outside the area granted to this token.")
