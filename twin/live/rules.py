"""The rules in force, as columns the evaluation reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from twin.live.catalogue import Catalogue
from twin.live.kernel import LEVEL, RATE, STALE
from twin.live.state import NO_TIME
from twin.store import statement

__all__ = ["ALWAYS", "KINDS", "Rules", "window_of"]

KINDS = {"level": LEVEL, "rate": RATE, "stale": STALE}
"""Kinds that watch readings; ``compound`` watches other rules."""

ALWAYS = (0xFFF, 0x7F, 0, 0)
"""A window without bounds: bits of the months and weekdays, first and last minute of the day."""
EARTH_M = 6_371_008.8
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rules:
    """Enabled rules: those of streams in the order of their positions, then the compound ones.

    Parameters
    ----------
    table : pyarrow.Table
        ``rule_id, stream_id, version, kind, level, comparison, threshold`` …, m rows.
    first : ndarray of int64, shape (n_streams + 1,)
        Rules of the stream at position ``p`` are ``first[p]:first[p + 1]``; compound rules begin at ``first[-1]``.
    kind : ndarray of int8, shape (m,)
        :data:`KINDS`.
    sign : ndarray of float64, shape (m,)
        +1: the condition holds above the threshold, −1: below.
    threshold, dead_band : ndarray of float64, shape (m,)
        In the stream's unit (per minute for rates, seconds for silence); the condition ends a dead band inside the threshold.
    on_us, off_us : ndarray of int64, shape (m,)
        Microseconds a reading must stay outside (back inside) before the condition begins (ends).
    window : ndarray of int64, shape (m, 4)
        When in force, as :data:`ALWAYS`, Beijing time.
    force_us : ndarray of int64, shape (m,)
        Since when; silence before that does not count.
    members : dict of int to ndarray of int64
        Rows a compound rule watches, by its row.
    need : dict of int to int
        How many of them must hold.
    """

    table: pa.Table
    first: Ints
    kind: NDArray[np.int8]
    sign: Floats
    threshold: Floats
    dead_band: Floats
    on_us: Ints
    off_us: Ints
    window: Ints
    force_us: Ints
    members: dict[int, Ints] = field(default_factory=dict)
    need: dict[int, int] = field(default_factory=dict)
    rows_of: dict[str, int] = field(default_factory=dict)
    watched_by: dict[int, list[int]] = field(default_factory=dict)
    suppresses: dict[str, list[int]] = field(default_factory=dict)
    always: NDArray[np.bool_] = field(init=False)
    _rows: dict[int, dict[str, Any]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Note which rules have no window."""
        object.__setattr__(self, "always", np.asarray((self.window == ALWAYS).all(axis=1)))

    def __len__(self) -> int:
        """How many."""
        return len(self.sign)

    def row(self, rule: int) -> Mapping[str, Any]:
        """The row of a rule as a dict; made once."""
        found = self._rows.get(rule)
        if found is None:
            found = self._rows[rule] = self.table.slice(rule, 1).to_pylist()[0]
        return found

    @classmethod
    def load(cls, con: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> "Rules":
        """Read the enabled rules of the streams of ``catalogue``."""
        table = con.execute(statement("rules", "twin.live")).to_arrow_table()
        return cls.of(table, catalogue)

    @classmethod
    def of(cls, table: pa.Table, catalogue: Catalogue) -> "Rules":
        """Rules from their rows (``sql/rules.sql``: by stream, compound ones last)."""
        column = {name: table.column(name).to_numpy() for name in ("stream_id", *_NUMBERS)}
        kinds = table.column("kind").to_pylist()
        single = sum(kind in KINDS for kind in kinds)
        owners = np.asarray(column["stream_id"], np.int64)[:single]
        below = np.array([side == "below" for side in table.column("comparison").to_pylist()], bool)
        windows = [window_of(text) for text in table.column("in_force").to_pylist()]
        since = np.asarray(table.column("valid_from").to_numpy()).astype("M8[us]").view(np.int64)
        rules = cls(
            table,
            np.append(np.searchsorted(owners, catalogue.ids), single),
            np.array([KINDS.get(kind, -1) for kind in kinds], np.int8),
            np.where(below, -1.0, 1.0),
            np.asarray(column["threshold"], np.float64),
            np.abs(np.asarray(column["dead_band"], np.float64)),
            np.asarray(np.maximum(column["on_delay_s"], 0) * 1e6, np.int64),
            np.asarray(np.maximum(column["off_delay_s"], 0) * 1e6, np.int64),
            np.array(windows, np.int64).reshape(-1, 4),
            np.where(since == NO_TIME, NO_TIME, since),
        )
        ids = table.column("rule_id").to_pylist()
        rules.rows_of.update({rule_id: row for row, rule_id in enumerate(ids)})
        for row, by in enumerate(table.column("suppressed_by").to_pylist()):
            if by is not None:
                rules.suppresses.setdefault(by, []).append(row)
        for row in range(single, table.num_rows):
            _watch(rules, row, single, catalogue)
        return rules


_NUMBERS = ("threshold", "dead_band", "on_delay_s", "off_delay_s")


def window_of(text: str | None) -> tuple[int, int, int, int]:
    """Bits and minutes (as :data:`ALWAYS`) of a window's JSON.

    Examples
    --------
    >>> window_of('{"months": [1, 12], "from": "22:00", "to": "06:30"}')
    (2049, 127, 1320, 390)
    """
    if not text:
        return ALWAYS
    given = orjson.loads(text)
    months, weekdays = given.get("months"), given.get("weekdays")
    minutes = (
        0 if given.get(name) is None else int(given[name][:2]) * 60 + int(given[name][3:])
        for name in ("from", "to")
    )
    low, high = minutes
    return (
        sum(1 << (month - 1) for month in set(months)) if months else ALWAYS[0],
        sum(1 << (day - 1) for day in set(weekdays)) if weekdays else ALWAYS[1],
        low,
        high,
    )


def _watch(rules: Rules, row: int, single: int, catalogue: Catalogue) -> None:
    """Find the members of a compound rule."""
    own = rules.row(row)
    wanted = orjson.loads(own["members"] or "{}")
    chosen = np.zeros(single, bool)
    if wanted.get("rules"):
        named = [rules.rows_of[r] for r in wanted["rules"] if rules.rows_of.get(r, single) < single]
        chosen[named] = True
    else:
        streams = _neighbours(int(own["stream_id"]), wanted, catalogue)
        chosen = np.repeat(streams, np.diff(rules.first))
        for name in ("level", "kind"):
            if wanted.get(name) is not None:
                chosen &= np.array(rules.table.column(name).to_pylist()[:single]) == wanted[name]
    members = np.flatnonzero(chosen)
    rules.members[row] = members
    need = int(own["need"] or 0) or len(members)
    rules.need[row] = max(need, 1)
    for member in members.tolist():
        rules.watched_by.setdefault(member, []).append(row)


def _neighbours(
    stream_id: int, wanted: Mapping[str, Any], catalogue: Catalogue
) -> NDArray[np.bool_]:
    """Streams a compound rule looks at, shape (n,)."""
    at = int(catalogue.of_ids(np.array([stream_id]))[0])
    if wanted.get("within_m") is not None:
        z = catalogue.table.column("z").to_numpy().astype(np.float64)
        lat = np.radians(catalogue.lat)
        north = EARTH_M * (lat - lat[at])
        east = EARTH_M * np.cos(lat[at]) * np.radians(catalogue.lon - catalogue.lon[at])
        up = np.nan_to_num(z - z[at])  # a height that is not known is taken as the same
        chosen = np.hypot(np.hypot(east, north), up) <= wanted["within_m"]
    else:
        name = {"thing": "thing_id", "entity": "eid"}[wanted["same"]]
        hosts = catalogue.table.column(name).to_numpy(zero_copy_only=False)
        chosen = np.asarray(hosts == hosts[at], bool) & np.array([h is not None for h in hosts])
    for name in ("subject", "property"):
        if wanted.get(name) is not None:
            column = catalogue.table.column(name).to_numpy(zero_copy_only=False)
            chosen &= np.asarray(column == wanted[name], bool)
    return np.asarray(chosen, bool)
