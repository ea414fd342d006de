"""What receives readings beside HTTP while the server runs: the MQTT endpoint and the bridge."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from api.mqtt.bridge import Bridge, bridging
from api.mqtt.endpoint import Endpoint, listening
from api.sensorthings.service import SensorThings
from twin.live import LiveHub
from twin.settings import ServerSettings

__all__ = ["Receivers", "receiving"]


@dataclass(frozen=True, slots=True)
class Receivers:
    """The endpoint and the bridge, where they are on."""

    endpoint: Endpoint | None
    bridge: Bridge | None

    def status(self) -> dict[str, Any]:
        """Counts of both since the start."""
        return {
            name: None if part is None else part.status()
            for name, part in (("mqtt", self.endpoint), ("bridge", self.bridge))
        }


@asynccontextmanager
async def receiving(
    hub: LiveHub, settings: ServerSettings, things: SensorThings | None = None
) -> AsyncIterator[Receivers]:
    """Receive readings as the settings say, for as long as the block runs; ``things`` may be subscribed to."""
    with bridging(hub, settings) as bridge:
        async with listening(hub, settings, things) as endpoint:
            yield Receivers(endpoint, bridge)
