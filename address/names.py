"""Names of a gazetteer, found in a text by the prefix tree of an arena."""

from collections.abc import Iterable

from address.arena import Arena
from address.lexicon import Names
from address.walk import code_points, name_of, names_in, warm

__all__ = ["MappedNames"]

_TEXTS = 8
_LISTS = 4096


class MappedNames(Names[int]):
    """Names over mapped arrays, with those added and taken away since.

    A text is scanned once by compiled code; what begins where is then remembered while it is being
    read.
    """

    def __init__(self, arena: Arena) -> None:
        super().__init__()
        self._steps = (arena["step_key"], arena["step_next"], arena["state_name"])
        self._start, self._rows = arena["name_start"], arena["name_rows"]
        self._texts: dict[str, dict[int, list[str]]] = {}
        self._lists: dict[str, list[int]] = {}
        self._changed: dict[str, list[int]] = {}  # names whose rows are not those of the build

    def of_build(self, name: str) -> list[int]:
        """Rows the build gave a name."""
        number = name_of(code_points(name), 0, len(name), *self._steps)
        if number < 0:
            return []
        rows: list[int] = self._rows[self._start[number] : self._start[number + 1]].tolist()
        return rows

    def get(self, name: str) -> list[int]:
        """Rows that go by a name, in order of id; empty where none."""
        found = self._lists.get(name)
        if found is None:
            if len(self._lists) >= _LISTS:
                self._lists.clear()
            changed = self._changed.get(name)
            found = self._lists[name] = self.of_build(name) if changed is None else changed
        return found

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
        if self._changed:
            self._correct(text, hits)
        if len(self._texts) >= _TEXTS:
            self._texts.clear()
        self._texts[text] = hits
        return hits

    def _correct(self, text: str, hits: dict[int, list[str]]) -> None:
        """Names nobody bears any more go, those of the edits come."""
        gone = {name for name, rows in self._changed.items() if not rows}
        for position in range(len(text)):
            new = super().at(text, position)
            old = hits.get(position, [])
            if new or (gone and any(name in gone for name in old)):
                kept = {name for name in old if name not in gone} | set(new)
                hits[position] = sorted(kept, key=len, reverse=True)

    def change(self, name: str, rows: Iterable[int]) -> None:
        """Let a name stand for exactly these rows, in their order, from now on."""
        self._changed[name] = list(rows)
        for entry in list(super().get(name)):
            super().discard(name, entry)
        for row in self._changed[name]:
            super().add(name, row)
        self._texts.clear()
        self._lists.clear()
