"""When an alarm condition begins and ends: thresholds, rates and silence of readings, and how many of others hold.

Time is the time of the readings, never the clock's, so that the same readings give the same
transitions whenever and in whatever batches they are evaluated. Only silence that still lasts is
found by the clock (:func:`settle`), and gets the time at which it became too long.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.live.kernel import STALE, follow, in_force
from twin.live.rules import Rules
from twin.live.state import NO_TIME

__all__ = ["Conditions", "Outcome", "Transitions", "evaluate", "settle"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where each rule stands: whether its condition holds, and since when it is about to change.

    Parameters
    ----------
    active : ndarray of bool, shape (m,)
    since : ndarray of int64, shape (m,)
        Microseconds since 1970 UTC of the first reading towards the change (of silence that holds: its begin);
        :data:`twin.live.state.NO_TIME` where none is under way.
    """

    active: NDArray[np.bool_]
    since: Ints

    @classmethod
    def calm(cls, n: int) -> "Conditions":
        """None of ``n`` conditions holds."""
        return cls(np.zeros(n, bool), np.full(n, NO_TIME, np.int64))

    def follow(self, outcome: "Outcome") -> None:
        """Make an evaluation true."""
        self.active[outcome.rules] = outcome.conditions.active
        self.since[outcome.rules] = outcome.conditions.since


@dataclass(frozen=True, slots=True)
class Transitions:
    """Conditions that began (``begins``) or ended, in the order of time.

    ``rule`` (row of :class:`~twin.live.rules.Rules`), ``time_us``, ``value`` and ``begins`` have shape (k,). The value is the
    reading, the rate per minute, the seconds of silence, or the number of members that hold.
    """

    rule: Ints
    time_us: Ints
    value: NDArray[np.float64]
    begins: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an evaluation would change; nothing is changed until the caller says so.

    ``rules`` are the rows looked at, each once; ``conditions`` where they stand afterwards.
    """

    rules: Ints
    conditions: Conditions
    transitions: Transitions


def evaluate(
    rules: Rules,
    conditions: Conditions,
    position: Ints,
    time_us: Ints,
    value: NDArray[np.float64],
    last_us: Ints,
    last_value: NDArray[np.float64],
) -> Outcome:
    """Evaluate readings against the rules of their streams, and the compound rules over those.

    Parameters
    ----------
    rules, conditions
        The rules and where they stand.
    position, time_us, value : ndarray, shape (n,)
        Readings sorted by stream position, then time (microseconds); finite; each later than every
        reading of its stream evaluated before.
    last_us, last_value : ndarray, shape (n_streams,)
        The newest reading of every stream before these; :data:`~twin.live.state.NO_TIME` for none.

    Returns
    -------
    Outcome
    """
    looked_at, active, since, who, when, what, begins = follow(
        np.asarray(position, np.int64), np.asarray(time_us, np.int64), np.asarray(value, np.float64),
        last_us, last_value, rules.first, rules.kind, rules.sign, rules.threshold, rules.dead_band, rules.on_us, rules.off_us,
        rules.window, rules.always, rules.force_us, conditions.active, conditions.since,
    )  # fmt: skip
    order = np.argsort(when, kind="stable")
    found = Transitions(who[order], when[order], what[order], begins[order])
    return _with_compound(rules, conditions, Outcome(looked_at, Conditions(active, since), found))


def settle(
    rules: Rules, conditions: Conditions, last_us: Ints, now_us: int, listening_us: int
) -> Outcome:
    """What the passing of time changes: silence that has become too long, compound rules whose members went.

    Parameters
    ----------
    rules, conditions, last_us
        As in :func:`evaluate`.
    now_us, listening_us : int
        The present, and since when readings are taken: devices have the rule's time from then on to speak again.

    Returns
    -------
    Outcome
    """
    row = np.flatnonzero((rules.kind == STALE) & ~conditions.active)
    stream = np.searchsorted(rules.first, row, side="right") - 1
    newest = np.maximum(last_us[stream], rules.force_us[row])
    allowed = (rules.threshold[row] * 1e6).astype(np.int64)
    known = newest != NO_TIME
    due = np.where(known, newest, 0) + allowed
    late = known & (due <= now_us) & (listening_us + allowed <= now_us)
    late[late] = in_force(due[late], rules.window[row[late]])
    row, due = row[late], due[late]
    order = np.argsort(due, kind="stable")
    row, due = row[order], due[order]
    begun = Transitions(row, due, rules.threshold[row], np.ones(len(row), bool))
    outcome = Outcome(row, Conditions(np.ones(len(row), bool), due), begun)
    return _with_compound(rules, conditions, outcome, now_us)


def _with_compound(
    rules: Rules, conditions: Conditions, outcome: Outcome, now_us: int | None = None
) -> Outcome:
    """Add what follows for compound rules: after each change of a member, how many hold.

    With ``now_us`` those that stand otherwise than their members are put right at that time.
    """
    found = outcome.transitions
    if not rules.members or (now_us is None and not len(found.rule)):
        return outcome
    counts: dict[int, int] = {}
    held: dict[int, bool] = {}
    out: list[tuple[int, int, float, bool]] = []

    def look(row: int, change: int, when: int) -> None:
        if row not in counts:
            counts[row] = int(np.count_nonzero(conditions.active[rules.members[row]]))
            held[row] = bool(conditions.active[row])
        counts[row] += change
        if (counts[row] >= rules.need[row]) != held[row]:
            held[row] = not held[row]
            out.append((row, when, float(counts[row]), held[row]))

    for change in zip(*(c.tolist() for c in _columns(found)), strict=True):
        out.append(change)
        for row in rules.watched_by.get(change[0], ()):
            look(row, 1 if change[3] else -1, change[1])
    if now_us is not None:
        for row in rules.members:
            look(row, 0, now_us)
    moved = [row for row, holds in held.items() if holds != conditions.active[row]]
    extra = Conditions(np.array([held[r] for r in moved], bool), np.full(len(moved), NO_TIME))
    after = Conditions(
        np.concatenate([outcome.conditions.active, extra.active]),
        np.concatenate([outcome.conditions.since, extra.since]),
    )
    types = (np.int64, np.int64, np.float64, np.bool_)
    columns = zip(*out, strict=True) if out else ((),) * 4
    arrays: list[Any] = [np.array(c, t) for c, t in zip(columns, types, strict=True)]
    looked_at = np.concatenate([outcome.rules, np.array(moved, np.int64)])
    return Outcome(looked_at, after, Transitions(*arrays))


def _columns(found: Transitions) -> tuple[NDArray[Any], ...]:
    return found.rule, found.time_us, found.value, found.begins
