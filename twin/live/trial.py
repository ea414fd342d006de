"""A rule tried on readings of the past, beside everything that is in force: nothing is raised, nothing is written."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.errors import NotFoundError
from twin.live.catalogue import Catalogue
from twin.live.conditions import Conditions, evaluate
from twin.live.events import iso_times
from twin.live.readings import Readings
from twin.live.rulebook import RuleSpec, rule_row
from twin.live.rules import KINDS, Rules
from twin.live.state import NO_TIME, moment_of
from twin.store import statement

__all__ = ["Trial", "rules_on_trial", "tried"]

Ints = NDArray[np.int64]
DRAFT = "draft"
HOUR_US = 3_600_000_000


@dataclass(slots=True)
class Trial:
    """Rules under trial and what they have raised so far.

    Parameters
    ----------
    rules : Rules
        Those under trial, and the members they watch.
    own : ndarray of int64
        Rows under trial.
    conditions : Conditions
    episodes : list of ndarray, shape (k, 3)
        Stream id, begin and end (microseconds since 1970 UTC) of each alarm.
    peaks : list of ndarray of float64, shape (k,)
        What it began with.
    open : ndarray of bool
        Whether it still held at the end of the interval.
    """

    rules: Rules
    own: Ints
    conditions: Conditions
    keys: dict[int, str]
    readings: int = 0
    episodes: list[Ints] = field(default_factory=list)
    peaks: list[NDArray[np.float64]] = field(default_factory=list)
    open_: list[NDArray[np.bool_]] = field(default_factory=list)

    def streams(self) -> Ints:
        """Positions of the streams whose readings matter."""
        rows = [self.rules.members.get(row, np.array([row])) for row in self.own.tolist()]
        single = np.concatenate([np.empty(0, np.int64), *rows])
        return np.unique(np.searchsorted(self.rules.first, single, side="right") - 1)

    def found(self) -> Ints:
        """Every alarm, shape (k, 3), by stream and time."""
        every = np.concatenate([np.empty((0, 3), np.int64), *self.episodes])
        return every[np.lexsort((every[:, 1], every[:, 0]))]

    def summary(self, limit: int) -> dict[str, Any]:
        """Counts, durations in seconds, and the first ``limit`` alarms in the order of time."""
        every = np.concatenate([np.empty((0, 3), np.int64), *self.episodes])
        value = np.concatenate([np.empty(0), *self.peaks])
        still = np.concatenate([np.empty(0, bool), *self.open_])
        lasted = (every[:, 2] - every[:, 1]) / 1e6
        _, busiest = np.unique(every[:, 1] // HOUR_US, return_counts=True)
        first = np.lexsort((every[:, 0], every[:, 1]))[:limit]
        begins, ends = iso_times(every[first, 1]), iso_times(every[first, 2])
        return {
            "alarms": len(every),
            "streams": len(np.unique(every[:, 0])),
            "still_open": int(still.sum()),
            "duration_s": {
                "total": float(lasted.sum()),
                "median": float(np.median(lasted)) if len(lasted) else None,
                "longest": float(lasted.max(initial=0)),
            },
            "most_in_an_hour": int(busiest.max(initial=0)),
            "first": [
                {
                    "stream": self.keys[int(every[at, 0])],
                    "begin": begin,
                    "end": None if still[at] else end,
                    "duration_s": float(lasted[at]),
                    "value": float(value[at]),
                }
                for at, begin, end in zip(first.tolist(), begins, ends, strict=True)
            ],
        }

    def beside(self, other: "Trial") -> dict[str, int]:
        """Alarms that overlap one of ``other`` on the same stream, and those only one of the two has."""
        mine, theirs = self.found(), other.found()
        met = _meets(mine, theirs)
        return {
            "in_both": int(met.sum()),
            "only_draft": int((~met).sum()),
            "only_present": int((~_meets(theirs, mine)).sum()),
        }


def _meets(some: Ints, others: Ints) -> NDArray[np.bool_]:
    """Which of ``some`` overlap in time with one of ``others`` of the same stream, both sorted and free of overlap."""
    out = np.zeros(len(some), bool)
    bounds = np.flatnonzero(np.diff(some[:, 0], prepend=-1, append=-1)) if len(some) else np.empty(0, int)  # fmt: skip
    for low, high in pairwise(bounds.tolist()):
        own = others[others[:, 0] == some[low, 0]]
        if len(own):
            at = np.searchsorted(own[:, 1], some[low:high, 2], side="right") - 1
            out[low:high] = (at >= 0) & (own[np.maximum(at, 0), 2] >= some[low:high, 1])
    return out


def rules_on_trial(
    con: duckdb.DuckDBPyConnection, catalogue: Catalogue, rule: RuleSpec | str, streams: list[int]
) -> Trial:
    """A trial of a draft on some streams (ids), or of a rule that is in force.

    What suppresses the rule is not considered.

    Raises
    ------
    NotFoundError
        If there is no such rule.
    InvalidRequestError
        If the draft names streams or rules that are not there.
    """
    table = con.execute(statement("rules", "twin.live")).to_arrow_table()
    if isinstance(rule, str):
        wanted = [row for row in table.to_pylist() if row["rule_id"] == rule]
        if not wanted:
            raise NotFoundError(f"there is no rule {rule[:200]!r} in force")
    else:
        row = rule_row(con, DRAFT, rule, 0, "person", moment_of(0), "", None)
        streams = streams if rule.kind in KINDS else [row["stream_id"]]
        wanted = [
            row | {"rule_id": f"{DRAFT}/{n}", "stream_id": stream, "threshold": rule.threshold or 0.0, "valid_from": None}
            for n, stream in enumerate(sorted(streams))
        ]  # fmt: skip
    watching = wanted[0]["kind"] in KINDS
    members = [] if watching else [r for r in table.to_pylist() if r["kind"] in KINDS]
    chosen = [{name: row.get(name) for name in table.column_names} for row in (*members, *wanted)]
    rules = Rules.of(pa.Table.from_pylist(chosen, schema=table.schema), catalogue)
    keys = dict(zip(catalogue.ids.tolist(), catalogue.table.column("key").to_pylist(), strict=True))
    own = np.arange(len(members), len(chosen))
    return Trial(rules, own, Conditions.calm(len(rules)), keys)


def tried(trial: Trial, catalogue: Catalogue, found: Readings, end_us: int) -> None:
    """Let a trial go over readings, all that its streams have in the interval up to ``end_us``."""
    never = np.full(len(catalogue.ids), NO_TIME, np.int64)
    position = catalogue.of_ids(found.stream_id)
    outcome = evaluate(
        trial.rules, trial.conditions, position, found.time_us, found.value, never, np.zeros(len(never))
    )  # fmt: skip
    trial.readings += len(found)
    moved = outcome.transitions
    order = np.lexsort((np.arange(len(moved.rule)), moved.rule))
    order = order[np.isin(moved.rule[order], trial.own)]
    rule, time_us, begins = moved.rule[order], moved.time_us[order], moved.begins[order]
    begin = np.flatnonzero(begins)
    after = np.minimum(begin + 1, max(len(rule) - 1, 0))
    ended = (after > begin) & (
        rule[after] == rule[begin]
    )  # a condition that began ends next, or not at all
    end = np.where(ended, time_us[after], end_us)
    owner = np.asarray(trial.rules.table.column("stream_id").to_numpy(), np.int64)[rule[begin]]
    trial.episodes.append(np.column_stack([owner, time_us[begin], end]))
    trial.peaks.append(moved.value[order][begin])
    trial.open_.append(~ended)
