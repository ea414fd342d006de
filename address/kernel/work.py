"""Arrays the compiled search reads and writes: the tree's, and scratch space for one text."""

from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from address.aliases import former_names
from address.arena import Arena
from address.kernel.folding import fold_table, numeral_table, watch_table
from address.kernel.tokens import head_table
from address.late import Late
from address.made import stamp
from address.model import RANK
from address.walk import code_points, name_of

__all__ = ["Calls", "Nodes", "Tables", "Words", "calls_of", "nodes_of", "words_of", "work"]

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

LONGEST = 120
"""Characters of a text that is read here."""
MOST_ITEMS, MOST_RUNS, MOST_STEPS, MOST_WAYS, MOST_REACHED = 40, 640, 2560, 1024, 4096

# columns of Work.items
(KIND, START, END, NAME, ADMIN, TOKEN, FIRST, LENGTH, SUFFIX, RUN, RUNS, SILENT, WHAT, WORDY, PLACELESS,
 PLAIN) = range(16)  # fmt: skip
NODE, NUMBER, REST = 0, 1, 2
"""Kinds of items: names of the gazetteer, numbered parts, anything else."""
PLAIN_LEVELS = ("building", "room", "phase", "compound", "poi")
"""Levels whose nodes can have a name instead of a number; columns `PLAIN` and up hold the words."""
RELATION, UNKNOWN, GENERIC, PIECE_TOKEN = range(4)
"""What a piece is that nobody knows (column `WHAT`); `WORDY` holds its level."""
OTHER_LEVELS = ("facility", "devzone", "tenant")
"""Levels of pieces that are none of the tree's: they follow those in rank."""

# columns of the pieces of a gap
G_START, G_END, G_SILENT, G_WHAT, G_LEVEL, G_PLACELESS, G_TOKEN, G_SUFFIX, G_FIRST, G_LENGTH = (
    range(10)
)
G_COLUMNS = 10
MOST_GAPS = 3
"""Gaps of a text of a column."""

# columns of Work.steps
LEVEL, WORD, FLOOR, IMPLIED, TEXT, SIZE = range(6)
NO_FLOOR = -(1 << 40)

# columns of Work.ways
ROW, MISSING, GIVEN, DEPTH, FAULTS, ANCHOR, FAULT = range(7)
MOST_FAULTS = 10
WINDOW = 8
"""Bits of a fault's item for the first of several; above them one more than the last."""
FAULT_KIND, FAULT_LEVEL, FAULT_ITEM, FAULT_ROW = range(4)

# places of Work.state
(ITEMS, CURSOR, ERROR, BUDGET, STEPS, RUNS_USED, LENGTH_OF_TEXT, TAIL, WAYS, SINCE, TOUCHED, STATUS, SIGN,
 RIVALS, AFTER_ROAD) = range(15)  # fmt: skip
# SINCE is set from outside where the tree was edited after the build, TOUCHED where that may change
# what is read (`address.kernel.late`).
MOST_NEAR, MOST_NAMES, LONGEST_NAME = 40, 512, 64
BUDGET_OF_A_TEXT = 2500
OTHERS = 10
"""Other answers that are told."""


class Tables(NamedTuple):
    """What characters are."""

    fold: U32
    numeral: U8
    watch: U8
    head: U16


class Nodes(NamedTuple):
    """The tree, the texts of its words and the rows of its names."""

    parent: I32
    first: I32
    level: U8
    core: U32
    flags: U8
    ident: U64
    word_start: U32
    word_points: U32
    name_start: U32
    name_rows: I32
    name_former: U8


class Words(NamedTuple):
    """The vocabulary; ``late`` is `address.late.Late.table`."""

    slots: U32
    hashes: U64
    level: U8
    start: U32
    points: U32
    late: U64


class Calls(NamedTuple):
    """The prefix tree of the names, and those that came later (`address.late.Late`)."""

    step_key: U64
    step_next: U32
    state_name: I32
    late: U64
    heads: U8


def tables() -> Tables:
    """Tables of characters."""
    return Tables(fold_table(), numeral_table(), watch_table(), head_table())


def _former(arena: Arena) -> U8:
    """1 for the names a city or county had once, shape (m,)."""
    out = np.zeros(len(arena["name_start"]) - 1, np.uint8)
    start, points = arena["word_start"], arena["word_points"]
    wide = (arena["word_level"] == RANK["city"]) | (arena["word_level"] == RANK["county"])
    for word in np.flatnonzero(wide).tolist():
        core = points[start[word] : start[word + 1]].tobytes().decode("utf-32-le")
        for name in former_names(core):
            number = name_of(
                code_points(name), 0, len(name),
                arena["step_key"], arena["step_next"], arena["state_name"],
            )  # fmt: skip
            if number >= 0 and name != core:
                out[number] = 1
    return out


def nodes_of(arena: Arena) -> Nodes:
    """The tree of an arena."""
    names = ("parent", "first", "level", "core", "flags", "ident")
    texts = ("word_start", "word_points", "name_start", "name_rows")
    return Nodes(*(arena[name] for name in names + texts), _former(arena))


def words_of(arena: Arena, late: Late) -> Words:
    """The vocabulary of an arena."""
    names = ("word_slots", "word_hash", "word_level", "word_start", "word_points")
    return Words(*(arena[name] for name in names), late.table)


def calls_of(arena: Arena, late: Late) -> Calls:
    """The names of an arena."""
    names = ("step_key", "step_next", "state_name")
    return Calls(*(arena[name] for name in names), late.table, late.heads)


_SIZE = 4 * LONGEST + 16
LONGEST_FULL = 4096
"""Bytes of the standard strings of one answer and the others."""
VALUES = 8192
_WORK = np.dtype(
    [
        ("text", "u4", (_SIZE,)),
        ("starts", "i4", (_SIZE,)),
        ("ends", "i4", (_SIZE,)),
        ("values", "u4", (VALUES,)),
        ("items", "i8", (MOST_ITEMS + 2, PLAIN + len(PLAIN_LEVELS))),
        ("runs", "i8", (MOST_RUNS, 2)),
        ("steps", "i8", (MOST_STEPS, 6)),
        ("step_cost", "f8", (MOST_STEPS,)),
        ("ways", "i4", (MOST_WAYS, FAULT + 4 * MOST_FAULTS)),
        ("cost", "f8", (MOST_WAYS,)),
        ("reached", "i4", (MOST_REACHED,)),
        ("reached_cost", "f8", (MOST_REACHED,)),
        ("state", "i8", (16,)),
        ("token", "i8", (5,)),
        ("key", "u4", (128,)),
        ("name", "u4", (LONGEST_NAME,)),
        ("utf8", "u1", (64,)),
        ("names", "i8", (MOST_NAMES, 2)),
        ("near", "i8", (MOST_NEAR, 2)),
        ("told", "i4", (1 + OTHERS,)),
        ("told_cost", "f8", (1 + OTHERS,)),
        ("full_end", "i4", (1 + OTHERS,)),
        ("full", "u1", (LONGEST_FULL,)),
        (stamp(), "i8"),
    ],
    align=True,
)


def work() -> np.record:
    """New scratch space, about 0.5 MB: one record, handed to compiled functions by its address.

    It is an `np.void`, which to compiled code is the same: `np.record` looks each attribute up in
    Python, and every call asks it for one.
    """
    return cast("np.record", np.zeros(1, _WORK)[0])
