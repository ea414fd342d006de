"""What is the same of states that are live and of those of the past: the channels into them, counts per grid."""

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import Any, Final

import numpy as np

from api.access.view import View
from twin.cases.standing import standing
from twin.live.channels import Channel, Question
from twin.live.scene import SceneStates
from twin.live.state import moment_of
from twin.store import Store, statement

__all__ = ["Watching"]

KEPT_CHANNELS: Final = 64


class Watching(ABC):
    """States of what one view shows, and the channels into them; safe to use from any thread.

    Parameters
    ----------
    store : Store
    view : View, optional
        What is shown; everything where None.
    """

    states: SceneStates
    floor: int
    """Number of the event from which on it is known what changed."""
    ended: bool = False

    def __init__(self, store: Store, view: View | None) -> None:
        self._store, self.view = store, view
        self.lock = threading.RLock()
        self._channels: OrderedDict[Question, Channel] = OrderedDict()

    @property
    @abstractmethod
    def time_us(self) -> int:
        """The moment the states are of, microseconds since 1970 UTC."""

    @abstractmethod
    def advance(self) -> int:
        """Follow what happened since; number of the last event."""

    def cases(self, at_us: int | None = None) -> list[dict[str, Any]]:
        """Cases that stand now, or stood at a moment, of those that are shown."""
        found = standing(self._store, None if at_us is None else moment_of(at_us))
        return [case for case in found if self.view is None or self.view.case(case) is not None]

    def things(self, eids: list[str]) -> dict[str, tuple[str, str]]:
        """Class code and collection of the things among ``eids`` that are shown."""
        if self.view is not None:
            seen = self.view.sight.has_each(eids)
            eids = [eid for eid, shown in zip(eids, seen.tolist(), strict=True) if shown]
        with self._store.cursor() as cursor:
            found = cursor.execute(
                statement("scene_things", "twin.live"), {"eids": eids}
            ).fetchall()
        return {eid: (code, collection) for eid, code, collection in found}

    def channel(self, question: Question) -> Channel:
        """The channel of a question; to be used with :attr:`lock` held."""
        found = self._channels.get(question)
        if found is None:
            found = self._channels[question] = Channel(self.states, question)
            if len(self._channels) > KEPT_CHANNELS:
                self._channels.popitem(last=False)
        self._channels.move_to_end(question)
        return found

    def counts(self, question: Question) -> tuple[dict[str, Any], int]:
        """Counts per grid, and the event number they are as of."""
        with self.lock:
            seq = self.advance()
            cells = self.channel(question).counts()
            time_us = self.time_us
        moment = np.datetime_as_string(np.int64(time_us).view("M8[us]"), unit="ms")
        return {"seq": seq, "time": f"{moment}Z", "cells": cells}, seq

    def is_far(self, question: Question) -> bool:
        """Whether counts answer the question."""
        with self.lock:
            return self.channel(question).far
