"""Steps of cases, told to those who follow the city: each once, in the order they were taken."""

import threading

import orjson

from api.models import document
from twin.cases import CaseDesk
from twin.live.events import EventLog

__all__ = ["CaseEvents"]


class CaseEvents:
    """Tells what the base has and nobody was told; also what a life before left untold."""

    def __init__(self, desk: CaseDesk, events: EventLog) -> None:
        self._desk, self._events = desk, events
        self._telling = threading.Lock()

    def tell(self) -> None:
        """Tell the steps taken since the last that was told."""
        with self._telling:
            marks = self._events.marks
            for case in self._desk.steps_after(0 if marks is None else marks.cases):
                placed = case["lon"] is not None and case["lat"] is not None
                seq = case.pop("seq")
                self._events.publish(
                    "case",
                    orjson.loads(document(case)),
                    place=(case["lon"], case["lat"]) if placed else None,
                    marks={"cases": seq},
                )
