"""Who calls: from a token to a subject, a role and a grant."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from api.access.policy import Grant, Issuer, PolicyFile
from api.access.roles import ROLES
from api.access.tokens import TokenChecker, UnacceptableTokenError
from twin.errors import CityError
from twin.settings import Role, ServerSettings

__all__ = ["EVERYONE", "NOBODY", "Caller", "Callers", "Refused"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as far as the server is concerned.

    ``subject`` names him in logs (``key:3f2a91bc``, ``role:viewer``, ``jwt:zhang``) and holds no secret; ``role`` is
    None for someone without a token on a path that is open to all; ``expires`` is in Unix seconds.
    """

    subject: str
    role: Role | None
    grant: Grant
    expires: float | None = None


EVERYONE: Final = Caller("open", "admin", Grant("admin"))
"""Where no tokens are set."""
NOBODY: Final = Caller("anonymous", None, Grant(classes=("-",)))
"""Without a token, on a path that is open to all: sees no thing."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a token is not taken; 401 if it is none, 403 if it is good but grants nothing."""

    status: int
    reason: str


class Callers:
    """Knows callers by their tokens: roles' own, API keys, tokens of an identity provider."""

    def __init__(self, settings: ServerSettings) -> None:
        self._tokens: Mapping[Role, bytes] = {
            role: secret.get_secret_value().encode() for role, secret in settings.tokens.items()
        }
        self._file = PolicyFile(settings.city)
        self._folder = settings.city
        self._checker: TokenChecker | None = None

    @property
    def are_known(self) -> bool:
        """Whether there are any tokens; without, everyone may everything (on loopback)."""
        try:
            return bool(self._tokens) or not self._file.policy().is_empty
        except CityError:
            return True

    def caller(self, given: str | None) -> Caller | Refused | None:
        """Who sends a token, why it is refused, or None where there is none."""
        if not given:
            return None
        role = _role(given.encode("utf-8", "surrogateescape"), self._tokens)
        if role is not None:
            return _BY_ROLE[role]
        try:
            policy = self._file.policy()
        except CityError as err:
            return Refused(503, f"{err}")
        key = policy.key_of(given, datetime.now(UTC))
        if key is not None:
            ends = None if key.expires is None else key.expires.timestamp()
            return Caller(f"key:{key.id}", key.grant.role, key.grant, ends)
        if policy.issuer is None or given.count(".") != 2:
            return Refused(401, "The token is not known here")
        try:
            claims = self._of(policy.issuer).check(given)
        except UnacceptableTokenError as err:
            return Refused(401, f"The token is not taken: {err}")
        grant = policy.grant_of(claims.subject, claims.groups)
        if grant is None:
            return Refused(
                403, "The token is good, but nothing is granted to its subject or groups"
            )
        return Caller(f"jwt:{claims.subject[:120]}", grant.role, grant, claims.expires)

    def may_wait(self, given: str) -> bool:
        """Whether knowing this token may take long: its issuer's keys may have to be fetched first."""
        checker = self._checker
        return given.count(".") == 2 and (checker is None or not checker.remembers(given))

    def still(self, caller: Caller, given: str | None) -> bool:
        """Whether a caller would still be let in as he was: what endless answers ask now and then."""
        if caller in (EVERYONE, NOBODY):
            return True
        found = self.caller(given)
        return isinstance(found, Caller) and replace(found, expires=None) == replace(
            caller, expires=None
        )

    def _of(self, issuer: Issuer) -> TokenChecker:
        if self._checker is None or self._checker.issuer != issuer:
            self._checker = TokenChecker(issuer, self._folder)
        return self._checker


_BY_ROLE: Final = {role: Caller(f"role:{role}", role, Grant(role)) for role in ROLES}


def _role(given: bytes, tokens: Mapping[Role, bytes]) -> Role | None:
    """The highest role a token stands for, where several share it; compared in constant time."""
    found: Role | None = None
    for role in ROLES:
        secret = tokens.get(role)
        if secret is not None and hmac.compare_digest(given, secret):
            found = role
    return found
