"""What is missing of each stream, and since when."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twin.live.catalogue import Catalogue
from twin.live.events import iso_times
from twin.live.indicators import WINDOW
from twin.live.state import NO_TIME, microseconds

if TYPE_CHECKING:
    from twin.live.hub import LiveHub

__all__ = ["completeness"]

GAPS_SHOWN = 20


def completeness(
    hub: "LiveHub",
    everyone: bool = False,
    limit: int = 1000,
    shown: tuple[Catalogue, NDArray[np.bool_]] | None = None,
) -> dict[str, Any]:
    """Streams that lack something: overdue, short of readings in the last hour, gaps in their numbers.

    Parameters
    ----------
    hub : LiveHub
    everyone : bool
        Those that lack nothing as well.
    limit : int
        At most so many streams, the longest overdue first.
    shown : (Catalogue, ndarray of bool), optional
        As in :meth:`twin.live.view.LiveView.streams`.

    Returns
    -------
    dict
        ``since``, ``now``, ``count`` of all that match, and ``streams``: ``id``, ``key``, ``newest``,
        ``interval_s``, ``overdue_s`` (seconds since the next reading was due), ``expected`` and
        ``received`` since then, ``gaps`` [{first, last, since}], ``restarts`` of its numbers.
    """
    now, since = hub.now(), hub.listening_since
    start = max(now - WINDOW, since)
    memory, sequences = hub.memory, hub.sequences
    catalogue = memory.catalogue
    interval, newest_us = catalogue.interval_s, memory.time_us.copy()
    received = memory.received.between(microseconds(start), microseconds(now))
    expected = np.floor((now - start).total_seconds() / interval)
    known = newest_us != NO_TIME
    last = np.where(known, newest_us, microseconds(since))
    overdue = (microseconds(now) - last) / 1e6 - interval
    gapped = np.zeros(len(interval), bool)
    at = catalogue.of_ids(np.array(sorted(set(sequences.gaps)), np.int64))
    gapped[at[at >= 0]] = True
    with np.errstate(invalid="ignore"):
        lacking = gapped | (overdue > interval) | (received < expected - 1)
    told = lacking | everyone
    if shown is not None:
        told &= shown[1] if shown[0] is catalogue else False
    chosen = np.flatnonzero(told)
    chosen = chosen[np.argsort(-np.nan_to_num(overdue[chosen], nan=-np.inf), kind="stable")]
    rows = []
    times = iso_times(newest_us[chosen[:limit]])
    for position, newest in zip(chosen[:limit].tolist(), times, strict=True):
        row, stream_id = catalogue.row(position), int(catalogue.ids[position])
        timed = bool(np.isfinite(interval[position]))
        gaps = sequences.gaps.get(stream_id, [])
        moments = iso_times(np.array([gap.since_us for gap in gaps[:GAPS_SHOWN]], np.int64))
        rows.append(
            {
                "id": stream_id,
                "key": row["key"],
                "newest": newest,
                "interval_s": float(interval[position]) if timed else None,
                "overdue_s": round(max(float(overdue[position]), 0.0), 3) if timed else None,
                "expected": int(expected[position]) if timed else None,
                "received": int(received[position]),
                "gaps": [
                    {"first": gap.first, "last": gap.last, "since": moment}
                    for gap, moment in zip(gaps, moments, strict=False)
                ],
                "restarts": sequences.restarts.get(stream_id, 0),
            }
        )
    bounds = iso_times(np.array([microseconds(start), microseconds(now)], np.int64))
    return {"since": bounds[0], "now": bounds[1], "count": len(chosen), "streams": rows}
