"""The states a caller sees, kept current by the events told to him; shared by all who see the same."""

import threading
from collections import OrderedDict
from typing import Any, Final

import numpy as np

from api.access.view import View
from twin.cases.standing import standing
from twin.live import LiveHub
from twin.live.channels import Channel, Question
from twin.live.scene import SceneStates
from twin.live.state import microseconds
from twin.store import Store, statement

__all__ = ["Following", "Scenes", "things_of"]

KEPT: Final = 8
KEPT_CHANNELS: Final = 64
MOST_EVENTS: Final = 256


def things_of(store: Store, view: View | None, eids: list[str]) -> dict[str, tuple[str, str]]:
    """Class code and collection of the things among ``eids`` that are shown."""
    if view is not None:
        seen = view.sight.has_each(eids)
        eids = [eid for eid, shown in zip(eids, seen.tolist(), strict=True) if shown]
    with store.cursor() as cursor:
        found = cursor.execute(statement("scene_things", "twin.live"), {"eids": eids}).fetchall()
    return {eid: (code, collection) for eid, code, collection in found}


class Following:
    """States of what one view shows, and the channels into them; safe to use from any thread.

    Parameters
    ----------
    hub : LiveHub
    store : Store
    view : View, optional
        What is shown; everything where None.
    """

    def __init__(self, hub: LiveHub, store: Store, view: View | None) -> None:
        self._hub, self._store, self.view = hub, store, view
        self.lock = threading.RLock()
        self.floor = 0
        """Number of the event from which on it is known what changed."""
        self.ended = False
        """Whether another view has to be made: what a limited caller sees may be another now."""
        self._subscription = self._subscribe()
        self.states = self._states()
        self._channels: OrderedDict[Question, Channel] = OrderedDict()

    def _subscribe(self) -> Any:  # noqa: ANN401 -- of the hub
        view = self.view
        return self._hub.subscribe(
            shown=None if view is None else view.shown, told=None if view is None else view.told
        )

    def _states(self) -> SceneStates:
        view = self.view
        cases = standing(self._store)
        if view is not None:
            cases = [case for case in cases if view.case(case) is not None]
        picture = self._hub.picture(cases, None if view is None else view.shown)
        states = SceneStates(picture, lambda eids: things_of(self._store, view, eids))
        self._subscription.cursor = picture.seq
        remembered = self._hub.events.remembered()
        resyncs = [event.event_id for event in remembered if event.kind == "resync"]
        first = remembered[0].event_id - 1 if remembered else picture.seq
        self.floor = max([first, *resyncs])
        states.recall(event for event in remembered if event.event_id > self.floor)
        return states

    @property
    def time_us(self) -> int:
        """The moment the states are of, microseconds since 1970 UTC."""
        return microseconds(self._hub.now())

    def advance(self) -> int:
        """Follow what happened since; number of the last event."""
        with self.lock:
            while events := self._take():
                for event in events:
                    if event.kind == "resync":
                        self._anew()
                        return self.states.seq
                    self.states.apply(event)
            self.states.seq = max(self.states.seq, self._subscription.cursor)
            return self.states.seq

    def _take(self) -> Any:  # noqa: ANN401 -- events
        """New events; goes on where the view shows none of those looked at."""
        while self._subscription.pending():
            events = self._subscription.take(MOST_EVENTS)
            if events:
                return events
        return []

    def _anew(self) -> None:
        if self.view is not None:
            self.ended = True
            return
        self._subscription = self._subscribe()
        self.states = self._states()
        self._channels.clear()

    def channel(self, question: Question) -> Channel:
        """The channel of a question; to be used with :attr:`lock` held."""
        found = self._channels.get(question)
        if found is None:
            found = self._channels[question] = Channel(self.states, question)
            if len(self._channels) > KEPT_CHANNELS:
                self._channels.popitem(last=False)
        self._channels.move_to_end(question)
        return found

    def frames(
        self, question: Question, since: int | None, index: int | None, flags: int = 0
    ) -> tuple[list[bytes], int, int]:
        """Frames a reader lacks, and the event number and index he has with them."""
        with self.lock:
            self.advance()
            channel = self.channel(question)
            frames = channel.frames(since, index, self.floor, self.time_us, flags)
            return frames, self.states.seq, channel.index

    def counts(self, question: Question) -> tuple[dict[str, Any], int]:
        """Counts per grid, and the event number they are as of."""
        with self.lock:
            self.advance()
            cells = self.channel(question).counts()
            time_us, seq = self.time_us, self.states.seq
        moment = np.datetime_as_string(np.int64(time_us).view("M8[us]"), unit="ms")
        return {"seq": seq, "time": f"{moment}Z", "cells": cells}, seq

    def is_far(self, question: Question) -> bool:
        """Whether counts answer the question."""
        with self.lock:
            return self.channel(question).far


class Scenes:
    """The states of each view that is asked for; made when first asked for, a few kept."""

    def __init__(self, hub: LiveHub, store: Store) -> None:
        self._hub, self._store = hub, store
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Following] = OrderedDict()

    def of(self, view: View | None) -> Following:
        """States of what a view shows."""
        key = "" if view is None else view.part
        with self._lock:
            found = self._kept.get(key)
            if found is None or found.ended:
                found = self._kept[key] = Following(self._hub, self._store, view)
                while len(self._kept) > KEPT:
                    self._kept.pop(next(name for name in self._kept if name != key))
            self._kept.move_to_end(key)
            return found
