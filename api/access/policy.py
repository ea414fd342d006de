"""The policy of a city: ``access.toml`` in its folder says who may see and do what.

``[key.<id>]``
    an API key: the hash of its secret and its grant;
``[[grant]]``
    the grant of a subject or a group of the identity provider;
``[issuer]``
    the identity provider itself (:mod:`api.access.tokens`).

The file is read again when it changes, so a key that is revoked is refused within a second.
"""

import hashlib
import hmac
import os
import secrets
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import tomli_w

from api.access.roles import ROLES
from twin.cases.stages import roles as duties
from twin.errors import CityError, InvalidRequestError, NotFoundError
from twin.settings import Role

__all__ = ["FILE", "Grant", "Issuer", "Key", "Policy", "PolicyFile", "add_key", "revoke_key"]

FILE: Final = "access.toml"
PREFIX: Final = "twk"
LOOK_AGAIN_S: Final = 1.0
ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a caller may: a role, over classes and an area.

    Parameters
    ----------
    role : str
    collections, classes : tuple of str
        Collections and class codes that may be seen; both empty: all. What has no class is named beside them:
        ``streams`` (with their alarms), ``cases``, ``addresses``, ``imagery``, ``terrain``.
    area : str
        Code of an administrative unit or grid cell of the base, or a polygon as WKT in degrees; empty: everywhere.
    duties : tuple of str
        Roles as which steps of cases may be taken (岗位, such as ``值班长``); empty: all.
    """

    role: Role = "viewer"
    collections: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    area: str = ""
    duties: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise InvalidRequestError(f"role {self.role!r}: expected one of {', '.join(ROLES)}.")
        if unknown := sorted(set(self.duties) - set(duties())):
            raise InvalidRequestError(
                f"duty {unknown[0]!r}: expected one of {', '.join(duties())}."
            )

    @property
    def is_limited(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.collections or self.classes or self.area)

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "Grant":
        """From a table of the file."""
        lists = {
            name: tuple(map(str, table.get(name, ())))
            for name in ("collections", "classes", "duties")
        }
        return cls(table.get("role", "viewer"), area=str(table.get("area", "")), **lists)


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as it is kept: without its secret. Times are UTC."""

    id: str
    digest: str
    name: str
    grant: Grant
    created: datetime
    expires: datetime | None = None

    def opens(self, secret: str, now: datetime) -> bool:
        """Whether a secret is the key's, and the key has not run out; compared in constant time."""
        same = hmac.compare_digest(self.digest, _digest(secret))
        return same and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True)
class Issuer:
    """An identity provider (OpenID Connect) whose tokens are taken.

    Parameters
    ----------
    name : str
        The ``iss`` of its tokens.
    audience : str
        One of the ``aud`` of its tokens.
    jwks : str
        Its public keys: an ``https`` address, or a file (relative to the city folder).
    algorithms : tuple of str
        Of :data:`ALGORITHMS`.
    leeway_s : float
        By how much clocks may differ.
    subject_claim, groups_claim : str
        Where a token says whose it is and what groups he is in; dots go deeper.
    """

    name: str
    audience: str
    jwks: str
    algorithms: tuple[str, ...] = ALGORITHMS
    leeway_s: float = 30.0
    subject_claim: str = "sub"
    groups_claim: str = "groups"

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "Issuer":
        """From the table of the file."""
        known = {entry.name for entry in fields(cls)}
        if unknown := sorted(set(table) - known):
            raise InvalidRequestError(
                f"[issuer] {unknown[0]}: expected some of {', '.join(sorted(known))}."
            )
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in table.items()
        }
        made = cls(**given)
        if not made.algorithms or not set(made.algorithms) <= set(ALGORITHMS):
            raise InvalidRequestError(
                f"[issuer] algorithms {list(made.algorithms)}: expected some of {', '.join(ALGORITHMS)}; "
                "shared secrets (HS256) and none are never taken."
            )
        if made.jwks.startswith("http:"):
            raise InvalidRequestError("[issuer] jwks: an address must begin with https.")
        return made


@dataclass(frozen=True, slots=True)
class Policy:
    """The file, read."""

    keys: Mapping[str, Key] = field(default_factory=dict)
    subjects: Mapping[str, Grant] = field(default_factory=dict)
    groups: Mapping[str, Grant] = field(default_factory=dict)
    issuer: Issuer | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it lets nobody in."""
        return not self.keys and self.issuer is None

    def key_of(self, given: str, now: datetime) -> Key | None:
        """The key of a secret such as ``twk_3f2a91bc_…``, None where there is none that opens."""
        parts = given.split("_", 2)
        if len(parts) != 3 or parts[0] != PREFIX:
            return None
        key = self.keys.get(parts[1])
        return key if key is not None and key.opens(given, now) else None

    def grant_of(self, subject: str, groups: list[str]) -> Grant | None:
        """Grant of a subject, else of the first of his groups that has one."""
        if subject in self.subjects:
            return self.subjects[subject]
        return next((self.groups[name] for name in groups if name in self.groups), None)


class PolicyFile:
    """``access.toml`` of a city folder, read again when it changes.

    A file that can no longer be read lets nobody in.
    """

    def __init__(self, city: Path) -> None:
        self.path = city / FILE
        self._looked, self._stamp = -LOOK_AGAIN_S, (0, 0)
        self._policy = Policy()

    def policy(self) -> Policy:
        """As the file is now, to within a second.

        Raises
        ------
        CityError
            If it cannot be understood.
        """
        now = time.monotonic()
        if now - self._looked < LOOK_AGAIN_S:
            return self._policy
        stamp = _stamp(self.path)
        if stamp != self._stamp:
            self._policy = Policy(issuer=_NOBODY)  # until it is read
            self._policy = read_policy(self.path)
            self._stamp = stamp
        self._looked = now
        return self._policy


_NOBODY: Final = Issuer("", "", "")


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def read_policy(path: Path) -> Policy:
    """The policy in a file; an empty one where there is no file.

    Raises
    ------
    CityError
        If it cannot be understood.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        keys = {name: _key(name, entry) for name, entry in table.get("key", {}).items()}
        subjects: dict[str, Grant] = {}
        groups: dict[str, Grant] = {}
        for entry in table.get("grant", []):
            grant = Grant.of(entry)
            if ("subject" in entry) == ("group" in entry):
                raise InvalidRequestError("[[grant]]: give subject or group.")
            (subjects if "subject" in entry else groups)[
                str(entry.get("subject", entry.get("group")))
            ] = grant
        issuer = Issuer.of(table["issuer"]) if "issuer" in table else None
    except FileNotFoundError:
        return Policy()
    except (
        tomllib.TOMLDecodeError, InvalidRequestError, KeyError, TypeError, ValueError, AttributeError, OSError,
    ) as err:  # fmt: skip
        raise CityError(f"{path} cannot be understood: {err}. See docs/access.md.") from err
    return Policy(keys, subjects, groups, issuer)


def _key(name: str, entry: Mapping[str, Any]) -> Key:
    expires = entry.get("expires")
    return Key(
        name,
        str(entry["hash"]),
        str(entry.get("name", "")),
        Grant.of(entry),
        entry["created"].replace(tzinfo=UTC),
        None if expires is None else expires.replace(tzinfo=UTC),
    )


def _digest(secret: str) -> str:
    """The secret has 256 random bits: a plain hash cannot be searched backwards."""
    return f"sha256:{hashlib.sha256(secret.encode()).hexdigest()}"


def add_key(
    city: Path, name: str, grant: Grant, expires: datetime | None = None
) -> tuple[Key, str]:
    """Make a key; its secret is given once and not kept.

    Returns
    -------
    Key, str
        The key as it is kept, and the text a caller sends.
    """
    identity = secrets.token_hex(4)
    secret = f"{PREFIX}_{identity}_{secrets.token_urlsafe(32)}"
    now = datetime.now(UTC).replace(microsecond=0)
    key = Key(identity, _digest(secret), name, grant, now, expires)
    entry: dict[str, Any] = {"hash": key.digest, "name": name, "role": grant.role}
    entry |= {k: list(v) for k in ("collections", "classes", "duties") if (v := getattr(grant, k))}
    entry |= {"area": grant.area} if grant.area else {}
    entry |= {"created": now} | ({} if expires is None else {"expires": expires})
    table = _table(city)
    table.setdefault("key", {})[identity] = entry
    _write(city, table)
    return key, secret


def revoke_key(city: Path, identity: str) -> None:
    """Let a key end.

    Raises
    ------
    NotFoundError
        If there is none of this id.
    """
    table = _table(city)
    if identity not in table.get("key", {}):
        listed = ", ".join(table.get("key", {})) or "none"
        raise NotFoundError(f"there is no key {identity!r}; there are: {listed}")
    del table["key"][identity]
    _write(city, table)


def _table(city: Path) -> dict[str, Any]:
    read_policy(city / FILE)
    try:
        return tomllib.loads((city / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def _write(city: Path, table: Mapping[str, Any]) -> None:
    """Replace the file as a whole; only its owner may read it."""
    beside = city / f".{FILE}.{secrets.token_hex(4)}"
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        tomli_w.dump(table, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(city / FILE)
