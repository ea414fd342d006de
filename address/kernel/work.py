"""Arrays the compiled search reads and writes: the tree's, and scratch space for one text."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from address.arena import Arena
from address.kernel.folding import fold_table, numeral_table
from address.kernel.tokens import head_table

__all__ = ["Calls", "Nodes", "Tables", "Words", "Work", "calls_of", "nodes_of", "words_of", "work"]

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

LONGEST = 120
"""Characters of a text that is read here."""
MOST_ITEMS, MOST_RUNS, MOST_STEPS, MOST_WAYS, MOST_REACHED = 40, 640, 2560, 1024, 4096

# columns of Work.items
KIND, START, END, NAME, ADMIN, TOKEN, FIRST, LENGTH, SUFFIX, RUN, RUNS, ROAD, SILENT, PLAIN = range(14)
NODE, NUMBER, REST = 0, 1, 2
"""Kinds of items: names of the gazetteer, numbered parts, anything else."""
PLAIN_LEVELS = ("building", "room", "phase", "compound", "poi")
"""Levels whose nodes can have a name instead of a number; columns `PLAIN` and up hold the words."""

# columns of Work.steps
LEVEL, WORD, FLOOR, IMPLIED, TEXT, SIZE = range(6)
NO_FLOOR = -(1 << 40)

# columns of Work.ways
ROW, MISSING, GIVEN, DEPTH, FAULTS, ANCHOR, FAULT = range(7)
MOST_FAULTS = 10
FAULT_KIND, FAULT_LEVEL, FAULT_ITEM, FAULT_ROW = range(4)

# places of Work.state
ITEMS, CURSOR, ERROR, BUDGET, STEPS, RUNS_USED, LENGTH_OF_TEXT, TAIL, WAYS = range(9)
BUDGET_OF_A_TEXT = 4000


class Tables(NamedTuple):
    """What characters are."""

    fold: U32
    numeral: U8
    head: U16


class Nodes(NamedTuple):
    """The tree."""

    parent: I32
    first: I32
    level: U8
    core: U32
    flags: U8
    ident: U64


class Words(NamedTuple):
    """The vocabulary."""

    slots: U32
    hashes: U64
    level: U8
    start: U32
    points: U32


class Calls(NamedTuple):
    """Names and what goes by them."""

    step_key: U64
    step_next: U32
    state_name: I32
    start: U32
    rows: I32


class Work(NamedTuple):
    """Scratch space; see the columns above."""

    text: U32
    starts: I32
    ends: I32
    values: U32
    items: I64
    runs: I64
    steps: I64
    step_cost: F64
    ways: I32
    cost: F64
    reached: I32
    reached_cost: F64
    state: I64
    token: I64


def tables() -> Tables:
    """Tables of characters."""
    return Tables(fold_table(), numeral_table(), head_table())


def nodes_of(arena: Arena) -> Nodes:
    """The tree of an arena."""
    return Nodes(*(arena[name] for name in ("parent", "first", "level", "core", "flags", "ident")))


def words_of(arena: Arena) -> Words:
    """The vocabulary of an arena."""
    names = ("word_slots", "word_hash", "word_level", "word_start", "word_points")
    return Words(*(arena[name] for name in names))


def calls_of(arena: Arena) -> Calls:
    """The names of an arena."""
    names = ("step_key", "step_next", "state_name", "name_start", "name_rows")
    return Calls(*(arena[name] for name in names))


def work() -> Work:
    """New scratch space, about 0.5 MB."""
    size = 4 * LONGEST + 16
    return Work(
        text=np.zeros(size, np.uint32),
        starts=np.zeros(size, np.int32),
        ends=np.zeros(size, np.int32),
        values=np.zeros(8192, np.uint32),
        items=np.zeros((MOST_ITEMS + 2, PLAIN + len(PLAIN_LEVELS)), np.int64),
        runs=np.zeros((MOST_RUNS, 2), np.int64),
        steps=np.zeros((MOST_STEPS, 6), np.int64),
        step_cost=np.zeros(MOST_STEPS, np.float64),
        ways=np.zeros((MOST_WAYS, FAULT + 4 * MOST_FAULTS), np.int32),
        cost=np.zeros(MOST_WAYS, np.float64),
        reached=np.zeros(MOST_REACHED, np.int32),
        reached_cost=np.zeros(MOST_REACHED, np.float64),
        state=np.zeros(16, np.int64),
        token=np.zeros(5, np.int64),
    )
