"""Who follows which topic, and the thread that makes the messages of what is new."""

import asyncio
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final

from api.mqtt.outgoing import MOST_TOPICS, Outgoing
from twin.errors import TwinError
from twin.live import LiveHub
from twin.live.readings import Readings
from twin.sensorthings.announcing import Announcer, Message, Topic, read_topic
from twin.sensorthings.storing import Change, Storing

__all__ = ["Subscriptions"]

log = logging.getLogger("citytwin.live")

MOST_READINGS: Final = 500_000
"""Readings that may wait to be told; beyond, followers are hung up on: they know then that they missed some."""
MOST_TOLD: Final = 2_000
"""Messages given to the event loop at once."""
NO_SUCH_TOPIC, WILDCARD, QUOTA = 0x8F, 0xA2, 0x97


class Subscriptions:
    """Topics and their followers; its public methods are called in the event loop.

    Parameters
    ----------
    hub : LiveHub
    announcer : Announcer
    storing : Storing
        Says which entities are new or changed.
    counts : Counter
        Of the endpoint.
    """

    def __init__(
        self, hub: LiveHub, announcer: Announcer, storing: Storing, counts: "Counter[str]"
    ) -> None:
        self._announcer, self._counts = announcer, counts
        self._loop = asyncio.get_running_loop()
        self._followers: dict[str, tuple[Topic, dict[Outgoing, None]]] = {}
        self._topics: tuple[Topic, ...] = ()  # read by the thread
        self._news: deque[Readings | list[Change]] = deque()
        self._waiting = 0
        self._lock = threading.Lock()
        self._wake, self._taken = threading.Event(), threading.Event()
        self._stop = self._overrun = False
        self._sources = hub, storing
        hub.heard.append(self._heard)
        storing.changed.append(self._changed)
        self._thread = threading.Thread(target=self._run, name="mqtt topics", daemon=True)
        self._thread.start()

    def follow(self, outgoing: Outgoing, text: str, qos: int) -> int:
        """Subscribe; the QoS that is granted (0 or 1), or a reason code of MQTT 5 from 0x80 on."""
        if "+" in text or "#" in text.partition("?")[0] or text.startswith("$"):
            return WILDCARD
        if text not in outgoing.topics and len(outgoing.topics) >= MOST_TOPICS:
            return QUOTA
        if text not in self._followers:
            try:
                topic = read_topic(text)
            except TwinError:
                return NO_SUCH_TOPIC
            self._followers[text] = topic, {}
            self._topics = tuple(topic for topic, _ in self._followers.values())
        self._followers[text][1][outgoing] = None
        granted = outgoing.topics[text] = min(qos, 1)
        return granted

    def unfollow(self, outgoing: Outgoing, text: str) -> bool:
        """Unsubscribe; whether it was subscribed to."""
        if outgoing.topics.pop(text, None) is None:
            return False
        self._leave(outgoing, text)
        return True

    def forget(self, outgoing: Outgoing) -> None:
        """The session of a client has ended."""
        for text in list(outgoing.topics):
            self._leave(outgoing, text)
        outgoing.clear()

    def _leave(self, outgoing: Outgoing, text: str) -> None:
        found = self._followers.get(text)
        if found is None:
            return
        found[1].pop(outgoing, None)
        if not found[1]:
            del self._followers[text]
            self._topics = tuple(topic for topic, _ in self._followers.values())

    def _heard(self, new: Readings) -> None:
        if self._topics:
            self._put(new, len(new))

    def _changed(self, changes: Sequence[Change]) -> None:
        if self._topics:
            self._put(list(changes), len(changes))

    def _put(self, news: Readings | list[Change], size: int) -> None:
        with self._lock:
            self._waiting += size
            self._news.append(news)
            if self._waiting > MOST_READINGS:
                self._news.clear()
                self._waiting, self._overrun = 0, True
        self._wake.set()

    def _run(self) -> None:
        while not self._stop:
            self._wake.wait()
            self._wake.clear()
            while not self._stop:
                with self._lock:
                    overrun, self._overrun = self._overrun, False
                    news = self._news.popleft() if self._news else None
                    if news is not None:
                        self._waiting -= len(news)
                if overrun:
                    self._in_loop(self._give_up)
                if news is None:
                    break
                self._tell(news)

    def _tell(self, news: Readings | list[Change]) -> None:
        try:
            if isinstance(news, Readings):
                told = self._announcer.of_readings(news, self._topics)
            else:
                told = self._announcer.of_changes(news, self._topics)
        except Exception:
            log.exception("what is new could not be told over MQTT")
            self._in_loop(self._give_up)
            return
        for at in range(0, len(told), MOST_TOLD):
            self._taken.clear()
            if self._in_loop(self._deliver, told[at : at + MOST_TOLD]):
                self._taken.wait(5.0)

    def _in_loop(self, call: Callable[..., object], *given: object) -> bool:
        try:
            self._loop.call_soon_threadsafe(call, *given)
        except RuntimeError:  # the loop has ended
            return False
        return True

    def _deliver(self, told: list[Message]) -> None:
        for text, payload in told:
            found = self._followers.get(text)
            plain: dict[int, bytes] = {}
            for outgoing in list(found[1]) if found is not None else ():
                outgoing.deliver(text, payload, plain)
        self._taken.set()

    def _give_up(self) -> None:
        """So much waits that not all can be told: every follower begins anew."""
        followers = {outgoing for _, found in self._followers.values() for outgoing in found}
        for outgoing in followers:
            self._counts["overrun"] += 1
            self.forget(outgoing)
            outgoing.hang_up()

    def close(self) -> None:
        """Tell no more."""
        hub, storing = self._sources
        hub.heard.remove(self._heard)
        storing.changed.remove(self._changed)
        self._stop = True
        self._wake.set()
        self._taken.set()
        self._thread.join()
