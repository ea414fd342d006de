"""Edits of single nodes above a built index, and the log that makes them last."""

import fcntl
import json
import os
import zlib
from bisect import insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from address.arena import EDITED, MOVED, NODE, PLACED, PLANNED, RENAMED, RETIRED, SPARE
from address.build import EMPTY, names_of
from address.chains import child_id
from address.distance import distance_m
from address.grammar import core_of, display_of
from address.model import RANK
from address.tails import LISTED
from twin.errors import ConflictError, InvalidRequestError, NotFoundError, SourceError

if TYPE_CHECKING:
    from address.tree import Tree

__all__ = ["EditLog", "apply"]

Edit = dict[str, Any]
_HELD = (RANK["building"], RANK["poi"])
_OWN = ("code", "eid", "key", "building_key")


class EditLog:
    """Edits of an index file, one a line, each with its checksum.

    The first line names the build the edits belong to; those of another build are passed over. A
    line that was cut short by a crash is not an edit and goes with the next one written.

    Parameters
    ----------
    path : Path
        Of the index; the log is the file beside it that ends in ``.edits``.
    base : str
        `address.arena.Arena.identity` of the build.
    sync : bool
        Wait for the disk after every edit. Without it an edit outlives the process that made it,
        however that ends, but not the failure of the machine within the seconds after.
    """

    def __init__(self, path: Path, base: str, sync: bool = False) -> None:
        self.path = path.with_name(path.name + ".edits")
        self._head = _line({"base": base})
        self._read, self._sync = 0, sync

    def waiting(self) -> bool:
        """Whether the log holds bytes that were not read yet."""
        try:
            return os.stat(self.path).st_size != self._read  # noqa: PTH116 (asked each time)
        except FileNotFoundError:
            return False

    def new(self) -> list[Edit]:
        """Edits written since the last call, by any process."""
        try:
            with self.path.open("rb") as source:
                return self._from(source.read())
        except FileNotFoundError:
            return []

    def _from(self, raw: bytes) -> list[Edit]:
        if not raw.startswith(self._head):
            self._read = len(raw)  # of another build, or not whole yet
            return []
        if self._read < len(self._head) or self._read > len(raw):
            self._read = len(self._head)
        whole = raw.rfind(b"\n") + 1
        edits = [_edit(line, self.path) for line in raw[self._read : whole].splitlines()]
        self._read = whole
        return edits

    @contextmanager
    def writing(self) -> Iterator[Callable[[Edit], None]]:
        """The function that appends an edit; other processes wait until the block is left."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)

            def append(edit: Edit) -> None:
                if os.pread(handle, len(self._head), 0) != self._head:
                    os.ftruncate(handle, 0)
                    os.pwrite(handle, self._head, 0)
                    self._read = len(self._head)
                os.ftruncate(handle, self._read)
                line = _line(edit)
                os.pwrite(handle, line, self._read)
                if self._sync:
                    os.fdatasync(handle)
                self._read += len(line)

            yield append
        finally:
            os.close(handle)


def _line(edit: Edit) -> bytes:
    raw = json.dumps(edit, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")
    return b"%08x %s\n" % (zlib.crc32(raw), raw)


def _edit(line: bytes, path: Path) -> Edit:
    if len(line) < 10 or line[:8] != b"%08x" % zlib.crc32(line[9:]):
        raise SourceError(path, "log of edits is damaged; remove it and build the index again")
    told: Edit = json.loads(line[9:])
    return told


def apply(tree: "Tree", edit: Edit) -> str:
    """Make an edit visible to every question.

    Parameters
    ----------
    tree : Tree
    edit : dict
        ``op`` is ``insert``, ``retire``, ``rename``, ``alias``, ``place`` or ``told`` (codes and keys); the rest as
        the methods of `address.index.AddressIndex` take it. ``many`` makes all of ``edits``, and keeps the rest in
        ``tree.notes``.

    Returns
    -------
    str
        Id of the node.
    """
    node_id = _OPERATIONS[edit["op"]](tree, edit)
    tree.edited = True
    tree.forget()
    return node_id


def _many(tree: "Tree", edit: Edit) -> str:
    """Several edits that belong together, and what their writer notes beside them."""
    for one in edit["edits"]:
        _OPERATIONS[one["op"]](tree, one)
    tree.notes.append({key: value for key, value in edit.items() if key not in ("op", "edits")})
    return ""


def _told(tree: "Tree", edit: Edit) -> str:
    row = _row(tree, edit["id"])
    for column in _OWN:
        if column in edit:
            tree.more_texts[column, row] = edit[column]
    return str(edit["id"])


def _row(tree: "Tree", node_id: str) -> int:
    row = tree.row_of(node_id)
    if row is None:
        raise NotFoundError(f"no address has the id {node_id!r}")
    return row


def _insert(tree: "Tree", edit: Edit) -> str:
    level, name = edit["level"], str(edit["name"]).strip()
    if level not in RANK or not name:
        raise InvalidRequestError(f"an address needs a level of {', '.join(RANK)} and a name")
    parent = _row(tree, edit["parent"]) if edit.get("parent") is not None else -1
    if parent >= 0 and tree.levels[parent] > RANK[level]:
        raise InvalidRequestError(f"a {level} cannot lie below a {tree.level_of(parent)}", "parent")
    core = core_of(level, name)
    _no_twin(tree, parent, level, core)
    node_id = edit.get("id") or child_id(tree.id_of(parent) if parent >= 0 else None, level, core)
    if tree.row_of(node_id) is not None:
        raise ConflictError(f"the id {node_id!r} is taken")
    row = tree.used
    if row >= len(tree.levels_array):
        _grow(tree)
    bare = not any("\u4e00" <= c <= "\u9fff" for c in name)
    arrays = tree.arena.arrays
    arrays["parent"][row], arrays["level"][row] = parent, RANK[level]
    _spell(tree, row, core, display_of(level, core) if bare else name)
    arrays["flags"][row] = PLANNED if edit.get("status") == "planned" else 0
    tree.used += 1
    tree.more_ids[node_id] = row
    tree.more_texts["id", row] = node_id
    for column in _OWN:
        tree.more_texts[column, row] = edit.get(column)
    tree.more_texts["aliases", row] = "\x1f".join(edit.get("aliases") or ()) or None
    _settle(tree, row)
    _set_place(tree, row, edit)
    return node_id


def _no_twin(tree: "Tree", parent: int, level: str, core: str) -> None:
    twins = tree.child(parent, level, core)
    if twins:
        raise ConflictError(f"{tree.full_of(twins[0])} is there already ({tree.id_of(twins[0])})")


def _spell(tree: "Tree", row: int, core: str, written: str) -> None:
    """Core and written name of a row."""
    tree.arena["core"][row] = tree.vocabulary.add(chr(tree.levels[row]) + core)
    tree.arena["written"][row] = tree.add_written(written)


def _settle(tree: "Tree", row: int) -> None:
    """List a row among the children of its parent and under its names."""
    parent = tree.parent[row]
    insort(tree.more_children.setdefault(parent, []), row, key=tree.sibling_key)
    if parent >= 0:
        tree.arena["flags"][parent] |= EDITED
    for name in tree.names_of_row(row):
        tree.names.add(name, row)
    if tree.levels[row] in LISTED:
        tree.more_bearers.setdefault(tree.core_of_row(row), []).append(row)


def _grow(tree: "Tree") -> None:
    """Room for further rows, in memory."""
    arrays = tree.arena.arrays
    for name in NODE:
        more = np.full(SPARE, EMPTY.get(name, 0), arrays[name].dtype)
        arrays[name] = np.concatenate([arrays[name], more])
    first = arrays["first"]
    arrays["first"] = np.concatenate([first, np.full(SPARE, first[-1], first.dtype)])
    tree.point()


def _retire(tree: "Tree", edit: Edit) -> str:
    row = _row(tree, edit["id"])
    flags, parent = tree.arena["flags"], tree.parent[row]
    waiting = [row]
    low, high = tree.slice_of(row)
    while low < high:  # what lies below consecutive rows is consecutive
        tree.gone += int(np.count_nonzero(flags[low:high] & RETIRED == 0))
        waiting += [r for r in tree.more_children if low <= r < high]
        flags[low:high] |= RETIRED
        low, high = tree.slice_of(low)[0], tree.slice_of(high - 1)[1]
    while waiting:
        at = waiting.pop()
        if not flags[at] & RETIRED:
            flags[at] |= RETIRED
            tree.gone += 1
        waiting += tree.more_children.get(at, ())
    if parent >= 0:
        flags[parent] |= EDITED
    else:
        tree.more_children.setdefault(-1, [])
    siblings = tree.more_children.get(parent)
    if siblings is not None and row in siblings:
        siblings.remove(row)
    _lift(tree, parent)
    return str(edit["id"])


def _rename(tree: "Tree", edit: Edit) -> str:
    row, name = _row(tree, edit["id"]), str(edit["name"]).strip()
    if not name:
        raise InvalidRequestError("a name is needed", "name")
    level, old = tree.level_of(row), tree.core_of_row(row)
    core = core_of(level, name)
    if core != old:
        _no_twin(tree, tree.parent[row], level, core)
    for known in tree.names_of_row(row):
        tree.names.discard(known, row)
    siblings = tree.more_children.get(tree.parent[row], [])
    if row in siblings:
        siblings.remove(row)
    if row in (same := tree.more_bearers.get(old, [])):
        same.remove(row)
    if row < tree.built:
        tree.moved.setdefault(row, int(tree.core_codes[row]))
    bare = not any("\u4e00" <= c <= "\u9fff" for c in name)
    _spell(tree, row, core, display_of(level, core) if bare else name)
    tree.arena["flags"][row] |= RENAMED
    _settle(tree, row)
    return str(edit["id"])


def _alias(tree: "Tree", edit: Edit) -> str:
    row = _row(tree, edit["id"])
    known = tree.text_of("aliases", row)
    tree.more_texts["aliases", row] = f"{known}\x1f{edit['name']}" if known else str(edit["name"])
    for name in names_of(0, "", "", (edit["name"],)):
        tree.names.add(name, row)
    return str(edit["id"])


def _place(tree: "Tree", edit: Edit) -> str:
    _set_place(tree, _row(tree, edit["id"]), edit)
    return str(edit["id"])


def _set_place(tree: "Tree", row: int, edit: Edit) -> None:
    """Own place of a node, or none, and what its ancestors take from it."""
    arena = tree.arena
    lon, lat = edit.get("lon"), edit.get("lat")
    known = lon is not None and lat is not None
    arena["lon"][row], arena["lat"][row] = (lon, lat) if known else (np.nan, np.nan)
    z = edit.get("z")
    arena["z"][row] = np.nan if z is None else z
    arena["spread_m"][row] = 0.0
    arena["flags"][row] = (arena["flags"][row] & ~np.uint8(PLACED)) | (PLACED if known else 0)
    _mark(tree, row)
    _lift(tree, tree.parent[row] if known else row)


def _mark(tree: "Tree", row: int) -> None:
    """The place of a node has changed, and with it what its doors are measured against."""
    low, high = tree.slice_of(row)
    held = np.isin(tree.arena["level"][low:high], _HELD)
    rows = [row, *(low + np.flatnonzero(held)).tolist(), *tree.more_children.get(row, ())]
    tree.arena["flags"][rows] |= MOVED
    tree.replaced.update(rows)


def _lift(tree: "Tree", row: int) -> None:
    """Places of the ancestors that have none of their own, as `address.geocode.Places` has them."""
    arena = tree.arena
    lon, lat, spread = arena["lon"], arena["lat"], arena["spread_m"]
    for at in tree.above(row):
        if arena["flags"][at] & PLACED:
            break
        low, high = tree.slice_of(at)
        rows = np.concatenate(
            [np.arange(low, high), [r for r in tree.more_children.get(at, ()) if r >= tree.built]]
        ).astype(np.int64)
        rows = rows[(arena["flags"][rows] & RETIRED == 0) & ~np.isnan(lon[rows])]
        _mark(tree, at)
        lon[at] = lat[at] = np.nan
        spread[at] = 0.0
        if not len(rows):
            continue
        levels = arena["level"][rows]
        deepest = rows[levels == levels.max()]
        lon[at], lat[at] = lon[deepest].mean(), lat[deepest].mean()
        away = distance_m(lon[rows], lat[rows], float(lon[at]), float(lat[at])) + spread[rows]
        spread[at] = away.max()


_OPERATIONS: dict[str, Callable[["Tree", Edit], str]] = {
    "insert": _insert,
    "retire": _retire,
    "rename": _rename,
    "alias": _alias,
    "place": _place,
    "told": _told,
    "many": _many,
}
