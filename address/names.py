"""Names of a gazetteer, found in a text by the prefix tree of an arena."""

from collections.abc import Callable

from address.arena import RETIRED, Arena
from address.lexicon import Names
from address.walk import code_points, name_of, names_in, warm

__all__ = ["MappedNames"]

_TEXTS = 8
_LISTS = 4096


class MappedNames(Names[int]):
    """Names over mapped arrays, with those that were added and taken away since.

    A text is scanned once by compiled code; what begins where is then remembered while it is being
    read.

    Parameters
    ----------
    arena : Arena
    order : callable
        Key of a row among those of a name.
    """

    def __init__(self, arena: Arena, order: Callable[[str, int], tuple[int, str]]) -> None:
        super().__init__()
        self._arena, self._order = arena, order
        self._steps = (arena["step_key"], arena["step_next"], arena["state_name"])
        self._start, self._rows = arena["name_start"], arena["name_rows"]
        self._texts: dict[str, dict[int, list[str]]] = {}
        self._lists: dict[str, list[int]] = {}
        self._dropped: set[tuple[str, int]] = set()
        self.edited = False
        self.late: list[str] = []
        """Names that were added since the build, in order, those taken away again as well."""

    def add(self, name: str, entry: int) -> None:
        """Let `name` stand for a row too."""
        super().add(name, entry)
        self.late.append(name)
        self._dropped.discard((name, entry))
        self.forget()

    def discard(self, name: str, entry: int) -> None:
        """Take a row away from a name."""
        super().discard(name, entry)
        self._dropped.add((name, entry))
        self.forget()

    def forget(self) -> None:
        """The tree was edited."""
        self.edited = True
        self._texts.clear()
        self._lists.clear()

    def get(self, name: str) -> list[int]:
        """Rows that go by a name, in order of id; empty where none."""
        found = self._lists.get(name)
        if found is None:
            if len(self._lists) >= _LISTS:
                self._lists.clear()
            found = self._lists[name] = self._found(name)
        return found

    def _found(self, name: str) -> list[int]:
        number = name_of(code_points(name), 0, len(name), *self._steps)
        rows: list[int] = []
        if number >= 0:
            rows = self._rows[self._start[number] : self._start[number + 1]].tolist()
        if not self.edited:
            return rows
        flags = self._arena["flags"]
        more = super().get(name)
        if self._dropped:
            rows = [row for row in rows if (name, row) not in self._dropped and row not in more]
        live = [row for row in (*rows, *more) if not flags[row] & RETIRED]
        return sorted(set(live), key=lambda row: self._order(name, row)) if more else live

    def at(self, text: str, position: int) -> list[str]:
        """Names that begin at `position`, longest first."""
        hits = self._texts.get(text)
        if hits is None:
            hits = self._scan(text)
        return hits.get(position, [])

    def _scan(self, text: str) -> dict[int, list[str]]:
        warm()  # what compiled code costs to load is paid by the first question, once
        hits: dict[int, list[str]] = {}
        for start, end, _ in names_in(code_points(text), *self._steps).tolist():
            hits.setdefault(start, []).append(text[start:end])
        if self.edited:
            self._correct(text, hits)
        if len(self._texts) >= _TEXTS:
            self._texts.clear()
        self._texts[text] = hits
        return hits

    def _correct(self, text: str, hits: dict[int, list[str]]) -> None:
        """Names nobody bears any more go, those of the edits come."""
        for position in range(len(text)):
            names = {*hits.get(position, ()), *Names.at(self, text, position)}
            if names:
                hits[position] = sorted((n for n in names if self.get(n)), key=len, reverse=True)
