"""JSON Web Tokens of an identity provider (RFC 7519, OpenID Connect), checked against its published keys.

What is checked: the algorithm is one of those allowed and fits the key, the signature, ``iss``, ``aud``, ``exp``, ``nbf``
and ``iat`` with some leeway for clocks, and that the subject is there. ``none`` and shared secrets are never taken. A
key id that is not known makes the keys be read again, at most every half minute: so keys may be rotated.
"""

import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
import orjson

from api.access.policy import Issuer

__all__ = ["Claims", "JwksKeys", "TokenChecker", "UnacceptableTokenError"]

AGAIN_S: Final = 30.0
STALE_S: Final = 600.0
MOST_BYTES: Final = 256 << 10
LONGEST: Final = 8 << 10
PATIENCE_S: Final = 5
FAMILY: Final[Mapping[str, str]] = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
CURVE: Final[Mapping[str, tuple[str, ...]]] = {"ES256": ("P-256",), "EdDSA": ("Ed25519", "Ed448")}
LEAST_RSA_BITS: Final = 2048


class UnacceptableTokenError(Exception):
    """A token that is not taken; the message says why and holds nothing of the token."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Whose a token is, and until when (Unix seconds)."""

    subject: str
    groups: list[str]
    expires: float


class JwksKeys:
    """Public keys of an issuer by key id (RFC 7517)."""

    def __init__(self, where: str, folder: Path) -> None:
        self._where, self._folder = where, folder
        self._lock = threading.Lock()
        self._keys: dict[str | None, dict[str, Any]] = {}
        self._read = self._tried = -STALE_S

    def find(self, kid: str | None, algorithm: str) -> Any:  # noqa: ANN401 -- a public key
        """The key of an id that fits an algorithm.

        Raises
        ------
        UnacceptableTokenError
            If there is none.
        """
        now = time.monotonic()
        if kid not in self._keys or now - self._read > STALE_S:
            self._refresh(now)
        found = self._keys.get(kid)
        if found is None and kid is None and len(self._keys) == 1:
            found = next(iter(self._keys.values()))
        if found is None:
            raise UnacceptableTokenError("its key id is none of the issuer's keys")
        return _fitting(found, algorithm)

    def _refresh(self, now: float) -> None:
        with self._lock:
            if now - self._tried < AGAIN_S:
                return
            self._tried = now
        try:
            listed = orjson.loads(self._content())["keys"]
            keys = {entry.get("kid"): entry for entry in listed if entry.get("use", "sig") == "sig"}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return  # those known stay
        with self._lock:
            self._keys, self._read = keys, now

    def _content(self) -> bytes:
        if not self._where.startswith("https://"):
            return (self._folder / self._where).read_bytes()[:MOST_BYTES]
        opener = urllib.request.build_opener(_StayHere)
        with opener.open(self._where, timeout=PATIENCE_S) as answer:
            content: bytes = answer.read(MOST_BYTES)
        return content


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Keys are taken from the address that was given, and from no other."""

    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""


def _fitting(entry: Mapping[str, Any], algorithm: str) -> Any:  # noqa: ANN401 -- a public key
    if entry.get("kty") != FAMILY[algorithm] or entry.get("alg", algorithm) != algorithm:
        raise UnacceptableTokenError("its algorithm does not fit its key")
    if algorithm in CURVE and entry.get("crv") not in CURVE[algorithm]:
        raise UnacceptableTokenError("its algorithm does not fit its key's curve")
    try:
        key = jwt.PyJWK(dict(entry), algorithm=algorithm).key
    except jwt.PyJWTError as err:
        raise UnacceptableTokenError("the issuer's key cannot be used") from err
    if algorithm == "RS256" and key.key_size < LEAST_RSA_BITS:
        raise UnacceptableTokenError("the issuer's key is too short")
    return key


class TokenChecker:
    """Checks tokens of one issuer; those found good are remembered until they run out."""

    KEPT: Final = 4096

    def __init__(self, issuer: Issuer, folder: Path) -> None:
        self.issuer = issuer
        self._keys = JwksKeys(issuer.jwks, folder)
        self._good: dict[str, tuple[Claims, float]] = {}

    def remembers(self, token: str) -> bool:
        """Whether a token was found good lately."""
        known = self._good.get(token)
        return known is not None and time.monotonic() - known[1] < AGAIN_S

    def check(self, token: str) -> Claims:
        """Whose a token is.

        Raises
        ------
        UnacceptableTokenError
            If it is not to be taken.
        """
        known = self._good.get(token)
        if known is not None:
            claims, checked = known
            if time.time() >= claims.expires + self.issuer.leeway_s:
                del self._good[token]
                raise UnacceptableTokenError("it has run out")
            if time.monotonic() - checked < AGAIN_S:
                return claims
        claims = self._checked(token)
        if len(self._good) >= self.KEPT:
            self._good.clear()
        self._good[token] = claims, time.monotonic()
        return claims

    def _checked(self, token: str) -> Claims:
        if len(token) > LONGEST:
            raise UnacceptableTokenError("it is too long")
        issuer = self.issuer
        try:
            head = jwt.get_unverified_header(token)
            algorithm = head.get("alg")
            if algorithm not in issuer.algorithms:
                raise UnacceptableTokenError(
                    f"its algorithm is none of {', '.join(issuer.algorithms)}"
                )
            content = jwt.decode(
                token,
                self._keys.find(head.get("kid"), algorithm),
                algorithms=[algorithm],
                audience=issuer.audience,
                issuer=issuer.name,
                leeway=issuer.leeway_s,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError as err:
            raise UnacceptableTokenError(
                _REASONS.get(type(err).__name__, "it is no valid token")
            ) from err
        except (ValueError, TypeError) as err:
            raise UnacceptableTokenError("it is no valid token") from err
        subject, groups = _at(content, issuer.subject_claim), _at(content, issuer.groups_claim)
        if not isinstance(subject, str) or not subject:
            raise UnacceptableTokenError(f"it says no subject ({issuer.subject_claim})")
        listed = [groups] if isinstance(groups, str) else groups
        names = (
            [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
        )
        return Claims(subject, names, float(content["exp"]))


_REASONS: Final[Mapping[str, str]] = {
    "ExpiredSignatureError": "it has run out",
    "ImmatureSignatureError": "it does not hold yet",
    "InvalidIssuedAtError": "it was issued in the future",
    "InvalidAudienceError": "it is meant for another audience",
    "InvalidIssuerError": "it is of another issuer",
    "InvalidSignatureError": "its signature is wrong",
    "MissingRequiredClaimError": "it lacks exp, iss or aud",
}


def _at(content: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 -- any JSON
    found: Any = content
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found
