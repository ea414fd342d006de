"""The compiled path in front of the reference: plain texts are answered in microseconds.

What `FastPath` answers is what `address.match` would answer; what it cannot read plainly it leaves
to it. Loading the compiled code takes a moment (making it, once on a machine, half a minute), so
an index takes it only when it is asked often; see `address.index.AddressIndex.match`.
"""

from codecs import utf_32_le_decode
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from address.descend import _NO_PLACE, Way
from address.kernel import work as w
from address.kernel.answer import NEEDS_TAIL, read_one
from address.kernel.descent import (
    CONFLICT,
    FAULT_CODES,
    LACKING,
    NAME_UNUSED,
    OTHER_KIND,
    PENALTIES,
    REPAIR,
)
from address.kernel.lent import Spelling, lend
from address.kernel.near import near_of
from address.kernel.summary import AMBIGUOUS, NONE
from address.kernel.tokens import KINDS, SUFFIXES
from address.late import Late
from address.match import answer_of, match_of, several
from address.model import LEVELS, STATUSES, Fault, Match
from address.normalise import MAX_CHARACTERS, Normalised
from address.query import Item, Items, Option, Query
from address.segment import Piece, segment
from address.walk import code_points

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["NO_GAP", "FastPath", "Gap", "Told", "tell"]

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

_NAME = ("text", *LEVELS)
_LEVEL = ("", *LEVELS, *w.OTHER_LEVELS)
_REST_KINDS = ("relation", "rest", "generic")
_TELLS_NODE = (NAME_UNUSED, OTHER_KIND, LACKING)
_MOST_GAPS = 20_000
_MOST_PIECES = 6
_MOST_SIGNS = 100_000
_WORD = (1 << 64) - 1


class Gap(NamedTuple):
    """Pieces that the reference cut (`address.kernel.items.fill_gap`), values of its tokens, length."""

    pieces: I64
    points: U32
    size: int


NO_GAP = Gap(np.zeros((0, w.G_COLUMNS), np.int64), np.zeros(0, np.uint32), 0)


Told = tuple[float, tuple[str, ...]]
"""Confidence and codes of faults: what texts of one signature have in common."""


def tell(told: dict[int, Told], sign: int, found: Match) -> Told:
    """Keep what all texts of a signature have in common."""
    if len(told) >= _MOST_SIGNS:
        told.clear()
    common = told[sign] = found.confidence, tuple(fault.code for fault in found.faults)
    return common


def _points(text: str) -> U32:
    """Code points that can be written to, as those of a column can.

    For the compiler an array that cannot is of another type, and the whole reader would be made again.
    """
    return code_points(text[:MAX_CHARACTERS]).copy()


class FastPath:
    """Compiled reading of texts against one index.

    Parameters
    ----------
    index : AddressIndex
        Its arrays as they are now: made again when they are replaced.
    """

    def __init__(self, index: "AddressIndex") -> None:
        self.index = index
        self.work = w.work()
        self._parts = {
            name: self.work[name] for name in self.work.dtype.fields or ()
        }  # 0.7 µs each time
        self._text, self._values = (
            memoryview(self._parts[name]).cast("B") for name in ("text", "values")
        )
        self._full = memoryview(self._parts["full"]).cast("B")
        self._told_at, self._way_at, self._end_at = (
            self._parts[name].item for name in ("told", "ways", "full_end")
        )
        self._odd = "full_row" in index.arena
        self._run_at, self._step_at, self._cost_at = (
            self._parts[name].item for name in ("runs", "steps", "step_cost")
        )
        self.tables = w.tables()
        self.nodes = w.nodes_of(index.arena)
        names = ("written", "written_start", "written_text")
        self.spelling = Spelling(*(index.arena[name] for name in names))
        self.late = Late()
        self._point()
        self._gaps: dict[str, Gap | None] = {}
        self.told: dict[int, Told] = {}
        """Confidence and codes of faults by the signature of a reading."""
        self.lock = Lock()  # of the scratch space

    def _point(self) -> None:
        """Take the arrays that hold what came after the build (again, once they have grown)."""
        arena, late = self.index.arena, self.late
        self.words, self.calls = w.words_of(arena, late), w.calls_of(arena, late)
        self.near = near_of(arena, late)
        self.lent = lend(self.tables, self.nodes, self.words, self.calls, self.near, self.spelling)

    def forget(self) -> None:
        """An edit was made: what the reference has cut and told before may be another now."""
        self._gaps, self.told = {}, {}

    def follow(self) -> None:
        """See the edits made since the last text; whoever calls holds the lock."""
        self._parts["state"][w.SINCE] = self.index.names.edited
        if self.late.follow(self.index):
            self._point()

    def match(self, text: str, focus: tuple[float, float] | None = None) -> Match | None:
        """The answer to a text, as `address.match.match_by_reference` gives it; None where that must read it.

        Where a text of the same signature was answered before, confidence is known and nothing but the
        answer is put together.
        """
        with self.lock:
            count = self._found(text)
            if count <= 0:
                return None
            state = self._parts["state"]
            sign = int(state[w.SIGN]) & _WORD
            plain = focus is None and not state[w.TOUCHED]
            told = self.told  # an edit puts another in its place
            known = told.get(sign) if plain else None
            answer = None if known is None else self._answer(*known)
            reading = self._reading(text, count) if answer is None else None
        if reading is not None:
            answer = answer_of(self.index, *reading, focus)
            if plain:
                tell(told, sign, answer)
        return answer

    def read(self, text: str) -> tuple[Query, list[Way]] | None:
        """A text made ready and the ways to read it, as `address.query` and `address.match` find them.

        Returns
        -------
        (Query, list of Way) or None
            Of the ways a number can be read the items hold the first alone; spans of the source are
            those of the folded text. None where the reference must read it.
        """
        with self.lock:
            count = self._found(text)
            return self._reading(text, count) if count > 0 else None

    def _found(self, text: str) -> int:
        """Number of ways to read a text, which stand in the scratch space; the reference must read it where there are none."""
        if not text:
            return 0  # with no text the compiled reader goes on with the one before
        self.follow()
        given = _points(text)
        state = self._parts["state"]
        found = self._run(given, len(given), NO_GAP)
        while found == NEEDS_TAIL:
            begin = int(state[w.TAIL])
            before = self.text(begin - 1) if begin else "\0" + self.text()
            gap = self.gap(chr(int(state[w.AFTER_ROAD])) + before)
            if gap is None:
                return 0
            found = self._run(given, 0, gap)
        return found

    def _reading(self, text: str, count: int) -> tuple[Query, list[Way]]:
        folded = self.text()
        items = self._items(folded)
        texts = [item.piece.text for item in items]
        ways = [self._way(k, texts) for k in range(count)]
        return Query(Normalised(folded, text), items), ways

    def _answer(self, sure: float, codes: tuple[str, ...]) -> Match | None:
        """The answer that stands in the scratch space; None where its faults are not those of its like."""
        index, parts = self.index, self._parts
        row, status = self._told_at(0), int(parts["state"][w.STATUS])
        faults: list[Fault] = []
        missing = self._way_at(0, w.MISSING)
        if self._way_at(0, w.FAULTS):
            folded = self.text()
            spans = parts["items"][: int(parts["state"][w.ITEMS]), w.START : w.END + 1].tolist()
            faults = self._way(0, [folded[start:end] for start, end in spans]).faults
        if status == AMBIGUOUS:
            faults.append(several(index, row, int(parts["state"][w.RIVALS])))
        if tuple(fault.code for fault in faults) != codes:
            return None
        if status == NONE:
            return Match("none", faults=tuple(faults), confidence=sure)
        rows, costs = [row], []
        if self._told_at(1) >= 0:
            rows += (r for r in parts["told"][1:].tolist() if r >= 0)
            costs = parts["told_cost"][1 : len(rows)].tolist()
        fulls = self._fulls(rows)
        others = zip(rows[1:], fulls[1:], costs, strict=True)
        level = _NAME[missing] if missing else None
        return match_of(index, STATUSES[status], row, fulls[0], sure, faults, others, level)

    def _fulls(self, rows: list[int]) -> list[str]:
        """Standard strings of what is told."""
        index = self.index
        if index.names.edited or self._odd or self._end_at(0) < 0:
            return [index.full_of(row) for row in rows]
        blob, begin, out = self._full, 0, []
        for at in range(len(rows)):
            end = self._end_at(at)
            out.append(str(blob[begin:end], "utf-8"))
            begin = end
        return out

    def _run(self, given: U32, size: int, gap: Gap) -> int:
        return int(
            read_one(
                given, size, self.work, self.lent, gap.pieces, gap.points, gap.size,
            )
        )  # fmt: skip

    def _items(self, folded: str) -> Items:
        out, index = Items(), self.index
        count = int(self._parts["state"][w.ITEMS])
        for row in self._parts["items"][:count].tolist():
            start, end = row[w.START], row[w.END]
            text = folded[start:end]
            if row[w.KIND] == w.NODE:
                nodes = index.names.get(text)
                piece = Piece(start, end, "node", text, index.level_of(nodes[0]))
                out.append(Item(piece, nodes))
            elif row[w.KIND] == w.NUMBER:
                out.append(Item(Piece(start, end, "token", text), options=[self._first(row)]))
            else:
                level = _LEVEL[row[w.WORDY]]
                out.append(Item(Piece(start, end, _REST_KINDS[row[w.WHAT]], text, level)))
        return out

    def _first(self, item: list[int]) -> list[Option]:
        """The first way to read a number."""
        run, step, cost = self._run_at, self._step_at, self._cost_at
        out: list[Option] = []
        for at in range(run(item[w.RUN], 0), run(item[w.RUN], 1)):
            start = 4 * step(at, w.TEXT)
            core = self._values[start : start + 4 * step(at, w.SIZE)]
            out.append((_NAME[step(at, w.LEVEL)], utf_32_le_decode(core)[0], cost(at)))
        return out

    def text(self, start: int = 0, end: int | None = None) -> str:
        """The folded text that was read last, or a part of it."""
        size = int(self._parts["state"][w.LENGTH_OF_TEXT])
        return utf_32_le_decode(self._text[4 * start : 4 * (size if end is None else end)])[0]

    def gap(self, tail: str) -> "Gap | None":
        """What the compiled path cannot read, cut by the reference up to the next part it can.

        Parameters
        ----------
        tail : str
            U+0001 where a road ends in front of it, else U+0000; the character before it, U+0000
            where none; the text to the end.

        Returns
        -------
        Gap or None
            None where a division of the country is named, or a kind of number that is not known.
        """
        gaps = self._gaps  # an edit puts another in its place
        known = gaps.get(tail, ...)
        if known is ...:
            if len(gaps) >= _MOST_GAPS:
                gaps.clear()
            known = gaps[tail] = self._cut(tail)
        return known

    def _cut(self, tail: str) -> "Gap | None":
        begin = 0 if tail[1] == "\0" else 1
        text = tail[2 - begin :]
        rows: list[list[int]] = []
        points = ""
        pieces = segment(text, self.index.names, begin=begin, gap=True, after_road=tail[0] == "\1")
        for piece in pieces:
            if piece.kind == "sep":
                continue
            row = [piece.start - begin, piece.end - begin]
            if piece.kind == "token" and piece.token is not None:
                token = piece.token
                if token.kind not in KINDS:
                    return None
                suffix = SUFFIXES.index(token.suffix) if token.suffix in SUFFIXES else 0
                row += [0, w.PIECE_TOKEN, 0, 0, KINDS.index(token.kind), suffix]
                row += [len(points), len(token.value)]
                points += token.value
            elif piece.kind in _REST_KINDS and piece.level in _LEVEL:
                silent = piece.kind == "relation" or len(piece.text) < 2
                placeless = len(piece.text) < 2 or _NO_PLACE.search(piece.text) is not None
                row += [silent, _REST_KINDS.index(piece.kind), _LEVEL.index(piece.level)]
                row += [placeless, 0, 0, 0, 0]
            else:
                return None
            rows.append(row)
        if len(rows) > _MOST_PIECES:
            return None
        table = np.array(rows, np.int64).reshape(-1, w.G_COLUMNS)
        return Gap(table, _points(points), pieces[-1].end - begin)

    def _way(self, number: int, texts: list[str]) -> Way:
        row = self._parts["ways"][number].tolist()
        missing = _NAME[row[w.MISSING]] if row[w.MISSING] else None
        faults = []
        for k in range(row[w.FAULTS] - 1, -1, -1):
            at = w.FAULT + 4 * k
            faults.append(self._fault(texts, *row[at : at + 4]))
        return Way(
            row[w.ROW],
            float(self._parts["cost"][number]),
            missing,
            texts[row[w.GIVEN]] if row[w.GIVEN] >= 0 else "",
            faults,
            row[w.ANCHOR],
            row[w.DEPTH],
        )

    def _fault(self, texts: list[str], kind: int, level: int, item: int, row: int) -> Fault:
        name = _NAME[level]
        used = ""
        if kind >= REPAIR:
            first, last = item & ((1 << w.WINDOW) - 1), item >> w.WINDOW
            given = "".join(texts[first:last])
        else:
            given = texts[item] if item >= 0 else ""
        if kind in _TELLS_NODE or kind >= REPAIR:
            used = self.index.core_of_row(row)
        elif kind == CONFLICT:
            index = self.index
            used = next(
                (index.core_of_row(r) for r in index.above(row) if index.level_of(r) == name), ""
            )
        code = f"{name.upper()}.{FAULT_CODES[kind]}"
        return Fault(code, name, given, used, PENALTIES[kind])
