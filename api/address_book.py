"""The address index of a city: a mapped file beside the base, kept in step with it, shared by all processes.

The base is the truth. The file holds the index of its tree, the former names and retired addresses, and which state of
the base it was made from. An edit is written to the base first (one transaction), then as one line to the log of the file,
which every process that has it open reads before it answers. What a process that died left out between the two is made
up for by the next one that has the base open; a load, which touches the whole tree, makes the file anew.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from address import AddressIndex
from address.arena import Arena
from address.build import arena_of
from address.history import History
from api.address_steps import past_of, steps
from twin import addresses
from twin.city import City
from twin.errors import CityInUseError, SourceError, TwinError
from twin.store import Store
from twin.store.read import address_nodes

__all__ = ["FILE_NAME", "AddressBook", "Tell", "open_book"]

FILE_NAME: Final = "addresses.index"
"""Beside the base; its log is the file that ends in ``.edits``."""
NAMES: Final = ("node_id", "name", "core", "kind", "level", "parent_id", "full")
GONE: Final = ("node_id", "level", "name", "core", "parent_id", "full", "replaced_by")

Tell = Callable[[str, int, int | None], None]


class AddressBook:
    """What is asked for addresses: the index, and the history over it, always those of now.

    Parameters
    ----------
    index : AddressIndex
        With the sections ``past_names`` and ``past_gone`` that `arena_of_base` adds.
    """

    def __init__(self, index: AddressIndex) -> None:
        self._index = index
        self._history: History | None = None
        self._seen: tuple[Arena, int] | None = None

    @classmethod
    def of(cls, store: Store, tell: Tell | None = None) -> "AddressBook":
        """The book of an open base: its file brought up to the base's state, or made where there is none that fits.

        Parameters
        ----------
        store : Store
            Read-only will do. Where the folder may not be written to, the index is made in memory.
        tell : callable, optional
            Told what is made, steps done, steps in all.
        """
        path = store.city.path / FILE_NAME
        whole, _ = addresses.state(store)
        with suppress(SourceError):  # absent, damaged, of another format: made anew
            index = AddressIndex.open(path)
            if index.arena.meta["edition"] == whole:
                book = cls(index)
                if book._caught_up(store):
                    return book
        return cls._made(store, path, tell)

    @classmethod
    def _made(cls, store: Store, path: Path, tell: Tell | None) -> "AddressBook":
        arena = arena_of_base(store, tell)
        if os.access(path.parent, os.W_OK):
            arena.save(path)
            return cls(AddressIndex.open(path))
        return cls(AddressIndex(arena))

    @classmethod
    def shared(cls, path: Path) -> "AddressBook":
        """The book of a base that another process holds, and keeps the file in step with.

        Raises
        ------
        SourceError
            There is no such file.
        """
        return cls(AddressIndex.open(path))

    @property
    def index(self) -> AddressIndex:
        """Index of the tree as it is."""
        self._index.refresh()
        return self._index

    @property
    def history(self) -> History:
        """Former names, aliases and retired addresses over the index."""
        index = self.index
        seen = (index.arena, len(index.notes))
        if (
            self._history is None
            or self._seen is None
            or self._seen[0] is not seen[0]
            or self._seen[1] != seen[1]
        ):
            names, gone = self._past()
            self._history, self._seen = History(index, names, gone), seen
        return self._history

    @property
    def seq(self) -> int:
        """Number of the last edit of the base that the index knows."""
        notes = self._index.notes
        return int(notes[-1]["seq"] if notes else self._index.arena.meta["seq"])

    def follow(self, store: Store, tell: Tell | None = None) -> None:
        """Take over what was written to the base since; at once seen by all processes."""
        if not self._caught_up(store):
            self._index = AddressBook.of(store, tell)._index
            self._history = None

    def _caught_up(self, store: Store) -> bool:
        """Whether the index is at the base's state now; False where it has to be made anew."""
        whole, seq = addresses.state(store)
        if self._index.arena.meta["edition"] != whole:
            return False
        if seq == self.seq:
            return True
        try:
            self._index.change(lambda: self._plan(store))
        except (
            TwinError,
            OSError,
        ):  # an order of events that steps cannot follow; a folder that is read-only
            self._index.arena.meta["edition"] = ""
            return False
        return True

    def _plan(self, store: Store) -> dict[str, Any] | None:
        seq, happened = addresses.touched(store, self.seq)
        if not happened:
            return None
        nodes = addresses.some_nodes(store, list(happened)).to_pylist()
        return {
            "seq": seq,
            "edits": steps(store, self._index, happened, nodes),
            **past_of(store, nodes),
        }

    def _past(self) -> tuple[pa.Table, pa.Table]:
        """Other names and retired nodes: those of the file, and what the edits since changed."""
        arena, notes = self._index.arena, self._index.notes
        names, gone = _unpacked(arena, "past_names"), _unpacked(arena, "past_gone")
        if not notes:
            return names, gone
        return _later(names, notes, "names"), _later(gone, notes, "gone")


def open_book(city: City, tell: Tell | None = None) -> AddressBook:
    """The book of a city, also while another process (a server) holds the base.

    Raises
    ------
    CityError
        If there is no base, or another process holds it and no index lies beside it.
    """
    try:
        with Store.open(city, read_only=True) as store:
            return AddressBook.of(store, tell)
    except CityInUseError:
        path = city.path / FILE_NAME
        if not path.exists():
            raise
        return AddressBook.shared(path)


def arena_of_base(store: Store, tell: Tell | None = None) -> Arena:
    """Arena of the tree of a base, with its former names and retired nodes, and its state in ``meta``."""
    whole, seq = addresses.state(store)
    nodes = address_nodes(store)
    what = f"地址索引 address index: {nodes.num_rows:,} nodes"
    if tell is not None:
        tell(what, 0, nodes.num_rows)
    arena = arena_of(nodes, whole)
    arena.meta["seq"] = seq
    arena.arrays["past_names"] = _packed(addresses.names(store).select(NAMES))
    arena.arrays["past_gone"] = _packed(addresses.gone(store).select(GONE))
    if tell is not None:
        tell(what, nodes.num_rows, nodes.num_rows)
    return arena


def _packed(table: pa.Table) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return np.frombuffer(sink.getvalue(), np.uint8)


def _unpacked(arena: Arena, name: str) -> pa.Table:
    return pa.ipc.open_stream(pa.py_buffer(arena[name])).read_all()


def _later(table: pa.Table, notes: list[dict[str, Any]], what: str) -> pa.Table:
    """Rows of a table with those of the touched nodes as the notes tell them."""
    told: dict[str, list[dict[str, Any]]] = {}
    for note in notes:
        told |= {node_id: [] for node_id in note["ids"]}
        for row in note[what]:
            told[row["node_id"]].append(row)
    kept = [row for row in table.to_pylist() if row["node_id"] not in told]
    rows = kept + [row for found in told.values() for row in found]
    return pa.Table.from_pylist(rows, schema=table.schema)
