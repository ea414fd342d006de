"""When an alarm condition begins and ends: thresholds, dead band, on and off delay, in columns.

Time is the time of the readings, never the clock's, so that the same readings give the same
transitions whenever and in whatever batches they are evaluated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.live.state import NO_TIME

__all__ = ["Conditions", "Outcome", "Rules", "Transitions", "evaluate"]


@dataclass(frozen=True, slots=True)
class Rules:
    """Enabled rules in the order of their streams' positions.

    Parameters
    ----------
    table : pyarrow.Table
        ``rule_id, stream_id, level, comparison, threshold`` …
    first : ndarray of int64, shape (n_streams + 1,)
        Rules of the stream at position ``p`` are ``first[p]:first[p + 1]``.
    sign : ndarray of float64, shape (m,)
        +1: the condition holds above the threshold, −1: below.
    threshold, dead_band : ndarray of float64, shape (m,)
        In the stream's unit; the condition ends a dead band inside the threshold.
    on_us, off_us : ndarray of int64, shape (m,)
        Microseconds a reading must stay outside (back inside) before the condition begins (ends).
    """

    table: pa.Table
    first: NDArray[np.int64]
    sign: NDArray[np.float64]
    threshold: NDArray[np.float64]
    dead_band: NDArray[np.float64]
    on_us: NDArray[np.int64]
    off_us: NDArray[np.int64]
    _rows: dict[int, dict[str, Any]] = field(default_factory=dict, repr=False, compare=False)

    def row(self, rule: int) -> Mapping[str, Any]:
        """The row of a rule as a dict; made once."""
        found = self._rows.get(rule)
        if found is None:
            found = self._rows[rule] = self.table.slice(rule, 1).to_pylist()[0]
        return found

    @classmethod
    def load(cls, con: duckdb.DuckDBPyConnection, ids: NDArray[np.int64]) -> "Rules":
        """Read the enabled rules of the streams ``ids`` (ascending)."""
        table = con.execute(
            "SELECT rule_id, stream_id, level, comparison, threshold, coalesce(dead_band, 0) AS "
            "dead_band, coalesce(on_delay_s, 0) AS on_delay_s, coalesce(off_delay_s, 0) AS "
            "off_delay_s FROM alarm_rule SEMI JOIN datastream USING (stream_id) "
            "WHERE enabled AND isfinite(threshold) ORDER BY stream_id, rule_id"
        ).to_arrow_table()
        column = {name: table.column(name).to_numpy() for name in table.column_names}
        owners = np.asarray(column["stream_id"], np.int64)
        return cls(
            table,
            np.append(np.searchsorted(owners, ids), len(owners)),
            np.where(column["comparison"] == "below", -1.0, 1.0),
            np.asarray(column["threshold"], np.float64),
            np.abs(column["dead_band"]),
            np.asarray(np.maximum(column["on_delay_s"], 0) * 1e6, np.int64),
            np.asarray(np.maximum(column["off_delay_s"], 0) * 1e6, np.int64),
        )


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where each rule stands: whether its condition holds, and since when it is about to change.

    Parameters
    ----------
    active : ndarray of bool, shape (m,)
    since : ndarray of int64, shape (m,)
        Microseconds since 1970 UTC of the first reading towards the change;
        :data:`twin.live.state.NO_TIME` where none is under way.
    """

    active: NDArray[np.bool_]
    since: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Transitions:
    """Conditions that began (``begins``) or ended, in the order of time.

    ``rule`` (row of :class:`Rules`), ``time_us``, ``value`` and ``begins`` have shape (k,).
    """

    rule: NDArray[np.int64]
    time_us: NDArray[np.int64]
    value: NDArray[np.float64]
    begins: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an evaluation would change; nothing is changed until the caller says so.

    ``rules`` are the rows of :class:`Rules` looked at, ``conditions`` where they stand afterwards.
    """

    rules: NDArray[np.int64]
    conditions: Conditions
    transitions: Transitions


def evaluate(
    rules: Rules,
    conditions: Conditions,
    position: NDArray[np.int64],
    time_us: NDArray[np.int64],
    value: NDArray[np.float64],
) -> Outcome:
    """Evaluate readings against the rules of their streams.

    Parameters
    ----------
    rules, conditions
        The rules and where they stand.
    position, time_us, value : ndarray, shape (n,)
        Readings sorted by stream position, then time (microseconds); finite; each later than every
        reading of its stream evaluated before.

    Returns
    -------
    Outcome
    """
    per_reading = rules.first[position + 1] - rules.first[position]
    reading = np.repeat(np.arange(len(position)), per_reading)
    ordinal = np.arange(len(reading)) - np.repeat(np.cumsum(per_reading) - per_reading, per_reading)
    rule = rules.first[position[reading]] + ordinal
    beyond = (value[reading] - rules.threshold[rule]) * rules.sign[rule]
    side = (beyond > 0).astype(np.int8) - (beyond <= -rules.dead_band[rule]).astype(np.int8)
    moving = conditions.active | (conditions.since != NO_TIME)
    moving[rule[side > 0]] = True
    kept = np.flatnonzero(moving[rule])
    kept = kept[np.argsort(rule[kept], kind="stable")]
    looked_at, local = np.unique(rule[kept], return_inverse=True)
    after = Conditions(conditions.active[looked_at], conditions.since[looked_at])
    found = _walk(
        after,
        local,
        side[kept],
        time_us[reading[kept]],
        rules.on_us[looked_at],
        rules.off_us[looked_at],
    )
    at = reading[kept[found.reading]]
    order = np.argsort(time_us[at], kind="stable")
    at = at[order]
    changed = Transitions(looked_at[found.rule[order]], time_us[at], value[at], found.begins[order])
    return Outcome(looked_at, after, changed)


@dataclass(frozen=True, slots=True)
class _Found:
    rule: NDArray[np.int64]
    reading: NDArray[np.int64]
    begins: NDArray[np.bool_]


def _walk(
    state: Conditions,
    rule: NDArray[np.int64],
    side: NDArray[np.int8],
    time_us: NDArray[np.int64],
    on_us: NDArray[np.int64],
    off_us: NDArray[np.int64],
) -> _Found:
    """Walk through readings sorted by rule and time, all rules at once, run by run; updates state.

    A run is a stretch of readings of one rule on one side (beyond +1, dead band 0, clear −1).
    Within a run a condition can change at most once.
    """
    new_rule = np.diff(rule, prepend=-1) != 0
    starts = np.flatnonzero(new_rule | (np.diff(side, prepend=0) != 0))
    ends = np.append(starts[1:], len(rule))
    run_rule = rule[starts]
    first_run = np.flatnonzero(new_rule[starts])
    nth = np.arange(len(starts)) - np.repeat(first_run, np.diff(np.append(first_run, len(starts))))
    by_nth = np.argsort(nth, kind="stable")
    bounds = np.searchsorted(nth[by_nth], np.arange(nth.max(initial=-1) + 2))
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]] = []
    for low, high in pairwise(bounds):
        runs = by_nth[low:high]
        rules_now = run_rule[runs]
        active = state.active[rules_now]
        towards = side[starts[runs]] == np.where(active, -1, 1)
        since = state.since[rules_now]
        since = np.where(since == NO_TIME, time_us[starts[runs]], since)
        due = since + np.where(active, off_us[rules_now], on_us[rules_now])
        changes = towards & (time_us[ends[runs] - 1] >= due)
        state.since[rules_now] = np.where(towards & ~changes, since, NO_TIME)
        if changes.any():
            begin, end, when = starts[runs[changes]], ends[runs[changes]], due[changes]
            hits = [
                b + np.searchsorted(time_us[b:e], d)
                for b, e, d in zip(begin, end, when, strict=True)
            ]
            found.append((rules_now[changes], np.array(hits, np.int64), ~active[changes]))
            state.active[rules_now[changes]] = ~active[changes]
    if not found:
        none = np.empty(0, np.int64)
        return _Found(none, none, np.empty(0, bool))
    return _Found(*(np.concatenate(part) for part in zip(*found, strict=True)))
