"""Complete what is being typed: characters, pinyin, initials, after a county or town or not."""

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from address.grammar import display_of
from address.model import RANK, Suggestion
from address.normalise import normalise
from address.pinyin import initials, spellings

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["Suggester"]

_LISTED = tuple(
    RANK[level]
    for level in ("county", "street", "community", "village", "road", "number", "compound", "poi")
)
_LAST = "\U0010ffff"
_LETTERS = re.compile(r"[a-z']+\d*[a-z]?")
_SCOPE = ("province", "city", "county", "street")
_SCAN = 400


class _Sorted:
    """Keys in order with the row of each."""

    def __init__(self, pairs: list[tuple[str, int]]) -> None:
        pairs.sort()
        self.keys = [key for key, _ in pairs]
        self.rows = [row for _, row in pairs]

    def starting(self, prefix: str, limit: int) -> list[int]:
        """Rows whose key starts with a prefix, at most `limit`, in order of the key."""
        first = bisect_left(self.keys, prefix)
        last = bisect_left(self.keys, prefix + _LAST, first)
        return self.rows[first : min(last, first + limit)]


class Suggester:
    """Sorted tails (road with number, compound, place, village, town) in three scripts."""

    def __init__(self, index: "AddressIndex") -> None:
        self.index = index
        han: list[tuple[str, int]] = []
        full: list[tuple[str, int]] = []
        short: list[tuple[str, int]] = []
        self.tails: dict[int, str] = {}
        spelled: dict[str, tuple[list[str], list[str]]] = {}
        for row, level in enumerate(index.levels):
            if level not in _LISTED:
                continue
            name = self._tail(row)
            self.tails[row] = name
            stem, number = _split(name)
            known = spelled.get(stem)
            if known is None:
                ways = spellings(stem)
                known = spelled[stem] = (
                    list(dict.fromkeys("".join(way) for way in ways)),
                    list(dict.fromkeys(initials(way) for way in ways)),
                )
            han.append((name, row))
            digits = re.sub(r"\D", "", number)
            full += [(way + digits, row) for way in known[0]]
            short += [(way + digits, row) for way in known[1]]
        self.han, self.full, self.short = _Sorted(han), _Sorted(full), _Sorted(short)

    def _tail(self, row: int) -> str:
        """What a person types to get there: the road with its number, else the name."""
        index = self.index
        own = display_of(index.level_of(row), index.core_of_row(row))
        if index.levels[row] != RANK["number"]:
            return own
        parent = index.parent[row]
        return (
            display_of(index.level_of(parent), index.core_of_row(parent)) if parent >= 0 else ""
        ) + own

    def suggest(
        self, prefix: str, limit: int, focus: tuple[float, float] | None
    ) -> list[Suggestion]:
        """See `address.index.AddressIndex.suggest`."""
        text = normalise(prefix).text.replace(",", "")
        if not text or limit < 1:
            return []
        found = self._found(text)
        if focus is not None:
            found.sort(key=lambda row: self._distance(row, focus))
        if len(found) < limit:
            found += [row for row in self._deeper(text, limit) if row not in found]
        return [self._shown(row) for row in found[:limit]]

    def _found(self, text: str) -> list[int]:
        rows = self._plain(text, None)
        if rows:
            return rows
        scope: set[int] = set()
        rest = text
        for _ in range(4):
            names = [n for n in self.index.names.at(rest, 0) if self._places(n)]
            if not names:
                break
            step = self._places(names[0])
            scope = {
                r for r in step if not scope or any(self.index.is_below(r, s) for s in scope)
            } or set(step)
            rest = rest[len(names[0]) :]
            rows = self._plain(rest, scope) if rest else []
            if rows:
                return rows
        for cut in range(2, min(len(text), 9)):
            head = text[:cut]
            if not head.isascii() and (places := self._places(head)):
                rows = self._plain(text[cut:], set(places))
                if rows:
                    return rows
        return rows

    def _places(self, name: str) -> list[int]:
        return [r for r in self.index.names.get(name) if self.index.level_of(r) in _SCOPE]

    def _plain(self, text: str, scope: set[int] | None) -> list[int]:
        """Rows whose tail starts so, in the best script, roads before their doors."""
        low = text.lower()
        limit = _SCAN if scope is None else 50 * _SCAN
        rows: list[int] = []
        if low.isascii():
            if _LETTERS.fullmatch(low):
                low = low.replace("'", "")
                rows = self.full.starting(low, limit) + self.short.starting(low, limit)
        else:
            rows = self.han.starting(text, limit) or self._mixed(low, limit)
        if scope is not None:
            rows = [r for r in rows if any(self.index.is_below(r, s) for s in scope)]
        unique = list(dict.fromkeys(rows))
        unique.sort(key=lambda r: (len(self.tails[r]), self.tails[r], self.index.id_of(r)))
        return unique

    def _mixed(self, text: str, limit: int) -> list[int]:
        """临江dd: characters, then letters."""
        found = re.fullmatch(r"([\u4e00-\u9fa5]+)([a-z]+)(\d*)", text)
        if found is None:
            return []
        out = []
        for row in self.han.starting(found[1], limit):
            rest = self.tails[row][len(found[1]) :]
            stem, number = _split(rest)
            ways = spellings(stem)
            typed = found[2] + found[3]
            digits = re.sub(r"\D", "", number)
            if any(
                ("".join(w) + digits).startswith(typed) or (initials(w) + digits).startswith(typed)
                for w in ways
            ):
                out.append(row)
        return out

    def _deeper(self, text: str, limit: int) -> list[int]:
        """Buildings, units and rooms: the part that is complete is matched, its children follow."""
        cut = re.search(r"[A-Za-z]?\d*$", text)
        head, typed = (text[: cut.start()], cut[0].upper()) if cut is not None else (text, "")
        if len(head) < 2:
            return []
        found = self.index.match(head)
        if found.status not in ("exact", "ambiguous") or found.node_id is None:
            return []
        row = self.index.row_of(found.node_id)
        out: list[int] = []
        queue = [row] if row is not None else []
        while queue and len(out) < limit:
            for child in self.index.children(queue.pop(0)):
                if self.index.core_of_row(child).startswith(typed):
                    out.append(child)
                elif self.index.levels[child] in (RANK["floor"], RANK["compound"], RANK["phase"]):
                    queue.append(child)
        out.sort(
            key=lambda r: (
                len(self.index.core_of_row(r)),
                self.index.core_of_row(r),
                self.index.id_of(r),
            )
        )
        return out[:limit]

    def _distance(self, row: int, focus: tuple[float, float]) -> float:
        place = self.index.place.at(row)
        return (
            float("inf")
            if place is None
            else (place[0] - focus[0]) ** 2 + (place[1] - focus[1]) ** 2
        )

    def _shown(self, row: int) -> Suggestion:
        place = self.index.place.at(row)
        full = self.index.text_of("full", row) or ""
        lon, lat = place if place is not None else (None, None)
        return Suggestion(
            self.index.ids[row].as_py(),
            self.tails.get(row, full),
            full,
            self.index.level_of(row),
            lon,
            lat,
        )


def _split(tail: str) -> tuple[str, str]:
    """Name and number of a tail."""
    found = re.search(r"(?<=[\u4e00-\u9fa5])[甲乙丙丁]?\d+(?:-\d+)?[号弄].*$", tail)
    return (tail[: found.start()], found[0]) if found is not None else (tail, "")
