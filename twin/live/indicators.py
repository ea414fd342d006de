"""Key numbers of the city as it is now."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from twin.live.catalogue import Catalogue
from twin.live.ledger import Received
from twin.live.life_cycle import OPEN_STATES, Alarm
from twin.live.state import NO_TIME, STATES, microseconds

__all__ = ["indicators"]

WINDOW = timedelta(hours=1)


def indicators(
    cursor: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    state: NDArray[np.uint8],
    time_us: NDArray[np.int64],
    standing: Sequence[Alarm],
    received: Received,
    now: datetime,
    since: datetime,
    counted: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Count what matters.

    Parameters
    ----------
    cursor
        For cases.
    catalogue, state, time_us
        Streams, their states and the times of their newest readings.
    standing
        Open alarms.
    received
        Readings of the last hour.
    now, since : datetime
        The present, and since when readings are taken; naive UTC.
    counted : mapping, optional
        Cases by stage; those of the base when absent.

    Returns
    -------
    dict
        ``time``; ``streams`` {total, by_state, by_subject}; ``alarms`` {open, unanswered, by_level:
        of those whose condition holds, by_state}; ``cases`` {open, by_stage}; ``completeness_pct``
        readings received of those due in the last hour (or since readings are taken), null before
        any was due; ``freshness`` {newest, median_age_s, fresh_pct}.
    """
    names = catalogue.table.column("subject").to_numpy(zero_copy_only=False)
    asked = "SELECT stage, count(*) FROM case_file GROUP BY stage"
    stages = dict(cursor.execute(asked).fetchall() if counted is None else counted)
    holding = [alarm.level for alarm in standing if alarm.state in ("active", "acknowledged")]
    return {
        "time": _iso(now),
        "streams": {
            "total": len(state),
            "by_state": _by_state(state),
            "by_subject": [
                {"subject": name, **_by_state(state[names == name])}
                for name in dict.fromkeys(name for name in names.tolist() if name is not None)
            ],
        },
        "alarms": {
            "open": sum(alarm.state in OPEN_STATES for alarm in standing),
            "unanswered": sum(alarm.state in ("active", "returned") for alarm in standing),
            "by_level": {level: holding.count(level) for level in ("alarm", "warning")},
            "by_state": dict(Counter(alarm.state for alarm in standing)),
        },
        "cases": {
            "open": sum(n for stage, n in stages.items() if stage not in ("结案", "作废")),
            "by_stage": stages,
        },
        "completeness_pct": _completeness(received, catalogue, now, since),
        "freshness": _freshness(state, time_us, now),
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds") + "Z"


def _by_state(state: NDArray[np.uint8]) -> dict[str, int]:
    return dict(zip(STATES, np.bincount(state, minlength=len(STATES)).tolist(), strict=True))


def _freshness(
    state: NDArray[np.uint8], time_us: NDArray[np.int64], now: datetime
) -> dict[str, Any]:
    known = time_us[time_us != NO_TIME]
    if not len(known):
        return {"newest": None, "median_age_s": None, "fresh_pct": 0.0}
    ages = (np.datetime64(now, "us").view(np.int64) - known) / 1e6
    fresh = float(np.mean(state != STATES.index("stale")))
    return {
        "newest": _iso(known.max().view("M8[us]").item()),
        "median_age_s": round(max(float(np.median(ages)), 0.0), 1),
        "fresh_pct": round(100.0 * fresh, 1),
    }


def _completeness(
    received: Received, catalogue: Catalogue, now: datetime, since: datetime
) -> float | None:
    """Percent of the readings due in the window that came; more than were due count as all."""
    window = min(WINDOW, now - since)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.floor(window.total_seconds() / catalogue.interval_s)
    due = np.isfinite(expected) & (expected > 0)
    if not due.any():
        return None
    found = received.between(microseconds(now - window), microseconds(now))
    came = np.minimum(found[due], expected[due]).sum() / expected[due].sum()
    return round(100.0 * float(came), 1)
