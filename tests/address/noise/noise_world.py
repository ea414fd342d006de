"""An address tree as an examiner sees it: chains of names, and what a text may rightly mean."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from address.grammar import core_of, implied_floor
from address.pinyin import sound_keys

NAMED = ("road", "compound", "village", "community", "poi")


@dataclass(slots=True)
class Draft:
    """A text being written: parts (level, words) that end at a node of the tree."""

    node: int
    parts: list[tuple[str, str]]
    ends: str = ""
    status: str = "exact"
    missing: str | None = None
    deepest: frozenset[int] = frozenset()
    accept: set[int] = field(default_factory=set)

    def has(self, *levels: str) -> bool:
        own = {level for level, _ in self.parts}
        return all(level in own for level in levels)

    def get(self, level: str) -> str:
        return next((words for own, words in self.parts if own == level), "")

    def put(self, level: str, words: str) -> None:
        self.parts = [(own, words if own == level else old) for own, old in self.parts]

    def drop(self, *levels: str) -> None:
        self.parts = [(own, words) for own, words in self.parts if own not in levels]

    def text(self) -> str:
        return "".join(words for _, words in self.parts) + self.ends


@dataclass(frozen=True, slots=True)
class Sample:
    """A noisy text with the answer a person would give."""

    kind: str
    number: int
    text: str
    status: str
    ids: frozenset[str]
    missing: str | None = None


class World:
    """A tree with everything an operator asks of it."""

    def __init__(self, nodes: pa.Table) -> None:
        rows = nodes.select(["node_id", "parent_id", "level", "name"]).to_pylist()
        rows.sort(key=lambda r: r["node_id"])
        self.ids = [r["node_id"] for r in rows]
        number = {i: n for n, i in enumerate(self.ids)}
        self.parent = [number.get(r["parent_id"], -1) for r in rows]
        self.level = [r["level"] for r in rows]
        self.name = [r["name"] for r in rows]
        self.core = [core_of(r["level"], r["name"]) for r in rows]
        self.children: dict[int, list[int]] = {}
        for n, up in enumerate(self.parent):
            self.children.setdefault(up, []).append(n)
        self.by_level: dict[str, list[int]] = {}
        for n, level in enumerate(self.level):
            self.by_level.setdefault(level, []).append(n)
        self.named: dict[str, list[int]] = {}
        for level in NAMED:
            for n in self.by_level.get(level, []):
                self.named.setdefault(self.core[n], []).append(n)
        self.sounds: dict[str, set[str]] = {}
        for name in self.named:
            for key in sound_keys(name):
                self.sounds.setdefault(key, set()).add(name)
        self.gaps: dict[str, set[str]] = {}
        for name in self.named:
            for gap in gaps(name):
                self.gaps.setdefault(gap, set()).add(name)

    def chain(self, node: int) -> list[int]:
        """The node and its ancestors, widest first."""
        out = []
        while node >= 0:
            out.append(node)
            node = self.parent[node]
        return out[::-1]

    def draft(self, node: int) -> Draft:
        """Standard wording; a floor that the room tells is left out."""
        chain = self.chain(node)
        parts = [(self.level[n], self.name[n]) for n in chain]
        if len(parts) > 1 and parts[0][1] == parts[1][1]:
            parts = parts[1:]  # a municipality is said once
        if self.level[node] == "room" and implied_floor(self.core[node]):
            parts = [p for p in parts if p[0] != "floor"]
        return Draft(node, parts)

    def below(self, node: int) -> list[int]:
        out, todo = [], [node]
        while todo:
            n = todo.pop()
            out.append(n)
            todo += self.children.get(n, [])
        return out

    def meant(self, draft: Draft) -> set[int]:
        """Every node that fits what the draft's standard parts say."""
        chain = self.chain(draft.node)
        kept = {level for level, _ in draft.parts}
        want = {(self.level[n], self.core[n]) for n in chain if self.level[n] in kept}
        last = (self.level[draft.node], self.core[draft.node])
        tops = [n for n in chain if self.level[n] in kept and self.level[n] in NAMED]
        if not tops:
            return {draft.node}
        found = set()
        for top in self.named[self.core[tops[0]]]:
            for n in self.below(top):
                if (self.level[n], self.core[n]) == last:
                    own = {(self.level[m], self.core[m]) for m in self.chain(n)}
                    if want <= own:
                        found.add(n)
        plain = {n for n in found if self._said(n) <= kept}
        return plain or found

    def _said(self, node: int) -> set[str]:
        """Levels of a node that a text has to name for the node to be meant without a doubt."""
        free = {"province", "city", "county", "street", "floor", "number", "compound", "phase"}
        return {self.level[n] for n in self.chain(node)} - free

    def alike(self, written: str) -> set[str]:
        """Names that sound the same or are one character away."""
        out = {written} & set(self.named)
        for key in sound_keys(written):
            out |= self.sounds.get(key, set())
        for gap in (written, *gaps(written)):
            out |= self.gaps.get(gap, set())
            out |= {gap} & set(self.named)
        return out

    def pick(self, rng: random.Random, levels: Sequence[str]) -> int:
        """A node of one of the levels."""
        level = rng.choice([lv for lv in levels if self.by_level.get(lv)])
        return rng.choice(self.by_level[level])

    def sample(self, kind: str, number: int, draft: Draft, text: str) -> Sample | None:
        """The finished sample; ambiguous where several nodes fit."""
        if draft.status in ("exact", "ambiguous"):
            ids = draft.accept or self.meant(draft)
            several = len(ids) > 1 and not draft.accept
            if several and not self._really_several(ids):
                return None
            status = "ambiguous" if several else "exact"
            return Sample(kind, number, text, status, frozenset(self.ids[n] for n in ids))
        deepest = frozenset(self.ids[n] for n in draft.deepest)
        return Sample(kind, number, text, draft.status, deepest, draft.missing)

    def _really_several(self, ids: set[int]) -> bool:
        """None of them lies below another."""
        return not any(up in ids for n in ids for up in self.chain(n)[:-1])


def gaps(name: str) -> set[str]:
    """The name with one character left out."""
    return {name[:i] + name[i + 1 :] for i in range(len(name))} if len(name) > 2 else set()
