"""An interval of the past that plays: the same frames as live, with the time of the past."""

import time
from datetime import datetime

import numpy as np

from api.access.view import View
from api.scene.watching import Watching
from api.state import CityState
from twin.cases.standing import steps_between
from twin.live.channels import Question
from twin.live.events import Event
from twin.live.frames import PAST
from twin.live.past import Past as PastStates
from twin.live.scene import SceneStates
from twin.live.state import microseconds, moment_of

__all__ = ["Past"]


class Past(Watching):
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

    def __init__(
        self,
        state: CityState,
        view: View | None,
        begin: datetime,
        end: datetime | None,
        speed: float,
    ) -> None:
        super().__init__(state.store, view)
        self._state = state
        now_us = microseconds(state.hub.now())
        self.end_us = min(now_us, microseconds(end)) if end is not None else now_us
        self.speed = speed
        self.seek(microseconds(begin))

    def seek(self, at_us: int) -> None:
        """Go on from another moment, not after the end."""
        with self.lock:
            at_us = min(at_us, self.end_us)
            hub, view = self._state.hub, self.view
            catalogue = hub.catalogue
            if view is not None:
                shown = (
                    view.streams
                    if view.catalogue is catalogue
                    else np.zeros(len(catalogue.ids), bool)
                )
                catalogue = catalogue.part(shown)
            self._past = PastStates(self._store, catalogue, at_us)
            self.states = SceneStates(self._past.picture(self.cases(at_us)), self.things)
            self.floor = at_us
            self._channels.clear()
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
            for step in steps_between(self._store, moment_of(since_us), moment_of(to_us)):
                shown = step if self.view is None else self.view.case(step)
                if shown is not None:
                    self.states.apply(Event(to_us, "case", shown))
            self.states.seq = to_us
            return to_us

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
