"""One question, many readers: a frame is made once and handed to all who stand at the same place.

There is no queue. A reader has a place (the number of the last event, the index) and room for one message; one
that is late when it can take something again gets a single frame from its place to now, flagged as lagging.
"""

import asyncio
import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from weakref import WeakValueDictionary

import orjson
from anyio import to_thread

from twin.live.channels import Question
from twin.live.frames import DELTA, FULL, INDEX, LAGGING

__all__ = ["BEGINNING", "PATIENCE_S", "Feed", "Feeds", "Message", "Reader", "Source"]

PATIENCE_S: Final = 30.0
"""A reader that takes nothing for so long is let go."""
QUIET_S: Final = 15.0
KINDS: Final = {INDEX: b"index", FULL: b"full", DELTA: b"delta"}


class Source(Protocol):
    """What has states: live (:class:`api.scene.following.Following`) or past."""

    ended: bool

    def frames(
        self, question: Question, since: int | None, index: int | None, flags: int = 0
    ) -> tuple[list[bytes], int, int]:
        """Frames a reader lacks, and where he is with them."""

    def counts(self, question: Question) -> tuple[dict[str, Any], int]:
        """Counts per grid, and the event number they are as of."""

    def is_far(self, question: Question) -> bool:
        """Whether counts answer the question."""


@dataclass(slots=True)
class Message:
    """What brings readers from one place to the next.

    Parameters
    ----------
    frames : list of bytes
    counts : bytes, optional
        JSON.
    seq, index : int
        Where they are then.
    missed_from : int, optional
        Where a late reader stood.
    """

    frames: list[bytes]
    counts: bytes | None
    seq: int
    index: int
    missed_from: int | None = None
    _sse: bytes | None = field(default=None, repr=False)
    _chunk: bytes | None = field(default=None, repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not self.frames and self.counts is None

    @property
    def lagging(self) -> bytes | None:
        """What a late reader is told, JSON."""
        if self.missed_from is None:
            return None
        return orjson.dumps({"type": "lagging", "from": self.missed_from, "to": self.seq})

    def sse(self) -> bytes:
        """As server-sent events; made once."""
        if self._sse is None:
            parts = []
            if self.lagging is not None:
                parts.append(b"event: lagging\ndata: " + self.lagging + b"\n\n")
            place = f"id: {self.seq}.{self.index}\n".encode()
            for frame in self.frames:
                kind = KINDS[frame[4]]
                head = b"" if kind == b"index" else place
                body = base64.b64encode(frame)
                parts.append(head + b"event: " + kind + b"\ndata: " + body + b"\n\n")
            if self.counts is not None:
                parts.append(place + b"event: counts\ndata: " + self.counts + b"\n\n")
            self._sse = b"".join(parts)
        return self._sse

    def chunk(self) -> bytes:
        """As a chunk of an answer of HTTP/1.1; made once."""
        if self._chunk is None:
            body = self.sse()
            self._chunk = b"%x\r\n%b\r\n" % (len(body), body)
        return self._chunk


Place = tuple[int | None, int | None, bool]
"""Number of the last event and CRC-32 of the index a reader has, and whether he is late."""
BEGINNING: Final[Place] = (None, None, False)


@dataclass(slots=True, eq=False)
class Reader:
    """One who reads: his place, whether he can take something, and how he is given it.

    Parameters
    ----------
    place : Place
    is_ready : callable
        Whether he has taken what he was given before.
    give : callable
        Gives him a message; never waits.
    let_go : callable
        Ends him.
    write : callable, optional
        In place of ``give``: takes the message as a chunk of HTTP/1.1.
    """

    place: Place
    is_ready: Callable[[], bool]
    give: Callable[[Message], None]
    let_go: Callable[[], None]
    write: Callable[[bytes], None] | None = None
    late_since: float | None = None

    @property
    def seq(self) -> int | None:
        """Number of the last event he has."""
        return self.place[0]

    @property
    def index(self) -> int | None:
        """CRC-32 of the index he has."""
        return self.place[1]


class Feed:
    """Readers of one question at one rate; lives in one event loop.

    Parameters
    ----------
    source : Source
    question : Question
    rate : float
        Messages a second at most.
    """

    def __init__(self, source: Source, question: Question, rate: float) -> None:
        self.source, self.question, self.rate = source, question, rate
        self.readers: set[Reader] = set()
        self.delivered = 0
        self._task: asyncio.Task[None] | None = None
        self._made_last: tuple[tuple[Place, int, int], Message] | None = None

    async def join(self, reader: Reader) -> None:
        """Give a reader what he lacks, and go on with him from there."""
        made = await to_thread.run_sync(self._made, {reader.place})
        self._hand(made[reader.place], [reader])
        self.readers.add(reader)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def leave(self, reader: Reader) -> None:
        """Forget a reader."""
        self.readers.discard(reader)

    async def _run(self) -> None:
        pause, next_at = 1.0 / self.rate, time.monotonic()
        while self.readers:
            next_at = max(next_at + pause, time.monotonic())
            await asyncio.sleep(next_at - time.monotonic())
            if self.source.ended:
                for reader in list(self.readers):
                    reader.let_go()
                return
            await self.beat()

    async def beat(self) -> None:
        """Hand everyone who can take it what happened since."""
        now = time.monotonic()
        standing: dict[Place, list[Reader]] = {}
        for reader in self.readers:
            if reader.is_ready():
                standing.setdefault(reader.place, []).append(reader)
            elif reader.late_since is None:
                reader.late_since, reader.place = now, (*reader.place[:2], True)
            elif now - reader.late_since > PATIENCE_S:
                reader.let_go()
        made = await to_thread.run_sync(self._made, set(standing))
        for place, readers in standing.items():
            self._hand(made[place], [reader for reader in readers if reader.place == place])

    def _hand(self, message: Message, readers: list[Reader]) -> None:
        """Give readers who stand at the same place a message."""
        place: Place = (message.seq, message.index, False)
        empty = message.is_empty
        for reader in readers:
            reader.place, reader.late_since = place, None
            try:
                if empty:
                    continue
                if reader.write is not None:
                    reader.write(message.chunk())
                else:
                    reader.give(message)
            except (OSError, RuntimeError):  # his connection is closed, and nobody has said so yet
                self.leave(reader)
        self.delivered += 0 if empty else len(readers)

    def _made(self, places: set[Place]) -> dict[Place, Message]:
        """The message for each place readers stand at."""
        return {place: self._message(*place) for place in places}

    def _message(self, seq: int | None, index: int | None, late: bool) -> Message:
        missed_from = seq if late else None
        if self.source.is_far(self.question):
            counts, at = self.source.counts(self.question)
            told = None if at == seq else orjson.dumps(counts)
            return Message([], told, at, 0, missed_from)
        frames, at, of = self.source.frames(self.question, seq, index, LAGGING if late else 0)
        key = (seq, index, late), at, of
        last = self._made_last
        if last is not None and last[0] == key:
            return last[1]
        message = Message(frames, None, at, of, missed_from)
        self._made_last = key, message
        return message


class Feeds:
    """The feeds of one event loop; readers of the same question at the same rate share one."""

    def __init__(self) -> None:
        self._feeds: WeakValueDictionary[tuple[int, Question, float], Feed] = WeakValueDictionary()

    def of(self, source: Source, question: Question, rate: float) -> Feed:
        """The feed of a question; it is forgotten with its last reader."""
        key = id(source), question, rate  # a feed keeps its source, so no other has that id
        found = self._feeds.get(key)
        if found is None:
            found = self._feeds[key] = Feed(source, question, rate)
        return found
