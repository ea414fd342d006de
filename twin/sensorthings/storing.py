"""Observations on their way in: numbers at instants to the archive, everything else to the base."""

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa

from twin.errors import ConflictError, InvalidRequestError
from twin.live import LiveHub
from twin.live.history import CLOCK_TOLERANCE
from twin.live.incoming import FUTURE, NOT_FINITE, REASONS, batch_of
from twin.live.state import microseconds
from twin.sensorthings.areas import widen
from twin.sensorthings.observing import id_of
from twin.sensorthings.pages import Pages
from twin.sensorthings.plain import OTHER_RESULT, expect_stored, quality_mark
from twin.sensorthings.rows import default_feature, insert, json_text, next_id
from twin.store import Store

__all__ = ["Change", "Reading", "Storing"]


_REMARKS: Final = pa.schema(
    [
        ("datastream", pa.int64()),
        *(
            (name, pa.timestamp("us"))
            for name in ("time_from", "result_time", "valid_from", "valid_to")
        ),
        ("parameters", pa.string()),
        ("feature", pa.int64()),
    ]
)
_REMARK: Final = """
INSERT INTO sta_remark BY NAME FROM remarks r
WHERE NOT EXISTS (FROM sta_remark m WHERE m.datastream = r.datastream AND m.time_from = r.time_from)"""


@dataclass(slots=True)
class Reading:
    """An observation on its way in; times naive UTC."""

    datastream: int
    result: Any
    begin: datetime
    end: datetime
    result_time: datetime | None = None
    quality: Any = None
    valid: tuple[datetime, datetime] | None = None
    parameters: Any = None
    feature: int | None = None
    multi: bool = False
    number: int | None = None

    @property
    def id(self) -> str:
        """Its id; where it does not fit the archive, once it has a number."""
        return (
            id_of(self.datastream, microseconds(self.begin))
            if self.fits_archive
            else f"o{self.number}"
        )

    @property
    def fits_archive(self) -> bool:
        """Whether it is a number at an instant of a plain Datastream."""
        number = isinstance(self.result, int | float) and not isinstance(self.result, bool)
        return number and self.begin == self.end and not self.multi

    @property
    def has_remark(self) -> bool:
        """Whether it says more than the archive keeps."""
        given = (self.result_time, self.valid, self.parameters, self.feature)
        return any(x is not None for x in given)


@dataclass(frozen=True, slots=True)
class Change:
    """An entity that is new or changed.

    Parameters
    ----------
    of : str
        Its entity set.
    id : int or str
    names : frozenset of str, optional
        The properties that changed; None for all.
    """

    of: str
    id: int | str
    names: frozenset[str] | None = None


class Storing:
    """Stores observations; safe to use from any thread.

    Parameters
    ----------
    store : Store
    hub : LiveHub
    pages : Pages
        Told of which Datastreams more is kept than the archive has.
    """

    def __init__(self, store: Store, hub: LiveHub, pages: Pages) -> None:
        self._store, self._hub, self._pages = store, hub, pages
        self.changed: list[Callable[[Sequence[Change]], object]] = []
        """Called with what a request made or changed once it is stored; readings of the archive the hub tells of."""
        self.remarking = threading.Lock()
        """Held from before a reading is stored until what the archive does not keep of it is stored too."""

    def tell(self, changes: Sequence[Change]) -> None:
        """Say what was made or changed."""
        for hear in self.changed if changes else ():
            hear(changes)

    def observe(self, given: Sequence[Reading]) -> list[int | str]:
        """Store observations durably; their ids.

        Raises
        ------
        ConflictError
            If a Datastream has another result at that time: an observation is known by both.
        InvalidRequestError
            If a time lies in the future or a number is not finite.
        """
        plain = [r for r in given if r.fits_archive]
        if plain:
            with self.remarking if any(r.has_remark for r in plain) else nullcontext():
                self._observe_plain(plain)
        others = [r for r in given if not r.fits_archive]
        if others:
            self._observe_others(others)
            self.tell([Change("Observations", r.id) for r in others])
        return [r.id for r in given]

    def expect_storable(self, given: Sequence[Reading]) -> None:
        """Refuse observations that :meth:`observe` would refuse, while what they came with is not stored yet.

        Raises
        ------
        ConflictError, InvalidRequestError
            As there.
        """
        plain = [r for r in given if r.fits_archive]
        if not plain:
            return
        streams = np.array([r.datastream for r in plain], np.int64)
        times = np.array([microseconds(r.begin) for r in plain], np.int64)
        values = np.array([float(r.result) for r in plain])
        if not np.isfinite(values).all():
            raise InvalidRequestError(f"The observation cannot be stored: {REASONS[NOT_FINITE]}.")
        if times.max() > microseconds(self._hub.now() + CLOCK_TOLERANCE):
            raise InvalidRequestError(f"The observation cannot be stored: {REASONS[FUTURE]}.")
        there = self._hub.kept(streams, times)
        if (~np.isnan(there) & (there != values)).any():
            raise ConflictError(OTHER_RESULT)

    def _observe_plain(self, plain: Sequence[Reading]) -> None:
        times = np.array([microseconds(r.begin) for r in plain], np.int64)
        quality = [quality_mark(r.quality) for r in plain]
        streams = np.array([r.datastream for r in plain], np.int64)
        values = np.array([float(r.result) for r in plain])
        batch = batch_of(streams, times.view("M8[us]"), values, quality, None, park=False)
        self._hub.submit(batch)
        self._hub.commit()
        expect_stored(batch)
        remarks = [r for r in plain if r.has_remark]
        self._pages.beside.update(r.datastream for r in remarks)
        if remarks:
            named = {(r.datastream, r.feature) for r in remarks if r.feature is not None}
            with self._store.transaction() as con:
                rows = {(r.datastream, r.begin): remark_row(r) for r in reversed(remarks)}
                con.register("remarks", pa.Table.from_pylist(list(rows.values()), _REMARKS))
                con.execute(_REMARK)
                con.unregister("remarks")
                for stream, feature in sorted(named):
                    widen(con, stream, feature)

    def _observe_others(self, others: Sequence[Reading]) -> None:
        self._pages.beside.update(r.datastream for r in others)
        with self._store.transaction() as con:
            for r in others:
                r.number = next_id(con) if r.number is None else r.number
                feature = r.feature
                if feature is None:
                    feature = default_feature(con, r.datastream)
                row = {
                    "id": r.number,
                    "datastream": r.datastream,
                    "time_from": r.begin,
                    "time_to": r.end,
                    "result_time": r.result_time,
                    "result": json_text(r.result),
                    "quality": None if r.quality is None else json_text(r.quality),
                    **valid_columns(r),
                    "parameters": None if r.parameters is None else json_text(r.parameters),
                    "feature": feature,
                }
                insert(con, "sta_observation", row)
                widen(con, r.datastream, feature)


def valid_columns(r: Reading) -> dict[str, datetime | None]:
    begin, end = r.valid if r.valid is not None else (None, None)
    return {"valid_from": begin, "valid_to": end}


def remark_row(r: Reading) -> dict[str, Any]:
    return {
        "datastream": r.datastream,
        "time_from": r.begin,
        "result_time": r.result_time,
        **valid_columns(r),
        "parameters": None if r.parameters is None else json_text(r.parameters),
        "feature": r.feature,
    }
