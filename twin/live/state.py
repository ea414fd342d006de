"""State of a stream from its newest reading: normal, warning, alarm or stale."""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ALARM",
    "NORMAL",
    "NO_TIME",
    "STALE",
    "STATES",
    "WARNING",
    "classify",
    "is_stale",
    "microseconds",
    "moment_of",
]

STATES = ("normal", "warning", "alarm", "stale")
NORMAL, WARNING, ALARM, STALE = range(4)

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
