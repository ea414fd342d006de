"""The bridge: readings from a broker a city already has (Mosquitto, EMQX, NATS with MQTT).

A client with a session the broker keeps (fixed name, not clean), QoS 1, which acknowledges a message
when it is on disk here. While this server is down the broker keeps what comes, as far as its own limits
reach: Mosquitto keeps 1,000 messages by default (``max_queued_messages 0`` lifts that), and only writes
its sessions to disk where ``persistence true`` and a short ``autosave_interval`` say so.
"""

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from api.intake import FULL, Intake, Settled
from twin.errors import InvalidRequestError
from twin.live import LiveHub
from twin.settings import ServerSettings

__all__ = ["Bridge", "bridging"]

log = logging.getLogger("citytwin.live")

WEEK_S: Final = 7 * 86_400
INFLIGHT: Final = 10_000
AGAIN_S: Final = 1.0


class Bridge:
    """One connection to a broker, kept up for as long as it is open.

    Parameters
    ----------
    hub : LiveHub
    settings : ServerSettings
        ``bridge_url``, ``bridge_topics``, ``bridge_client``.

    Raises
    ------
    InvalidRequestError
        If the address is none.
    """

    def __init__(self, hub: LiveHub, settings: ServerSettings) -> None:
        url = urlsplit(settings.bridge_url or "")
        if url.scheme not in ("mqtt", "mqtts") or not url.hostname:
            raise InvalidRequestError(
                f"TWIN_BRIDGE_URL {url.scheme}://{url.hostname}: expected mqtt://host:port or mqtts://host:port.",
                "bridge_url",
            )
        self._topics = [(topic, 1) for topic in settings.bridge_topics]
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._client = client = Client(
            CallbackAPIVersion.VERSION2, settings.bridge_client, protocol=MQTTv5, manual_ack=True
        )
        if url.username:
            client.username_pw_set(unquote(url.username), unquote(url.password or "") or None)
        if url.scheme == "mqtts":
            client.tls_set()
        client.on_connect = self._connected
        client.on_message = self._message
        client.on_disconnect = self._gone
        client.reconnect_delay_set(1, 30)
        self.intake = Intake(hub, self._settle, "bridge")
        kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho leaves it so
        kept.SessionExpiryInterval = WEEK_S
        kept.ReceiveMaximum = INFLIGHT
        port = url.port or (8883 if url.scheme == "mqtts" else 1883)
        client.connect_async(url.hostname, port, keepalive=30, clean_start=False, properties=kept)
        client.loop_start()

    def _connected(self, client: Client, *told: Any) -> None:  # noqa: ANN401 -- paho calls it so
        code: ReasonCode = told[2]
        if code.is_failure:
            log.warning("the broker refuses the bridge: %s", code)
            return
        self.counts["connected"] += 1
        client.subscribe(self._topics)

    def _gone(self, _: Client, *told: Any) -> None:  # noqa: ANN401 -- paho calls it so
        code: ReasonCode = told[2]
        self.counts["disconnected"] += 1
        if code.is_failure:
            log.warning("the broker has gone: %s", code)

    def _message(self, _: Client, __: Any, message: MQTTMessage) -> None:  # noqa: ANN401
        self.intake.put(message.qos, message.mid, message.topic, bytes(message.payload))
        self.intake.flush()
        # No more than INFLIGHT are ever under way: the broker sends on as they are acknowledged.

    def _settle(self, told: Settled) -> None:
        """Acknowledge what is on disk; where the disk took nothing, take the messages anew."""
        anew = False
        for qos, done in told.items():
            for number, code in done:
                if code in (FULL, 0x80):
                    anew = True
                elif qos:
                    self._client.ack(number, qos)
        if anew:
            self.counts["anew"] += 1
            threading.Timer(AGAIN_S, self._client.reconnect).start()

    def status(self) -> dict[str, int]:
        """Counts since the start."""
        return {"up": int(self._client.is_connected()), **self.counts, **self.intake.counts}

    def close(self) -> None:
        """End the connection; the broker keeps the session."""
        self.intake.close()
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def bridging(hub: LiveHub, settings: ServerSettings) -> Iterator[Bridge | None]:
    """The bridge for as long as the block runs; None where no broker is set."""
    bridge = None if settings.bridge_url is None else Bridge(hub, settings)
    try:
        yield bridge
    finally:
        if bridge is not None:
            bridge.close()
