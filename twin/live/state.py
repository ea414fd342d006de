"""How things stand: the state of a stream from its newest reading, and the state byte of streams and things.

A **state byte** is what a scene colours by. Its low three bits are the worst of the streams and of the alarms whose
condition holds (:data:`NOTHING`, then normal, stale, warning, alarm as 1 to 4); :data:`CASE_OPEN`,
:data:`UNANSWERED` and :data:`SILENCED` are flags above them. The byte of a thing is that of its streams together,
and of its open cases.
"""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from twin.live.life_cycle import HOLDING, SILENT_STATES

__all__ = [
    "ALARM",
    "CASE_OPEN",
    "NORMAL",
    "NOTHING",
    "NO_TIME",
    "SILENCED",
    "STALE",
    "STATES",
    "UNANSWERED",
    "WARNING",
    "WORST",
    "alarm_byte",
    "classify",
    "is_stale",
    "microseconds",
    "moment_of",
    "of_things",
    "stream_bytes",
]

STATES = ("normal", "warning", "alarm", "stale")
NORMAL, WARNING, ALARM, STALE = range(4)

NOTHING = 0
RANKS = np.array([1, 3, 4, 2], np.uint8)
"""Low bits of the state byte, by index into :data:`STATES`."""
WORST = 7
CASE_OPEN, UNANSWERED, SILENCED = 8, 16, 32
WORDS = ("nothing", "normal", "stale", "warning", "alarm")
"""What the low bits say."""

NO_TIME = np.iinfo(np.int64).min
"""Microseconds that stand for "never"; what NumPy's NaT is."""

MISSED_INTERVALS = 3.0
GRACE_S = 60.0


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of a naive UTC moment."""
    return int(np.datetime64(moment, "us").view(np.int64))


def moment_of(time_us: int) -> datetime:
    """Naive UTC moment of microseconds since 1970."""
    moment: datetime = np.int64(time_us).view("M8[us]").item()
    return moment


def classify(value: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Level of each reading by the thresholds of its stream.

    Parameters
    ----------
    value : ndarray of float64, shape (n,)
        Readings in the unit of their stream; NaN where there is none.
    thresholds : ndarray of float64, shape (n, 4)
        ``warn_low, warn_high, alarm_low, alarm_high`` in the same unit; NaN where not set. A
        reading on a threshold is still inside.

    Returns
    -------
    ndarray of uint8, shape (n,)
        Index into :data:`STATES`; never stale.

    Examples
    --------
    >>> limits = np.array([[np.nan, 0.5, np.nan, 1.0]] * 3)
    >>> [STATES[level] for level in classify(np.array([0.5, 0.6, 1.2]), limits)]
    ['normal', 'warning', 'alarm']
    """
    warn_low, warn_high, alarm_low, alarm_high = thresholds.T
    level = np.zeros(len(value), np.uint8)
    level[(value < warn_low) | (value > warn_high)] = WARNING
    level[(value < alarm_low) | (value > alarm_high)] = ALARM
    return level


def is_stale(
    time_us: NDArray[np.int64], interval_s: NDArray[np.float64], now_us: int
) -> NDArray[np.bool_]:
    """Whether a stream has gone silent: no reading yet, or none for three intervals and a minute.

    Parameters
    ----------
    time_us : ndarray of int64, shape (n,)
        Time of the newest reading, microseconds since 1970 UTC; :data:`NO_TIME` for none.
    interval_s : ndarray of float64, shape (n,)
        Seconds between readings; NaN where unknown: such a stream is stale only before its first.
    now_us : int
        Microseconds since 1970 UTC.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    never = time_us == NO_TIME
    age_s = (now_us - np.where(never, now_us, time_us)) / 1e6
    stale: NDArray[np.bool_] = never | (age_s > MISSED_INTERVALS * interval_s + GRACE_S)
    return stale


def alarm_byte(state: str, level: str) -> int:
    """What an alarm adds to the state byte of its stream; 0 once it is closed.

    Examples
    --------
    >>> [alarm_byte(state, "warning") for state in ("active", "acknowledged", "returned", "shelved", "closed")]
    [19, 3, 16, 32, 0]
    """
    if state == "closed":
        return 0
    if state in SILENT_STATES:
        return SILENCED
    held = (3 if level == "warning" else 4) if state in HOLDING else NOTHING
    return held if state == "acknowledged" else held | UNANSWERED


def stream_bytes(state: NDArray[np.uint8], alarms: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """State bytes of streams: by their readings (index into :data:`STATES`) and their alarms together; shape (n,)."""
    worst = np.maximum(RANKS[state], alarms & WORST)
    together: NDArray[np.uint8] = worst | (alarms & ~np.uint8(WORST))
    return together


def of_things(
    streams: NDArray[np.uint8], starts: NDArray[np.int64], cases: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """State bytes of things.

    Parameters
    ----------
    streams : ndarray of uint8, shape (m,)
        State bytes of their streams, those of one thing after those of the other.
    starts : ndarray of int64, shape (n + 1,)
        Where those of each thing begin; the last is m. A thing may have none.
    cases : ndarray of bool, shape (n,)
        Which things have an open case.

    Returns
    -------
    ndarray of uint8, shape (n,)

    Examples
    --------
    >>> of_things(np.array([1, 19, 32], np.uint8), np.array([0, 2, 2, 3]), np.array([False, True, False])).tolist()
    [19, 8, 32]
    """
    found = np.zeros(len(starts) - 1, np.uint8)
    some = np.flatnonzero(starts[:-1] < starts[1:])
    if len(some):
        at = starts[:-1][some]
        worst = np.maximum.reduceat(streams & WORST, at)
        found[some] = worst | (np.bitwise_or.reduceat(streams, at) & ~np.uint8(WORST))
    found[cases] |= CASE_OPEN
    return found
