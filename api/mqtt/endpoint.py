"""The MQTT endpoint of a city: listens, admits, keeps sessions, and acknowledges what is on disk."""

import asyncio
import secrets
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from api.intake import Intake, Settled
from api.mqtt.codec import Connect
from api.mqtt.rights import Right, allowed
from api.mqtt.session import TAKEN_OVER, TIMEOUT, Session
from twin.live import LiveHub
from twin.settings import ServerSettings

__all__ = ["Endpoint", "listening"]

MOST_CONNECTIONS: Final = 50_000
MOST_SESSIONS: Final = 100_000
SHUTTING_DOWN: Final = 0x8B


class Endpoint:
    """Connections and sessions of devices.

    Parameters
    ----------
    hub : LiveHub
    settings : ServerSettings
        Tokens, accounts, largest packet.
    """

    def __init__(self, hub: LiveHub, settings: ServerSettings) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._open: dict[Session, None] = {}
        self._clients: dict[str, Session] = {}
        self._left: dict[str, tuple[float, dict[int, bool]]] = {}
        self._wills: dict[str, asyncio.TimerHandle] = {}
        self.most_packet = settings.mqtt_max_packet
        self.paused: set[Session] = set()
        self.counts: Counter[str] = Counter()
        self.intake = Intake(hub, self._from_thread, "mqtt")

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

    def admitted(self, said: Connect) -> tuple[int, Right]:
        """Reason code (0: come in) and what the client may publish."""
        may, right = allowed(self._settings, said.user, said.password)
        return (0 if may else 0x86), right

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
        until, numbers = self._left.pop(name, (0.0, {}))
        if clean or until < time.monotonic():
            return False
        session.qos2 = numbers
        return True

    def left(self, session: Session) -> None:
        """A connection has ended; its session stays as long as the client asked for."""
        self._open.pop(session, None)
        self.paused.discard(session)
        if self._clients.get(session.client) is session:
            del self._clients[session.client]
            self._remember(session)

    def _remember(self, session: Session) -> None:
        if session.expiry:
            while len(self._left) >= MOST_SESSIONS:
                self._left.pop(next(iter(self._left)))
            stored = {number: True for number, stored in session.qos2.items() if stored}
            self._left[session.client] = (time.monotonic() + session.expiry, stored)

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
        while True:
            await asyncio.sleep(1.0)
            now = time.monotonic()
            for session in [s for s in self._open if s.deadline < now and not s.paused]:
                self.counts["timed out"] += 1
                session.end(TIMEOUT)
            for name in [name for name, (until, _) in self._left.items() if until < now]:
                del self._left[name]

    def status(self) -> dict[str, int]:
        """Counts since the start."""
        now = {"connections": len(self._open), "sessions": len(self._clients) + len(self._left)}
        return {**now, **self.counts, **self.intake.counts}

    def close(self) -> None:
        """Hang up on everyone once what they sent is on disk and acknowledged."""
        self.intake.close()
        for session in list(self._open):
            session.end(SHUTTING_DOWN)


@asynccontextmanager
async def listening(hub: LiveHub, settings: ServerSettings) -> AsyncIterator[Endpoint | None]:
    """Listen for devices for as long as the block runs; None where no port is set.

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
    endpoint = Endpoint(hub, settings)
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
