"""Settings, built once at the edge (``create_app``, the command line) and passed down.

Each field can come from an environment variable ``TWIN_<NAME>``; nothing else reads the
environment.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["MqttAccount", "Role", "ServerSettings"]

Role = Literal["viewer", "analyst", "operator", "admin"]


class MqttAccount(BaseModel):
    """A device account: its password, the topics it may publish and subscribe to (``+``, ``#``, ``{user}``)."""

    password: SecretStr
    topics: list[str] = ["twin/observations/{user}/#"]
    subscribe: list[str] = []


class ServerSettings(BaseSettings):
    """Settings of ``twin serve``."""

    model_config = SettingsConfigDict(env_prefix="TWIN_", extra="forbid")

    city: Path = Field(description="The city folder.")
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on; anything beyond loopback needs tokens.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port; 0 takes a free one.")
    tokens: dict[Role, SecretStr] = Field(
        default_factory=dict,
        description="Bearer token of each role, as JSON; empty: open to this machine only.",
    )
    cors_origins: list[str] = Field(
        default_factory=list, description="Origins that may call from a browser."
    )
    simulate: bool = Field(
        default=False, description="Feed the live streams from the sample simulator."
    )
    simulate_interval_s: float = Field(
        default=2.0, gt=0, le=3600, description="Seconds between simulated readings."
    )
    max_body_bytes: int = Field(default=10_000_000, ge=1_000, description="Largest request body.")
    rate_per_s: float = Field(
        default=0.0, ge=0, description="Requests a second of one key or address; 0: no limit."
    )
    rate_burst: int = Field(
        default=200, ge=1, description="Requests one key or address may make at once."
    )
    access_log: str = Field(
        default="",
        description="File of the access log (JSON lines), - for standard error; empty: none.",
    )
    audit_max_bytes: int = Field(
        default=10_000_000, ge=10_000, description="Size at which the audit log begins a new file."
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Processes that answer reads, beside one that writes; 1: one process does both.",
    )
    max_connections: int = Field(
        default=1_000, ge=1, description="Connections at once; more are answered 503."
    )
    client_timeout_s: float = Field(
        default=15.0,
        gt=0,
        le=600,
        description="Seconds a client may take to send a head, or 64 KiB of a body.",
    )
    mqtt_port: int | None = Field(
        default=None, ge=0, le=65535, description="Port of the MQTT endpoint; none: it is off."
    )
    mqtt_tls_port: int | None = Field(
        default=None, ge=0, le=65535, description="Port of the MQTT endpoint over TLS."
    )
    mqtt_host: str | None = Field(
        default=None, description="Address of the MQTT endpoint; that of the server where none."
    )
    mqtt_certificate: Path | None = Field(
        default=None, description="Certificate chain of the MQTT endpoint, PEM."
    )
    mqtt_key: Path | None = Field(default=None, description="Key of the certificate, PEM.")
    mqtt_accounts: dict[str, MqttAccount] = Field(
        default_factory=dict,
        description='Device accounts, as JSON: {"name": {"password": "…", "topics": ["…/{user}/#"], "subscribe": []}}.',
    )
    mqtt_max_packet: int = Field(
        default=1_000_000, ge=1_000, le=268_435_455, description="Largest MQTT packet, bytes."
    )
    bridge_url: str | None = Field(
        default=None, description="Broker to take readings from: mqtt[s]://user:password@host:port."
    )
    bridge_topics: list[str] = Field(
        default=["twin/observations/#", "v1.1/#"], description="Topic filters of the bridge."
    )
    bridge_client: str = Field(
        default="citytwin", description="Client name of the bridge; the broker keeps its session."
    )
    keep_days: dict[str, float] = Field(
        default_factory=dict,
        description='Days that live readings are kept by subject, as JSON ("*": others); their hours stay. Empty: for ever.',
    )
    max_limit: int = Field(default=10_000, ge=1, description="Largest page of items.")
    edit_lock: bool = Field(
        default=True,
        description="Replacing and updating an item needs If-Match with its ETag (428 without).",
    )
