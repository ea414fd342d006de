"""The streams of a city in memory: who they are, where they stand, what is normal for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.store import statement

__all__ = ["Catalogue", "StreamIds"]

StreamIds: TypeAlias = Sequence[str] | Sequence[int] | Sequence[str | int] | NDArray[Any]
"""Streams named by key (text) or id (whole number); Arrow arrays will do too."""

MOST_PIECES = 64
"""Times a table of streams grows by some before it is copied into one piece."""

THRESHOLDS = ("warn_low", "warn_high", "alarm_low", "alarm_high")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Streams in the order of their ids; a *position* is the row of a stream here.

    Parameters
    ----------
    table : pyarrow.Table
        Columns of ``sql/catalogue.sql``.
    ids : ndarray of int64, shape (n,)
        Ascending.
    keys : dict of str to int
        Position by key.
    thresholds : ndarray of float64, shape (n, 4)
        As in :func:`twin.live.state.classify`.
    interval_s, lon, lat : ndarray of float64, shape (n,)
        Seconds; degrees (EPSG:4490); NaN where unknown.
    """

    table: pa.Table
    ids: NDArray[np.int64]
    keys: dict[str, int]
    thresholds: NDArray[np.float64]
    interval_s: NDArray[np.float64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    _rows: dict[int, dict[str, Any]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, con: duckdb.DuckDBPyConnection, ids: Sequence[int] | None = None) -> "Catalogue":
        """Read the streams of the base: all, or those of some ids."""
        given = {"ids": None if ids is None else list(ids)}
        table = con.execute(statement("catalogue", "twin.live"), given).to_arrow_table()

        def numbers(name: str) -> NDArray[np.float64]:
            return np.asarray(table.column(name).to_numpy(), np.float64)

        keys = {key: row for row, key in enumerate(table.column("key").to_pylist())}
        return cls(
            table,
            np.asarray(table.column("stream_id").to_numpy(), np.int64),
            keys,
            np.column_stack([numbers(name) for name in THRESHOLDS]),
            numbers("interval_s"),
            numbers("lon"),
            numbers("lat"),
        )

    def extended(self, more: "Catalogue") -> "Catalogue":
        """These streams and others whose ids come after theirs."""
        table = pa.concat_tables([self.table, more.table])
        if table.column("key").num_chunks > MOST_PIECES:
            table = table.combine_chunks()
        n = len(self.ids)
        return Catalogue(
            table,
            np.concatenate([self.ids, more.ids]),
            {**self.keys, **{key: n + at for key, at in more.keys.items()}},
            np.concatenate([self.thresholds, more.thresholds]),
            np.concatenate([self.interval_s, more.interval_s]),
            np.concatenate([self.lon, more.lon]),
            np.concatenate([self.lat, more.lat]),
        )

    def part(self, chosen: NDArray[np.bool_]) -> "Catalogue":
        """The streams where ``chosen`` (shape (n,)) is true."""
        table = self.table.filter(pa.array(chosen))
        keys = {key: row for row, key in enumerate(table.column("key").to_pylist())}
        return Catalogue(
            table,
            self.ids[chosen],
            keys,
            self.thresholds[chosen],
            self.interval_s[chosen],
            self.lon[chosen],
            self.lat[chosen],
        )

    def row(self, position: int) -> Mapping[str, Any]:
        """The row of the stream at ``position`` as a dict; made once."""
        found = self._rows.get(position)
        if found is None:
            found = self._rows[position] = self.table.slice(position, 1).to_pylist()[0]
        return found

    def positions(self, streams: StreamIds) -> NDArray[np.int64]:
        """Position of each stream named by key or id; −1 where it is unknown."""
        if isinstance(streams, pa.Array | pa.ChunkedArray):
            streams = streams.to_numpy(zero_copy_only=False)
        if isinstance(streams, np.ndarray) and streams.dtype.kind in "iu":
            return self.of_ids(streams.astype(np.int64))
        found = np.fromiter(map(self.keys.get, streams, repeat(-1)), np.int64, len(streams))
        numbered = [
            at
            for at in np.flatnonzero(found < 0).tolist()
            if isinstance(streams[at], int | np.integer)
        ]
        if numbered:
            ids = [min(max(int(streams[at]), -1), 2**62) for at in numbered]
            found[numbered] = self.of_ids(np.array(ids, np.int64))
        return found

    def of_ids(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Position of each id; −1 where it is unknown."""
        if not len(self.ids):
            return np.full(len(ids), -1, np.int64)
        at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[at] == ids, at, -1)

    def select(
        self, bbox: tuple[float, float, float, float] | None = None, subject: str | None = None
    ) -> NDArray[np.bool_]:
        """Which streams lie in ``bbox`` (west, south, east, north) and watch ``subject``."""
        chosen = np.ones(len(self.ids), bool)
        if bbox is not None:
            west, south, east, north = bbox
            chosen &= (self.lon >= west) & (self.lon <= east)
            chosen &= (self.lat >= south) & (self.lat <= north)
        if subject is not None:
            subjects = self.table.column("subject").to_numpy(zero_copy_only=False)
            chosen &= np.asarray(subjects == subject, bool)
        return chosen
