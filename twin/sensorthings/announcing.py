"""What followers of topics are told: a topic is a path of the service, its message the entity as a GET gives it.

OGC 18-088, 14.2 (receive updates via MQTT): a set (``v1.1/Datastreams(7)/Observations``) tells what is new or changed in
it, an entity its changes, a property its new value; ``?$select=`` chooses what of an entity is told. Links begin with ``/v1.1``.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson

from twin.errors import InvalidRequestError, NotFoundError
from twin.live.readings import Readings
from twin.sensorthings.questions import Options, Question, read_options, read_path
from twin.sensorthings.reading import Reader
from twin.sensorthings.storing import Change, Storing

__all__ = ["Announcer", "Topic", "read_topic"]

ROOT: Final = "/v1.1"
_ALL: Final = read_path("Observations")
_EVERYTHING: Final = Options()


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that is followed.

    Parameters
    ----------
    text : str
        As the follower wrote it; messages carry it.
    question : Question
    options : Options
        ``$select``, or nothing.
    """

    text: str
    question: Question
    options: Options

    @property
    def observed(self) -> bool:
        """Whether it is about a set of Observations."""
        return self.question.entity.name == "Observations" and not self.question.single

    @property
    def of_all(self) -> bool:
        """Whether it tells of everything in its set."""
        return len(self.question.steps) == 1 and not self.question.single

    @property
    def stream(self) -> int | None:
        """The one Datastream whose Observations it tells; None where it is another kind of topic."""
        steps = self.question.steps
        of_one = self.observed and len(steps) == 2 and steps[0].entity.name == "Datastreams"
        found = steps[0].id
        return found if of_one and isinstance(found, int) else None


def read_topic(text: str) -> Topic:
    """A topic from its text.

    Raises
    ------
    InvalidRequestError, NotFoundError
        If it is no path below ``v1.1``, or has an option beside ``$select``.

    Examples
    --------
    >>> read_topic("v1.1/Datastreams(7)/Observations?$select=result").stream
    7
    """
    path, _, query = text.partition("?")
    if not path.startswith("v1.1/"):
        raise NotFoundError(f"topic {text[:80]!r}: expected v1.1/ and a path of SensorThings.")
    question = read_path(path[len("v1.1/") :])
    if question.value or question.refs or question.count:
        raise InvalidRequestError(f"topic {text[:80]!r}: $value, $ref and $count are not told.")
    if not query:
        return Topic(text, question, _EVERYTHING)
    name, _, value = query.partition("=")
    if name != "$select" or question.only is not None:
        raise InvalidRequestError(f"topic {text[:80]!r}: of entities, ?$select= may follow.")
    return Topic(text, question, read_options({"$select": value}, question.entity))


Message = tuple[str, bytes]
"""Topic and payload."""


class Announcer:
    """Makes messages of what is new; safe to use from any thread.

    Parameters
    ----------
    reader : Reader
    storing : Storing
        Whose remarks on readings have to be stored before these are told.
    """

    def __init__(self, reader: Reader, storing: Storing) -> None:
        self._reader, self._storing = reader, storing

    def of_readings(self, new: Readings, topics: Iterable[Topic]) -> list[Message]:
        """Messages of new readings of the archive, in the order of their times within each topic."""
        everyone: list[Topic] = []
        by_stream: dict[int, list[Topic]] = defaultdict(list)
        asked = []
        for topic in topics:
            stream = topic.stream
            if topic.observed and topic.of_all:
                everyone.append(topic)
            elif stream is not None:
                by_stream[stream].append(topic)
            elif topic.question.entity.name == "Observations":
                asked.append(topic)
        told: list[Message] = []
        with self._storing.remarking:
            pass  # remarks on readings that are stored are stored too
        if everyone or by_stream:
            told += self._simple(new, everyone, by_stream)
        for topic in asked:
            told += self._asked(topic, new)
        return told

    def _simple(
        self, new: Readings, everyone: list[Topic], by_stream: Mapping[int, list[Topic]]
    ) -> list[Message]:
        if not everyone:
            new = new.take(np.isin(new.stream_id, np.fromiter(by_stream, np.int64)))
            if not len(new):
                return []
        found = self._reader.among(_ALL, _EVERYTHING, ROOT, new)
        told = []
        for row, stream in found:
            made: dict[tuple[str, ...], bytes] = {}
            for topic in (*everyone, *by_stream.get(stream or 0, ())):
                chosen = topic.options.select
                if chosen not in made:
                    made[chosen] = orjson.dumps(_selected(row, chosen))
                told.append((topic.text, made[chosen]))
        return told

    def of_changes(self, changes: Sequence[Change], topics: Iterable[Topic]) -> list[Message]:
        """Messages of entities that are new or changed."""
        of: dict[str, dict[int | str, frozenset[str] | None]] = defaultdict(dict)
        for change in changes:
            before = of[change.of].get(change.id, frozenset())
            names = None if before is None or change.names is None else before | change.names
            of[change.of][change.id] = names
        told: list[Message] = []
        for topic in topics:
            changed, only = of.get(topic.question.entity.name), topic.question.only
            if changed is None:
                continue
            ids = [i for i, names in changed.items() if not only or names is None or only in names]
            if ids:
                told += self._asked(topic, ids)
        return told

    def _asked(self, topic: Topic, new: Readings | Sequence[int | str]) -> list[Message]:
        try:
            found = self._reader.among(topic.question, topic.options, ROOT, new)
        except NotFoundError:  # what the path names is gone, or not there yet
            return []
        only = topic.question.only
        rows = (row if only is None else {only: row.get(only)} for row, _ in found)
        return [(topic.text, orjson.dumps(row)) for row in rows]


def _selected(row: Mapping[str, Any], chosen: Sequence[str]) -> Mapping[str, Any]:
    """Of an entity what ``$select`` names."""
    if not chosen:
        return row
    kept: dict[str, Any] = {}
    for name, value in row.items():
        bare = name.removesuffix("@iot.navigationLink")
        if bare in chosen or (
            name in ("@iot.id", "@iot.selfLink") and {"id", "@iot.id"} & set(chosen)
        ):
            kept[name] = value
    return kept
