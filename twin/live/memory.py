"""The live state in memory: newest reading of every stream, alarm conditions, open alarms."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.live.alarms import CONDITION_COLUMNS, open_alarms
from twin.live.archive import Newest
from twin.live.catalogue import Catalogue
from twin.live.conditions import Conditions, Outcome
from twin.live.events import Changes
from twin.live.ledger import Received
from twin.live.life_cycle import Alarm
from twin.live.rulebook import lay_down
from twin.live.rules import Rules
from twin.live.state import NO_TIME, STALE, STATES, classify, is_stale, microseconds
from twin.store import statement

__all__ = ["Memory"]


@dataclass(slots=True)
class Memory:
    """What the hub knows without asking the base; rebuilt from the base by :meth:`load`.

    Parameters
    ----------
    catalogue, rules, conditions
        Streams, their enabled rules and where those stand.
    standing : dict of str to Alarm
        Open alarms by rule.
    time_us, value, state : ndarray, shape (n_streams,)
        Newest reading: microseconds since 1970 UTC (:data:`~twin.live.state.NO_TIME` for none),
        result in the stream's unit (NaN for none), index into :data:`~twin.live.state.STATES`.
    """

    catalogue: Catalogue
    rules: Rules
    conditions: Conditions
    standing: dict[str, Alarm]
    time_us: NDArray[np.int64]
    value: NDArray[np.float64]
    state: NDArray[np.uint8]
    received: Received
    loaded_us: int = NO_TIME

    @classmethod
    def load(cls, con: duckdb.DuckDBPyConnection, live: Newest, now: datetime) -> "Memory":
        """Rebuild from the base, inside a transaction; rules follow thresholds first.

        ``live`` are the newest readings that came live; ``loaded_us`` is the time of the newest
        that was loaded.
        """
        lay_down(con, now)
        catalogue = Catalogue.load(con)
        rules = Rules.load(con, catalogue)
        n = len(catalogue.ids)
        time_us, value = np.full(n, NO_TIME, np.int64), np.full(n, np.nan)
        newest = con.execute(statement("newest", "twin.live")).to_arrow_table()
        stamps = newest.column("phenomenon_time").to_numpy().astype("M8[us]").view(np.int64)
        results = newest.column("result").to_numpy()
        loaded = newest.column("stream_id").to_numpy(), stamps, results
        for ids, moments, found in (loaded, live):
            at = catalogue.of_ids(np.asarray(ids, np.int64))
            newer = (at >= 0) & (moments > time_us[at])
            time_us[at[newer]], value[at[newer]] = moments[newer], found[newer]
        memory = cls(
            catalogue,
            rules,
            _conditions(con, rules),
            open_alarms(con),
            time_us,
            value,
            np.zeros(n, np.uint8),
            Received(n),
            int(stamps.max(initial=NO_TIME)),
        )
        memory.state = memory.judged(np.arange(n), now)
        return memory

    def extended(self, more: Catalogue, now: datetime) -> "Memory":
        """The same with streams that have no reading and no rule, and ids after those known."""
        k, n = len(more.ids), len(self.catalogue.ids)
        first = self.rules.first
        found = replace(
            self,
            catalogue=self.catalogue.extended(more),
            rules=replace(self.rules, first=np.append(first, np.full(k, first[-1]))),
            time_us=np.append(self.time_us, np.full(k, NO_TIME)),
            value=np.append(self.value, np.full(k, np.nan)),
            state=np.append(self.state, np.zeros(k, np.uint8)),
            received=self.received.rearranged(np.arange(n), n + k),
        )
        found.state[n:] = found.judged(np.arange(n, n + k), now)
        return found

    def judged(self, position: NDArray[np.int64], now: datetime) -> NDArray[np.uint8]:
        """State of the streams at ``position`` by what is known now."""
        state = classify(self.value[position], self.catalogue.thresholds[position])
        stale = is_stale(
            self.time_us[position], self.catalogue.interval_s[position], microseconds(now)
        )
        state[stale] = STALE
        return state

    def changes(self, position: NDArray[np.int64]) -> Changes:
        """State of the streams at ``position``, to be told."""
        return Changes(
            self.catalogue.ids[position],
            self.value[position],
            self.state[position],
            self.time_us[position],
        )

    def moved(self, outcome: Outcome) -> pa.Table:
        """Conditions that an evaluation moved, to be written (``alarms.CONDITION_COLUMNS``)."""
        before = Conditions(
            self.conditions.active[outcome.rules], self.conditions.since[outcome.rules]
        )
        after = outcome.conditions
        at = np.flatnonzero((before.active != after.active) | (before.since != after.since))
        if not len(at):
            return CONDITION_COLUMNS.empty_table()
        names = self.rules.table.column("rule_id").take(pa.array(outcome.rules[at]))
        columns = [names, after.active[at], after.since[at].view("M8[us]")]
        return pa.table(columns, names=CONDITION_COLUMNS.names).cast(CONDITION_COLUMNS)

    def latest(self) -> pa.Table:
        """Newest reading of every stream: ``stream_id, key, phenomenon_time, result, state``."""
        never = self.time_us == NO_TIME
        return pa.table(
            {
                "stream_id": self.catalogue.ids,
                "key": self.catalogue.table.column("key"),
                "phenomenon_time": pa.array(self.time_us.view("M8[us]"), mask=never),
                "result": pa.array(self.value, mask=never),
                "state": pa.DictionaryArray.from_arrays(
                    pa.array(self.state.astype(np.int8)), list(STATES)
                ).cast(pa.string()),
            }
        )

    def stream(self, position: int) -> dict[str, Any]:
        """Everything about one stream, its newest reading included."""
        newest = self.changes(np.array([position])).rows()[0]
        return {**self.catalogue.row(position), **newest}


def _conditions(con: duckdb.DuckDBPyConnection, rules: Rules) -> Conditions:
    """Where each rule stands in the base."""
    found, row = Conditions.calm(len(rules)), rules.rows_of
    for rule_id, active, since in con.execute("FROM alarm_condition").fetchall():
        if rule_id in row:
            found.active[row[rule_id]] = active
            if since is not None:
                found.since[row[rule_id]] = microseconds(since)
    return found
