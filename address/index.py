"""Standard addresses, ready to be asked: in memory or mapped from a file."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from shapely import Geometry

from address.arena import Arena
from address.build import arena_of
from address.chains import gather
from address.edits import EditLog, apply
from address.geocode import Places, geocode, locate
from address.lexicon import towns_of
from address.made import COLUMN, SINGLE, making, note_made, pays
from address.match import match
from address.model import Location, Match, Suggestion
from address.repair import Repairs
from address.reverse import Outlines, Reverse
from address.roads import forget_roads
from address.suggest import Suggester
from address.tree import Tree

if TYPE_CHECKING:
    from address.fast import FastPath

__all__ = ["AddressIndex"]

_LOOK = 100
"""After so many questions it is looked whether the compiled path pays."""

"""Questions an index answers without the compiled path, which takes a moment to load."""


class AddressIndex(Tree):
    """Standard addresses, ready to be asked.

    The tree is an `address.arena.Arena`: flat arrays, in memory or mapped from a file that all
    processes share. Children are found in the slice of their parent, names by a prefix tree.
    Nothing is scanned.

    Examples
    --------
    >>> from address.nodes import build_nodes
    >>> from twin.schema import ADDRESSES
    >>> rows = [{"key": "1", "full": "临江大道35号临江花园5号楼2单元1203室"}]
    >>> columns = {f.name: pa.array([r.get(f.name) for r in rows], f.type) for f in ADDRESSES}
    >>> index = AddressIndex.from_nodes(build_nodes(pa.table(columns)))
    >>> answer = index.match("临江花园五号楼二单元十二层1203")
    >>> answer.status, answer.full
    ('exact', '临江大道35号临江花园5号楼2单元12层1203室')
    """

    def __init__(self, arena: Arena, sync: bool = False) -> None:
        self._lock = RLock()
        self._sync = sync
        self._log: EditLog | None = None
        self._outlines: Outlines | None = None
        self._asked = 0
        self._asked_in_lists = 0
        super().__init__(arena)

    def _map(self, arena: Arena) -> None:
        super()._map(arena)
        self._repairs: Repairs | None = None
        self._reverse: Reverse | None = None
        self._suggester: Suggester | None = None
        self._inode = 0
        if arena.path is not None:
            self._inode = arena.path.stat().st_ino
            self._log = EditLog(arena.path, arena.identity, self._sync)
            self.refresh()

    def point(self) -> None:
        """Take the arrays of the nodes (again, once they have grown)."""
        super().point()
        self._fast: FastPath | None = None
        self.place = Places.mapped(self.arena)

    def forget(self) -> None:
        """An edit was made."""
        super().forget()
        if self._fast is not None:
            self._fast.forget()
        self._repairs = self._reverse = self._suggester = None
        forget_roads(self)

    @classmethod
    def from_nodes(cls, nodes: pa.Table, edition: str = "") -> "AddressIndex":
        """Index of an address tree, in memory.

        Parameters
        ----------
        nodes : pyarrow.Table
            `twin.schema.ADDRESS_NODES`, any order; nodes whose status is ``retired`` are left out.
        edition : str
            Which edition of the gazetteer it is; kept in the file.
        """
        return cls(arena_of(nodes, edition))

    @classmethod
    def build(
        cls, batches: Iterable[pa.Table | pa.RecordBatch], edition: str = ""
    ) -> "AddressIndex":
        """Index of a gazetteer that comes in batches, in memory.

        Parameters
        ----------
        batches : iterable of pyarrow.Table or RecordBatch
            As for `address.nodes.build_nodes`: columns of `twin.schema.ADDRESSES` with ``lon`` and
            ``lat``. A batch is let go before the next is taken; the order does not matter.
        edition : str
            Which edition of the gazetteer it is; kept in the file.
        """
        return cls(arena_of(gather(batches), edition))

    @classmethod
    def open(cls, path: Path, sync: bool = False) -> "AddressIndex":
        """Index of a file that `save` wrote, mapped: opening reads the header alone.

        Parameters
        ----------
        path : Path
        sync : bool
            Edits wait until they are on the disk. Otherwise they outlive the process, but not a
            failure of the machine in the seconds after.

        Raises
        ------
        SourceError
            The file is absent, cut short, damaged or of another format version.
        """
        return cls(Arena.open(path), sync)

    def save(self, path: Path) -> None:
        """Write the index to one file, whole or not at all; edits become part of the build."""
        with self._lock:
            self.refresh()
            arena = (
                arena_of(self.columns(), self.arena.meta["edition"]) if self.edited else self.arena
            )
            arena.save(path)

    # ── edits ──

    def refresh(self) -> None:
        """See what other processes have written; every question does so first."""
        log, path = self._log, self.arena.path
        if log is None or path is None:
            return
        if os.stat(path).st_ino != self._inode:  # noqa: PTH116 (asked each time)
            with self._lock:
                self._map(Arena.open(path))
        elif log.waiting():
            with self._lock:
                for edit in log.new():
                    apply(self, edit)

    def _edit(self, edit: dict[str, Any]) -> str:
        """Make an edit here, then in the log, so that what is refused is never written."""
        told = {key: value for key, value in edit.items() if value is not None}
        with self._lock:
            if self._log is None:
                return apply(self, told)
            with self._log.writing() as append:
                self.refresh()
                node_id = apply(self, told)
                append(told)
                return node_id

    def insert(
        self,
        parent_id: str | None,
        level: str,
        name: str,
        *,
        node_id: str | None = None,
        lon: float | None = None,
        lat: float | None = None,
        z: float | None = None,
        code: str | None = None,
        eid: str | None = None,
        key: str | None = None,
        building_key: str | None = None,
        status: str = "active",
        aliases: Sequence[str] = (),
    ) -> str:
        """Add one node, at once and for all processes that have the file open.

        Parameters
        ----------
        parent_id : str or None
            None for a root.
        level : str
            One of `address.model.LEVELS`, not wider than the parent's.
        name : str
            As `twin.schema.ADDRESS_NODES` has it: ``35号``, ``5号楼``, ``临江花园``.
        node_id : str, optional
            Otherwise the id a build would give.
        lon, lat : float, optional
            Degrees, EPSG:4490.
        z : float, optional
            Metres above the ellipsoid.
        code, eid, key, building_key, status, aliases
            As in `twin.schema.ADDRESS_NODES`; aliases are further names.

        Returns
        -------
        str
            The id.

        Raises
        ------
        NotFoundError
            Nobody knows the parent.
        ConflictError
            The node is there already.
        """
        return self._edit(
            {
                "op": "insert", "parent": parent_id, "level": level, "name": name, "id": node_id,
                "lon": lon, "lat": lat, "z": z, "code": code, "eid": eid, "key": key,
                "building_key": building_key, "status": status, "aliases": list(aliases) or None,
            }
        )  # fmt: skip

    def retire(self, node_id: str) -> None:
        """Take a node out, with all that lies below it."""
        self._edit({"op": "retire", "id": node_id})

    def rename(self, node_id: str, name: str) -> None:
        """Give a node another name; its id and what lies below stay."""
        self._edit({"op": "rename", "id": node_id, "name": name})

    def alias(self, node_id: str, name: str) -> None:
        """Let a node go by a further name."""
        self._edit({"op": "alias", "id": node_id, "name": name})

    def move(
        self, node_id: str, lon: float | None, lat: float | None, z: float | None = None
    ) -> None:
        """Give a node another place (degrees, EPSG:4490; metres above the ellipsoid), or none."""
        self._edit({"op": "place", "id": node_id, "lon": lon, "lat": lat, "z": z})

    def change(self, plan: Callable[[], dict[str, Any] | None]) -> None:
        """Make several edits that belong together: other processes see all of them, or none.

        Parameters
        ----------
        plan : callable
            Asked when no other process can edit and all they did is seen. Gives ``edits`` (as `address.edits.apply` takes
            them, made in this order) and what is to be kept beside them, which every process finds in ``notes``; or None.

        Raises
        ------
        TwinError
            One of the edits is refused. Nothing is written, but this object may have seen those before it: let it go.
        """
        with self._lock:
            if self._log is None:
                told = plan()
                if told is not None:
                    apply(self, {**told, "op": "many"})
                return
            with self._log.writing() as append:
                self.refresh()
                told = plan()
                if told is not None:
                    apply(self, {**told, "op": "many"})
                    append({**told, "op": "many"})

    # ── questions ──

    def quick(self) -> "FastPath | None":
        """The compiled path; None where it is not loaded and does not pay yet."""
        fast = self._fast  # an edit in another thread takes it away
        if fast is None:
            self._asked += 1
            if self._asked % _LOOK or not pays(SINGLE, self._asked):
                return None
            self.warm()
            fast = self._fast
        return fast

    def warm(self) -> None:
        """Load the compiled path now, and not when it pays (`address.made`).

        It is made when it is used for the first time on a machine, which takes a minute, and kept
        beside the sources.
        """
        from address.fast import FastPath  # it loads a compiler

        towns_of()  # a table that a text in a hundred asks for
        with making(SINGLE):
            fast = FastPath(self)
            fast.read("路1号")
            note_made(SINGLE)
        self._fast = fast

    @property
    def fast(self) -> "FastPath":
        """The compiled path, loaded if need be."""
        fast = self._fast
        while fast is None:
            self.warm()
            fast = self._fast
        return fast

    @property
    def repairs(self) -> Repairs:
        """Keys that forgive a wrong character (made when first needed)."""
        repairs = self._repairs
        if repairs is None:
            repairs = self._repairs = Repairs(self)
        return repairs

    def match(self, text: str, focus: tuple[float, float] | None = None) -> Match:
        """The standard address a text means.

        Parameters
        ----------
        text : str
            As people write it.
        focus : (lon, lat), optional
            Degrees, EPSG:4490: of several equal answers the nearest comes first (the status stays
            ``ambiguous``).

        Returns
        -------
        Match
            Never an invented place: what the gazetteer has not is named in `missing`.
        """
        self.refresh()
        return match(self, text, focus)

    def geocode(self, text: str, focus: tuple[float, float] | None = None) -> Match:
        """As `match`, with ``location``: the node's, between two doors, or the parent's."""
        self.refresh()
        return geocode(self, text, focus)

    def geocode_each(self, texts: Sequence[str]) -> list[Match]:
        """As `geocode`, for many texts; few are asked one by one, without the compiled path."""
        self._asked_in_lists += len(texts)
        if not pays(COLUMN, self._asked_in_lists):
            return [self.geocode(text) for text in texts]
        from address.each import geocode_each  # it loads a compiler

        return geocode_each(self, texts)

    def locate(self, node_id: str) -> Location | None:
        """Place of a node; None where the id is unknown or nothing around it has a place."""
        self.refresh()
        row = self.row_of(node_id)
        return None if row is None else locate(self, row)

    def reverse(self, lon: float, lat: float, z: float | None = None) -> Match:
        """The address at a place.

        Parameters
        ----------
        lon, lat : float
            Degrees, EPSG:4490.
        z : float, optional
            Metres above the ellipsoid; with it the answer goes down to floor and room where they
            have heights.
        """
        self.refresh()
        reverse = self._reverse
        if reverse is None:
            reverse = self._reverse = Reverse(self, self._outlines)
        return reverse.at(lon, lat, z)

    def set_outlines(self, keys: Sequence[str], outlines: Sequence[Geometry]) -> None:
        """Footprints (degrees) by ``building_key``: `reverse` answers inside them with theirs."""
        self._outlines = Outlines(keys, outlines)
        self._reverse = None

    def suggest(
        self, prefix: str, limit: int = 10, focus: tuple[float, float] | None = None
    ) -> list[Suggestion]:
        """Completions of what is being typed: characters, pinyin, initials, or a mixture.

        A county or town may stand in front. `focus` (lon, lat; degrees) puts the nearest first.
        """
        self.refresh()
        suggester = self._suggester
        if suggester is None:
            suggester = self._suggester = Suggester(self)
        return suggester.suggest(prefix, limit, focus)
