"""What happens, as it happens: server-sent events that go on where they broke off."""

import json
from collections.abc import Callable, Iterator, Mapping
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


def _json(_: str, text: str) -> Any:  # noqa: ANN401 -- any JSON
    return json.loads(text)


def follow(
    transport: Transport,
    params: Mapping[str, Any],
    after: str | None = None,
    path: str = "/live",
    data: Callable[[str, str], Any] = _json,
) -> Iterator[Event]:
    """Events without end; a broken connection is opened again after the last event that came.

    The first connection must succeed; a server that was there once is waited for. ``data`` reads the text of an
    event of some kind.
    """
    last, waited, reached = after, 0.0, False
    while True:
        headers = {"Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = last
        try:
            with transport.stream(path, params, headers) as answer:
                reached = True
                for event in parsed(answer.iter_lines(), last or "", data):
                    last, waited = event.id or last, 0.0
                    if event.kind:
                        yield event
        except (UnreachableError, ServerError, TooManyRequestsError):
            if not reached:
                raise
            waited = min(LONGEST_WAIT_S, max(0.5, 2 * waited))
        transport.sleep(waited or 0.5)


def parsed(
    lines: Iterator[str], last: str = "", data: Callable[[str, str], Any] = _json
) -> Iterator[Event]:
    """Events of lines (HTML Standard, 9.2.6); one that has only a number is given without kind.

    >>> list(parsed(iter(["id: 7", "event: alarm", "data: {", "data: }", "", ": alive", "id: 9", ""])))
    [Event(id='7', kind='alarm', data={}), Event(id='9', kind='', data=None)]
    """
    kind, texts = "", list[str]()
    numbered = False
    for line in lines:
        if not line:
            if texts:
                yield Event(last, kind or "message", data(kind, "\n".join(texts)))
            elif numbered:
                yield Event(last, "", None)
            kind, texts, numbered = "", [], False
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            texts.append(value)
        elif name == "event":
            kind = value
        elif name == "id" and "\0" not in value:
            last, numbered = value, True
