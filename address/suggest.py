"""Complete what is being typed: characters, pinyin, initials, after a county or town or not."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from address.arena import RENAMED, RETIRED
from address.grammar import display_of
from address.model import RANK, Suggestion
from address.normalise import normalise
from address.pinyin import readings
from address.tails import LISTED, SCOPES, Keys

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["Suggester"]

_LETTERS = re.compile(r"([a-z']+)(\d*)[a-z]?")
_NUMBERED = re.compile(r"(.*[\u4e00-\u9fa5A-Za-z)])([甲乙丙丁]?\d+(?:-\d*)?(?:[号弄].*)?)")
_MIXED = re.compile(r"([\u4e00-\u9fa5a-z]+?)(\d*)")
_NUMBER = RANK["number"]
_POOL = 20_000  # nodes that are weighed for one answer
_READ = 800  # names whose characters are compared with letters

Ints = npt.NDArray[np.int64]
_NONE: Ints = np.zeros(0, np.int64)


class Suggester:
    """Names with a prefix in one of three scripts, and the doors of a name that is complete."""

    def __init__(self, index: "AddressIndex") -> None:
        self.index = index
        self.tails = index.tails
        built = np.diff(index.arena["word_start"]).astype(np.int64)
        late = np.fromiter(map(len, index.vocabulary.more), np.int64)
        self._core_length: Ints = np.concatenate([built, late])

    def suggest(
        self, prefix: str, limit: int, focus: tuple[float, float] | None
    ) -> list[Suggestion]:
        """See `address.index.AddressIndex.suggest`."""
        text = normalise(prefix).text.replace(",", "")
        if not text or limit < 1:
            return []
        found = self._found(text, limit, focus)
        if not found and (typed := _typed(prefix)) != text.lower():
            found = self._found(typed, limit, focus)  # l and o before digits are letters here
        if len(found) < limit:
            found += [row for row in self._deeper(text, limit) if row not in found]
        return [self._shown(row) for row in found[:limit]]

    # ── what stands in front ──

    def _found(self, text: str, limit: int, focus: tuple[float, float] | None) -> list[int]:
        rows = self._ordered(self._plain(text, None, limit), limit, focus)
        if rows:
            return rows
        scope: list[int] = []
        rest = text
        for _ in range(4):
            names = [n for n in self.index.names.at(rest, 0) if self._places(n)]
            if not names:
                break
            step = self._places(names[0])
            scope = [
                r for r in step if not scope or any(self.index.is_below(r, s) for s in scope)
            ] or step
            rest = rest[len(names[0]) :]
            if rest and (rows := self._ordered(self._plain(rest, scope, limit), limit, focus)):
                return rows
        for cut in range(2, min(len(text), 9)):
            head = text[:cut]
            if not head.isascii() and (places := self._places(head)):
                rows = self._ordered(self._plain(text[cut:], places, limit), limit, focus)
                if rows:
                    return rows
        return []

    def _places(self, name: str) -> list[int]:
        return [r for r in self.index.names.get(name) if self.index.levels[r] in SCOPES]

    # ── names and doors that start so ──

    def _plain(
        self, text: str, scope: list[int] | None, limit: int
    ) -> tuple[Ints, list[int] | None]:
        """Rows of names that start so, and of doors; None where the names' own doors may follow."""
        low = text.lower()
        if low.isascii():
            found = _LETTERS.fullmatch(low)
            if found is None:
                return _NONE, []
            letters, digits = found[1].replace("'", ""), found[2]
            if digits:
                whole = _joined(self._keyed(letters, Keys.equal))
                more = self._more(lambda n: _spells(n, letters) == "")
                listed = self._doors(self._exact(whole, more, scope), digits, limit, True)
                return (_NONE, listed) if listed else self._mixed(letters + digits, scope, limit)
            numbers = _joined(self._keyed(letters, Keys.starting))
            rows = self._rows(numbers, self._more(lambda n: _spells(n, letters) is not None), scope)
            return (rows, None) if len(rows) else self._mixed(letters, scope, limit)
        numbers = np.arange(*self.tails.names.starting(text))
        rows = self._rows(numbers, self._more(lambda n: n.startswith(text)), scope)
        split = _NUMBERED.fullmatch(text)
        doors: list[int] = []
        if split is not None:
            known = self.tails.number(split[1])
            same = np.array([known] if known is not None else [], np.int64)
            held = self._exact(same, self._more(lambda n: n == split[1]), scope)
            doors = self._doors(held, split[2], limit, False)
        if len(rows) or doors:
            return rows, doors or None
        return self._mixed(low, scope, limit)

    def _keyed(self, letters: str, find: "object") -> Iterator[Ints]:
        for keys in (self.tails.full, self.tails.short):
            low, high = find(keys, letters)  # type: ignore[operator]
            if keys.of is not None:
                yield keys.of[low:high].astype(np.int64)

    def _mixed(
        self, text: str, scope: list[int] | None, limit: int
    ) -> tuple[Ints, list[int] | None]:
        """临江dd, lj大道, ljdadao: characters, first letters and sounds in turn, then digits."""
        found = _MIXED.fullmatch(text)
        if found is None or len(found[1]) < 3:
            return _NONE, []
        typed, digits = found[1], found[2]
        lead = re.match(r"[a-z]+|[^a-z]+", typed)
        first = lead[0] if lead is not None else ""
        if not first.isascii():
            numbers = np.arange(*self.tails.names.starting(first))
        else:
            numbers = _joined(self._keyed(first, Keys.starting))
            if not len(numbers):  # cld: letters of one, the sound of the next
                numbers = _joined(self._keyed(first[:2], Keys.starting))
        numbers = self._shortest(numbers, _READ)
        names = [(n, self.tails.names.text(n)) for n in numbers.tolist()]
        left = [(n, _spells(name, typed)) for n, name in names]
        if digits:
            whole = np.array([n for n, rest in left if rest == ""], np.int64)
            held = self._exact(whole, self._more(lambda n: _spells(n, typed) == ""), scope)
            return _NONE, self._doors(held, digits, limit, True)
        fits = np.array([n for n, rest in left if rest is not None], np.int64)
        return self._rows(fits, self._more(lambda n: _spells(n, typed) is not None), scope), None

    def _more(self, fits: "object") -> list[int]:
        """Rows of names that came after the build."""
        added = self.index.more_bearers
        rows = [r for name, rows in added.items() if fits(name) for r in rows] if added else []  # type: ignore[operator]
        return [r for r in rows if not self.index.flags[r] & RETIRED]

    def _shortest(self, numbers: Ints, count: int) -> Ints:
        """The shortest names, in no order."""
        if len(numbers) <= count:
            return numbers
        rank = (self.tails.length[numbers].astype(np.int64) << 32) | numbers
        return numbers[np.argpartition(rank, count)[:count]]

    def _rows(self, numbers: Ints, more: list[int], scope: list[int] | None) -> Ints:
        """Live rows of some names inside the scope."""
        if scope is None:
            numbers = self._shortest(numbers, _POOL)
        at, _ = self.tails.entries(numbers)
        if scope is not None:
            area = self.tails.area[at]
            inside = np.zeros(len(at), bool)
            for first, last in map(self.tails.range_of, scope):
                inside |= (area >= first) & (area < last)
            at = at[inside]
        rows = self.tails.rows[at].astype(np.int64)
        if self.index.edited:
            rows = rows[self.index.arena["flags"][rows] & (RETIRED | RENAMED) == 0]
            late = [r for r in more if scope is None or self._inside(r, scope)]
            rows = np.concatenate([rows, np.array(late, np.int64)])
        return rows

    def _inside(self, row: int, scope: list[int]) -> bool:
        return any(self.index.is_below(row, s) for s in scope)

    def _exact(self, numbers: Ints, more: list[int], scope: list[int] | None) -> list[int]:
        rows: list[int] = self._rows(numbers, more, scope).tolist()
        return rows[:400]

    def _doors(self, parents: Iterable[int], typed: str, limit: int, digits: bool) -> list[int]:
        """Doors below some nodes whose number starts so, the shortest of each."""
        out: list[int] = []
        for row in dict.fromkeys(parents):
            out += self._doors_of(row, typed, limit, digits, None)
        return out

    def _doors_of(
        self, row: int, typed: str, limit: int, digits: bool, focus: tuple[float, float] | None
    ) -> list[int]:
        index = self.index
        low, high = self._numbers_of(row)
        if index.is_edited(row):
            rows = [r for r in index.children(row) if index.levels[r] == _NUMBER]
        elif not typed:
            every = np.arange(low, high)
            weight = self._away(every, focus) if focus is not None else self._size(every)
            return [low + int(k) for k in np.argsort(weight, kind="stable")[:limit]]
        else:
            lead = re.match(r"[甲乙丙丁]?\d+", typed)
            start = typed[0] if digits else lead[0] if lead is not None else typed
            doors, core = range(low, high), index.core_of_row
            first = bisect_left(doors, start, key=core)
            last = bisect_left(doors, start + "\U0010ffff", key=core)
            rows = list(doors[first:last])
            if digits:  # 甲12 is typed 12
                rows += [r for r in doors if not core(r)[0].isdigit()]
        if digits:
            return [r for r in rows if re.sub(r"\D", "", index.core_of_row(r)).startswith(typed)]
        return [r for r in rows if display_of("number", index.core_of_row(r)).startswith(typed)]

    def _numbers_of(self, row: int) -> tuple[int, int]:
        """Children of the build that are doors, as a half-open range."""
        levels = self.index.levels
        low, high = self.index.slice_of(row)
        low = bisect_left(levels, _NUMBER, low, high)
        return low, bisect_left(levels, _NUMBER + 1, low, high)

    # ── order ──

    def _ordered(
        self,
        found: tuple[Ints, list[int] | None],
        limit: int,
        focus: tuple[float, float] | None,
    ) -> list[int]:
        """Nearest first where there is a focus, else shortest first, then by text and id."""
        rows, doors = found
        if doors is None:
            names = self._first(rows.tolist() if len(rows) <= 4 * limit else rows, 2 * limit, focus)
            more = [d for row in names for d in self._doors_of(row, "", limit, False, focus)]
            return self._first([*names, *more], limit, focus)
        return self._first([*rows.tolist(), *doors], limit, focus)

    def _first(
        self, rows: "list[int] | Ints", count: int, focus: tuple[float, float] | None
    ) -> list[int]:
        """The first few in order."""
        if len(rows) > 4 * count:
            every = np.asarray(rows, np.int64)
            weight = self._away(every, focus) if focus is not None else self._size(every)
            bound = np.partition(weight, 4 * count)[4 * count]
            rows = every[weight <= bound].tolist()
        unique = list(dict.fromkeys(rows))
        key = {row: (len(t := self._tail(row)), t, self.index.id_of(row)) for row in unique}
        unique.sort(key=key.__getitem__)
        if focus is not None:
            away = self._away(np.array(unique, np.int64), focus)
            unique = [unique[k] for k in np.argsort(away, kind="stable").tolist()]
        return unique[:count]

    def _size(self, rows: Ints) -> Ints:
        """Characters of what is shown (a door counts its road's)."""
        index = self.index
        levels, codes = index.levels_array[rows], index.core_codes[rows].astype(np.int64)
        size: Ints = self._core_length[codes]
        if (door := levels == _NUMBER).any():
            up = index.core_codes[np.maximum(index.parents_array[rows[door]], 0)]
            size[door] += 1 + self._core_length[up]
        return size

    def _away(self, rows: Ints, focus: tuple[float, float]) -> npt.NDArray[np.float64]:
        place = self.index.place
        flat = float(np.cos(np.deg2rad(focus[1])))
        x, y = (place.lon[rows] - focus[0]) * flat, place.lat[rows] - focus[1]
        return np.nan_to_num(x * x + y * y, nan=np.inf)

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
        core, ident = self.index.core_of_row, self.index.id_of
        out.sort(key=lambda r: (len(core(r)), core(r), ident(r)))
        return out[:limit]

    # ── what is shown ──

    def _tail(self, row: int) -> str:
        """What a person types to get there: the road with its number, else the name."""
        index = self.index
        level = index.levels[row]
        own = display_of(index.level_of(row), index.core_of_row(row))
        if level in LISTED:
            return own
        if level != _NUMBER:
            return index.full_of(row)
        up = index.parent[row]
        return (display_of(index.level_of(up), index.core_of_row(up)) if up >= 0 else "") + own

    def _shown(self, row: int) -> Suggestion:
        index = self.index
        place = index.place.at(row)
        lon, lat = place if place is not None else (None, None)
        return Suggestion(
            index.id_of(row), self._tail(row), index.full_of(row), index.level_of(row), lon, lat
        )


def _typed(prefix: str) -> str:
    """Letters and characters as typed, without spaces and marks; at most 64.

    Examples
    --------
    >>> _typed("佳鹏 L151")
    '佳鹏l151'
    """
    return "".join(c for c in unicodedata.normalize("NFKC", prefix[:64]) if c.isalnum()).lower()


def _joined(parts: Iterable[Ints]) -> Ints:
    """Distinct numbers of all parts."""
    return np.unique(np.concatenate([_NONE, *parts]))


def _spells(name: str, typed: str) -> str | None:
    """What of a name is left when `typed` is read over it, character by character; None where not.

    A character of the text stands for itself; letters stand for the pinyin of a character, for its
    first letter, or at the end for the beginning of its pinyin.

    Examples
    --------
    >>> _spells("临江大道", "临jd"), _spells("临江大道", "ljdadao"), _spells("临江大道", "linji")
    ('道', '', '大道')
    >>> _spells("临江大道", "lh") is None
    True
    """
    if not typed:
        return name
    if not name:
        return None
    if name[0] == typed[0]:
        return _spells(name[1:], typed[1:])
    if not typed[0].isascii():
        return None
    for way in readings(name[0]):
        if way[0] != typed[0]:
            continue
        if typed.startswith(way) and (rest := _spells(name[1:], typed[len(way) :])) is not None:
            return rest
        if way.startswith(typed) and len(typed) > 1:
            return name[1:]
        if (rest := _spells(name[1:], typed[1:])) is not None:
            return rest
    return None
