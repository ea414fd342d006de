"""What happens, as it happens: server-sent events that go on where they broke off."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.client.errors import ServerError, TooManyRequestsError, UnreachableError
from api.client.transport import Transport

__all__ = ["Event", "follow", "parsed"]

LONGEST_WAIT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    ``kind`` is ``state``, ``alarm``, ``case``, ``indicators`` or ``resync`` (some events are no longer remembered: read
    what you show anew); ``id`` is what a client goes on after; a heartbeat has neither kind nor data.
    """

    id: str
    kind: str
    data: Any


def follow(
    transport: Transport, params: Mapping[str, Any], after: str | None = None
) -> Iterator[Event]:
    """Events without end; a broken connection is opened again after the last event that came.

    The first connection must succeed; a server that was there once is waited for.
    """
    last, waited, reached = after, 0.0, False
    while True:
        headers = {"Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = last
        try:
            with transport.stream("/live", params, headers) as answer:
                reached = True
                for event in parsed(answer.iter_lines(), last or ""):
                    last, waited = event.id or last, 0.0
                    if event.kind:
                        yield event
        except (UnreachableError, ServerError, TooManyRequestsError):
            if not reached:
                raise
            waited = min(LONGEST_WAIT_S, max(0.5, 2 * waited))
        transport.sleep(waited or 0.5)


def parsed(lines: Iterator[str], last: str = "") -> Iterator[Event]:
    """Events of lines (HTML Standard, 9.2.6); one that has only a number is given without kind.

    >>> list(parsed(iter(["id: 7", "event: alarm", "data: {", "data: }", "", ": alive", "id: 9", ""])))
    [Event(id='7', kind='alarm', data={}), Event(id='9', kind='', data=None)]
    """
    kind, data = "", list[str]()
    numbered = False
    for line in lines:
        if not line:
            if data:
                yield Event(last, kind or "message", json.loads("\n".join(data)))
            elif numbered:
                yield Event(last, "", None)
            kind, data, numbered = "", [], False
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif name == "id" and "\0" not in value:
            last, numbered = value, True
