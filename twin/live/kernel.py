"""The compiled loop that holds readings against rules, one stream after another, in the order of time."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from twin.live.state import NO_TIME

__all__ = ["LEVEL", "RATE", "STALE", "follow", "in_force"]

LEVEL, RATE, STALE = range(3)
MINUTE_US = 60_000_000
DAY_US = 1440 * MINUTE_US
BEIJING_US = 8 * 60 * MINUTE_US
"""Beijing time is eight hours ahead of UTC, all year, in all of the country."""
_NEVER = np.int64(NO_TIME)
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@njit(cache=True)
def _holds_at(time_us: int, months: int, weekdays: int, low: int, high: int) -> bool:
    """Whether a window (bits of months and weekdays, minutes of the day) holds at a time."""
    local = time_us + BEIJING_US
    days = local // DAY_US
    minute = (local - days * DAY_US) // MINUTE_US
    if not (weekdays >> ((days + 3) % 7)) & 1:
        return False
    if low < high and not low <= minute < high:
        return False
    if low > high and high <= minute < low:
        return False
    era_day = (
        days + 719468
    )  # days from 0000-03-01, after Hinnant, chrono-compatible date algorithms
    of_era = era_day - era_day // 146097 * 146097
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = ((5 * of_year + 2) // 153 + 2) % 12
    return bool((months >> month) & 1)


@njit(cache=True)
def in_force(time_us: Ints, window: Ints) -> Flags:
    """Whether each window of shape (k, 4) holds at its time (k,); see :class:`twin.live.rules.Rules`."""
    out = np.empty(len(time_us), np.bool_)
    for i in range(len(time_us)):
        out[i] = _holds_at(time_us[i], window[i, 0], window[i, 1], window[i, 2], window[i, 3])
    return out


@njit(cache=True)
def _looked_at(position: Ints, first: Ints) -> Ints:
    """Rules of the streams that have readings, in order."""
    total = 0
    for i in range(len(position)):
        if i == 0 or position[i] != position[i - 1]:
            total += first[position[i] + 1] - first[position[i]]
    rules = np.empty(total, np.int64)
    k = 0
    for i in range(len(position)):
        if i == 0 or position[i] != position[i - 1]:
            for r in range(first[position[i]], first[position[i] + 1]):
                rules[k] = r
                k += 1
    return rules


@njit(cache=True)
def follow(  # noqa: C901 -- compiled: one walk, no calls between its states
    position: Ints, time_us: Ints, value: Floats, last_us: Ints, last_value: Floats, first: Ints, kind: NDArray[np.int8],
    sign: Floats, threshold: Floats, dead_band: Floats, on_us: Ints, off_us: Ints, window: Ints, always: Flags, force_us: Ints,
    active: Flags, since: Ints,
) -> tuple[Ints, Flags, Ints, Ints, Ints, Floats, Flags]:  # fmt: skip
    """Readings sorted by stream and time, against the rules of their streams.

    Parameters as in :func:`twin.live.conditions.evaluate`; ``active`` and ``since`` are not changed.

    Returns
    -------
    rules, active, since
        Rules looked at, and where their conditions stand afterwards.
    rule, time_us, value, begins
        Conditions that began or ended, by stream, rule and time.
    """
    rules = _looked_at(position, first)
    after, after_since = active[rules], since[rules]
    who, when = np.empty(64, np.int64), np.empty(64, np.int64)
    what, begins = np.empty(64, np.float64), np.empty(64, np.bool_)
    found = k = start = 0
    while start < len(position):
        p = position[start]
        stop = start
        while stop < len(position) and position[stop] == p:
            stop += 1
        for r in range(first[p], first[p + 1]):
            held, towards_since = after[k], after_since[k]
            before_us, before = last_us[p], last_value[p]
            for q in range(start, stop):
                if found + 2 > len(who):
                    who, when = np.concatenate((who, who)), np.concatenate((when, when))
                    what, begins = np.concatenate((what, what)), np.concatenate((begins, begins))
                t, x = time_us[q], value[q]
                if kind[r] == STALE:
                    due = max(before_us, force_us[r])
                    if due != _NEVER:
                        due += np.int64(threshold[r] * 1e6)
                    if (
                        not held
                        and due != _NEVER
                        and due < t
                        and (
                            always[r]
                            or _holds_at(
                                due, window[r, 0], window[r, 1], window[r, 2], window[r, 3]
                            )
                        )
                    ):
                        who[found], when[found], what[found], begins[found] = (
                            r,
                            due,
                            threshold[r],
                            True,
                        )
                        found += 1
                        held, towards_since = True, due
                    if held:
                        silent = (t - max(before_us, force_us[r])) / 1e6
                        who[found], when[found] = r, max(t, towards_since)
                        what[found], begins[found] = silent, False
                        found += 1
                        held, towards_since = False, _NEVER
                    before_us = t
                    continue
                if kind[r] == RATE:
                    known, gap, step = before_us != _NEVER, t - before_us, x - before
                    before_us, before = t, x
                    if not known:
                        continue
                    x = step / gap * MINUTE_US
                if not always[r] and not _holds_at(
                    t, window[r, 0], window[r, 1], window[r, 2], window[r, 3]
                ):
                    changes, towards_since = held, _NEVER
                else:
                    beyond = (x - threshold[r]) * sign[r]
                    towards = beyond <= -dead_band[r] if held else beyond > 0
                    if towards and towards_since == _NEVER:
                        towards_since = t
                    elif not towards:
                        towards_since = _NEVER
                    changes = towards and t - towards_since >= (off_us[r] if held else on_us[r])
                if changes:
                    held, towards_since = not held, _NEVER
                    who[found], when[found], what[found], begins[found] = r, t, x, held
                    found += 1
            after[k], after_since[k] = held, towards_since
            k += 1
        start = stop
    return rules, after, after_since, who[:found], when[:found], what[:found], begins[:found]
