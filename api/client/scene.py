"""States of many things as they change, or as they changed: frames of the scene stream applied to arrays."""

import base64
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from api.client.errors import MissingPackageError
from api.client.live import follow
from api.client.transport import Transport

try:
    import numpy as np
    from numpy.typing import NDArray
except ImportError as error:  # pragma: no cover -- comes with geopandas
    raise MissingPackageError("states need numpy: pip install citytwin[client]") from error

__all__ = ["CASE_OPEN", "SILENCED", "UNANSWERED", "WORDS", "States", "states"]

WORDS: Final = ("nothing", "normal", "stale", "warning", "alarm")
"""What the low three bits of a state say."""
CASE_OPEN, UNANSWERED, SILENCED = 8, 16, 32
HEAD: Final = struct.Struct("<4sBBHQQqIIII")
INDEX, FULL, DELTA = 1, 2, 3
DEFLATED, VALUES, LAGGING = 1, 2, 4
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class States:
    """How the features of a layer stand; one object, changed in place with each frame.

    Parameters
    ----------
    layer : str
    ids : list of int or str
        Of the features, in the order of the index: streams by number, things by ``eid``.
    state : ndarray of uint8, shape (n,)
        Low three bits an index into :data:`WORDS`, above them flags.
    value : ndarray of float32, shape (n,), optional
        Newest readings, NaN for none; where they were asked for.
    changed : ndarray of int64, shape (k,)
        Positions the last frame changed.
    seq : int
        Number of the last event known; of the past: microseconds since 1970 UTC.
    time : datetime
        Of the states, UTC.
    lagging : bool
        Whether changes were folded together because this reader was slow.
    counts : list of dict
        Of each grid, where counts are told in place of features.
    """

    layer: str
    ids: list[Any] = field(default_factory=list)
    state: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    value: NDArray[np.float32] | None = None
    changed: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    seq: int = 0
    time: datetime = EPOCH
    lagging: bool = False
    counts: list[dict[str, Any]] = field(default_factory=list)

    def words(self) -> list[str]:
        """The state of each feature as a word."""
        return [WORDS[byte & 7] for byte in self.state.tolist()]

    def apply(self, frame: bytes) -> bool:
        """Apply a frame; whether the states are whole with it (an index is followed by states)."""
        magic, kind, flags, _, seq, _, time_us, _, n, k, size = HEAD.unpack_from(frame)
        if magic != b"CTS1":
            raise ValueError("no frame of the scene stream")
        body = frame[HEAD.size : HEAD.size + size]
        if flags & DEFLATED:
            body = zlib.decompress(body)
        if kind == INDEX:
            known = self.ids[: n - k]
            self.ids = known + self._ids(body, k)
            self.state = np.concatenate([self.state[: n - k], np.zeros(k, np.uint8)])
            if self.value is not None:
                self.value = np.concatenate([self.value[: n - k], np.full(k, np.nan, np.float32)])
            return False
        at = 0
        self.changed = np.arange(k)
        if kind == DELTA:
            gaps, at = _varints(body, k)
            self.changed = np.cumsum(gaps + 1) - 1
        self.state[self.changed] = np.frombuffer(body, np.uint8, k, at)
        if flags & VALUES:
            if self.value is None or len(self.value) != n:
                self.value = np.full(n, np.nan, np.float32)
            self.value[self.changed] = np.frombuffer(body[at + k : at + 5 * k], "<f4")
        self.seq, self.time = seq, EPOCH + timedelta(microseconds=time_us)
        self.lagging = bool(flags & LAGGING)
        return True

    def _ids(self, body: bytes, k: int) -> list[Any]:
        if self.layer == "streams":
            numbers: list[Any] = np.frombuffer(body, "<i8", k).tolist()
            return numbers
        return [str(UUID(bytes=body[at : at + 16])) for at in range(0, 16 * k, 16)]


def _varints(body: bytes, k: int) -> tuple[NDArray[np.int64], int]:
    """LEB128 numbers at the beginning of some bytes, and where they end."""
    raw = np.frombuffer(body, np.uint8)
    ends = np.flatnonzero(raw < 128)[:k] + 1
    end = int(ends[-1]) if k else 0
    group = np.repeat(np.arange(k), np.diff(ends, prepend=0))
    nth = np.arange(end) - np.concatenate([[0], ends[:-1]])[group] if k else np.empty(0, np.int64)
    parts = (raw[:end].astype(np.int64) & 127) << 7 * nth
    numbers = np.zeros(k, np.int64)
    np.add.at(numbers, group, parts)
    return numbers, end


def _data(kind: str, text: str) -> Any:  # noqa: ANN401 -- a frame, or JSON
    return json.loads(text) if kind in ("counts", "lagging") else base64.b64decode(text)


def states(
    transport: Transport, layer: str, params: Mapping[str, Any], until: datetime | None = None
) -> Iterator[States]:
    """The states whole, then after each change; without end, or of a past until a moment (UTC)."""
    found = States(layer)
    for event in follow(transport, params, path=f"/scene/{layer}/events", data=_data):
        if event.kind == "counts":
            found.counts, found.seq = event.data["cells"], event.data["seq"]
            found.time = datetime.fromisoformat(event.data["time"])
            yield found
        elif event.kind != "lagging" and found.apply(event.data):
            yield found
        if until is not None and found.time >= until:
            return
