"""Messages of devices on their way into the live hub: gathered, stored as a group, settled.

Whoever receives messages (the MQTT endpoint, the bridge to a broker) puts them here and is told when
they are on disk; it acknowledges then, and not before. Where too many wait, :attr:`Intake.full` says so
and the receiver stops reading.
"""

import base64
import logging
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from api.payloads import BAD_PAYLOAD, BAD_TOPIC, Columns, parsed, stream_of
from twin.live import LiveHub
from twin.live.aside import AsideFullError

__all__ = ["FULL", "Intake", "Settled"]

log = logging.getLogger("citytwin.live")

FULL: Final = 0x97
"""Reason code of MQTT 5: there is no room for it."""

MOST_MESSAGES: Final = 50_000
MOST_BYTES: Final = 64 << 20
MOST_GROUP: Final = 5_000
MOST_TOPICS: Final = 1_000_000
ERROR: Final = 0x80

Message: TypeAlias = tuple[Any, int, str, bytes]
Settled: TypeAlias = "dict[Any, list[tuple[int, int]]]"
"""Per receiver: its messages that are settled, as (reference, reason code); 0: on disk."""


class Intake:
    """A thread that stores messages in groups.

    Parameters
    ----------
    hub : LiveHub
    settled : callable
        Told about each group, from the thread.
    name : str
        Of the thread.
    """

    def __init__(self, hub: LiveHub, settled: Callable[[Settled], object], name: str) -> None:
        self._hub = hub
        self._settled = settled
        self._inbox: deque[Message] = deque()
        self._came = [0, 0]  # messages and bytes; written by the receiver alone
        self._went = [0, 0]  # the same, written by the thread alone
        self._wake = threading.Event()
        self._stop = False
        self._streams: dict[str, str | int | None] = {}
        self.counts: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether so much waits that nothing more should be read."""
        messages, size = self.waiting
        return messages >= MOST_MESSAGES or size >= MOST_BYTES

    @property
    def waiting(self) -> tuple[int, int]:
        """Messages that are not settled yet, and their bytes."""
        return self._came[0] - self._went[0], self._came[1] - self._went[1]

    def put(self, owner: Any, reference: int, topic: str, payload: bytes) -> None:  # noqa: ANN401 -- given back as it is
        """Add a message, from one thread only; call :meth:`flush` after the last of those at hand."""
        self._came[0] += 1
        self._came[1] += len(payload)
        self._inbox.append((owner, reference, topic, payload))

    def flush(self) -> None:
        """Have what was put stored."""
        self._wake.set()

    def close(self) -> None:
        """Store what waits, then end."""
        self._stop = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not (self._stop and not self._inbox):
            self._wake.wait()
            self._wake.clear()
            while self._inbox:
                size = min(len(self._inbox), MOST_GROUP)
                self._store([self._inbox.popleft() for _ in range(size)])

    def _store(self, group: list[Message]) -> None:
        try:
            codes = self._stored(group)
        except AsideFullError as error:
            log.warning("%s", error)
            codes = [FULL] * len(group)
        except OSError:
            log.exception("readings could not be stored")
            codes = [FULL] * len(group)
        except Exception:
            log.exception("readings could not be stored")
            codes = [ERROR] * len(group)
        told: Settled = defaultdict(list)
        for (owner, reference, _, _), code in zip(group, codes, strict=True):
            told[owner].append((reference, code))
        self._went[0] += len(group)
        self._went[1] += sum(len(message[3]) for message in group)
        self.counts["messages"] += len(group)
        self._settled(told)

    def _stored(self, group: list[Message]) -> list[int]:
        """Reason code of each message; what is 0 is on disk."""
        columns, codes = Columns(), [0] * len(group)
        contents = parsed([message[3] for message in group])
        bad: list[int] = []
        for at, (message, content) in enumerate(zip(group, contents, strict=True)):
            stream = self._stream(message[2])
            if stream is None:
                codes[at] = BAD_TOPIC
                bad.append(at)
            elif not columns.add(stream, content):
                codes[at] = BAD_PAYLOAD
                bad.append(at)
        if bad:
            self._keep_bad([group[at] for at in bad])
        if len(columns):
            batch = columns.batch(self._hub.arrivals, self._hub.seen)
            if not batch.settled:
                self._hub.submit(batch)
                while not batch.settled:
                    self._hub.commit()
            if batch.error is not None:
                raise batch.error
            for name in ("stored", "duplicate", "unknown", "rejected", "aside", "converted"):
                self.counts[name] += getattr(batch.report, name)
        return codes

    def _keep_bad(self, messages: list[Message]) -> None:
        """Messages nobody can read are kept as they are."""
        self.counts["bad"] += len(messages)
        now_us = time.time_ns() // 1000
        self._hub.keep_aside(
            [
                {
                    "stream": topic[:200],
                    "reason": "message cannot be read",
                    "received_us": now_us,
                    "payload": base64.b64encode(payload).decode(),
                }
                for _, _, topic, payload in messages
            ]
        )

    def _stream(self, topic: str) -> str | int | None:
        try:
            return self._streams[topic]
        except KeyError:
            if len(self._streams) >= MOST_TOPICS:
                self._streams.clear()
            found = self._streams[topic] = stream_of(topic)
            return found
