"""The MQTT endpoint of a city: listens, admits, keeps sessions, and acknowledges what is on disk."""

import asyncio
import secrets
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from api.access.callers import Callers
from api.intake import Intake, Settled
from api.mqtt.codec import Connect
from api.mqtt.outgoing import Outgoing
from api.mqtt.rights import NONE, Rights, allowed
from api.mqtt.session import NOT_AUTHORISED, TAKEN_OVER, TIMEOUT, Session
from api.mqtt.subscriptions import Subscriptions
from api.sensorthings.service import SensorThings
from twin.live import LiveHub
from twin.settings import ServerSettings

__all__ = ["Endpoint", "listening"]

MOST_CONNECTIONS: Final = 50_000
MOST_SESSIONS: Final = 100_000
SHUTTING_DOWN: Final = 0x8B
ASK_EVERY_S: Final = 5.0
"""How often it is asked whether the tokens of followers still hold."""


class Endpoint:
    """Connections and sessions of devices.

    Parameters
    ----------
    hub : LiveHub
    settings : ServerSettings
        Tokens, accounts, largest packet.
    things : SensorThings, optional
        Whose entities may be subscribed to; without, every subscription is refused.
    """

    def __init__(
        self, hub: LiveHub, settings: ServerSettings, things: SensorThings | None = None
    ) -> None:
        self._settings, self._callers = settings, Callers(settings)
        self._loop = asyncio.get_running_loop()
        self._open: dict[Session, None] = {}
        self._clients: dict[str, Session] = {}
        self._left: dict[str, tuple[float, dict[int, bool], Outgoing]] = {}
        self._wills: dict[str, asyncio.TimerHandle] = {}
        self.most_packet = settings.mqtt_max_packet
        self.paused: set[Session] = set()
        self.counts: Counter[str] = Counter()
        self.intake = Intake(hub, self._from_thread, "mqtt")
        self.subscriptions: Subscriptions | None = None
        if things is not None:
            self.subscriptions = Subscriptions(hub, things.announcer, things.storing, self.counts)

    def _from_thread(self, told: Settled) -> None:
        self._loop.call_soon_threadsafe(self._settle, told)

    def _settle(self, told: Settled) -> None:
        for session, done in told.items():
            if session is not None:
                session.settled(done)
        if self.paused and not self.intake.full:
            for session in list(self.paused):
                session.resume()

    def joined(self, session: Session) -> bool:
        """Take a connection, unless there are too many."""
        if len(self._open) >= MOST_CONNECTIONS:
            self.counts["too many connections"] += 1
            return False
        self._open[session] = None
        return True

    def count(self, what: str) -> None:
        """Count something."""
        self.counts[what] += 1

    def admitted(self, said: Connect) -> tuple[int, Rights]:
        """Reason code (0: come in) and what the client may publish and subscribe to."""
        rights = allowed(self._callers, self._settings, said.user, said.password)
        return (0x86, NONE) if rights is None else (0, rights)

    def began(self, session: Session, clean: bool) -> bool:
        """Begin or resume the session of a client; whether one was there."""
        name = session.client
        other = self._clients.get(name)
        if other is not None:
            self._remember(other)
            other.end(TAKEN_OVER)
        will = self._wills.pop(name, None)
        if will is not None:
            will.cancel()
        self._clients[name] = session
        left = self._left.pop(name, None)
        if left is None:
            return False
        until, numbers, outgoing = left
        if clean or outgoing.lost or until < time.monotonic():
            self._forget(outgoing)
            return False
        session.qos2, session.outgoing = numbers, outgoing
        for topic in [t for t in outgoing.topics if not session.may_follow(t)]:
            if self.subscriptions is not None:
                self.subscriptions.unfollow(outgoing, topic)
        return True

    def _forget(self, outgoing: Outgoing) -> None:
        if self.subscriptions is not None:
            self.subscriptions.forget(outgoing)

    def left(self, session: Session) -> None:
        """A connection has ended; its session stays as long as the client asked for."""
        self._open.pop(session, None)
        self.paused.discard(session)
        session.outgoing.detach()
        if self._clients.get(session.client) is session:
            del self._clients[session.client]
            self._remember(session)

    def _remember(self, session: Session) -> None:
        if not session.expiry or session.outgoing.lost:
            self._forget(session.outgoing)
            return
        while len(self._left) >= MOST_SESSIONS:
            self._forget(self._left.pop(next(iter(self._left)))[2])
        session.outgoing.detach()
        stored = {number: True for number, stored in session.qos2.items() if stored}
        until = time.monotonic() + session.expiry
        self._left[session.client] = (until, stored, session.outgoing)

    def publish_will(self, session: Session, will: tuple[str, bytes, int]) -> None:
        """Publish the last will of a client, after its delay unless it comes back."""
        topic, payload, delay = will

        def publish() -> None:
            self._wills.pop(session.client, None)
            self.intake.put(None, 0, topic, payload)
            self.intake.flush()

        if session.may(topic):
            wait = min(delay, session.expiry)
            self._wills[session.client] = self._loop.call_later(wait, publish)

    def new_name(self) -> str:
        """Name for a client that gives none."""
        return f"twin-{secrets.token_hex(8)}"

    async def watch(self) -> None:
        """Once a second: hang up on those that have been silent for too long, forget old sessions."""
        ask_at = 0.0
        while True:
            await asyncio.sleep(1.0)
            now = time.monotonic()
            for session in [s for s in self._open if s.deadline < now and not s.paused]:
                self.counts["timed out"] += 1
                session.end(TIMEOUT)
            for name in [name for name, left in self._left.items() if left[0] < now]:
                self._forget(self._left.pop(name)[2])
            if now >= ask_at:
                ask_at = now + ASK_EVERY_S
                for session in [s for s in self._open if s.outgoing.topics]:
                    if not session.rights.still():
                        session.expiry = 0
                        session.end(NOT_AUTHORISED)

    def status(self) -> dict[str, int]:
        """Counts since the start."""
        now = {"connections": len(self._open), "sessions": len(self._clients) + len(self._left)}
        return {**now, **self.counts, **self.intake.counts}

    def close(self) -> None:
        """Hang up on everyone once what they sent is on disk and acknowledged."""
        self.intake.close()
        for session in list(self._open):
            session.end(SHUTTING_DOWN)
        if self.subscriptions is not None:
            self.subscriptions.close()


@asynccontextmanager
async def listening(
    hub: LiveHub, settings: ServerSettings, things: SensorThings | None = None
) -> AsyncIterator[Endpoint | None]:
    """Listen for devices for as long as the block runs; None where no port is set.

    ``things`` may be subscribed to.

    Raises
    ------
    OSError
        If a port is taken, or the certificate cannot be read.
    """
    ports: list[tuple[int, Any]] = []
    if settings.mqtt_port is not None:
        ports.append((settings.mqtt_port, None))
    if settings.mqtt_tls_port is not None:
        ports.append((settings.mqtt_tls_port, _tls(settings)))
    if not ports:
        yield None
        return
    endpoint = Endpoint(hub, settings, things)
    loop = asyncio.get_running_loop()
    host = settings.mqtt_host or settings.host
    servers = [
        await loop.create_server(lambda: Session(endpoint), host, port, ssl=context, backlog=4096)
        for port, context in ports
    ]
    watch = asyncio.create_task(endpoint.watch())
    try:
        yield endpoint
    finally:
        watch.cancel()
        for server in servers:
            server.close()
        await asyncio.to_thread(endpoint.intake.close)
        await asyncio.sleep(0)  # the last acknowledgements
        endpoint.close()


def _tls(settings: ServerSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(str(settings.mqtt_certificate), str(settings.mqtt_key or "") or None)
    return context
