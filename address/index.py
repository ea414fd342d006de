"""Standard addresses, ready to be asked: in memory or mapped from a file."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from address.arena import Arena
from address.build import arena_of
from address.chains import gather
from address.geocode import Places, geocode, locate
from address.match import match
from address.model import Location, Match, Suggestion
from address.repair import Repairs
from address.reverse import Reverse
from address.suggest import Suggester
from address.tree import Tree

__all__ = ["AddressIndex"]


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

    def __init__(self, arena: Arena) -> None:
        super().__init__(arena)
        self.place = Places.mapped(arena)
        self._repairs: Repairs | None = None
        self._reverse: Reverse | None = None
        self._suggester: Suggester | None = None

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
    def open(cls, path: Path) -> "AddressIndex":
        """Index of a file that `save` wrote, mapped: opening reads the header alone.

        Raises
        ------
        SourceError
            The file is absent, cut short, damaged or of another format version.
        """
        return cls(Arena.open(path))

    def save(self, path: Path) -> None:
        """Write the index to one file, whole or not at all."""
        self.arena.save(path)

    # ── questions ──

    @property
    def repairs(self) -> Repairs:
        """Keys that forgive a wrong character (made when first needed)."""
        if self._repairs is None:
            self._repairs = Repairs(self)
        return self._repairs

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
        return match(self, text, focus)

    def geocode(self, text: str, focus: tuple[float, float] | None = None) -> Match:
        """As `match`, with ``location``: the node's, between two doors, or the parent's."""
        return geocode(self, text, focus)

    def locate(self, node_id: str) -> Location | None:
        """Place of a node; None where the id is unknown or nothing around it has a place."""
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
        if self._reverse is None:
            self._reverse = Reverse(self)
        return self._reverse.at(lon, lat, z)

    def suggest(
        self, prefix: str, limit: int = 10, focus: tuple[float, float] | None = None
    ) -> list[Suggestion]:
        """Completions of what is being typed: characters, pinyin, initials, or a mixture.

        A county or town may stand in front. `focus` (lon, lat; degrees) puts the nearest first.
        """
        if self._suggester is None:
            self._suggester = Suggester(self)
        return self._suggester.suggest(prefix, limit, focus)
