"""Readings as they arrive: into columns, judged one by one, each refusal with its reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from twin.errors import InvalidRequestError
from twin.live.catalogue import StreamIds
from twin.live.state import NO_TIME
from twin.units import convert, ucum

__all__ = [
    "Batch",
    "IngestReport",
    "Refusal",
    "Settled",
    "Times",
    "as_microseconds",
    "batch_of",
    "judge",
    "marks_of",
    "report",
    "settle",
    "values_of",
]

Times: TypeAlias = Sequence[datetime] | NDArray[np.datetime64] | datetime
"""Times of readings, or an Arrow array of them; naive means UTC; a single one holds for all."""

OK, UNKNOWN, TIMELESS, FUTURE, NOT_FINITE, WRONG_UNIT = range(6)
REASONS = (
    "",
    "unknown stream",
    "reading without a time",
    "time lies in the future",
    "result is not a finite number",
    "unit cannot be turned into that of the stream",
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reading that was not stored: its place in the batch, the stream as given, and why."""

    position: int
    stream: str | int
    reason: str


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of a batch; ``stored + duplicate + unknown + rejected`` = readings given.

    Parameters
    ----------
    stored : int
        Durably in the base when the report is given.
    duplicate : int
        Stored before (same stream and time); nothing was changed.
    aside : int
        Those among the duplicates that gave another value: kept aside, with the value that stands.
    unknown, rejected : int
        Of unknown streams; without a time, from the future, not finite, or in a unit of another kind.
    refusals : tuple of Refusal
        Every unknown or rejected reading.
    converted : int
        Readings that came in another unit and were turned into that of their stream.
    """

    stored: int
    duplicate: int
    unknown: int
    rejected: int
    refusals: tuple[Refusal, ...] = ()
    aside: int = 0
    converted: int = 0


def as_microseconds(times: Times, n: int) -> NDArray[np.int64]:
    """Microseconds since 1970 UTC, shape (n,); :data:`~twin.live.state.NO_TIME` for none.

    Raises
    ------
    InvalidRequestError
        If these are no times, or not ``n`` of them.
    """
    if isinstance(times, datetime):
        times = [times] * n
    try:
        if isinstance(times, np.ndarray) and times.dtype.kind == "M":
            naive = times
        else:
            given: Any = times
            if not isinstance(times, pa.Array | pa.ChunkedArray):
                given = pa.array(times, pa.timestamp("us", tz="UTC"))
            naive = given.cast(pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False)
        found = np.asarray(naive).astype("M8[us]").view(np.int64)
    except (pa.ArrowException, TypeError, ValueError) as err:
        raise InvalidRequestError(f"times of readings cannot be understood: {err}", "time") from err
    if len(found) != n:
        raise InvalidRequestError(f"{n} streams but {len(found)} times were given", "time")
    return found


def values_of(results: ArrayLike | pa.Array, n: int) -> NDArray[np.float64]:
    """Results as float64, shape (n,); NaN where there is none.

    Raises
    ------
    InvalidRequestError
        If these are no numbers, or not ``n`` of them.
    """
    if isinstance(results, pa.Array | pa.ChunkedArray):
        results = results.to_numpy(zero_copy_only=False)
    try:
        found = np.asarray(results, np.float64)
    except (TypeError, ValueError) as err:
        raise InvalidRequestError(f"results are not numbers: {err}", "result") from err
    if found.shape != (n,):
        raise InvalidRequestError(f"{n} streams but results of shape {found.shape} given", "result")
    return found


def marks_of(quality: Sequence[str | None] | None, n: int) -> pa.Array:
    """Marks of quality as an Arrow array of ``n`` texts; nulls where there are none.

    Raises
    ------
    InvalidRequestError
        If these are no texts, or not ``n`` of them.
    """
    if quality is None:
        return pa.nulls(n, pa.string())
    try:
        marks = pa.array(quality, pa.string())
    except pa.ArrowException as err:
        raise InvalidRequestError(f"marks of quality are not texts: {err}", "quality") from err
    if len(marks) != n:
        raise InvalidRequestError(f"{n} streams but {len(marks)} marks were given", "quality")
    return marks


def judge(
    position: NDArray[np.int64],
    time_us: NDArray[np.int64],
    value: NDArray[np.float64],
    newest_us: int,
) -> NDArray[np.uint8]:
    """Index into :data:`REASONS` for each reading; ``newest_us`` is the latest time accepted."""
    verdict = np.zeros(len(position), np.uint8)
    verdict[~np.isfinite(value)] = NOT_FINITE
    verdict[time_us > newest_us] = FUTURE
    verdict[time_us == NO_TIME] = TIMELESS
    verdict[position < 0] = UNKNOWN
    return verdict


def in_stream_units(
    given: Sequence[str | None], wanted: Sequence[str | None], value: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Results in the units of their streams.

    Parameters
    ----------
    given, wanted : sequence of str or None, shape (n,)
        The unit each reading came in (none: that of its stream), and that of the stream.
    value : ndarray of float64, shape (n,)
        In ``given``.

    Returns
    -------
    value, converted, wrong : ndarray, shape (n,)
        In ``wanted``; which were turned into it; which cannot be: of another kind, or of units the table
        (:mod:`twin.units`) does not know, both written differently.

    Examples
    --------
    >>> value, converted, wrong = in_stream_units(["kPa", "℃", None], ["MPa", "MPa", "MPa"], np.full(3, 500.0))
    >>> value.tolist(), converted.tolist(), wrong.tolist()
    ([0.5, 500.0, 500.0], [True, False, False], [False, True, False])
    """
    value = value.copy()
    converted, wrong = np.zeros(len(value), bool), np.zeros(len(value), bool)
    pairs: dict[tuple[str, str], list[int]] = {}
    for at, (a, b) in enumerate(zip(given, wanted, strict=True)):
        if a and a != b:
            pairs.setdefault((a, b or ""), []).append(at)
    for (a, b), rows in pairs.items():
        if ucum(a) == ucum(b):
            continue
        try:
            value[rows] = convert(value[rows], a, b)
            converted[rows] = True
        except ValueError:
            wrong[rows] = True
    return value, converted, wrong


def report(
    batch: "Batch", verdict: NDArray[np.uint8], stored: int, aside: int = 0, converted: int = 0
) -> IngestReport:
    """Balance of a batch."""
    bad = np.flatnonzero(verdict)
    unknown = int(np.count_nonzero(verdict == UNKNOWN))
    refusals = tuple(
        Refusal(at, _plain(batch.streams[at]), REASONS[code])
        for at, code in zip(bad.tolist(), verdict[bad].tolist(), strict=True)
    )
    duplicate = len(verdict) - len(bad) - stored + batch.left_out
    rejected = len(bad) - unknown
    return IngestReport(stored, duplicate, unknown, rejected, refusals, aside, converted)


def _plain(stream: object) -> str | int:
    if isinstance(stream, pa.Scalar):
        stream = stream.as_py()
    return int(stream) if isinstance(stream, int | np.integer) else str(stream)


@dataclass(frozen=True, slots=True)
class Settled:
    """Which readings of a group are new, and which give another value for a time that has one.

    Row numbers of the group: ``new`` sorted by stream and time, ``other`` with the values ``kept``.
    """

    new: NDArray[np.int64]
    other: NDArray[np.int64]
    kept: NDArray[np.float64]


Known = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]
"""Results kept for streams (ids) and times, NaN where there is none."""


def settle(
    good: NDArray[np.int64],
    position: NDArray[np.int64],
    time_us: NDArray[np.int64],
    value: NDArray[np.float64],
    newest_us: NDArray[np.int64],
    known: Known,
) -> Settled:
    """Compare readings with what is kept and with each other; the first of equals stays.

    Parameters
    ----------
    good : ndarray of int64, shape (k,)
        Rows to look at, in the order they came.
    position, time_us, value : ndarray, shape (n,)
        Of all readings of the group.
    newest_us : ndarray of int64, shape (n_streams,)
        Newest time kept of each stream.
    known : callable
        Asked (by position) about readings that are not newer than that.
    """
    order = good[np.lexsort((time_us[good], position[good]))]
    stream, moment, result = position[order], time_us[order], value[order]
    first = np.ones(len(order), bool)
    first[1:] = (stream[1:] != stream[:-1]) | (moment[1:] != moment[:-1])
    before = np.full(len(order), np.nan)
    late = np.flatnonzero(first & (moment <= newest_us[stream]))
    if len(late):
        before[late] = known(stream[late], moment[late])
    new = first & np.isnan(before)
    stands = np.where(new, result, before)[
        np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    ]
    other = ~new & (stands != result)
    return Settled(order[new], order[other], stands[other])


@dataclass(slots=True, eq=False)
class Batch:
    """Readings of one sender on their way: columns of shape (n,), and what became of them.

    Parameters
    ----------
    streams
        Keys or ids, as given.
    time_us, value, marks, sequence
        As in :class:`twin.live.readings.Readings`.
    park : bool
        Keep aside what cannot be stored, for senders that cannot be told.
    units : sequence of str or None, optional
        The unit each reading says it is in, any spelling; None: that of its stream.
    done : callable, optional
        Called with the batch when it is on disk, or has failed (``error``).
    left_out : int
        Readings that came with these and are not among them, because their running numbers came before: duplicates.
    """

    streams: StreamIds
    time_us: NDArray[np.int64]
    value: NDArray[np.float64]
    marks: pa.StringArray | None = None
    sequence: NDArray[np.int64] | None = None
    park: bool = False
    units: Sequence[str | None] | None = None
    done: "Callable[[Batch], object] | None" = None
    left_out: int = 0
    report: IngestReport | None = None
    error: BaseException | None = None

    def __len__(self) -> int:
        return len(self.time_us)

    @property
    def settled(self) -> bool:
        """Whether it is on disk or has failed."""
        return self.report is not None or self.error is not None


def batch_of(
    streams: StreamIds,
    times: Times,
    results: ArrayLike | pa.Array,
    quality: Sequence[str | None] | None = None,
    sequence: Sequence[int] | NDArray[np.int64] | None = None,
    park: bool = False,
) -> Batch:
    """A batch from columns in any of the usual forms.

    Raises
    ------
    InvalidRequestError
        If lengths or types do not fit.
    """
    n = len(streams)
    return Batch(
        streams,
        as_microseconds(times, n),
        values_of(results, n),
        None if quality is None else marks_of(quality, n),
        None if sequence is None else np.asarray(sequence, np.int64),
        park,
    )
