"""A part of the scene that somebody watches: which features, and the frames about them.

A channel knows nothing of its readers. Whoever says which index and which event number he has gets the frames
that bring him up to date; the same answer is made once.
"""

import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twin.crs.ecef import geographic_to_ecef
from twin.live.frames import Stamp, delta_frame, full_frame, index_frame
from twin.live.scene import Layer, SceneStates
from twin.live.state import CASE_OPEN, SILENCED, UNANSWERED, WORDS, WORST

__all__ = ["Channel", "Question"]

MOST_FEATURES_NEAR: Final = 20_000
KEPT_FRAMES: Final = 4
KEPT_INDEXES: Final = 1000


@dataclass(frozen=True, slots=True)
class Question:
    """Which features, and what of them; hashable, so that all who ask the same share the answer.

    Parameters
    ----------
    layer : str
        ``streams``, ``things``, or a collection.
    bbox : tuple of float, optional
        West, south, east, north, degrees.
    planes : tuple of float, shape (24,), optional
        Six planes ``a, b, c, d`` in EPSG:4978, metres: inside where ``ax + by + cz + d ≥ 0`` for all.
    subject, class_code : str, optional
    grid : str, optional
        A code of a 单元网格, or its beginning.
    level : int
        States below it (low bits) are told as nothing.
    values : bool
        The newest readings beside the states; of streams only.
    detail : str
        ``features``, ``grid``, or ``auto``: counts per grid beyond :data:`MOST_FEATURES_NEAR` features.
    """

    layer: str
    bbox: tuple[float, float, float, float] | None = None
    planes: tuple[float, ...] | None = None
    subject: str | None = None
    class_code: str | None = None
    grid: str | None = None
    level: int = 0
    values: bool = False
    detail: str = "features"

    def among(self, layer: Layer, first: int) -> NDArray[np.int64]:
        """Rows from ``first`` on that are asked for, ascending."""
        part = slice(first, None)
        chosen = np.ones(len(layer) - first, bool)
        lon, lat = layer.lon[part], layer.lat[part]
        if self.bbox is not None:
            west, south, east, north = self.bbox
            chosen &= (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
        if self.planes is not None:
            chosen &= _inside(self.planes, lon, lat, layer.z[part])
        if self.layer not in ("streams", "things"):
            chosen &= _same(layer.collection[part], self.layer)
        for wanted, column in ((self.subject, layer.subject), (self.class_code, layer.class_code)):
            if wanted is not None:
                chosen &= _same(column[part], wanted)
        if self.grid is not None:
            codes = layer.grid[part]
            chosen &= np.fromiter(
                (code is not None and code.startswith(self.grid) for code in codes),
                bool,
                len(codes),
            )
        return np.flatnonzero(chosen) + first


def _same(column: NDArray[Any], wanted: str) -> NDArray[np.bool_]:
    """Which texts of a column are the one wanted."""
    return np.asarray(column == wanted, np.bool_)


def _inside(
    planes: tuple[float, ...],
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    z: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Which points lie in a frustum; those without a place do not."""
    x, y, up = geographic_to_ecef(lon, lat, np.nan_to_num(z))
    places = np.column_stack([x, y, up, np.ones(len(lon))])
    sides = np.array(planes, np.float64).reshape(-1, 4)
    return np.asarray(np.all(places @ sides.T >= 0, axis=1), np.bool_)


class Channel:
    """What one question sees of a city's states; one thread uses it.

    Parameters
    ----------
    states : SceneStates
    question : Question
    """

    def __init__(self, states: SceneStates, question: Question) -> None:
        self._states, self.question = states, question
        self._rows = np.empty(0, np.int64)
        self._looked_at = 0
        self._index = 0
        self._known: OrderedDict[int, int] = OrderedDict()
        self._made: OrderedDict[Any, list[bytes]] = OrderedDict()
        self._shown = np.arange(256).astype(np.uint8)
        self._shown[(self._shown & WORST) < question.level] = 0
        self._grow(first=True)

    @property
    def _layer(self) -> Layer:
        return self._states.layer(self.question.layer)

    @property
    def index(self) -> int:
        """CRC-32 of the ids."""
        return self._index

    @property
    def far(self) -> bool:
        """Whether counts per grid are told in place of features."""
        detail = self.question.detail
        return detail == "grid" or (detail == "auto" and len(self._rows) > MOST_FEATURES_NEAR)

    def __len__(self) -> int:
        self._grow()
        return len(self._rows)

    def _grow(self, first: bool = False) -> None:
        """Take in features that came since."""
        layer = self._layer
        if self._looked_at == len(layer) and not first:
            return
        more = self.question.among(layer, self._looked_at)
        self._looked_at = len(layer)
        if len(more) or first:
            self._rows = np.concatenate([self._rows, more])
            self._index = zlib.crc32(layer.ids[more].tobytes(), self._index)
            self._known[self._index] = len(self._rows)
            if len(self._known) > KEPT_INDEXES:
                self._known.popitem(last=False)

    def features(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Rows of the features in their layer, and their state bytes."""
        self._grow()
        return self._rows, self._shown[self._layer.state[self._rows]]

    def frames(
        self, since: int | None, index: int | None, floor: int, time_us: int, flags: int = 0
    ) -> list[bytes]:
        """What a reader lacks, in the order it is to be applied; empty where he has everything.

        Parameters
        ----------
        since, index : int, optional
            Number of the last event and CRC-32 of the index he has.
        floor : int
            Number of the event from which on it is known what changed.
        time_us : int
            Time of the states, microseconds since 1970 UTC.
        flags : int
            As in :class:`twin.live.frames.Stamp`.
        """
        self._grow()
        seq = self._states.seq
        key = (since, index, seq, floor, flags)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._frames(since, index, floor, time_us, flags)
            if len(self._made) > KEPT_FRAMES:
                self._made.popitem(last=False)
        return found

    def _frames(
        self, since: int | None, index: int | None, floor: int, time_us: int, flags: int
    ) -> list[bytes]:
        stamp = Stamp(self._states.seq, time_us, self._index, len(self._rows), flags)
        known = None if index is None else self._known.get(index)
        out = []
        if known is None or known < len(self._rows):
            more = self._rows[known or 0 :]
            out.append(index_frame(stamp, self._layer.ids[more].tobytes(), len(more)))
        if known is None or since is None or not floor <= since <= stamp.seq:
            state, value = self._of(self._rows)
            return [*out, full_frame(stamp, state, value)]
        changed = self._changed(since)
        if len(changed) or out:
            whole = len(self._rows) == len(self._layer)
            state, value = self._of(changed if whole else self._rows[changed])
            out.append(delta_frame(stamp, since, changed, state, value))
        return out

    def _changed(self, since: int) -> NDArray[np.int64]:
        """Positions in the index of what changed after an event."""
        layer, numbers = self._layer, self._layer.changed
        lately = layer.lately
        if self.question.values and layer.valued is not None:
            numbers, lately = layer.valued, layer.lately_valued
        rows = lately.since(since)
        if rows is not None and len(self._rows) == len(layer):
            return rows
        if rows is not None and len(self._rows):
            at = np.minimum(np.searchsorted(self._rows, rows), len(self._rows) - 1)
            inside: NDArray[np.int64] = at[self._rows[at] == rows]
            return inside
        if len(self._rows) == len(layer):
            return np.flatnonzero(numbers > since)
        return np.flatnonzero(numbers[self._rows] > since)

    def _of(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.float64] | None]:
        layer = self._layer
        state = layer.state[rows]
        if self.question.level:
            state = self._shown[state]
        if not self.question.values or layer.value is None:
            return state, None
        return state, layer.value[rows]

    def counts(self) -> list[dict[str, Any]]:
        """How many features of each grid are in which state.

        Returns
        -------
        list of dict
            ``grid`` (None: in none), ``lon, lat`` (middle of its features, degrees), ``features``, how many are in each of
            :data:`twin.live.state.WORDS` there is, ``case``, ``unanswered``, ``silenced``.
        """
        rows, state = self.features()
        layer = self._layer
        codes = ["" if code is None else code for code in layer.grid[rows]]
        names, at = np.unique(np.array(codes, str), return_inverse=True)
        n = len(names)
        worst = np.bincount(at * 8 + (state & WORST), minlength=8 * n).reshape(n, 8)
        total = np.bincount(at, minlength=n)
        placed = np.isfinite(layer.lon[rows]) & np.isfinite(layer.lat[rows])
        there = np.maximum(np.bincount(at[placed], minlength=n), 1)
        lon, lat = (
            np.bincount(at[placed], column[rows][placed], n) / there
            for column in (layer.lon, layer.lat)
        )
        flagged = {
            word: np.bincount(at[(state & bit) > 0], minlength=n)
            for word, bit in (
                ("case", CASE_OPEN),
                ("unanswered", UNANSWERED),
                ("silenced", SILENCED),
            )
        }
        return [
            {
                "grid": str(names[i]) or None,
                "lon": round(float(lon[i]), 7),
                "lat": round(float(lat[i]), 7),
                "features": int(total[i]),
                **{word: int(worst[i, nth]) for nth, word in enumerate(WORDS) if worst[i, nth]},
                **{word: int(count[i]) for word, count in flagged.items() if count[i]},
            }
            for i in range(n)
        ]
