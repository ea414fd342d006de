"""What one client is told: its subscriptions, what it has not acknowledged, and what waits for it.

QoS 0 is dropped (and counted) for a client that does not read. QoS 1 waits, also while the client is away; a client that leaves
more than :data:`MOST_WAITING` messages waiting is hung up on and its session forgotten, so it knows that it missed some.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from api.mqtt import codec
from api.mqtt.codec import packet

__all__ = ["MOST_TOPICS", "Outgoing"]

MOST_TOPICS: Final = 1_000
MOST_WAITING: Final = 10_000
MOST_BUFFERED: Final = 1 << 20
"""Bytes a client may leave unread before messages of QoS 0 are dropped."""


class Outgoing:
    """Subscriptions and messages of a client; outlives its connection as long as its session does.

    Parameters
    ----------
    count : callable
        Told ``told``, ``dropped`` or ``overrun``, to be counted.
    """

    def __init__(self, count: Callable[[str], None]) -> None:
        self.topics: dict[str, int] = {}
        self.lost = False
        """Whether it missed something, so that its session cannot be gone on with."""
        self._count = count
        self._write: Callable[[bytes], None] | None = None
        self._buffered: Callable[[], int] = lambda: 0
        self._overrun: Callable[[], None] = lambda: None
        self._version, self._window, self._most = 4, 65_535, 268_435_455
        self._number = 0
        self._sent: dict[int, tuple[str, bytes]] = {}
        self._waiting: deque[tuple[str, bytes]] = deque()

    def attach(
        self,
        write: Callable[[bytes], None],
        buffered: Callable[[], int],
        overrun: Callable[[], None],
        said: codec.Connect,
    ) -> None:
        """Go on over a connection: what was not acknowledged is sent again, then what waits."""
        self._write, self._buffered, self._overrun = write, buffered, overrun
        self._version = said.version
        self._window = int(said.properties.get(0x21, 65_535))
        self._most = int(said.properties.get(0x27, 268_435_455))
        for number, (topic, payload) in self._sent.items():
            write(self._packet(topic, payload, 1, number, again=True))
        self._drain()

    def detach(self) -> None:
        """The connection has ended."""
        self._write = None

    def clear(self) -> None:
        """Forget everything: the session has ended."""
        self.topics.clear()
        self._sent.clear()
        self._waiting.clear()

    def hang_up(self) -> None:
        """End the connection and the session: something could not be told."""
        self.lost = True
        self._waiting.clear()
        if self._write is not None:
            self._overrun()

    def deliver(self, topic: str, payload: bytes, plain: dict[int, bytes]) -> None:
        """Tell a message of a topic that is subscribed to.

        ``plain`` holds its packets of QoS 0 by protocol version: made once for all clients.
        """
        qos = self.topics.get(topic)
        if qos is None or len(payload) + len(topic) * 4 + 16 > self._most:
            return
        if qos:
            self._waiting.append((topic, payload))
            if len(self._waiting) > MOST_WAITING:
                self._count("overrun")
                self.hang_up()
                return
            self._drain()
        elif self._write is None or self._buffered() > MOST_BUFFERED:
            self._count("dropped")
        else:
            found = plain.get(self._version)
            if found is None:
                found = plain[self._version] = self._packet(topic, payload, 0, 0)
            self._count("told")
            self._write(found)

    def acknowledged(self, number: int) -> None:
        """A message of QoS 1 has arrived there."""
        if self._sent.pop(number, None) is not None:
            self._drain()

    def _drain(self) -> None:
        while self._waiting and self._write is not None and len(self._sent) < self._window:
            if self._buffered() > MOST_BUFFERED and self._sent:
                return
            topic, payload = self._waiting.popleft()
            number = self._next()
            self._sent[number] = topic, payload
            self._count("told")
            self._write(self._packet(topic, payload, 1, number))

    def _next(self) -> int:
        while True:
            self._number = self._number % 65_535 + 1
            if self._number not in self._sent:
                return self._number

    def _packet(self, topic: str, payload: bytes, qos: int, number: int, again: bool = False) -> bytes:  # fmt: skip
        name = topic.encode()
        head = len(name).to_bytes(2, "big") + name
        if qos:
            head += number.to_bytes(2, "big")
        if self._version == 5:
            head += b"\0"
        return packet(codec.PUBLISH, head + payload, qos << 1 | again << 3)
