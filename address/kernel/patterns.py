"""Regular expressions as programs that compiled code can run.

The patterns stay where they are written; `Programs.add` translates one into steps of a small
backtracking machine with the same order of trial as `re`, so that it finds the same end. It knows
literals, sets, alternatives, greedy and lazy repeats, looking ahead and behind, and the two ends of
a text: no back references, no flags that change letters.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from re import _constants, _parser  # type: ignore[attr-defined]  # the standard library's own reader
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = [
    "CLASSES",
    "HEAD",
    "LONGEST",
    "MARK",
    "SHEET",
    "SPENT",
    "TEXT",
    "Programs",
    "in_set",
    "run",
]

I32 = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

Told = Any
"""A part of the tree that the standard library reads from a pattern; it has no types."""
HEAD = 4
LONGEST = 1024
"""Characters of a text on a sheet."""
MARK, SPENT, TEXT = 0, 1, 2
CLASSES = TEXT + LONGEST + 1
STACK = CLASSES + LONGEST + 1
SHEET = STACK + 3 * 1024
"""Elements of a sheet that `run` uses."""
_SIZE = 0x10000
(_MATCH, _CHAR, _SET, _JUMP, _SPLIT, _LAZY, _BEGIN, _END, _LOOK, _SEEN, _BACK, _MARK, _TRY) = range(13)  # fmt: skip
_POINTS = np.arange(_SIZE)
_WHERE = {
    _constants.CATEGORY_DIGIT: str.isdecimal,
    _constants.CATEGORY_SPACE: str.isspace,
}


class Programs:
    """Programs of several patterns in one table.

    Attributes
    ----------
    steps : list of list of int
        Operation and two arguments of each step.
    """

    def __init__(self) -> None:
        self.steps: list[list[int]] = []
        self._sets: dict[bytes, int] = {}
        self._members: list[Bools] = []

    def add(self, pattern: re.Pattern[str], marks: Mapping[str, int] | None = None) -> int:
        """Translate a pattern.

        Parameters
        ----------
        pattern : Pattern
        marks : mapping, optional
            Number that a run leaves behind when the group of this name was the last to end.

        Returns
        -------
        int
            Where the program begins.

        Raises
        ------
        ValueError
            The pattern holds something this machine does not know.
        """
        tree = _parser.parse(pattern.pattern, pattern.flags)
        groups = {
            number: (marks or {})[name]
            for name, number in tree.state.groupdict.items()
            if name in (marks or {})
        }
        start = len(self.steps)
        self._sequence(list(tree), groups)
        self._put(_MATCH)
        return start

    def set_of(self, characters: Iterable[str]) -> int:
        """Number of a set of characters, to be asked with `in_set`: sets count from 0."""
        members = np.zeros(_SIZE, np.bool_)
        members[[ord(c) for c in characters]] = True
        return self._add(members)

    def first_of(self, pattern: re.Pattern[str]) -> int:
        """Number of the set of what a pattern can begin with."""
        members, empty = _first(list(_parser.parse(pattern.pattern, pattern.flags)))
        return self._add(np.ones(_SIZE, np.bool_) if members is None or empty else members)

    def table(self, *more: I32) -> I32:
        """Everything in one array, which compiled code passes on at no cost.

        Parameters
        ----------
        more : ndarray of int32
            Further tables; element ``HEAD + k`` of the result tells where the k-th begins.

        Returns
        -------
        ndarray of int32, shape (n,)
            Where the steps, the classes of the code points, the sets of each class and ``more``
            begin, the words of a set; then these.
        """
        words = len(self._members) // 32 + 1
        sets = np.zeros((_SIZE, words), np.uint32)
        for number, members in enumerate(self._members):
            sets[members, number // 32] |= np.uint32(1 << (number % 32))
        seen: dict[bytes, int] = {}  # by number of the class, as code points first show it
        each = sets.view(f"V{4 * words}").reshape(-1).tolist()
        classes = np.array([seen.setdefault(one, len(seen)) for one in each], np.int32)
        rows = np.frombuffer(b"".join(seen), np.int32)
        parts = [
            np.array(self.steps, np.int32).reshape(-1),
            classes,
            rows,
            *more,
        ]
        starts = np.cumsum([HEAD + len(more), *(len(part) for part in parts)])[:-1]
        head = [*starts[:3], words, *starts[3:]]
        return np.concatenate([np.array(head, np.int32), *parts]).astype(np.int32)

    def _put(self, op: int, a: int = 0, b: int = 0) -> int:
        self.steps.append([op, a, b])
        return len(self.steps) - 1

    def _set(self, members: Bools) -> int:
        key = np.packbits(members).tobytes()
        if key not in self._sets:
            self._sets[key] = self._add(members)
        return self._sets[key]

    def _add(self, members: Bools) -> int:
        self._members.append(members)
        return len(self._members) - 1

    def _fork(self, items: Sequence[Told]) -> int:
        """A step that tries what follows first, and only where its first character fits."""
        members, empty = _first(items)
        if members is None or empty:
            return self._put(_SPLIT)
        return self._put(_TRY, self._set(members))

    def _meet(self, fork: int) -> None:
        """Let the other way of a fork begin at the next step."""
        step = self.steps[fork]
        step[2 if step[0] == _TRY else 1] = len(self.steps)

    def _sequence(self, items: Sequence[Told], groups: Mapping[int, int]) -> None:
        for op, told in items:
            self._item(op, told, groups)

    def _item(self, op: Told, told: Told, groups: Mapping[int, int]) -> None:
        c = _constants
        if op is c.LITERAL:
            self._put(_CHAR, told)
        elif op in (c.IN, c.NOT_LITERAL, c.ANY):
            self._put(_SET, self._set(_members(op, told)))
        elif op is c.BRANCH:
            self._branch([list(way) for way in told[1]], groups)
        elif op is c.SUBPATTERN:
            self._sequence(list(told[3]), groups)
            if told[0] in groups:
                self._put(_MARK, groups[told[0]])
        elif op in (c.MAX_REPEAT, c.MIN_REPEAT):
            self._repeat(op is c.MIN_REPEAT, told[0], told[1], list(told[2]), groups)
        elif op in (c.ASSERT, c.ASSERT_NOT):
            self._look(op is c.ASSERT_NOT, told[0], told[1], groups)
        elif op is c.AT and told is c.AT_BEGINNING:
            self._put(_BEGIN)
        elif op is c.AT and told is c.AT_END:
            self._put(_END)
        else:
            raise ValueError(f"{op} {told}: not known to the compiled patterns")

    def _branch(self, ways: list[list[Told]], groups: Mapping[int, int]) -> None:
        ends = []
        for number, way in enumerate(ways):
            last = number == len(ways) - 1
            fork = -1 if last else self._fork(way)
            self._sequence(way, groups)
            if not last:
                ends.append(self._put(_JUMP))
                self._meet(fork)
        for end in ends:
            self.steps[end][1] = len(self.steps)

    def _repeat(
        self, lazy: bool, least: int, most: Told, items: list[Told], groups: Mapping[int, int]
    ) -> None:
        for _ in range(least):
            self._sequence(items, groups)
        if most is _constants.MAXREPEAT:
            fork = self._put(_LAZY) if lazy else self._fork(items)
            self._sequence(items, groups)
            self._put(_JUMP, fork)
            self._meet(fork)
            return
        forks = []
        for _ in range(most - least):
            forks.append(self._put(_LAZY) if lazy else self._fork(items))
            self._sequence(items, groups)
        for fork in forks:
            self._meet(fork)

    def _look(self, negative: bool, way: int, items: Told, groups: Mapping[int, int]) -> None:
        look = self._put(_LOOK, int(negative))
        if way < 0:
            low, high = items.getwidth()
            if low != high:
                raise ValueError("looking behind by several widths")
            self._put(_BACK, int(low))
        self._sequence(list(items), groups)
        self._put(_SEEN, int(negative))
        self.steps[look][2] = len(self.steps)


def _members(op: Told, told: Told) -> Bools:
    """Code points below 0x10000 that one item matches."""
    c = _constants
    out = np.zeros(_SIZE, np.bool_)
    if op is c.ANY:
        out[:] = True
        out[10] = False
        return out
    if op is c.NOT_LITERAL:
        out[:] = True
        out[told] = False
        return out
    if op is c.LITERAL:
        out[told] = True
        return out
    negate = False
    for kind, value in told:
        if kind is c.NEGATE:
            negate = True
        elif kind is c.LITERAL:
            out[value] = True
        elif kind is c.RANGE:
            out[value[0] : value[1] + 1] = True
        elif kind is c.CATEGORY and value in _WHERE:
            out |= _of_category(value)
        else:
            raise ValueError(f"{kind} {value}: not known to the compiled patterns")
    return ~out if negate else out


@cache
def _of_category(category: Told) -> Bools:
    """Code points below 0x10000 that are digits, or blanks."""
    return np.array([_WHERE[category](chr(p)) for p in range(_SIZE)])


def _first(items: Sequence[Told]) -> tuple[Bools | None, bool]:
    """What a sequence can begin with (None: anything), and whether it can be empty."""
    c = _constants
    out = np.zeros(_SIZE, np.bool_)
    for op, told in items:
        if op in (c.LITERAL, c.IN, c.NOT_LITERAL, c.ANY):
            return out | _members(op, told), False
        if op in (c.ASSERT, c.ASSERT_NOT) or (op is c.AT and told is c.AT_BEGINNING):
            continue
        if op is c.BRANCH:
            parts = [_first(list(way)) for way in told[1]]
        elif op is c.SUBPATTERN:
            parts = [_first(list(told[3]))]
        elif op in (c.MAX_REPEAT, c.MIN_REPEAT):
            members, empty = _first(list(told[2]))
            parts = [(members, empty or told[0] == 0)]
        else:
            return None, True
        for members, _ in parts:
            if members is None:
                return None, True
            out = out | members
        if not any(empty for _, empty in parts):
            return out, False
    return out, True


@njit(cache=True, inline="always")
def in_set(table: I32, sheet: I32, number: int, at: int) -> bool:
    """Whether the character at a place of the text is in a set."""
    row = table[2] + sheet[CLASSES + at] * table[3]
    return (table[row + (number >> 5)] >> (number & 31)) & 1 != 0


@njit(cache=True)
def run(table: I32, sheet: I32, start: int, at: int, size: int) -> int:
    """Run a program at one place of a text.

    Parameters
    ----------
    table : ndarray of int32
        `Programs.table`.
    sheet : ndarray of int32, shape (>= SHEET,)
        The text from `TEXT` on, at most `LONGEST` code points below 0x10000, and their classes
        from `CLASSES` on. Written: at `MARK` the number of the marked group that ended last, at
        `SPENT` 1 where there was no room for all ways back (the match is none then).
    start : int
        Where the program begins.
    at, size : int
        Place, and end of what is read.

    Returns
    -------
    int
        End of the match, -1 without one.
    """
    steps = np.int64(table[0])
    pc, pos, top = steps + 3 * start, np.int64(at), np.int64(STACK)
    while True:
        op, a = table[pc], table[pc + 1]
        ok = True
        if op == _CHAR:
            ok = pos < size and sheet[TEXT + pos] == a
            pos += 1
            pc += 3
        elif op == _SET:
            ok = pos < size and in_set(table, sheet, a, pos)
            pos += 1
            pc += 3
        elif op == _TRY:
            if pos < size and in_set(table, sheet, a, pos):
                sheet[top], sheet[top + 1], sheet[top + 2] = table[pc + 2], pos, 0
                top += 3
                pc += 3
            else:
                pc = steps + 3 * np.int64(table[pc + 2])
        elif op == _JUMP:
            pc = steps + 3 * np.int64(a)
        elif op == _SPLIT:
            sheet[top], sheet[top + 1], sheet[top + 2] = a, pos, 0
            top += 3
            pc += 3
        elif op == _LAZY:
            sheet[top], sheet[top + 1], sheet[top + 2] = (pc - steps) // 3 + 1, pos, 0
            top += 3
            pc = steps + 3 * np.int64(a)
        elif op == _MARK:
            sheet[MARK] = a
            pc += 3
        elif op == _LOOK:
            sheet[top], sheet[top + 1], sheet[top + 2] = table[pc + 2], pos, 1 + a
            top += 3
            pc += 3
        elif op == _SEEN:
            top -= 3
            while sheet[top + 2] == 0:
                top -= 3
            pos = np.int64(sheet[top + 1])
            pc = steps + 3 * np.int64(sheet[top])
            ok = a == 0
        elif op == _BACK:
            ok = pos >= a
            pos -= a
            pc += 3
        elif op == _BEGIN:
            ok = pos == 0
            pc += 3
        elif op == _END:
            ok = pos == size
            pc += 3
        else:
            return pos
        if top >= SHEET - 3:
            sheet[SPENT] = 1
            return np.int64(-1)
        while not ok:  # go back
            if top == STACK:
                return np.int64(-1)
            top -= 3
            pc, pos = steps + 3 * np.int64(sheet[top]), np.int64(sheet[top + 1])
            ok = sheet[top + 2] != 1
