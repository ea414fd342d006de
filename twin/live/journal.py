"""Events on disk, so that who follows them can go on after the server was killed.

A folder of segments (:mod:`twin.live.log`) whose frames are the events, numbered as they are. They are
written before anyone is told and **not synced**: what a process wrote is there after it was killed. A
loss of power may take the last of them, and a number must never stand for two events; so a journal
written since another start of the machine is put away, and who followed it begins anew with a ``resync``.
"""

import json
import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from twin.errors import CityError
from twin.live.events import Changes, Event, Marks
from twin.live.log import Log

__all__ = ["Journal"]

_HEAD = struct.Struct("<B4q")
_KINDS: Final = ("state", "alarm", "case", "indicators", "resync")
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class Journal:
    """The events of one city; a :class:`twin.live.events.Keeper`.

    Parameters
    ----------
    folder : Path
        ``live/events`` in the city folder; made when the first event is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log: Log | None = None
        self._whole = True
        self._weight = 0

    def restore(self) -> tuple[list[Event], Marks] | None:
        """Events of the life before and how far they told; None where nothing can be gone on from."""
        if self._about().get("boot") != _boot():
            self._put_away()
            return None
        log = Log(self._folder, synced=False)
        events: list[Event] = []
        marks = None
        try:
            for number, content in log.replay():
                event, marks = _decoded(number, content)
                events.append(event)
        except (CityError, ValueError, struct.error):  # damaged: nothing is lost but the way back
            self._put_away()
            return None
        if marks is None:
            self._put_away()
            return None
        self._log = log
        open_ = log.segments[-1]
        self._weight = sum(10 + event.weight for event in events if event.event_id >= open_)
        return events, marks

    def append(self, event: Event, marks: Marks, weight: int) -> None:
        """Keep an event; where the disk is full, this life cannot be gone on from."""
        if not self._whole:
            return
        try:
            if self._log is None:
                self._begin(event.event_id)
            assert self._log is not None  # noqa: S101 -- begun
            if self._weight >= weight:
                self._log.rotate()
                self._log.drop(self._log.segments[-2])
                self._weight = 0
            self._log.append(_encoded(event, marks))
            self._weight += 10 + event.weight
        except OSError:
            self._whole = False
            (self._folder / "about.json").unlink(missing_ok=True)

    def digest(self) -> str | None:
        """What :meth:`remember` was told last."""
        found: str | None = self._about().get("digest")
        return found

    def remember(self, digest: str) -> None:
        """Keep a text that says what the events are about; a life that finds another begins anew."""
        about = self._about()
        if about.get("digest") != digest and self._whole:
            self._write({"boot": _boot(), "digest": digest})

    def _begin(self, number: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write({**self._about(), "boot": _boot()})
        self._log = Log(self._folder, synced=False)
        self._log.next = number

    def _about(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self._folder / "about.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return found

    def _write(self, about: dict[str, Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        beside = self._folder / "about.new"
        beside.write_text(json.dumps(about), encoding="utf-8")
        beside.replace(self._folder / "about.json")

    def _put_away(self) -> None:
        for path in [*self._folder.glob("*.log"), self._folder / "about.json"]:
            path.unlink(missing_ok=True)


def _boot() -> str | None:
    """What is another after each start of the machine; None where that is not known."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return None


def _encoded(event: Event, marks: Marks) -> bytes:
    head = _HEAD.pack(
        _KINDS.index(event.kind), marks.frames, marks.alarms, marks.cases, marks.at_us
    )
    if event.changes is None:
        told = {"data": event.data, "stream": event.stream_id, "place": event.place}
        return head + orjson.dumps(told, default=str)
    c = event.changes
    columns = (c.stream_id, c.time_us, c.value, c.state)
    return head + b"".join(column.tobytes() for column in columns)


def _decoded(number: int, content: memoryview) -> tuple[Event, Marks]:
    kind, *marks = _HEAD.unpack_from(content)
    body = content[_HEAD.size :]
    if kind == 0:
        n = len(body) // 25
        stream_id, time_us = (np.frombuffer(body, np.int64, n, at) for at in (0, 8 * n))
        value, state = (
            np.frombuffer(body, np.float64, n, 16 * n),
            np.frombuffer(body, np.uint8, n, 24 * n),
        )
        return Event(number, "state", None, Changes(stream_id, value, state, time_us)), Marks(
            *marks
        )
    told = orjson.loads(bytes(body))
    place = None if told["place"] is None else (told["place"][0], told["place"][1])
    event = Event(number, _KINDS[kind], told["data"], None, told["stream"], place)
    return event, Marks(*marks)
