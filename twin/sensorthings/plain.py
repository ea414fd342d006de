"""Plain observations: numbers at instants of Datastreams the hub knows, for which the base need not be asked.

Most observations are such, one by one from devices or in data arrays. What says more (a time of its result, a feature, a
valid time, parameters), is no number, or is of a MultiDatastream goes the way of :mod:`twin.sensorthings.storing`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.errors import ConflictError, InvalidRequestError
from twin.live.incoming import Batch
from twin.live.state import microseconds
from twin.live.view import LiveView
from twin.sensorthings.expressions import instants
from twin.sensorthings.rows import json_text

__all__ = ["OTHER_RESULT", "expect_stored", "path_stream", "plain_array", "plain_reading", "quality_mark"]  # fmt: skip

OTHER_RESULT: Final = (
    "The Datastream has another result at that phenomenonTime; the first one stays."
)
_NAMES: Final = frozenset({"phenomenonTime", "result", "resultQuality", "Datastream"})
_PATH: Final = re.compile(r"/?(?:Datastreams\((\d{1,18})\)/)?Observations/?")
_ARRAY: Final = frozenset({"phenomenonTime", "result", "resultQuality"})
_INSTANT: Final = pa.timestamp("us", tz="UTC")


def path_stream(path: str) -> int | None:
    """Datastream whose Observations a path is; 0 where it is the set of all, None where it is neither.

    Examples
    --------
    >>> path_stream("Datastreams(7)/Observations"), path_stream("Observations"), path_stream("Things")
    (7, 0, None)
    """
    found = _PATH.fullmatch(path)
    return None if found is None else int(found[1] or 0)


def plain_reading(live: LiveView, body: Any, stream: int) -> Batch | None:  # noqa: ANN401 -- JSON
    """The one reading of a body; None where it is no plain observation, or not one at all.

    Parameters
    ----------
    live : LiveView
    body : JSON
    stream : int
        The Datastream the path names; 0 for none.
    """
    if not isinstance(body, Mapping) or not body.keys() <= _NAMES:
        return None
    result, given, quality = body.get("result"), body.get("Datastream"), body.get("resultQuality")
    if not isinstance(result, int | float) or isinstance(result, bool):
        return None
    if given is not None:
        stream = _stream_of(given)
    if stream <= 0 or live.catalogue.of_ids(np.array([stream]))[0] < 0:
        return None
    text = body.get("phenomenonTime")
    try:
        begin, end = (live.now(),) * 2 if text is None else instants(text)
    except (ValueError, TypeError, OverflowError, AttributeError):
        return None
    if begin != end:
        return None
    marks = None if quality is None else pa.array([quality_mark(quality)], pa.string())
    when = np.array([microseconds(begin)], np.int64)
    return Batch([stream], when, np.array([float(result)]), marks)


def plain_array(live: LiveView, part: Any) -> Batch | None:  # noqa: ANN401 -- JSON
    """The readings of a data array; None where they are not all plain observations."""
    try:
        stream, names, rows = _stream_of(part["Datastream"]), part["components"], part["dataArray"]
        if not set(names) <= _ARRAY or not {"phenomenonTime", "result"} <= set(names):
            return None
        if stream <= 0 or not rows or live.catalogue.of_ids(np.array([stream]))[0] < 0:
            return None
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    except (KeyError, TypeError, ValueError):
        return None
    results: Sequence[Any] = columns["result"]
    if not set(map(type, results)) <= {int, float} or len(columns) != len(names):
        return None
    times = _moments(columns["phenomenonTime"])
    if times is None:
        return None
    marks = None
    if "resultQuality" in columns:
        marks = pa.array([quality_mark(each) for each in columns["resultQuality"]], pa.string())
    return Batch(np.full(len(rows), stream), times, np.array(results, np.float64), marks)


def expect_stored(batch: Batch) -> None:
    """Refuse what a settled batch refused.

    Raises
    ------
    ConflictError
        If a Datastream has another result at that time: an observation is known by both.
    InvalidRequestError
        If a time lies in the future or a number is not finite.
    OSError
        If the disk could not take it.
    """
    if batch.error is not None:
        raise batch.error
    report = batch.report
    assert report is not None  # noqa: S101 -- settled without an error
    if report.refusals:
        raise InvalidRequestError(f"The observation cannot be stored: {report.refusals[0].reason}.")
    if report.aside:
        raise ConflictError(OTHER_RESULT)


def quality_mark(quality: Any) -> str | None:  # noqa: ANN401 -- JSON
    """A resultQuality as the archive keeps it."""
    return quality if quality is None or isinstance(quality, str) else json_text(quality)


def _stream_of(given: Any) -> int:  # noqa: ANN401 -- JSON
    """The Datastream of ``{"@iot.id": 7}``; 0 where it is none."""
    if not isinstance(given, Mapping) or given.keys() != {"@iot.id"}:
        return 0
    found = given["@iot.id"]
    return found if type(found) is int and 0 < found < 2**62 else 0


def _moments(texts: Sequence[Any]) -> NDArray[np.int64] | None:
    """Microseconds since 1970 UTC of ISO 8601 texts with a zone; None where they are not all such."""
    try:
        column = pa.array(texts, pa.string()).cast(_INSTANT)
    except (pa.ArrowException, TypeError):
        return None
    if column.null_count:
        return None
    return np.asarray(column.cast(pa.int64()).to_numpy())
