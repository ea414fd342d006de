"""Who may publish what: tokens of the server's roles, and device accounts with topics of their own."""

import hmac

from api.access.callers import role_of
from api.access.roles import ROLES
from twin.settings import ServerSettings

__all__ = ["Right", "allowed", "matches"]

Right = tuple[str, ...] | None
"""Topic filters a client may publish to; None: all."""


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic fits a filter with ``+`` and ``#`` (MQTT 5, section 4.7).

    Examples
    --------
    >>> matches("twin/observations/G1/#", "twin/observations/G1/ch4"), matches("a/+", "a/b/c")
    (True, False)
    """
    levels = topic.split("/")
    for at, part in enumerate(pattern.split("/")):
        if part == "#":
            return True
        if at >= len(levels) or part not in ("+", levels[at]):
            return False
    return len(pattern.split("/")) == len(levels)


def allowed(
    settings: ServerSettings, user: str | None, password: bytes | None
) -> tuple[bool, Right]:
    """Whether a client may come in, and what it may publish.

    Without tokens and accounts everyone on this machine may. A device account is a user name with its
    password and topics; ``{user}`` in a topic stands for the name. Else the password is a token of role
    operator or above.
    """
    given = (password or b"").decode("utf-8", "replace")
    account = settings.mqtt_accounts.get(user or "")
    if account is not None:
        secret = account.password.get_secret_value()
        if hmac.compare_digest(given.encode(), secret.encode()):
            return True, tuple(topic.replace("{user}", user or "") for topic in account.topics)
        return False, ()
    if not settings.tokens:
        return not settings.mqtt_accounts, None
    role = role_of(given, settings)
    return role is not None and ROLES.index(role) >= ROLES.index("operator"), None
