"""Packets of MQTT 3.1.1 and 5 as bytes (OASIS MQTT 3.1.1 and 5.0, chapters 2 and 3)."""

from dataclasses import dataclass, field
from typing import Any, Final

__all__ = [
    "AUTH",
    "CONNACK",
    "CONNECT",
    "DISCONNECT",
    "PINGREQ",
    "PINGRESP",
    "PUBACK",
    "PUBCOMP",
    "PUBLISH",
    "PUBREC",
    "PUBREL",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "Connect",
    "MalformedError",
    "acknowledged",
    "packet",
    "properties",
    "read_connect",
    "read_filters",
    "read_properties",
    "text",
    "variable",
]

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = range(1, 8)
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(8, 16)

MALFORMED: Final = 0x81
PROTOCOL_ERROR: Final = 0x82


class MalformedError(Exception):
    """A packet breaks the protocol; ``code`` is the reason code of MQTT 5."""

    def __init__(self, message: str, code: int = MALFORMED) -> None:
        super().__init__(message)
        self.code = code


_BYTE, _TWO, _FOUR, _VARIABLE, _BINARY, _TEXT, _PAIR = range(7)
_KINDS: Final = {
    0x01: _BYTE, 0x02: _FOUR, 0x03: _TEXT, 0x08: _TEXT, 0x09: _BINARY, 0x0B: _VARIABLE, 0x11: _FOUR,
    0x12: _TEXT, 0x13: _TWO, 0x15: _TEXT, 0x16: _BINARY, 0x17: _BYTE, 0x18: _FOUR, 0x19: _BYTE,
    0x1A: _TEXT, 0x1C: _TEXT, 0x1F: _TEXT, 0x21: _TWO, 0x22: _TWO, 0x23: _TWO, 0x24: _BYTE,
    0x25: _BYTE, 0x26: _PAIR, 0x27: _FOUR, 0x28: _BYTE, 0x29: _BYTE, 0x2A: _BYTE,
}  # fmt: skip
"""What each property of MQTT 5 holds (section 2.2.2.2)."""


class _Reader:
    """Takes values off the front of a packet."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, n: int) -> bytes:
        end = self.at + n
        if end > len(self.data):
            raise MalformedError("the packet ends too early")
        found = self.data[self.at : end]
        self.at = end
        return found

    def number(self, n: int) -> int:
        return int.from_bytes(self.take(n), "big")

    def binary(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        return text(self.binary())

    def variable(self) -> int:
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise MalformedError("a length has more than four bytes")

    @property
    def rest(self) -> bytes:
        return self.data[self.at :]


def text(data: bytes) -> str:
    """UTF-8 as the protocol allows it: no surrogates, no U+0000 (section 1.5.4).

    Raises
    ------
    MalformedError
        If it is none.
    """
    try:
        found = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedError("a text is not UTF-8") from error
    if "\0" in found:
        raise MalformedError("a text holds U+0000")
    return found


def variable(number: int) -> bytes:
    """A length in one to four bytes.

    Examples
    --------
    >>> variable(321).hex()
    'c102'
    """
    found = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        found.append(low | 0x80 if number else low)
        if not number:
            return bytes(found)


def packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    """A packet of a kind with its fixed header."""
    return bytes([kind << 4 | flags]) + variable(len(body)) + body


def acknowledged(kind: int, number: int, code: int, version: int) -> bytes:
    """PUBACK, PUBREC, PUBREL or PUBCOMP of a packet number; ``code`` only speaks in MQTT 5."""
    flags = 2 if kind == PUBREL else 0
    body = number.to_bytes(2, "big")
    if version == 5 and code:
        body += bytes([code])
    return packet(kind, body, flags)


def properties(given: dict[int, int | str]) -> bytes:
    """Properties of MQTT 5 with the length before them."""
    found = b""
    for key, value in given.items():
        kind = _KINDS[key]
        found += bytes([key])
        if isinstance(value, str):
            data = value.encode()
            found += len(data).to_bytes(2, "big") + data
        elif kind == _VARIABLE:
            found += variable(value)
        else:
            found += value.to_bytes({_BYTE: 1, _TWO: 2, _FOUR: 4}[kind], "big")
    return variable(len(found)) + found


def _properties(reader: _Reader) -> dict[int, Any]:
    size = reader.variable()
    inner = _Reader(reader.take(size))
    found: dict[int, Any] = {}
    while inner.rest:
        key = inner.number(1)
        kind = _KINDS.get(key)
        value: Any
        if kind is None:
            raise MalformedError(f"there is no property {key}")
        if kind in (_BYTE, _TWO, _FOUR):
            value = inner.number({_BYTE: 1, _TWO: 2, _FOUR: 4}[kind])
        elif kind == _VARIABLE:
            value = inner.variable()
        elif kind == _BINARY:
            value = inner.binary()
        elif kind == _TEXT:
            value = inner.text()
        else:
            found.setdefault(key, []).append((inner.text(), inner.text()))
            continue
        if key in found and key != 0x0B:
            raise MalformedError(f"property {key} stands twice", PROTOCOL_ERROR)
        found[key] = value
    return found


def read_properties(data: bytes) -> tuple[dict[int, Any], bytes]:
    """Properties at the front of ``data``, and what follows them."""
    reader = _Reader(data)
    return _properties(reader), reader.rest


@dataclass(frozen=True, slots=True)
class Connect:
    """What a client says first. ``version`` is 4 (3.1.1) or 5; ``will`` topic, payload, delay in s."""

    version: int
    client: str
    clean: bool
    keep_alive: int
    expiry: int
    will: tuple[str, bytes, int] | None
    will_retain: bool
    user: str | None
    password: bytes | None
    properties: dict[int, Any] = field(default_factory=dict)


def read_connect(data: bytes) -> Connect:
    """CONNECT (section 3.1).

    Raises
    ------
    MalformedError
        If it is none; code 0x84 where the version is another.
    """
    reader = _Reader(data)
    name, version, flags = reader.binary(), reader.number(1), reader.number(1)
    if name != b"MQTT" or version not in (4, 5):
        raise MalformedError("MQTT 3.1.1 and 5 are spoken here", 0x84)
    will_qos = flags >> 3 & 3
    if flags & 1 or will_qos == 3 or (not flags & 4 and flags & 0x38):
        raise MalformedError("the flags of CONNECT contradict each other")
    if version == 4 and flags & 0x40 and not flags & 0x80:
        raise MalformedError("a password needs a user name")
    keep_alive = reader.number(2)
    found = _properties(reader) if version == 5 else {}
    client = reader.text()
    will = None
    if flags & 4:
        inside = _properties(reader) if version == 5 else {}
        will = (reader.text(), reader.binary(), int(inside.get(0x18, 0)))
    user = reader.text() if flags & 0x80 else None
    password = reader.binary() if flags & 0x40 else None
    if reader.rest:
        raise MalformedError("something follows the end of CONNECT")
    clean = bool(flags & 2)
    expiry = int(found.get(0x11, 0)) if version == 5 else (0 if clean else 0xFFFFFFFF)
    retain = bool(flags & 0x20)
    return Connect(version, client, clean, keep_alive, expiry, will, retain, user, password, found)


def read_filters(data: bytes, version: int, options: bool) -> tuple[int, list[tuple[str, int]]]:
    """Packet number and topic filters of SUBSCRIBE (``options``: each with its QoS) or UNSUBSCRIBE.

    Raises
    ------
    MalformedError
        If there are none, or a QoS is none.
    """
    reader = _Reader(data)
    number = reader.number(2)
    if version == 5:
        _properties(reader)
    filters = []
    while reader.rest:
        name, qos = reader.text(), 0
        if options:
            given = reader.number(1)
            qos = given & 3
            if qos == 3 or given & (0xC0 if version == 5 else 0xFC):
                raise MalformedError("the options of a subscription contradict each other")
        filters.append((name, qos))
    if not filters or not number:
        raise MalformedError("no topic filters are given", PROTOCOL_ERROR)
    return number, filters
