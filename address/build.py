"""From a table of address nodes to an arena."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from address.aliases import former_names, name_variants
from address.arena import NODE, PLACED, PLANNED, RETIRED, SILENT, SPARE, WHOLE, Arena, Array
from address.doors import door_tables
from address.geocode import Places
from address.grammar import core_of
from address.model import LEVELS, RANK
from address.normalise import fold
from address.repair import near_tables
from address.tails import tails_of
from address.walk import code_points, fill_slots, fill_steps, word_hash

__all__ = ["EMPTY", "NAMED", "arena_of", "is_name", "names_of", "prefix_tree", "text_column"]

NAMED = frozenset(
    rank
    for level, rank in RANK.items()
    if level not in ("group", "number", "phase", "building", "unit", "floor", "room")
)
"""Ranks whose nodes go by a name that can be found in a text."""
TEXTS = ("code", "eid", "key", "building_key", "aliases")
LEVEL_OF = ("", *LEVELS)

Rows = npt.NDArray[np.int32]


def is_name(core: str) -> bool:
    """A building that is called, not numbered.

    Examples
    --------
    >>> is_name("实验楼"), is_name("5"), is_name("A座")
    (True, False, False)
    """
    return len(core) > 2 and any("\u4e00" <= c <= "\u9fff" for c in core[1:])


def names_of(
    level: int, core: str, written: str, aliases: Iterable[str] = (), above: str = ""
) -> dict[str, int]:
    """Names a node goes by, each with its order: own names 0, of buildings and aliases 1, former 2.

    A community that repeats its town (安亭镇联群村 in 安亭镇; ``above`` is the name of the town) goes by its
    name alone and by both: a text that says 安亭镇联群村 means the town and what lies in it.

    Examples
    --------
    >>> names_of(RANK["street"], "江北街道", "江北街道")
    {'江北街道': 0, '江北街道办事处': 0, '江北街办': 0, '江北': 0}
    >>> list(names_of(RANK["community"], "安亭镇联群村", "安亭镇联群村", above="安亭镇"))[:2]
    ['安亭镇安亭镇联群村', '联群村']
    """
    out: dict[str, int] = {}
    if repeats(level, core, above):
        out |= dict.fromkeys(name_variants("community", above + core), 0)
        out |= dict.fromkeys(name_variants("community", core.removeprefix(above)), 0)
    elif level in NAMED or (level == RANK["building"] and is_name(core)):
        own = 0 if level in NAMED else 1
        for name in name_variants(LEVEL_OF[level], core):
            out.setdefault(name, own)
        if level in (RANK["compound"], RANK["poi"]) and "," in (spaced := fold(written)):
            out.setdefault(spaced, own)
    for alias in aliases:
        if len(name := fold(alias).replace(",", "")) > 1:
            out.setdefault(name, 1)
    if level in (RANK["county"], RANK["city"]):
        for name in former_names(core):
            out.setdefault(name, 2)
    return out


def repeats(level: int, core: str, above: str) -> bool:
    """Whether a community is called by the name of its town and its own."""
    return (
        level == RANK["community"]
        and core.startswith(above)
        and len(above) > 1 < len(core) - len(above)
    )


def arena_of(nodes: pa.Table, edition: str = "") -> Arena:
    """Arena of an address tree.

    Parameters
    ----------
    nodes : pyarrow.Table
        `twin.schema.ADDRESS_NODES` or `address.chains.NODES`, any order. ``full`` may be absent: a node's standard string is
        then its names from the root down. Nodes whose status is ``retired`` are left out; one whose
        parent is unknown, or lies below itself, becomes a root.
    edition : str
        Kept in the file's meta data.
    """
    alive = pc.not_equal(pc.fill_null(nodes["status"], "active"), "retired")
    nodes = nodes.filter(alive).combine_chunks()
    ident, parent_ident, ids = _idents(nodes)
    order = np.argsort(ident, kind="stable") if ids is None else pc.sort_indices(ids).to_numpy()
    if ids is not None:
        ranks = np.empty(len(order), np.uint64)
        ranks[order] = np.arange(len(order), dtype=np.uint64)
        parents = _where(nodes["parent_id"], ids)
        ident = ranks
    else:
        parents = _where(parent_ident, pa.array(ident))
    levels = _levels(nodes["level"])
    written, spelled = _dictionary(nodes["name"])
    words, core = _words(levels, written, spelled)
    rows, up = _breadth_first(parents, core, order)  # rows: source row of each row
    taken = pa.array(rows)
    levels, core, spelled = levels[rows], core[rows], spelled[rows]
    flags = np.where(
        pc.equal(nodes["status"], "planned").fill_null(False).to_numpy()[rows], PLANNED, 0
    )
    flags = flags.astype(np.uint8)
    by_ident = np.argsort(ident[rows], kind="stable").astype(np.int32)
    arrays: dict[str, Array] = {
        "parent": up,
        "first": _first(up),
        "level": levels,
        "core": core,
        "written": spelled,
        "flags": flags,
        "ident": ident[rows],
        "by_ident": by_ident,
    }
    if ids is not None:
        arrays |= text_column("id", ids.take(taken))
    arrays |= _places(nodes, rows, up, levels, flags)
    arrays |= _vocabulary(words)
    arrays |= text_column("written", pa.array(written, pa.string()))
    for name in TEXTS:
        if name != "aliases" and name in nodes.column_names and nodes[name].null_count < len(nodes):
            arrays |= text_column(name, _owned(nodes, name).take(taken))
    aliases = _aliases(nodes, taken)
    if aliases is not None:
        arrays |= text_column("aliases", pc.binary_join(pc.fill_null(aliases, []), "\x1f"))
    arrays |= prefix_tree(*_named(levels, core, spelled, up, by_ident, words, written, aliases))
    if "full" in nodes.column_names:
        arrays |= _strings(_one(nodes["full"]).take(taken), arrays, flags, written)
    arrays |= tails_of(arrays, words)
    arrays |= near_tables(texts(arrays, "tail"))
    doors, scale = door_tables(arrays)
    arrays |= doors
    meta = {"nodes": len(rows), "edition": edition, "hex_ids": ids is None, "door_scale": scale}
    return Arena(_with_spare(arrays), meta)


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _aliases(nodes: pa.Table, rows: pa.Array) -> pa.Array | None:
    """Further names of each row, null where nobody has any."""
    if "aliases" not in nodes.column_names:
        return None
    lists = _one(nodes["aliases"]).cast(pa.list_(pa.string())).take(rows)
    return lists if pc.sum(pc.list_value_length(lists)).as_py() else None


def _owned(nodes: pa.Table, name: str) -> pa.Array:
    """A text column; the key of a row that only passes through a node is not the node's."""
    column = _one(nodes[name])
    if name != "key" or "own" not in nodes.column_names:
        return column
    return pc.if_else(_one(nodes["own"]), column, "")


def _idents(nodes: pa.Table) -> tuple[Array, pa.Array, pa.Array | None]:
    """Ids and parents as integers where they are 16 hex digits (or integers), else the ids."""
    ids, parents = _one(nodes["node_id"]), _one(nodes["parent_id"])
    if pa.types.is_uint64(ids.type):
        return ids.to_numpy(), parents, None
    own = _hex(ids)
    above = _hex(parents)
    if own is not None and above is not None:
        valid = parents.is_valid().to_numpy(zero_copy_only=False)
        return own, pa.array(above, mask=~valid), None
    return np.zeros(0, np.uint64), parents, ids.cast(pa.string())


def _hex(ids: pa.Array) -> Array | None:
    """Value of 16 small hex digits each (0 for null); None where one is something else."""
    text = pc.fill_null(ids, "0" * 16).cast(pa.string())
    if not len(text):
        return np.zeros(0, np.uint64)
    offsets = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    if not (np.diff(offsets) == 16).all():
        return None
    raw = np.frombuffer(text.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    value = _DIGIT[raw]
    if (value == 255).any():
        return None
    pairs = (value[0::2] << 4) | value[1::2]
    return pairs.view(">u8").astype(np.uint64)


_DIGIT = np.full(256, 255, np.uint8)
_DIGIT[ord("0") : ord("9") + 1] = np.arange(10)
_DIGIT[ord("a") : ord("f") + 1] = np.arange(10, 16)


def _where(parents: pa.Array | pa.ChunkedArray, ids: pa.Array) -> Rows:
    found = pc.index_in(_one(parents), value_set=ids, skip_nulls=True)
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), np.int32)


def _levels(column: pa.ChunkedArray) -> npt.NDArray[np.uint8]:
    if pa.types.is_uint8(column.type):
        return np.asarray(_one(column).to_numpy(), np.uint8)
    encoded = _one(column).dictionary_encode()
    table = np.array([RANK.get(x, 0) for x in encoded.dictionary.to_pylist()] or [0], np.uint8)
    return np.asarray(table[encoded.indices.to_numpy(zero_copy_only=False)], np.uint8)


def _dictionary(column: pa.ChunkedArray) -> tuple[list[str], npt.NDArray[np.uint32]]:
    """Distinct names in order, and the number of each row's."""
    encoded = _one(column)
    if not pa.types.is_dictionary(encoded.type):
        encoded = pc.fill_null(encoded, "").dictionary_encode()
    names: list[str] = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names) + 1, np.uint32)
    rank[order] = np.arange(len(names), dtype=np.uint32)
    return [names[i] for i in order], rank[encoded.indices.to_numpy(zero_copy_only=False)]


def _words(
    levels: npt.NDArray[np.uint8], written: list[str], spelled: npt.NDArray[np.uint32]
) -> tuple[list[tuple[int, str]], npt.NDArray[np.uint32]]:
    """The vocabulary in order of level and text, and each row's word (from 1)."""
    pairs = spelled.astype(np.int64) * 32 + levels
    used = np.zeros(len(written) * 32 + 1, bool)
    used[pairs] = True
    distinct = np.flatnonzero(used)
    cores = [(p % 32, core_of(LEVEL_OF[p % 32], written[p // 32])) for p in distinct.tolist()]
    words = sorted(set(cores))
    number = {word: code for code, word in enumerate(words, start=1)}
    table = np.zeros(len(used), np.uint32)
    table[distinct] = np.fromiter((number[c] for c in cores), np.uint32, len(cores))
    return words, table[pairs]


def _breadth_first(
    parents: Rows, core: npt.NDArray[np.uint32], by_id: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.int64], Rows]:
    """Source row of each row, and row of its parent."""
    new = np.full(len(parents), -1, np.int32)
    waiting = np.asarray(by_id, np.int64)
    rows, ups = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    done = 0
    while len(waiting):
        above = parents[waiting]
        up = np.where(above < 0, -1, new[np.maximum(above, 0)])
        ready = (above < 0) | (up >= 0)
        if not ready.any():  # they lie below themselves
            parents = parents.copy()
            parents[waiting] = -1
            return _breadth_first(parents, core, by_id)
        mine, up = waiting[ready], up[ready]
        order = np.argsort(((up.astype(np.int64) + 1) << 32) | core[mine], kind="stable")
        mine = mine[order]
        new[mine] = np.arange(done, done + len(mine), dtype=np.int32)
        rows.append(mine)
        ups.append(up[order].astype(np.int32))
        done += len(mine)
        waiting = waiting[~ready]
    return np.concatenate(rows), np.concatenate(ups)


def _first(up: Rows) -> Rows:
    out = np.full(len(up) + SPARE + 2, len(up), np.int32)
    out[0] = 0
    np.cumsum(np.bincount(up + 1, minlength=len(up) + 1), out=out[1 : len(up) + 2])
    return out


def _with_spare(arrays: dict[str, Array]) -> dict[str, Array]:
    """Room for nodes that come later."""
    return {
        name: np.concatenate([array, np.full(SPARE, EMPTY.get(name, 0), array.dtype)])
        if name in NODE
        else array
        for name, array in arrays.items()
    }


EMPTY = {"parent": -1, "flags": RETIRED, "lon": np.nan, "lat": np.nan, "z": np.nan}


def _places(
    nodes: pa.Table, rows: Array, up: Rows, levels: Array, flags: npt.NDArray[np.uint8]
) -> dict[str, Array]:
    def floats(name: str) -> npt.NDArray[np.float64]:
        return np.asarray(nodes[name].to_numpy(), np.float64)[rows]

    lon, lat = floats("lon"), floats("lat")
    flags[~(np.isnan(lon) | np.isnan(lat))] |= PLACED
    places = Places(lon, lat, floats("z"), up, levels)
    return {
        "lon": places.lon,
        "lat": places.lat,
        "z": places.z,
        "spread_m": places.spread_m,
    }


def _joined(texts: list[str]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """Code points of all texts one after the other, and where each begins."""
    starts = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=starts[1:])
    return code_points("".join(texts)), starts


def power_of_two(least: int) -> int:
    """Smallest power of two that is at least `least`."""
    return 1 << max(least - 1, 1).bit_length()


def _vocabulary(words: list[tuple[int, str]]) -> dict[str, Array]:
    points, starts = _joined([core for _, core in words])
    start = np.zeros(len(words) + 2, np.uint32)
    start[1:] = starts
    level = np.array([0, *(rank for rank, _ in words)], np.uint8)
    hashes = np.zeros(len(words) + 1, np.uint64)
    for code, (rank, _) in enumerate(words, start=1):
        hashes[code] = word_hash(rank, points, int(start[code]), int(start[code + 1]))
    slots = np.zeros(power_of_two(2 * len(words) + 2), np.uint32)
    fill_slots(hashes, slots)
    return {
        "word_start": start,
        "word_points": points,
        "word_level": level,
        "word_hash": hashes,
        "word_slots": slots,
    }


def _named(
    levels: npt.NDArray[np.uint8],
    core: npt.NDArray[np.uint32],
    spelled: npt.NDArray[np.uint32],
    up: Rows,
    by_ident: Rows,
    words: list[tuple[int, str]],
    written: list[str],
    aliases: pa.Array | None,
) -> tuple[list[str], npt.NDArray[np.int64], Rows, npt.NDArray[np.uint8]]:
    """Names, and for every name and row: number of the name, row, level; in their order."""
    called = np.array(
        [False, *(r in NAMED or (r == RANK["building"] and is_name(c)) for r, c in words)]
    )
    pick = called[core[by_ident]]
    if aliases is not None:
        pick |= (pc.list_value_length(aliases).fill_null(0).to_numpy() > 0)[by_ident]
    rows = by_ident[pick]
    number: dict[str, int] = {}
    known: dict[tuple[int, int, int], tuple[tuple[int, int], ...]] = {}
    parts: list[tuple[int, int, int]] = []
    towns = _towns_repeated(levels, core, up, words)
    for row in rows.tolist():
        town, beside = towns.get(row, (0, False))
        key = (int(core[row]), int(spelled[row]), -town if beside else town)
        own = aliases[row].as_py() if aliases is not None else None
        found = known.get(key) if not own else None
        if found is None:
            rank, text = words[key[0] - 1]
            above = words[town - 1][1] if town else ""
            called_so = names_of(rank, text, written[key[1]], own or (), above)
            if beside:  # the name alone is that of another community of the town
                called_so = {n: k for n, k in called_so.items() if n.startswith(above * 2)}
            found = tuple((number.setdefault(n, len(number)), k) for n, k in called_so.items())
            if not own:
                known[key] = found
        parts += [(name, kind, row) for name, kind in found]
    table = np.array(parts, np.int64).reshape(-1, 3)
    names = sorted(number)
    rank_of = np.empty(len(names), np.int64)
    rank_of[[number[name] for name in names]] = np.arange(len(names))
    name, kind = rank_of[table[:, 0]], table[:, 1]
    order = np.lexsort((kind, name))  # stable: ids stay in order
    rows = table[order, 2].astype(np.int32)
    return names, name[order], rows, levels[rows]


def _towns_repeated(
    levels: npt.NDArray[np.uint8],
    core: npt.NDArray[np.uint32],
    up: Rows,
    words: list[tuple[int, str]],
) -> dict[int, tuple[int, bool]]:
    """Communities that repeat their town: its word, and whether another is called by the name alone."""
    rows = np.flatnonzero((levels == RANK["community"]) & (up >= 0))
    rows = rows[levels[up[rows]] == RANK["street"]]
    towns = [words[code - 1][1] for code in core[up[rows]].tolist()]
    called = [words[code - 1][1] for code in core[rows].tolist()]
    known = set(zip(towns, called, strict=True))
    out = {}
    for row, town, name in zip(rows.tolist(), towns, called, strict=True):
        if repeats(RANK["community"], name, town):
            out[row] = int(core[up[row]]), (town, name.removeprefix(town)) in known
    return out


def prefix_tree(
    names: list[str], number: npt.NDArray[np.int64], rows: Rows, levels: npt.NDArray[np.uint8]
) -> dict[str, Array]:
    """Sections of the names: prefix tree, rows and level of each."""
    points, starts = _joined(names)
    ends = np.zeros(len(names), np.int32)
    states = len(points) + 1
    for _ in range(2):  # the second time the size is known
        size = power_of_two(2 * states + 2)
        keys, following = np.zeros(size, np.uint64), np.zeros(size, np.uint32)
        states = fill_steps(points, starts, keys, following, ends)
    last = np.full(states, -1, np.int32)
    last[ends] = np.arange(len(names), dtype=np.int32)
    start = np.searchsorted(number, np.arange(len(names) + 1)).astype(np.uint32)
    return {
        "step_key": keys,
        "step_next": following,
        "state_name": last,
        "name_start": start,
        "name_rows": rows,
        "name_level": levels[start[:-1]] if len(names) else np.zeros(0, np.uint8),
    }


def text_column(name: str, values: pa.Array) -> dict[str, Array]:
    """Sections of a text column; null becomes the empty text."""
    text = pc.fill_null(values.cast(pa.large_string()), "")
    offsets = np.frombuffer(text.buffers()[1], np.int64)[text.offset : text.offset + len(text) + 1]
    raw = text.buffers()[2]
    blob = np.frombuffer(raw, np.uint8) if raw is not None else np.zeros(0, np.uint8)
    return {
        f"{name}_start": (offsets - offsets[0]).astype(np.uint32),
        f"{name}_text": blob[offsets[0] : offsets[-1]],
    }


def _strings(
    full: pa.Array, arrays: dict[str, Array], flags: npt.NDArray[np.uint8], written: list[str]
) -> dict[str, Array]:
    """Mark the nodes whose standard string is not their parent's with their name behind it."""
    up = arrays["parent"]
    full = pc.fill_null(full, "")
    above = pc.fill_null(full.take(pa.array(up, mask=up < 0)), "")
    name = pa.array(written, pa.string()).take(pa.array(arrays["written"]))
    regular = _true(pc.equal(pc.binary_join_element_wise(above, name, ""), full))
    whole = ~regular & _true(pc.equal(full, name))
    silent = ~regular & ~whole & _true(pc.equal(full, above))
    flags[whole] |= WHOLE
    flags[silent] |= SILENT
    odd = np.flatnonzero(~(regular | whole | silent)).astype(np.int32)
    if not len(odd):
        return {}
    return {"full_row": odd, **text_column("full", full.take(pa.array(odd)))}


def _true(values: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), bool)


def texts(arena: Mapping[str, Array], name: str) -> Iterator[str]:
    """Values of a text column, in order."""
    start, blob = arena[name + "_start"], arena[name + "_text"].tobytes()
    for a, b in zip(start[:-1].tolist(), start[1:].tolist(), strict=True):
        yield blob[a:b].decode()
