"""Settings, built once at the edge (``create_app``, the command line) and passed down.

Each field can come from an environment variable ``TWIN_<NAME>``; nothing else reads the
environment.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Role", "ServerSettings"]

Role = Literal["viewer", "analyst", "operator", "admin"]


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
    max_limit: int = Field(default=10_000, ge=1, description="Largest page of items.")
    edit_lock: bool = Field(
        default=True,
        description="Replacing and updating an item needs If-Match with its ETag (428 without).",
    )
