"""Messages of devices into columns: JSON of ours, SensorThings Observations, data arrays.

========================================  ==========================================================
topic                                     payload
========================================  ==========================================================
``twin/observations/<stream key>``        a number, ``{"result", "time", "seq", "quality", "unit"}``, or a list
``twin/observations``                     a list of ``{"stream", "result", …}``, or that in ``observations``
``v1.1/Datastreams(<id>)/Observations``   a SensorThings Observation, or a list
``v1.1/CreateObservations``               SensorThings data arrays
========================================  ==========================================================

Times are RFC 3339, or numbers: milliseconds since 1970 UTC. A reading without a time gets that of its
arrival; its running number (``seq``) then tells whether it came before. Results in a ``unit`` that is not
the stream's are turned into it.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from twin.live.incoming import Batch, IngestReport
from twin.live.readings import NO_SEQUENCE
from twin.live.state import NO_TIME

__all__ = ["BAD_PAYLOAD", "BAD_TOPIC", "OURS", "Columns", "parsed", "stream_of", "times_us"]

BAD_TOPIC: Final = 0x90
BAD_PAYLOAD: Final = 0x99
"""Reason codes of MQTT 5 for what cannot be understood."""

OURS: Final = "twin/observations"
_STREAM: Final = re.compile(r"v1\.[01]/Datastreams\((\d{1,18})\)/Observations")
_ARRAYS: Final = ("v1.1/CreateObservations", "v1.0/CreateObservations")
MOST_ROWS: Final = 100_000


def stream_of(topic: str) -> str | int | None:
    """Stream a topic belongs to (key or id); "" where the payload says it, None where it is none of ours.

    Examples
    --------
    >>> stream_of("twin/observations/G1/ch4"), stream_of("v1.1/Datastreams(7)/Observations")
    ('G1/ch4', 7)
    """
    if topic.startswith(OURS + "/"):
        return topic[len(OURS) + 1 :] or None
    if topic == OURS or topic in _ARRAYS:
        return ""
    found = _STREAM.fullmatch(topic)
    return int(found[1]) if found else None


class Columns:
    """Readings of many messages, growing column by column."""

    __slots__ = ("marks", "results", "sequences", "streams", "times", "units")

    def __init__(self) -> None:
        self.streams: list[str | int] = []
        self.times: list[Any] = []
        self.results: list[Any] = []
        self.sequences: list[int] = []
        self.marks: list[str | None] = []
        self.units: list[str | None] = []

    def __len__(self) -> int:
        return len(self.streams)

    def add(self, stream: str | int, content: Any) -> bool:  # noqa: ANN401 -- JSON
        """Take the readings of a message of ``stream``; whether it could be understood.

        What is taken of a message that cannot be understood is taken back.
        """
        n = len(self.streams)
        try:
            self._take(stream, content)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            for name in self.__slots__:
                del getattr(self, name)[n:]
            return False
        return True

    def _take(self, stream: str | int, content: Any) -> None:  # noqa: ANN401 -- JSON
        kind = type(content)
        if kind is dict:
            if "result" in content:
                self._one(stream if stream != "" else content["stream"], content)
            else:
                rows = content["observations"]
                if type(rows) is not list or stream != "":
                    raise TypeError
                self._take(stream, rows)
        elif kind is list:
            if len(content) > MOST_ROWS or not content:
                raise ValueError
            for row in content:
                if type(row) is dict and "dataArray" in row:
                    self._array(row)
                elif type(row) is dict:
                    self._one(stream if stream != "" else row["stream"], row)
                else:
                    raise TypeError
        elif kind in (int, float) and stream != "":
            self._append(stream, None, content, None, None)
        else:
            raise TypeError

    def _one(self, stream: str | int, row: dict[str, Any]) -> None:
        get = row.get
        time = get("time")
        if time is None:
            time = get("phenomenonTime")
        number = get("seq")
        if number is None and "parameters" in row:
            number = row["parameters"].get("seq")
        mark = get("quality")
        if mark is None:
            mark = get("resultQuality")
        self._append(stream, time, row["result"], number, mark, get("unit"))

    def _append(
        self,
        stream: str | int,
        time: Any,  # noqa: ANN401 -- JSON
        result: Any,  # noqa: ANN401
        number: Any,  # noqa: ANN401
        mark: Any,  # noqa: ANN401
        unit: Any = None,  # noqa: ANN401
    ) -> None:
        if type(stream) not in (str, int) or not (unit is None or type(unit) is str):
            raise TypeError
        self.streams.append(stream)
        self.times.append(time)
        self.results.append(np.nan if result is None else float(result))
        self.sequences.append(NO_SEQUENCE if number is None else _whole(number))
        self.marks.append(mark if mark is None or type(mark) is str else str(mark))
        self.units.append(unit)

    def _array(self, part: dict[str, Any]) -> None:
        """One SensorThings data array: a Datastream, components, rows."""
        stream = part["Datastream"]["@iot.id"]
        names: list[str] = part["components"]
        result = names.index("result")
        time = names.index("phenomenonTime") if "phenomenonTime" in names else None
        mark = names.index("resultQuality") if "resultQuality" in names else None
        unit = names.index("unit") if "unit" in names else None
        rows: list[list[Any]] = part["dataArray"]
        if len(self.streams) + len(rows) > MOST_ROWS:
            raise ValueError
        for row in rows:
            self._append(
                stream,
                None if time is None else row[time],
                row[result],
                None,
                None if mark is None else row[mark],
                None if unit is None else row[unit],
            )

    def batch(
        self, arrival: Callable[[int], NDArray[np.int64]], seen: Callable[[str | int, int], bool]
    ) -> Batch:
        """The readings as a batch, without those whose number was seen before; settled where that is all of them.

        Parameters
        ----------
        arrival : callable
            Gives so many different moments of arrival (µs since 1970 UTC).
        seen : callable
            Whether a running number of a stream came before.
        """
        time_us = times_us(self.times)
        streams: list[str | int] = self.streams
        sequence = np.array(self.sequences, np.int64)
        value = np.array(self.results, np.float64)
        n = len(streams)
        marks = None if self.marks.count(None) == n else pa.array(self.marks, pa.string())
        units = None if self.units.count(None) == n else self.units
        known = None
        if None in self.times:
            timeless = np.flatnonzero([time is None for time in self.times])
            time_us[timeless] = arrival(len(timeless))
            known = self._known(timeless, sequence, seen)
            if known is not None:
                kept = np.flatnonzero(~known)
                streams = [streams[at] for at in kept.tolist()]
                time_us, value, sequence = time_us[kept], value[kept], sequence[kept]
                marks = None if marks is None else marks.take(pa.array(kept))
                units = None if units is None else [units[at] for at in kept.tolist()]
        given = None if self.sequences.count(NO_SEQUENCE) == n else sequence
        batch = Batch(
            streams, time_us, value, marks, given, park=True, units=units, left_out=n - len(streams)
        )
        if n and not len(batch):
            batch.report = IngestReport(0, n, 0, 0)
        return batch

    def _known(
        self,
        timeless: NDArray[np.int64],
        sequence: NDArray[np.int64],
        seen: Callable[[str | int, int], bool],
    ) -> NDArray[np.bool_] | None:
        known = np.zeros(len(self.streams), bool)
        here: set[tuple[str | int, int]] = set()
        for at in timeless[sequence[timeless] != NO_SEQUENCE].tolist():
            key = (self.streams[at], self.sequences[at])
            known[at] = key in here or seen(*key)
            here.add(key)
        return known if known.any() else None


def _whole(number: Any) -> int:  # noqa: ANN401 -- JSON
    if type(number) is not int or not 0 <= number < 2**62:
        raise ValueError
    return number


def times_us(times: list[Any]) -> NDArray[np.int64]:
    """Microseconds since 1970 UTC of RFC 3339 texts and of numbers (milliseconds); NO_TIME for others.

    Examples
    --------
    >>> times_us(["1970-01-01T08:00:01+08:00", 2.5]).tolist()
    [1000000, 2500]
    """
    if times and type(times[0]) is str:
        try:
            zoned = pa.array(times, pa.string()).cast(pa.timestamp("us", tz="UTC"))
            if not zoned.null_count:
                return np.asarray(zoned.cast(pa.int64()).to_numpy())
        except (pa.ArrowException, TypeError):
            pass
    return np.fromiter(map(_moment, times), np.int64, len(times))


def _moment(time: Any) -> int:  # noqa: ANN401 -- JSON
    kind = type(time)
    if kind in (int, float):
        return int(time * 1000) if abs(time) < 9e15 else NO_TIME
    if kind is not str:
        return NO_TIME
    try:
        moment = datetime.fromisoformat(time.partition("/")[0])
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return NO_TIME
    return int(np.datetime64(moment.replace(tzinfo=None), "us").view(np.int64))


def parsed(payloads: list[bytes]) -> list[Any]:
    """JSON of many payloads at once; None (as no payload of ours is) where one is none."""
    try:
        found: list[Any] = orjson.loads(b"[" + b",".join(payloads) + b"]")
        if len(found) == len(payloads):
            return found
    except orjson.JSONDecodeError:
        pass
    return [_parsed(payload) for payload in payloads]


def _parsed(payload: bytes) -> Any:  # noqa: ANN401 -- JSON
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
