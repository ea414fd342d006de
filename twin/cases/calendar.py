"""Working time: moments to seconds of work and back, for columns of them."""

import csv
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twin.city import City

__all__ = ["HOURS", "Calendar", "calendar_of", "working_calendar"]

HOURS: Final = ((8.5, 12.0), (14.0, 17.5))
"""Begin and end of the spans of a working day, hours of the day."""

_DAY_S: Final = 86_400.0
_EAST_US: Final = 8 * 3_600_000_000
_YEARS: Final = (2015, 2040)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working days and hours, Beijing time.

    Parameters
    ----------
    first : numpy.datetime64[D]
        The first day it knows.
    works : ndarray of bool, shape (n,)
        Whether there is work, a day each.
    hours : tuple of (begin, end)
        Spans of a working day in hours, in order.
    """

    first: np.datetime64
    works: NDArray[np.bool_]
    hours: tuple[tuple[float, float], ...] = HOURS

    @property
    def day_s(self) -> float:
        """Working seconds of a working day."""
        return 3600.0 * sum(end - begin for begin, end in self.hours)

    def worked(self, moments: NDArray[np.datetime64]) -> NDArray[np.float64]:
        """Seconds of work from the first day to each moment.

        Parameters
        ----------
        moments : ndarray of datetime64[us], shape (n,)
            UTC; NaT and what lies outside the calendar gives NaN.
        """
        local = moments.astype("M8[us]") + np.timedelta64(_EAST_US, "us")
        over = self.first + np.timedelta64(len(self.works), "D")
        missing = np.isnat(local) | (local < self.first) | (local >= over)
        local = np.where(missing, self.first.astype("M8[us]"), local)
        day = (local.astype("M8[D]") - self.first).astype(np.int64)
        second = (local - local.astype("M8[D]")).astype(np.int64) / 1e6
        inside = np.zeros(len(day))
        for begin, end in self.hours:
            inside += np.clip(second - begin * 3600, 0, (end - begin) * 3600)
        done = self._before()[day] + np.where(self.works[day], inside, 0.0)
        return np.where(missing, np.nan, done)

    def moment(self, worked: NDArray[np.float64]) -> NDArray[np.datetime64]:
        """The first moment (UTC, µs) at which so many seconds of work are done; NaT for NaN."""
        missing = np.isnan(worked)
        wanted = np.where(missing, 0.0, worked)
        before = self._before()
        day = np.searchsorted(before[1:], wanted, side="left")
        day = np.minimum(day, len(self.works) - 1)
        left = wanted - before[day]
        second = np.full(len(wanted), self.hours[0][0] * 3600)
        for begin, end in self.hours:
            span = (end - begin) * 3600
            second = np.where(left > 0, begin * 3600 + np.minimum(left, span), second)
            left = left - span
        micro = np.round(second * 1e6).astype(np.int64).astype("m8[us]")
        local = (self.first + day.astype("m8[D]")).astype("M8[us]") + micro
        found = local - np.timedelta64(_EAST_US, "us")
        return np.where(missing, np.datetime64("NaT", "us"), found)

    def after(self, begin: NDArray[np.datetime64], work_s: NDArray[np.float64]) -> NDArray[np.datetime64]:  # fmt: skip
        """When so many seconds of work are done from each begin on (UTC)."""
        return self.moment(self.worked(begin) + work_s)

    def _before(self) -> NDArray[np.float64]:
        """Seconds of work before each day, one entry more than days."""
        return np.concatenate([[0.0], np.cumsum(self.works * self.day_s)])


@cache
def working_calendar(
    hours: tuple[tuple[float, float], ...] = (),
    off: tuple[date, ...] = (),
    worked: tuple[date, ...] = (),
) -> Calendar:
    """The calendar of ``twin/codes/working_days.csv``; years it does not name go by their weeks.

    Parameters
    ----------
    hours : tuple of (begin, end), optional
        Spans of a working day in hours, in order; :data:`HOURS` where there are none.
    off, worked : tuple of date, optional
        Further days without and with work; they win over the table.
    """
    text = files("twin.codes").joinpath("working_days.csv").read_text(encoding="utf-8")
    first = np.datetime64(date(_YEARS[0], 1, 1), "D")
    n = int((np.datetime64(date(_YEARS[1] + 1, 1, 1), "D") - first).astype(np.int64))
    works = np.is_busday(first + np.arange(n))
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    named = [(date.fromisoformat(row["date"]), row["kind"] == "上班") for row in rows]
    named += [(day, False) for day in off] + [(day, True) for day in worked]
    for day, is_worked in named:
        at = int((np.datetime64(day, "D") - first).astype(np.int64))
        if 0 <= at < n:
            works[at] = is_worked
    return Calendar(first, works, hours or HOURS)


def calendar_of(city: City) -> Calendar:
    """Working time of a city, by its ``city.toml``."""
    return working_calendar(city.working_hours, city.days_off, city.days_worked)
