"""Observations as rows for SQL: readings of the archive and of loaded files, and what those cannot hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.errors import InvalidRequestError, NotFoundError
from twin.live.chunks import HOUR_US, LEAST, MOST
from twin.live.history import readings, rollup
from twin.live.readings import Readings
from twin.live.state import microseconds
from twin.live.view import LiveView
from twin.sensorthings.expressions import Call, Constant, Expression, Path, conjuncts
from twin.store import Store

__all__ = ["Bounds", "Observing", "bounds_of", "id_of", "one_of"]

MOST_ROWS: Final = 5_000_000
FIRST_WINDOW_US: Final = HOUR_US

_READ: Final = """
SELECT concat(r.stream_id, '-', epoch_us(r.at_time)) AS id, r.stream_id AS _datastream,
       coalesce(m.feature, d.feature) AS _feature,
       r.at_time AS time_from, r.at_time AS time_to, m.result_time AS "resultTime", r.number, to_json(r.number) AS result,
       to_json(r.quality) AS "resultQuality", m.valid_from, m.valid_to, m.parameters
FROM {name} r LEFT JOIN sta_remark m ON m.datastream = r.stream_id AND m.time_from = r.at_time
LEFT JOIN sta_datastream d ON d.id = r.stream_id"""
_KEPT: Final = """
SELECT concat('o', o.id) AS id, o.datastream AS _datastream, o.feature AS _feature, o.time_from, o.time_to,
       o.result_time AS "resultTime", TRY_CAST(o.result::VARCHAR AS DOUBLE) AS number, o.result,
       o.quality AS "resultQuality", o.valid_from, o.valid_to, o.parameters
FROM sta_observation o"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a filter leaves to be looked at: streams (None: all) and times in ``[low, high)`` (µs UTC).

    ``exact`` says whether that is all the filter asks.
    """

    streams: frozenset[int] | None = None
    low_us: int = LEAST
    high_us: int = MOST
    exact: bool = True


def bounds_of(condition: Expression | None) -> Bounds:
    """Streams and times outside of which a filter on Observations holds for none."""
    found = Bounds()
    for part in conjuncts(condition) if condition is not None else ():
        found = _narrowed(found, part)
    return found


def _narrowed(found: Bounds, part: Expression) -> Bounds:
    loose = Bounds(found.streams, found.low_us, found.high_us, False)
    if not isinstance(part, Call) or len(part.arguments) != 2:
        return loose
    path, value = part.arguments
    if not isinstance(path, Path) or not isinstance(value, Constant):
        return loose
    if (
        path.parts in (("Datastream", "id"), ("Datastream", "@iot.id"))
        and part.name == "eq"
        and isinstance(value.value, float)
    ):
        own = frozenset({int(value.value)})
        both = own if found.streams is None else own & found.streams
        return Bounds(both, found.low_us, found.high_us, found.exact)
    if path.parts == ("phenomenonTime",) and isinstance(value.value, datetime):
        at = microseconds(value.value)
        low = {"ge": at, "gt": at + 1, "eq": at}.get(part.name, LEAST)
        high = {"le": at + 1, "lt": at, "eq": at + 1}.get(part.name, MOST)
        if part.name in ("ge", "gt", "le", "lt", "eq"):
            return Bounds(
                found.streams, max(low, found.low_us), min(high, found.high_us), found.exact
            )
    return loose


def id_of(stream: int, time_us: int) -> str:
    """Id of an observation of the archive: it is known by its stream and time."""
    return f"{stream}-{time_us}"


def one_of(given: int | str) -> tuple[int, int] | int:
    """Stream and time (µs UTC) of an id of the archive, or the number of a row of ``sta_observation``.

    Raises
    ------
    NotFoundError
        If it is neither.
    """
    text = str(given)
    head, mark, tail = text.partition("-")
    if mark and head.isdigit() and tail.lstrip("-").isdigit() and len(tail) < 19:
        return int(head), int(tail)
    if text.startswith("o") and text[1:].isdigit() and len(text) < 20:
        return int(text[1:])
    raise NotFoundError(f"there is no Observation {text[:60]!r}.")


class Observing:
    """Rows of Observations on one cursor, as the common table expression ``sta_Observations``.

    Parameters
    ----------
    store : Store
    live : LiveView
        Knows the newest reading of each stream without asking the disk.
    con : duckdb connection
        The cursor of the request.
    shown : ndarray of int64, optional
        Streams whose readings are seen; all by default.
    """

    def __init__(
        self,
        store: Store,
        live: LiveView,
        con: duckdb.DuckDBPyConnection,
        shown: NDArray[np.int64] | None = None,
    ) -> None:
        self._store, self._live, self._con, self._shown = store, live, con, shown
        self._names = 0

    def rows(self, within: Bounds) -> str:
        """Text that stands before a statement on ``sta_Observations``: all in some bounds.

        Raises
        ------
        InvalidRequestError
            If they are more than :data:`MOST_ROWS`.
        """
        streams = self._of(within.streams)
        n = self.count(within)
        if n > MOST_ROWS:
            raise InvalidRequestError(
                f"The question goes over {n:,} observations; at most {MOST_ROWS:,} are looked at. Narrow it: "
                "ask one Datastream, or give phenomenonTime ge … and phenomenonTime lt … in $filter.",
                "$filter",
            )
        return self._expression(
            _table(readings(self._store, streams, within.low_us, within.high_us))
        )

    def newest(self, within: Bounds, wanted: int) -> str:
        """As :meth:`rows`, of the archive the newest only: at least ``wanted`` where there are so many."""
        streams = self._of(within.streams)
        high = min(within.high_us, self._newest_us(streams) + 1)
        span = FIRST_WINDOW_US
        while True:
            low = max(within.low_us, high - span)
            found = readings(self._store, streams, low, high)
            if len(found) >= wanted or low <= max(within.low_us, _EARLIEST):
                return self._expression(_table(found))
            span *= 8

    def newest_each(self, streams: Sequence[int]) -> str:
        """As :meth:`rows`: the newest reading of each stream, from memory."""
        ids, time_us, value = self._live.newest(np.array(streams, np.int64))
        return self._expression(
            pa.table(
                {
                    "stream_id": ids,
                    "at_time": time_us.view("M8[us]"),
                    "number": value,
                    "quality": pa.nulls(len(ids), pa.string()),
                }
            )
        )

    def these(self, found: Readings) -> str:
        """As :meth:`rows`: some readings of the archive, and nothing beside."""
        return self._expression(_table(found), _READ)

    def beside(self) -> str:
        """As :meth:`rows`: what is kept beside the archive, and nothing of it."""
        return f"WITH sta_Observations AS ({_KEPT})\n"

    def one(self, given: int | str) -> str:
        """As :meth:`rows`: the observation of an id."""
        found = one_of(given)
        if isinstance(found, int):
            return self._expression(_EMPTY)
        stream, at = found
        if self._shown is not None and stream not in self._shown:
            return self._expression(_EMPTY)
        return self._expression(_table(readings(self._store, np.array([stream]), at, at + 1)))

    def count(self, within: Bounds) -> int:
        """Readings within bounds; where these cut hours, those hours are counted whole."""
        low = within.low_us if within.low_us == LEAST else within.low_us // HOUR_US * HOUR_US
        high = within.high_us if within.high_us == MOST else -(-within.high_us // HOUR_US) * HOUR_US
        return int(rollup(self._store, self._of(within.streams), low, high, HOUR_US).n.sum())

    def _of(self, streams: frozenset[int] | None) -> NDArray[np.int64] | None:
        """Streams of a question that are seen."""
        if streams is None:
            return self._shown
        wanted = np.array(sorted(streams), np.int64)
        return wanted if self._shown is None else np.intersect1d(wanted, self._shown)

    def _newest_us(self, streams: NDArray[np.int64] | None) -> int:
        latest = self._live.latest()
        times = latest["phenomenon_time"].to_numpy().astype("M8[us]")
        if streams is not None:
            times = times[np.isin(latest["stream_id"].to_numpy(), streams)]
        times = times[~np.isnat(times)]
        return int(times.max().view(np.int64)) if len(times) else _EARLIEST

    def _expression(self, table: pa.Table, text: str = f"{_READ}\nUNION ALL{_KEPT}") -> str:
        self._names += 1
        name = f"sta_readings_{self._names}"
        self._con.register(name, table)
        return f"WITH sta_Observations AS ({text.format(name=name)})\n"


_EARLIEST: Final = 0


def _table(found: Readings) -> pa.Table:
    columns = (found.stream_id, found.time_us.view("M8[us]"), found.value, found.quality())
    return pa.table(list(columns), names=["stream_id", "at_time", "number", "quality"]).cast(_SHAPE)


_SHAPE: Final = pa.schema(
    [
        ("stream_id", pa.int64()),
        ("at_time", pa.timestamp("us")),
        ("number", pa.float64()),
        ("quality", pa.string()),
    ]
)
_EMPTY: Final = _SHAPE.empty_table()
