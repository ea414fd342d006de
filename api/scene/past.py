"""An interval of the past that plays: the same frames as live, with the time of the past."""

import threading
import time
from datetime import datetime
from typing import Any

import numpy as np

from api.access.view import View
from api.scene.following import things_of
from api.state import CityState
from twin.cases.standing import standing, steps_between
from twin.live.channels import Channel, Question
from twin.live.events import Event
from twin.live.frames import PAST
from twin.live.past import Past as PastStates
from twin.live.scene import SceneStates
from twin.live.state import microseconds, moment_of

__all__ = ["Past"]


class Past:
    """States of a past that goes on at some speed; safe to use from any thread.

    Event numbers are times, microseconds since 1970 UTC.

    Parameters
    ----------
    state : CityState
    view : View, optional
        What is shown; everything where None.
    begin : datetime
        Naive UTC.
    end : datetime, optional
        Naive UTC; now where None.
    speed : float
        Seconds of the past in a second; 0 stands still.
    """

    ended = False

    def __init__(
        self,
        state: CityState,
        view: View | None,
        begin: datetime,
        end: datetime | None,
        speed: float,
    ) -> None:
        self._state, self._view = state, view
        self.lock = threading.RLock()
        now_us = microseconds(state.hub.now())
        self.end_us = min(now_us, microseconds(end)) if end is not None else now_us
        self.speed = speed
        self.seek(microseconds(begin))

    def seek(self, at_us: int) -> None:
        """Go on from another moment, not after the end."""
        with self.lock:
            at_us = min(at_us, self.end_us)
            hub, view = self._state.hub, self._view
            catalogue = hub.catalogue
            if view is not None:
                shown = (
                    view.streams
                    if view.catalogue is catalogue
                    else np.zeros(len(catalogue.ids), bool)
                )
                catalogue = catalogue.part(shown)
            self._past = PastStates(self._state.store, catalogue, at_us)
            cases = standing(self._state.store, moment_of(at_us))
            if view is not None:
                cases = [case for case in cases if view.case(case) is not None]
            things = lambda eids: things_of(self._state.store, view, eids)  # noqa: E731
            self.states = SceneStates(self._past.picture(cases), things)
            self.floor = at_us
            self._channels: dict[Question, Channel] = {}
            self._from, self._begun = (at_us, 0.0), False

    def play(self, speed: float) -> None:
        """Go on at another speed from where it is."""
        with self.lock:
            self._from = self._due(), time.monotonic()
            self.speed = speed

    def _due(self) -> int:
        """Where it should be by now; time begins to pass with the first look."""
        if not self._begun:
            self._begun, self._from = True, (self._from[0], time.monotonic())
        at_us, since = self._from
        return min(self.end_us, at_us + round((time.monotonic() - since) * self.speed * 1e6))

    @property
    def time_us(self) -> int:
        """The moment the states are of."""
        return self._past.at_us

    def advance(self, to_us: int | None = None) -> int:
        """Let the past go on to where it should be by now, or to a moment; number of the last event."""
        with self.lock:
            since_us = self._past.at_us
            to_us = self._due() if to_us is None else min(to_us, self.end_us)
            if to_us <= since_us:
                return self.states.seq
            for event in self._past.forward(to_us):
                self.states.apply(event)
            for step in steps_between(self._state.store, moment_of(since_us), moment_of(to_us)):
                shown = step if self._view is None else self._view.case(step)
                if shown is not None:
                    self.states.apply(Event(to_us, "case", shown))
            self.states.seq = to_us
            return to_us

    def channel(self, question: Question) -> Channel:
        """The channel of a question; to be used with :attr:`lock` held."""
        found = self._channels.get(question)
        if found is None:
            found = self._channels[question] = Channel(self.states, question)
        return found

    def frames(
        self, question: Question, since: int | None, index: int | None, flags: int = 0
    ) -> tuple[list[bytes], int, int]:
        """Frames a reader lacks, and the moment and index he has with them; whole once more at the end."""
        with self.lock:
            seq = self.advance()
            channel = self.channel(question)
            if seq == self.end_us and since is not None and since < seq:
                since = None
            frames = channel.frames(since, index, self.floor, self.time_us, flags | PAST)
            return frames, seq, channel.index

    def counts(self, question: Question) -> tuple[dict[str, Any], int]:
        """Counts per grid, and the moment they are of."""
        with self.lock:
            seq = self.advance()
            cells = self.channel(question).counts()
        moment = np.datetime_as_string(np.int64(seq).view("M8[us]"), unit="ms")
        return {"seq": seq, "time": f"{moment}Z", "cells": cells}, seq

    def is_far(self, question: Question) -> bool:
        """Whether counts answer the question."""
        with self.lock:
            return self.channel(question).far
