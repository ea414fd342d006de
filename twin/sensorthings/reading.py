"""Answers to questions of SensorThings, as dicts ready for JSON."""

import threading
from collections.abc import Sequence
from typing import Any, Final

from twin.live.readings import Readings
from twin.live.view import LiveView
from twin.sensorthings.asking import Answer, Asking
from twin.sensorthings.narrowing import Part
from twin.sensorthings.pages import Pages
from twin.sensorthings.questions import Options, Question
from twin.store import Store, run

__all__ = ["Answer", "Reader"]
_BESIDE: Final = "SELECT datastream FROM sta_remark UNION SELECT datastream FROM sta_observation"


class Reader:
    """Reads SensorThings entities of a city; safe to use from any thread.

    Parameters
    ----------
    store : Store
        Open for writing: entities of streams that came another way are made when first asked for.
    live : LiveView
    """

    def __init__(self, store: Store, live: LiveView) -> None:
        self.store, self.live = store, live
        self.pages = Pages()
        self._adopted: object = None
        self._lock = threading.Lock()

    def adopt(self) -> None:
        """Make the entities of streams that came since."""
        with self._lock:
            catalogue = self.live.catalogue
            if self._adopted is not catalogue:
                with self.store.transaction() as con:
                    run(con, "adopt", "twin.sensorthings", now=self.live.now())
                    self.pages.beside.update(row[0] for row in con.execute(_BESIDE).fetchall())
                self.pages.renew()
                self._adopted = catalogue

    def has_adopted(self, before: object) -> None:
        """All streams that came since the catalogue was ``before`` have their entities."""
        with self._lock:
            if self._adopted is before:
                self._adopted = self.live.catalogue

    def answer(
        self, question: Question, options: Options, root: str, part: Part | None = None
    ) -> Answer:
        """The entities a question asks for.

        Parameters
        ----------
        question : Question
        options : Options
        root : str
            Address of the service, which links begin with.
        part : Part, optional
            What is seen; everything by default. What is not is answered as what is not there.

        Raises
        ------
        NotFoundError
            If an entity of the path is not there.
        InvalidRequestError
            If a condition cannot be computed.
        """
        self.adopt()
        with self.store.snapshot() as con:
            asking = Asking(self.store, self.live, self.pages, con, root, part)
            return asking.answer(question, options)

    def count(self, question: Question, options: Options, part: Part | None = None) -> int:
        """How many entities a question is about."""
        self.adopt()
        with self.store.snapshot() as con:
            return Asking(self.store, self.live, self.pages, con, "", part).count(question, options)

    def among(
        self, question: Question, options: Options, root: str, new: Readings | Sequence[int | str]
    ) -> list[tuple[dict[str, Any], int | None]]:
        """Of entities that are new or changed those a question is about, in order of time and id.

        Parameters
        ----------
        question, options, root
            As in :meth:`answer`; of the options ``$select`` counts.
        new : Readings or sequence of id
            Readings of the archive, or entities of the set that is asked for.

        Returns
        -------
        list of (dict, int or None)
            Each as JSON has it, and the Datastream it is an Observation of.
        """
        self.adopt()
        with self.store.snapshot() as con:
            return Asking(self.store, self.live, self.pages, con, root).among(
                question, options, new
            )
