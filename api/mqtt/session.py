"""One connection of a device: packets in, acknowledgements out once readings are on disk."""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from api.mqtt import codec
from api.mqtt.codec import MalformedError, acknowledged, packet
from api.mqtt.outgoing import Outgoing
from api.mqtt.rights import NONE, Rights, matches

if TYPE_CHECKING:
    from api.mqtt.endpoint import Endpoint

__all__ = ["Session"]

MOST_INFLIGHT: Final = 20_000
MOST_TOPIC: Final = 1024
MOST_CHECKED: Final = 10_000
NOT_AUTHORISED: Final = 0x87
TAKEN_OVER: Final = 0x8E
TIMEOUT: Final = 0x8D
TOO_LARGE: Final = 0x95
NO_RETAIN: Final = 0x9A
FULL: Final = 0x97
CONNECT_WAIT_S: Final = 10.0


class Session(asyncio.Protocol):
    """Protocol of one connection, on the event loop.

    Parameters
    ----------
    endpoint : Endpoint
    """

    def __init__(self, endpoint: "Endpoint") -> None:
        self.endpoint = endpoint
        self.client = ""
        self.version = 0
        self.rights: Rights = NONE
        self.outgoing = Outgoing(endpoint.count)
        self.paused = False
        self.deadline = time.monotonic() + CONNECT_WAIT_S
        self.keep_alive = 0.0
        self.expiry = 0
        self.inflight = 0
        self.qos2: dict[int, bool] = {}
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._will: tuple[str, bytes, int] | None = None
        self._aliases: dict[int, str] = {}
        self._checked: dict[bytes, str | None] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or refuse it where there are too many."""
        self._transport = transport  # type: ignore[assignment] # a stream has this kind
        if not self.endpoint.joined(self):
            self._transport.abort()  # type: ignore[union-attr] # just set

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio calls it so
        """The client has gone; without goodbye its will is published."""
        self._transport = None
        self.endpoint.left(self)
        if self._will is not None:
            self.endpoint.publish_will(self, self._will)
            self._will = None

    def data_received(self, data: bytes) -> None:
        """Take whole packets off what has come."""
        buffer = self._buffer + data if self._buffer else data
        try:
            at = self._packets(buffer)
        except MalformedError as error:
            self.endpoint.counts["malformed"] += 1
            self.end(error.code)
            return
        self._buffer = buffer[at:]
        if self.version:
            wait = self.keep_alive or float("inf")
            self.deadline = time.monotonic() + wait
            self.endpoint.intake.flush()
            if self.inflight > MOST_INFLIGHT or self.endpoint.intake.full:
                self.pause()

    def _packets(self, buffer: bytes) -> int:  # noqa: C901 -- the hot loop
        """Handle the whole packets of ``buffer``; where the next begins."""
        at, end = 0, len(buffer)
        most = self.endpoint.most_packet
        while end - at >= 2:
            if not self.version and buffer[at] != codec.CONNECT << 4:
                raise MalformedError("the first packet is CONNECT", codec.PROTOCOL_ERROR)
            size, body = buffer[at + 1], at + 2
            if size > 127:
                size &= 127
                for shift in (7, 14, 21):
                    if body >= end:
                        return at
                    byte = buffer[body]
                    body += 1
                    size |= (byte & 127) << shift
                    if byte < 128:
                        break
                else:
                    raise MalformedError("a length has more than four bytes")
            if size > most:
                raise MalformedError(
                    f"a packet of {size} bytes; at most {most} are taken", TOO_LARGE
                )
            if body + size > end:
                return at
            first = buffer[at]
            at = body + size
            if 0x30 <= first <= 0x3F and self.version:
                self._publish(first, buffer, body, at)
            else:
                self._handle(first, buffer[body:at])
                if self._transport is None or self._transport.is_closing():
                    return at
        return at

    def _publish(self, first: int, buffer: bytes, at: int, end: int) -> None:
        size = at + 2 + (buffer[at] << 8 | buffer[at + 1]) if end - at >= 2 else end + 1
        qos = first >> 1 & 3
        if size + (2 if qos else 0) > end or qos == 3:
            raise MalformedError("PUBLISH ends too early or has no QoS")
        name = buffer[at + 2 : size]
        number = 0
        if qos:
            number = buffer[size] << 8 | buffer[size + 1]
            size += 2
        payload = buffer[size:end]
        if self.version == 5:
            name, payload = self._with_properties(first, name, payload)
        topic = self._checked.get(name, "")
        if topic == "":
            topic = self._check(name)
        if topic is None:
            self._refuse(qos, number)
        elif not qos or self._expected(qos, number):
            self.endpoint.intake.put(self, qos << 16 | number, topic, payload)

    def _expected(self, qos: int, number: int) -> bool:
        """Note a message that is to be acknowledged; False where QoS 2 delivers it again."""
        if not number:
            raise MalformedError("a packet number is 0")
        if qos == 2:
            if number in self.qos2:
                if self.qos2[number]:
                    self._write(acknowledged(codec.PUBREC, number, 0, self.version))
                return False
            self.qos2[number] = False
        self.inflight += 1
        return True

    def _with_properties(self, first: int, name: bytes, payload: bytes) -> tuple[bytes, bytes]:
        """Topic and payload of a PUBLISH of MQTT 5."""
        if first & 1:
            raise MalformedError("messages are not retained here", NO_RETAIN)
        if payload[:1] == b"\0":
            return name, payload[1:]
        found, payload = codec.read_properties(payload)
        return self._alias(name, found.get(0x23)), payload

    def _alias(self, name: bytes, alias: int | None) -> bytes:
        if alias is not None and not 0 < alias <= 100:
            raise MalformedError("the topic alias is none", 0x94)
        if alias is None:
            return name
        if name:
            self._aliases[alias] = codec.text(name)
            return name
        if alias not in self._aliases:
            raise MalformedError("the topic alias is unknown", 0x82)
        return self._aliases[alias].encode()

    def _check(self, name: bytes) -> str | None:
        """The topic a name is, None where this client may not publish to it."""
        if len(name) > MOST_TOPIC or not name:
            raise MalformedError("the topic is empty or too long", 0x90)
        topic = codec.text(name)
        if "+" in topic or "#" in topic:
            raise MalformedError("a topic to publish to has no wildcards", 0x90)
        mine = self.may(topic)
        if len(self._checked) >= MOST_CHECKED:
            self._checked.clear()
        found = self._checked[name] = topic if mine else None
        return found

    def may(self, topic: str) -> bool:
        """Whether this client may publish to a topic."""
        right = self.rights.publish
        return right is None or any(matches(each, topic) for each in right)

    def may_follow(self, topic: str) -> bool:
        """Whether this client may subscribe to a topic."""
        right, bare = self.rights.subscribe, topic.partition("?")[0]
        return right is None or any(matches(each, bare) for each in right)

    def _refuse(self, qos: int, number: int) -> None:
        """Say that a topic is not the client's; MQTT 3.1.1 has no word for that but to hang up."""
        self.endpoint.counts["denied"] += 1
        if self.version == 4:
            raise MalformedError("the topic is not this client's", NOT_AUTHORISED)
        if qos:
            kind = codec.PUBACK if qos == 1 else codec.PUBREC
            self._write(acknowledged(kind, number, NOT_AUTHORISED, 5))

    def settled(self, done: list[tuple[int, int]]) -> None:
        """Acknowledge messages that are on disk, or say why they are not."""
        out = []
        for reference, code in done:
            qos, number = reference >> 16, reference & 0xFFFF
            if not qos:
                continue
            self.inflight -= 1
            if code and self.version == 4:
                if code in (0x97, 0x80):  # it must come again: hang up without a receipt
                    self.end(code)
                    return
                code = 0  # kept as it is, and counted; MQTT 3.1.1 cannot say more
            if qos == 1:
                short = b"\x40\x02" + number.to_bytes(2, "big")
                out.append(short if not code else acknowledged(codec.PUBACK, number, code, 5))
            else:
                if code >= 0x80:
                    self.qos2.pop(number, None)
                else:
                    self.qos2[number] = True
                out.append(acknowledged(codec.PUBREC, number, code, self.version))
        if out:
            self._write(b"".join(out))
        if self.paused and self.inflight <= MOST_INFLIGHT // 2 and not self.endpoint.intake.full:
            self.resume()

    def _handle(self, first: int, body: bytes) -> None:
        kind, flags = first >> 4, first & 15
        if kind == codec.CONNECT and not self.version:
            self._connect(codec.read_connect(body))
            return
        work: dict[int, Callable[[bytes], None]] = {
            codec.PUBACK: self._arrived,
            codec.PUBREL: self._released,
            codec.SUBSCRIBE: self._subscribe,
            codec.UNSUBSCRIBE: self._unsubscribe,
            codec.PINGREQ: lambda _: self._write(packet(codec.PINGRESP, b"")),
            codec.DISCONNECT: self._goodbye,
        }
        needed = 2 if kind in (codec.PUBREL, codec.SUBSCRIBE, codec.UNSUBSCRIBE) else 0
        if not self.version or kind not in work or flags != needed:
            raise MalformedError("a packet that is out of place", codec.PROTOCOL_ERROR)
        work[kind](body)

    def _connect(self, said: codec.Connect) -> None:
        self.version = said.version
        code, self.rights = self.endpoint.admitted(said)
        if said.will is not None and said.version == 5 and said.will_retain:
            code = NO_RETAIN
        given = said.client or self.endpoint.new_name()
        if not said.client and said.version == 4 and not said.clean:
            code = 0x85
        if code:
            self.endpoint.counts["refused"] += 1
            old = {0x86: 4, 0x87: 5, 0x85: 2}.get(code, 3)
            answer = bytes([0, code, 0]) if said.version == 5 else bytes([0, old])
            self._write(packet(codec.CONNACK, answer))
            self.close()
            return
        self.client, self.expiry, self._will = given, said.expiry, said.will
        self.keep_alive = said.keep_alive * 1.5
        present = self.endpoint.began(self, said.clean)
        body = bytes([present, 0])
        if said.version == 5:
            limits: dict[int, int | str] = {
                0x21: min(MOST_INFLIGHT, 65_535), 0x22: 100, 0x25: 0, 0x27: self.endpoint.most_packet,
                0x28: 0, 0x29: 0, 0x2A: 0,
            }  # fmt: skip
            if not said.client:
                limits[0x12] = given
            body += codec.properties(limits)
        self._write(packet(codec.CONNACK, body))
        self.outgoing.attach(self._write, self._buffered, self._fell_behind, said)

    def _buffered(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def _fell_behind(self) -> None:
        """What is told could not be kept for this client: it has to begin anew."""
        self.expiry = 0
        self.end(FULL)

    def _arrived(self, body: bytes) -> None:
        if len(body) < 2:
            raise MalformedError("PUBACK without a number")
        self.outgoing.acknowledged(int.from_bytes(body[:2], "big"))

    def _released(self, body: bytes) -> None:
        if len(body) < 2:
            raise MalformedError("PUBREL without a number")
        number = int.from_bytes(body[:2], "big")
        known = self.qos2.pop(number, None) is not None
        code = 0 if known else 0x92
        self._write(acknowledged(codec.PUBCOMP, number, code, self.version))

    def _subscribe(self, body: bytes) -> None:
        number, filters = codec.read_filters(body, self.version, options=True)
        codes = [self._follow(name, qos) for name, qos in filters]
        if self.version == 4:
            codes = [min(code, 0x80) for code in codes]
        extra = b"\0" if self.version == 5 else b""
        self._write(packet(codec.SUBACK, number.to_bytes(2, "big") + extra + bytes(codes)))

    def _follow(self, name: str, qos: int) -> int:
        """QoS granted, or the reason why a topic is not to be followed."""
        if self.endpoint.subscriptions is None:
            return 0x83
        if not 0 < len(name.encode()) <= MOST_TOPIC:
            return 0x8F
        if not self.may_follow(name):
            self.endpoint.counts["denied"] += 1
            return NOT_AUTHORISED
        return self.endpoint.subscriptions.follow(self.outgoing, name, qos)

    def _unsubscribe(self, body: bytes) -> None:
        number, filters = codec.read_filters(body, self.version, options=False)
        topics, answer = self.endpoint.subscriptions, number.to_bytes(2, "big")
        gone = [topics is not None and topics.unfollow(self.outgoing, name) for name, _ in filters]
        if self.version == 5:
            answer += b"\0" + bytes(0 if each else 0x11 for each in gone)
        self._write(packet(codec.UNSUBACK, answer))

    def _goodbye(self, body: bytes) -> None:
        if not (self.version == 5 and body[:1] == b"\x04"):  # 4: disconnect with will
            self._will = None
        self.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def pause(self) -> None:
        """Read no more for now: the sender waits, nothing is dropped."""
        if not self.paused and self._transport is not None:
            self.paused = True
            self._transport.pause_reading()
            self.endpoint.paused.add(self)

    def resume(self) -> None:
        """Read on."""
        self.endpoint.paused.discard(self)
        if self.paused and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self.paused = False

    def end(self, code: int) -> None:
        """Hang up with a reason, where the protocol has a way to say it."""
        if self.version == 5:
            self._write(packet(codec.DISCONNECT, bytes([code, 0])))
        if code == TAKEN_OVER:
            self._will = None
        self.close()

    def close(self) -> None:
        """Hang up when what is written has gone out."""
        if self._transport is not None:
            self._transport.close()
