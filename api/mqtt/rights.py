"""Who may publish and subscribe to what: tokens of callers, and device accounts with topics of their own."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from api.access.callers import Caller, Callers
from api.access.roles import at_least
from twin.settings import ServerSettings

__all__ = ["ALL", "NONE", "Right", "Rights", "allowed", "matches"]

Right = tuple[str, ...] | None
"""Topic filters; None: all topics."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What a client may publish and subscribe to; ``still`` says whether that still holds."""

    publish: Right
    subscribe: Right
    still: Callable[[], bool] = lambda: True


ALL: Final = Rights(None, None)
NONE: Final = Rights((), ())


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
    callers: Callers, settings: ServerSettings, user: str | None, password: bytes | None
) -> Rights | None:
    """What a client may, None where it may not come in.

    Without tokens, keys and accounts everyone on this machine may everything. A device account is a user name with
    its password and topics; ``{user}`` in a topic stands for the name. Else the password is a token or key: everyone who sees the
    whole city may subscribe, role operator or above may publish. A limited reach cannot be kept within by topics: it is refused.
    So is a token whose issuer would have to be asked first.
    """
    given = (password or b"").decode("utf-8", "replace")
    account = settings.mqtt_accounts.get(user or "")
    if account is not None:
        secret = account.password.get_secret_value()
        if not hmac.compare_digest(given.encode(), secret.encode()):
            return None
        publish, subscribe = (
            tuple(topic.replace("{user}", user or "") for topic in topics)
            for topics in (account.topics, account.subscribe)
        )
        return Rights(publish, subscribe)
    if not callers.are_known:
        return None if settings.mqtt_accounts else ALL
    caller = None if callers.may_wait(given) else callers.caller(given)
    if not isinstance(caller, Caller) or caller.grant.is_limited:
        return None
    may_publish: Right = None if at_least(caller.role, "operator") else ()
    return Rights(may_publish, None, lambda: callers.still(caller, given))
