"""What each caller sees of a running city: his reach, the things within it, and what hangs on them."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import blake2b
from typing import Any, Final, TypeVar

import numpy as np
import shapely
from fastapi import Request
from numpy.typing import NDArray
from starlette.requests import HTTPConnection

from api.access.callers import Caller
from api.access.policy import Grant
from api.access.roles import at_least
from api.access.view import View
from twin.codes import cim_classes, components
from twin.errors import ForbiddenError, InvalidRequestError
from twin.features.asking import EVERYTHING, Reach
from twin.ingest.source import utc_now
from twin.live import LiveHub
from twin.settings import Role
from twin.store import Store
from twin.store.read import rows, version
from twin.store.sight import EDGE, Sight, area_of_code, inside, sight_of

__all__ = [
    "BESIDE",
    "Sights",
    "caller_of",
    "key_of",
    "may_write",
    "reach_of",
    "role_only",
    "view_of",
    "whole_only",
]

BESIDE: Final = frozenset({"streams", "cases", "addresses", "imagery", "terrain"})
"""What has no class code and is granted by name beside the collections."""
KEPT: Final = 32
"""Reaches remembered."""
MOST_WKT: Final = 200_000
T = TypeVar("T")


def caller_of(request: HTTPConnection) -> Caller:
    """Who asks, as the gate knows him."""
    caller: Caller = request.scope["caller"]
    return caller


def may_write(request: Request) -> bool:
    """Whether the caller of a request may change things."""
    return at_least(caller_of(request).role, "operator")


def reach_of(request: HTTPConnection) -> Reach:
    """What the caller of a request may see; :data:`twin.features.asking.EVERYTHING` where nothing is left out."""
    grant = caller_of(request).grant
    if not grant.is_limited:
        return EVERYTHING
    sights: Sights = request.app.state.city_state.sights
    return sights.reach(grant)


def view_of(request: HTTPConnection) -> View | None:
    """What the caller of a request sees of the city as it is now; None where that is everything."""
    reach = reach_of(request)
    if reach == EVERYTHING:
        return None
    sights: Sights = request.app.state.city_state.sights
    return sights.view(reach)


def whole_only(request: Request) -> None:
    """Refuse callers with a limited reach: the answer cannot be narrowed to it.

    Raises
    ------
    ForbiddenError
        If the caller may not see everything.
    """
    if caller_of(request).grant.is_limited:
        raise ForbiddenError(
            f"{request.url.path} tells of the whole city, and this token sees a part of it."
        )


def role_only(request: Request, role: Role, what: str) -> None:
    """Refuse callers below a role, and those who may not see everything.

    Raises
    ------
    ForbiddenError
        Saying that ``what`` needs the role.
    """
    if not at_least(caller_of(request).role, role):
        raise ForbiddenError(f"{what} needs role {role}; this token has {caller_of(request).role}.")
    whole_only(request)


def key_of(reach: Reach) -> str:
    """Short text that two reaches share only if they are the same: what caches and ETags hang on; empty for everything.

    Examples
    --------
    >>> key_of(EVERYTHING), len(key_of(Reach(frozenset({"room"}))))
    ('', 16)
    """
    if reach == EVERYTHING:
        return ""
    area = b"*" if reach.area is None else shapely.to_wkb(reach.area)
    classes = "*" if reach.classes is None else "\n".join(sorted(reach.classes))
    return blake2b(classes.encode() + b"\0" + area, digest_size=8).hexdigest()


class Sights:
    """Reaches and views of one city, kept while the base stays as it is; safe to use from any thread."""

    def __init__(self, store: Store, hub: LiveHub) -> None:
        self._store, self._hub = store, hub
        self._lock = threading.Lock()
        self._reaches: OrderedDict[Grant, tuple[int, Reach]] = OrderedDict()
        self._sights: OrderedDict[str, tuple[int, Sight]] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}

    def reach(self, grant: Grant) -> Reach:
        """What a grant lets see."""
        return self._kept(self._reaches, grant, partial(self._reach, grant))

    def view(self, reach: Reach) -> View:
        """The things within a reach, the streams there, and how ties out of it are cut."""
        key = key_of(reach)
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            sight = self._kept(self._sights, key, lambda: sight_of(self._store, reach, utc_now()))
        catalogue = self._hub.catalogue
        shown = self._streams(reach, sight, catalogue.lon, catalogue.lat, catalogue.table["eid"])
        return View(self._store, reach, key, sight, catalogue, shown)

    def _kept(
        self, kept: "OrderedDict[Any, tuple[int, T]]", key: object, make: Callable[[], T]
    ) -> T:
        now = version(self._store)
        with self._lock:
            known = kept.get(key)
            if known is not None and known[0] == now:
                kept.move_to_end(key)
                return known[1]
        made = make()
        with self._lock:
            kept[key] = now, made
            kept.move_to_end(key)
            while len(kept) > KEPT:
                kept.popitem(last=False)
        return made

    def _reach(self, grant: Grant) -> Reach:
        classes = None
        if grant.collections or grant.classes:
            classes = frozenset(grant.classes) | self._codes(grant.collections)
        return Reach(classes, _area(self._store, grant.area) if grant.area else None)

    def _codes(self, collections: Iterable[str]) -> frozenset[str]:
        """Class codes of collections: of the tables, and those the base has."""
        wanted = frozenset(collections)
        table = cim_classes().to_pylist()
        found = {row["code"] for row in table if row["collection"] in wanted} | (wanted & BESIDE)
        if "components" in wanted:
            found |= set(components()["code"].to_pylist())
        counted = rows(self._store, "counts", valid_at=utc_now())
        return frozenset(
            found | {row["class_code"] for row in counted if row["collection"] in wanted}
        )

    @staticmethod
    def _streams(
        reach: Reach,
        sight: Sight,
        lon: NDArray[np.float64],
        lat: NDArray[np.float64],
        eids: Any,  # noqa: ANN401 -- a column
    ) -> NDArray[np.bool_]:
        shown = inside(reach.area, lon.tolist(), lat.tolist())
        if reach.classes is None or "streams" in reach.classes:
            return shown
        return shown & sight.has_each(eids.to_pylist())


def _area(store: Store, text: str) -> shapely.Geometry:
    """The area of a grant, drawn in by a hair; an area that cannot be known holds nothing."""
    try:
        area = parse_area(text) if "(" in text else area_of_code(store, text)
    except InvalidRequestError:
        area = shapely.Polygon()
    drawn: shapely.Geometry = shapely.buffer(area, -EDGE)
    return drawn


def parse_area(text: str) -> shapely.Geometry:
    """A polygon or several, given as WKT in degrees.

    Raises
    ------
    InvalidRequestError
        If it is none.
    """
    try:
        area = shapely.from_wkt(text[:MOST_WKT])
    except shapely.errors.GEOSException as err:
        raise InvalidRequestError(f"area {text[:60]!r}: expected POLYGON ((lon lat, …)).") from err
    if area.geom_type not in ("Polygon", "MultiPolygon") or not area.is_valid or area.is_empty:
        raise InvalidRequestError(f"area {text[:60]!r}: expected a valid polygon in degrees.")
    west, south, east, north = shapely.bounds(area).tolist()
    if west < -180 or east > 180 or south < -90 or north > 90:
        raise InvalidRequestError(f"area {text[:60]!r}: expected degrees, longitude first.")
    return shapely.force_2d(area)
