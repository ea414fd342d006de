"""The states a caller sees, kept current by the events told to him; shared by all who see the same."""

import threading
from collections import OrderedDict
from typing import Any, Final

from api.access.view import View
from api.scene.watching import Watching
from twin.live import LiveHub
from twin.live.channels import Question
from twin.live.scene import SceneStates
from twin.live.state import microseconds
from twin.store import Store

__all__ = ["Following", "Scenes"]

KEPT: Final = 8
MOST_EVENTS: Final = 256


class Following(Watching):
    """States of what one view shows, and the channels into them; safe to use from any thread.

    Parameters
    ----------
    hub : LiveHub
    store : Store
    view : View, optional
        What is shown; everything where None.
    """

    def __init__(self, hub: LiveHub, store: Store, view: View | None) -> None:
        super().__init__(store, view)
        self._hub = hub
        self.floor = 0
        self.ended = False
        """Whether another view has to be made: what a limited caller sees may be another now."""
        self._subscription = self._subscribe()
        self.states = self._states()

    def _subscribe(self) -> Any:  # noqa: ANN401 -- of the hub
        view = self.view
        return self._hub.subscribe(
            shown=None if view is None else view.shown, told=None if view is None else view.told
        )

    def _states(self) -> SceneStates:
        view = self.view
        picture = self._hub.picture(self.cases(), None if view is None else view.shown)
        states = SceneStates(picture, self.things)
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

    def frames(
        self, question: Question, since: int | None, index: int | None, flags: int = 0
    ) -> tuple[list[bytes], int, int]:
        """Frames a reader lacks, and the event number and index he has with them."""
        with self.lock:
            self.advance()
            channel = self.channel(question)
            frames = channel.frames(since, index, self.floor, self.time_us, flags)
            return frames, self.states.seq, channel.index


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
