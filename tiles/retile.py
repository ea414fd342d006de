"""One edit: its tiles, the massing above them and the pages that speak of them, and nothing else.

Everything comes from the records of the layer (:mod:`tiles.records`, :mod:`tiles.upper`) and, for the tiles that
are not as they were, from the base; what is written are the bytes of a build from nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from tiles.districts import (
    MEMBER,
    District,
    Part,
    area_of,
    assembled,
    file_of,
    make_parts,
    name_of,
    sorted_members,
    tile_keys,
)  # fmt: skip
from tiles.edits import districts_of, home_of, spliced, stand
from tiles.eids import eid_words
from tiles.features import Layer
from tiles.folder import digest_of
from tiles.footprints import extents, footprints_of
from tiles.massing import BLOCK
from tiles.membership import morton, place
from tiles.outlines import ASKED
from tiles.packing import with_packed
from tiles.records import FOLDER, Record, digest_parts, read_record, record_bytes
from tiles.source import floats, geometries
from tiles.upper import Upper, keep_upper, take_upper, upper_bytes

if TYPE_CHECKING:
    from tiles.edits import Splice
    from tiles.folder import Patch
    from tiles.nodes import Node
    from tiles.outlines import EditedRows
    from twin.terrain import Surface

__all__ = ["layer_of", "retile"]

Rows = NDArray[np.void]
Cell = tuple[int, int, int]
MOST_RECORDS = 32
"""Districts whose records stay in memory between edits, some 400 kB each."""
MOST_MOVED = 2_000
"""Buildings that may live elsewhere than the index says, before it is written anew."""


def layer_of(upper: Upper) -> Layer:
    """What is reported of a layer."""
    said = [f"{n} {text}" for text, n in upper.notes().items()]
    return Layer(None, sum(n.features for n in upper.districts), said, upper.errors())


def retile(
    rows: EditedRows, terrain: Surface | None, ground: str, layer: Path, patch: Patch
) -> Layer | None:
    """Renew what changed since the layer was written.

    Parameters
    ----------
    rows : EditedRows
    terrain : Surface or None
    ground : str
        Hash of the terrain and of the format.
    layer : Path
        The layer as it is.
    patch : Patch
        Takes what is new.

    Returns
    -------
    Layer or None
        None where the whole city has to be looked at.
    """
    upper = take_upper(layer / FOLDER / "upper")
    if upper is None or upper.ground != ground or upper.left_out or len(upper.moved) > MOST_MOVED:
        return None
    changed = rows.changed(upper.position)
    if changed is None or rows.position() <= upper.position:
        return None
    if not upper.nodes or not upper.nodes[-1].below:
        return None
    edit = _Edit(rows, terrain, layer, patch, upper)
    try:
        return edit.run(rows.above(changed), ground) if changed else edit.settle(rows.places())
    except (_WholeError, OSError, ValueError):
        return None


class _WholeError(Exception):
    """The edit is not told from records alone."""


class _Edit:
    """One edit of a layer."""

    def __init__(
        self, rows: EditedRows, terrain: Surface | None, layer: Path, patch: Patch, upper: Upper
    ) -> None:
        self.rows, self.terrain, self.layer, self.patch, self.upper = (
            rows,
            terrain,
            layer,
            patch,
            upper,
        )
        self.where = {(n.cell[0], n.cell[1], n.cell[2]): i for i, n in enumerate(upper.districts)}
        self.put = with_packed(patch.write)

    def run(self, eids: list[str], ground: str) -> Layer:
        """Make it."""
        places = self.rows.places()
        was = districts_of(self.layer / FOLDER / "homes", eids, self.upper.moved)
        new, home = self._standing(eids, was)
        numbers = set(was.values()) | set(home.tolist())
        gone = eid_words(pa.array(eids, pa.string()))
        splices = {
            n: spliced(self._cell(n)[0], self._record(n).members, gone, new[home == n])
            for n in sorted(numbers)
        }
        counts = [n.rows for n in self.upper.districts]
        for n, splice in splices.items():
            counts[n] = len(splice.members)
        if not stand(self.where, counts, numbers):
            raise _WholeError
        made = {n: self._made(n, splice, ground) for n, splice in splices.items()}
        self.upper.renew(made, self._blocks, self.put, self._keep)
        lives = dict(zip(_texts(new), home.tolist(), strict=True))
        self.upper.moved |= {
            e: lives.get(e, -1) for e in eids if lives.get(e, -1) != was.get(e, -1)
        }
        return self.settle(places)

    def settle(self, places: str) -> Layer:
        """The layer stands where the base does."""
        self.upper.position, self.upper.places = self.rows.position(), places
        for n in list(self.upper.records)[:-MOST_RECORDS]:
            del self.upper.records[n]
        beside = self.patch.keep(f"{FOLDER}/upper", upper_bytes(self.upper))
        keep_upper(Path(beside), self.upper)
        return layer_of(self.upper)

    def _cell(self, n: int) -> Cell:
        level, x, y = self.upper.nodes[n].cell
        return level, x, y

    def _record(self, n: int) -> Record:
        found = self.upper.records.pop(n, None)
        if found is None:
            found = read_record(self.layer / FOLDER / name_of(self._cell(n)))
        self.upper.records[n] = found
        return found

    def _standing(self, eids: list[str], was: dict[str, int]) -> tuple[Rows, NDArray[np.int64]]:
        """Buildings as they stand now, and their districts."""
        tiles: list[Rows] = []
        known = {e: self._known(e, n, tiles) for e, n in was.items()}
        asked = pa.Table.from_pylist([{"eid": e, **known.get(e, {})} for e in eids], ASKED)
        beside = np.concatenate(tiles) if tiles else np.empty(0, MEMBER)
        near = pa.table({k: np.ascontiguousarray(beside[k]) for k in ("row", "thing")})
        table = self.rows.outlines_of(asked, places=self.upper.places, beside=near)
        box = np.column_stack([floats(table, n) for n in ("xmin", "ymin", "xmax", "ymax")])
        if not np.isfinite(box).all():
            raise _WholeError
        new = np.zeros(table.num_rows, MEMBER)
        words = eid_words(table["eid"])
        new["high"], new["low"], new["base_z"] = (
            words["high"],
            words["low"],
            floats(table, "base_z"),
        )
        new["row"], new["thing"] = table["row"].to_numpy(), table["thing"].to_numpy()
        if len(new):
            new["key"], new["inside"] = place(box)
        homes = [home_of(k, self.where) for k in new["key"].tolist()]
        found = [h for h in homes if h is not None]
        if len(found) < len(homes):
            raise _WholeError
        return new, np.array(found, dtype=np.int64)

    def _known(self, eid: str, n: int, tiles: list[Rows]) -> dict[str, Any]:
        """Where a building was in the base, as its district has it; all of its tile are added to ``tiles``."""
        word = eid_words(pa.array([eid], pa.string()))[0]
        members = self._record(n).members
        at = np.flatnonzero((members["low"] == word["low"]) & (members["high"] == word["high"]))
        if len(at) != 1:
            return {}
        m = members[at[0]]
        keys = tile_keys(members)
        tiles.append(members[(members["level"] == m["level"]) & (keys == keys[at[0]])])
        ground = float(m["base_z"])
        return {
            "row": int(m["row"]),
            "thing": int(m["thing"]),
            "base_z": ground if np.isfinite(ground) else None,
        }

    def _made(self, n: int, splice: Splice, ground: str) -> District:
        """A district after an edit; its record and its files are written."""
        cell, record = self._cell(n), self._record(n)
        files: dict[str, tuple[str, int]] = {}

        def write(name: str, data: bytes) -> None:
            self.put(name, data)
            for each in (name, f"{name}.gz"):
                if each in self.patch.told:
                    files[each] = self.patch.told[each]

        parts = [p for p in record.district.parts if _tile(cell, p) not in splice.dirty]
        levels, keys = splice.members["level"], tile_keys(splice.members)
        dirty = [(levels == level) & (keys == key) for level, key in splice.dirty]
        chosen = splice.members[np.logical_or.reduce(dirty)] if dirty else splice.members[:0]
        if len(chosen):
            area = area_of(cell, self._shapes(chosen, cell), chosen)
            fresh = make_parts(area, self.terrain, write)
            for part, digest in zip(fresh, digest_parts(area, ground), strict=True):
                part.digest = digest
            parts += fresh
        district = assembled(cell, parts, self.terrain, write, record.district)
        if not district.features:
            raise _WholeError
        needed = _names(district)
        if district.cells == record.district.cells:
            needed |= {k for k in record.files if k.endswith(".subtree")}
        kept = {k: v for k, v in record.files.items() if k in needed}
        files = kept | files
        page = self.upper.nodes[n].faces[0].page
        self.patch.gone |= record.files.keys() - files.keys()
        if page and district.massing is None:
            self.patch.gone.add(page)
        members = splice.members[sorted_members(splice.members)]
        digest = digest_of(*(p.digest for p in district.parts))
        renewed = Record(digest, files, district, members)
        self.upper.records[n] = renewed
        self.patch.keep(f"{FOLDER}/{name_of(cell)}", record_bytes(renewed))
        return district

    def _shapes(self, members: Rows, cell: Cell) -> pa.Table:
        """Rows of the base for some members, in their order; every one must be what it was taken for."""
        wanted = pa.table({k: np.ascontiguousarray(members[k]) for k in ("row", "thing", "base_z")})
        wanted = wanted.set_column(2, "base_z", pa.array(members["base_z"], from_pandas=True))
        width = 360.0 / 2 ** cell[0]
        west, south = cell[1] * width - 180.0, cell[2] * width - 90.0
        table = self.rows.rows(wanted, (west, south, west + width, south + width))
        found = table["row"].to_numpy()
        order = np.argsort(found)
        if not np.array_equal(found[order], np.sort(members["row"])):
            raise _WholeError
        table = table.take(pa.array(order[np.searchsorted(found[order], members["row"])]))
        table = table.drop_columns("row")
        words = eid_words(table["eid"])
        same = np.array_equal(words["low"], members["low"]) and np.array_equal(
            words["high"], members["high"]
        )
        if not same or not np.array_equal(_keys(table), members["key"]):
            raise _WholeError
        return table

    def _blocks(self, node: Node) -> Rows:
        path = self.layer / FOLDER / node.name
        if node.below:
            return np.fromfile(path.with_name(f"{node.name}.blocks"), BLOCK)
        return read_record(path).district.blocks.copy()  # not the whole record

    def _keep(self, node: Node, blocks: Rows) -> None:
        self.patch.keep(f"{FOLDER}/{node.name}.blocks", blocks.tobytes())


def _keys(table: pa.Table) -> NDArray[np.int64]:
    """Morton key of each building's middle."""
    box = extents(footprints_of(table))[:, :4]
    odd = np.flatnonzero(~np.isfinite(box).all(axis=1))
    if len(odd):
        box[odd] = shapely.bounds(geometries(table.take(pa.array(odd))))
    return place(box)[0]


def _tile(cell: Cell, part: Part) -> tuple[int, int]:
    """Level and key of a part's cell."""
    down, x, y = part.cell
    own = np.array([(cell[1] << down) + x]), np.array([(cell[2] << down) + y])
    return cell[0] + down, int(morton(*own)[0])


def _texts(members: Rows) -> list[str]:
    """Ids as texts."""
    pairs = zip(members["high"].tolist(), members["low"].tolist(), strict=True)
    hexes = (f"{high:016x}{low:016x}" for high, low in pairs)
    return [f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}" for h in hexes]


def _names(d: District) -> set[str]:
    """Contents of a district, packed twins included."""
    names = {file_of(d.cell, p.cell) for p in d.parts if p.features}
    names |= {f"{name_of(d.cell)}/{name_of(m.cell)}.glb" for m in d.inner}
    if d.massing is not None:
        names.add(f"massing/{name_of(d.cell)}.glb")
    return names | {f"{n}.gz" for n in names}
