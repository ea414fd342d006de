"""Former names, aliases and retired addresses: what a text that uses them means today."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from address.grammar import core_of
from address.lexicon import Names
from address.model import RANK, Candidate, Element, Fault, Match
from address.normalise import fold, normalise
from address.parse import elements_of

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["FORMER_PENALTY", "History"]

FORMER_PENALTY = 0.02
"""Taken from the confidence where a former name or a retired address was used."""
ALIAS_PENALTY = 0.005

_NAMED = frozenset(
    ("province", "city", "county", "street", "community", "village", "road", "compound", "poi")
)
_STATUS_ORDER = {"exact": 0, "ambiguous": 1, "partial": 2, "none": 3}


@dataclass(frozen=True, slots=True)
class _Old:
    """A way to call an address that is not its standard name: where it leads."""

    level: str
    name: str
    core: str
    parent_id: str | None
    into: tuple[str, ...]
    kind: str
    full: str


class History:
    """Asks an index also by names that are not, or no longer, the standard ones.

    The index knows what is now. A text that uses another name is asked again with the present string in its place;
    the answer is taken where it says more than the first, never against a present address that fits exactly.

    Parameters
    ----------
    index : AddressIndex
    names : pyarrow.Table
        ``node_id``, ``name``, ``core``, ``kind`` (former | alias), ``level``, ``parent_id``, ``full``.
    gone : pyarrow.Table
        Retired nodes: ``level``, ``name``, ``core``, ``parent_id``, ``full``, ``replaced_by``.
    """

    def __init__(self, index: "AddressIndex", names: pa.Table, gone: pa.Table) -> None:
        self.index = index
        self._named: Names[_Old] = Names()
        self._numbered: dict[tuple[str | None, str, str], list[_Old]] = {}
        self._empty = not (names.num_rows or gone.num_rows)
        for row in names.to_pylist():
            self._add(
                _Old(
                    row["level"],
                    row["name"],
                    row["core"],
                    row["parent_id"],
                    (row["node_id"],),
                    row["kind"],
                    row["full"],
                )
            )
        tops = {row["node_id"] for row in gone.to_pylist()}
        for row in gone.to_pylist():
            if row["parent_id"] in tops and not row["replaced_by"]:
                continue  # it went with what held it
            core = row["core"] or core_of(row["level"], row["name"])
            self._add(
                _Old(
                    row["level"],
                    row["name"],
                    core,
                    row["parent_id"],
                    tuple(row["replaced_by"]),
                    "retired",
                    row["full"],
                )
            )

    def _add(self, old: _Old) -> None:
        if old.level in _NAMED and len(fold(old.name)) >= 2:
            self._named.add(fold(old.name).replace(",", ""), old)
        else:
            self._numbered.setdefault((old.parent_id, old.level, old.core), []).append(old)

    def match(self, text: str, focus: tuple[float, float] | None = None) -> Match:
        """As `AddressIndex.match`, also by other names."""
        return self._asked(text, focus, self.index.match(text, focus), placed=False)

    def geocode(self, text: str, focus: tuple[float, float] | None = None) -> Match:
        """As `AddressIndex.geocode`, also by other names."""
        return self._asked(text, focus, self.index.geocode(text, focus), placed=True)

    def geocode_each(self, texts: Sequence[str]) -> list[Match]:
        """As `geocode`, for many texts."""
        found = dict(zip(texts, self.index.geocode_each(texts), strict=True))
        told = {text: self._asked(text, None, first, placed=True) for text, first in found.items()}
        return [told[text] for text in texts]

    def _asked(
        self, text: str, focus: tuple[float, float] | None, first: Match, placed: bool
    ) -> Match:
        if self._empty or (first.status == "exact" and not _doubtful(first)):
            return first
        best = first
        for old, start, end in self._spans(text, first):
            found = self._by(old, text, start, end, focus, placed)
            if found is not None and _better(found, best):
                best = found
        return best

    def _spans(self, text: str, first: Match) -> "list[tuple[_Old, int, int]]":
        """Other names that stand in the text, with their spans in it."""
        out: list[tuple[_Old, int, int]] = []
        source = normalise(text)
        folded = source.text
        for position in range(len(folded)):
            for name in self._named.at(folded, position):
                a, b = source.span(position, position + len(name))
                out += [(old, a, b) for old in self._named.get(name)]
        if first.status == "partial" and first.node_id is not None and self._numbered:
            row = self.index.row_of(first.node_id)
            steps = self.index.above(row) if row is not None else ()
            above = [self.index.id_of(step) for step in steps]
            for element in first.elements or tuple(elements_of(source)):
                if element.level in RANK:
                    out += [
                        (old, element.start, element.end)
                        for old in self._of_element(element, above)
                    ]
        return out[:24]

    def _of_element(self, element: Element, above: list[str]) -> "list[_Old]":
        found: list[_Old] = []
        for level in (element.level, "number", "building", "unit", "room"):
            core = core_of(level, element.value)
            for parent in above:
                found += self._numbered.get((parent, level, core), [])
        return found

    def _by(
        self,
        old: _Old,
        text: str,
        start: int,
        end: int,
        focus: tuple[float, float] | None,
        placed: bool,
    ) -> Match | None:
        """The text with the present string in place of another name, matched."""
        answers: list[Match] = []
        for node_id in old.into:
            row = self.index.row_of(node_id)
            if row is None:
                continue
            full = self.index.text_of("full", row) or ""
            written = f"{text[:start]}{full}{text[end:]}"
            ask = self.index.geocode if placed else self.index.match
            found = ask(written, focus)
            at = self.index.row_of(found.node_id) if found.node_id is not None else None
            if at is None or not self.index.is_below(at, row) or _far(found):
                continue
            answers.append(found)
        if not answers:
            return self._ended(old, text) if old.kind == "retired" and not old.into else None
        answers.sort(key=lambda m: (_STATUS_ORDER[m.status], -m.confidence, m.node_id or ""))
        best = [m for m in answers if m.status == answers[0].status]
        given = text[start:end]
        now = "、".join(
            self.index.written_of(row)
            for row in (self.index.row_of(node) for node in old.into)
            if row is not None
        )
        return self._told(best, old, given, now)

    def _told(self, best: list[Match], old: _Old, given: str, now: str) -> Match:
        found = best[0]
        what = "alias" if old.kind == "alias" else "renamed"
        penalty = ALIAS_PENALTY if what == "alias" else FORMER_PENALTY
        fault = Fault(f"{old.level.upper()}.{what}", old.level, given, now, penalty)
        kept = tuple(f for f in found.faults if not f.code.endswith(".conflict") or f.level in RANK)
        others = tuple(
            Candidate(m.node_id or "", m.full or "", m.level or "", round(m.confidence, 3))
            for m in best[1:]
        )
        status = "ambiguous" if others and found.status == "exact" else found.status
        several = (Fault("PLACE.several", old.level, "", str(len(best)), 0.1),) if others else ()
        return replace(
            found,
            status=status,
            confidence=round(max(0.0, found.confidence - penalty - (0.1 if others else 0.0)), 4),
            corrections=(*found.corrections, f"{given}→{now}"),
            faults=(fault, *several, *kept),
            alternatives=(*others, *found.alternatives)[:10],
            elements=(),
        )

    def _ended(self, old: _Old, text: str) -> Match | None:
        """An address that was abolished and that nothing replaced: its parent, and that it is no more."""
        row = self.index.row_of(old.parent_id) if old.parent_id is not None else None
        if row is None:
            return None
        fault = Fault(f"{old.level.upper()}.retired", old.level, old.name, old.full, FORMER_PENALTY)
        found = self.index.geocode(self.index.text_of("full", row) or "")
        if found.node_id is None:
            return None
        return replace(
            found,
            status="partial",
            missing=old.level,
            faults=(fault,),
            elements=tuple(elements_of(normalise(text))),
        )


def _doubtful(match: Match) -> bool:
    """Exact, but only by a repaired name or against what the text says."""
    return any(
        f.code.endswith((".homophone", ".spelling", ".suffix", ".conflict")) for f in match.faults
    )


def _far(match: Match) -> bool:
    """Whether the text names another province, city or county than the answer's."""
    return any(
        f.code in ("PROVINCE.conflict", "CITY.conflict", "COUNTY.conflict") for f in match.faults
    )


def _better(a: Match, b: Match) -> bool:
    """Whether the answer by another name says more than the first."""
    if _STATUS_ORDER[a.status] != _STATUS_ORDER[b.status]:
        return _STATUS_ORDER[a.status] < _STATUS_ORDER[b.status]
    if a.status == "partial":
        return RANK.get(a.level or "", 0) > RANK.get(b.level or "", 0) or (
            a.faults[:1] != ()
            and a.faults[0].code.endswith(".retired")
            and RANK.get(a.level or "", 0) >= RANK.get(b.level or "", 0)
        )
    return _doubtful(b) and not _doubtful(a)
