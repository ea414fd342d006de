"""What is wrong with a gazetteer: rows that repeat, parents that fail or contradict, numbers that fail, places far off."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from address.distance import distance_m
from address.grammar import core_of, implied_floor
from address.model import RANK
from address.normalise import fold
from address.pinyin import spellings

__all__ = ["FAULTS", "FAULT_KINDS", "Areas", "check"]

Areas = Mapping[tuple[str, str], shapely.Geometry]
"""Known outlines by level and name (``community``, ``花园社区``), degrees, EPSG:4490."""

FAULTS: Final = pa.schema(
    [
        ("kind", pa.string()),  # key of FAULT_KINDS
        ("full", pa.string()),  # address the fault is told of
        ("row_numbers", pa.list_(pa.int64())),  # rows of the table, empty where it is about none
        ("details", pa.string()),  # JSON object
    ]
)

FAULT_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "unreadable": ("读不出的记录", "rows that could not be read"),
    "duplicate": ("重复地址", "rows that name one address"),
    "moved": ("重复地址，坐标相距过远", "rows that name one address at places far apart"),
    "orphan": ("缺上级", "addresses whose upper levels are missing"),
    "hole": ("门牌号断号（按单双号）", "holes in the numbering of one side of a road"),
    "outside": ("坐标在上级范围之外", "places outside the outline of their parent"),
    "far": ("坐标远离同级", "places far from their siblings"),
    "unplaced": (
        "无坐标且下级也无坐标",
        "doors and buildings without a place, and nothing below them has one",
    ),
    "spelling": ("同名异写", "one name in two spellings"),
    "parents": ("上级矛盾", "one division under two parents"),
    "floor": ("楼层与室号矛盾", "rooms whose number tells another floor"),
    "derived": (
        "由楼宇及其模型补入的地址",
        "addresses added from buildings and their models, where the gazetteer has none",
    ),
    "unaddressed": ("没有地址的楼宇", "buildings without an address, and why"),
}
"""Every kind of fault with its name in Chinese and English."""

_NAMED: Final = frozenset(("street", "community", "village", "road", "compound", "poi"))
_TELLING: Final = frozenset("东西南北中上下前后左右内外新老大小甲乙丙丁一二三四五六七八九十")
_APART_M: Final = 50.0
_FAR_M: Final = {"number": 800.0, "compound": 1_500.0, "building": 400.0, "poi": 2_000.0}
_MOST_HOLES: Final = 0.5


def check(rows: pa.Table, nodes: pa.Table, areas: Areas | None = None) -> pa.Table:
    """Faults of a gazetteer table and the tree made of it.

    Parameters
    ----------
    rows : pyarrow.Table
        `twin.schema.ADDRESSES` with ``lon`` and ``lat`` (degrees, EPSG:4490; null where unknown), faulty rows too.
    nodes : pyarrow.Table
        The tree that `build_nodes` made of them.
    areas : mapping, optional
        Outlines of divisions, where the base has them; other nodes are compared with their siblings.

    Returns
    -------
    pyarrow.Table
        `FAULTS`, by kind in the order of `FAULT_KINDS`, then by address. The order of rows does not matter.
    """
    tree = _Tree(nodes)
    found: list[tuple[str, str, list[int], dict[str, Any]]] = []
    found += _unreadable(rows)
    found += _duplicates(rows)
    found += _orphans(tree)
    found += _holes(tree)
    found += _places(tree, areas or {})
    found += _spellings(tree)
    found += _parents(tree)
    found += _floors(tree)
    order = {kind: number for number, kind in enumerate(FAULT_KINDS)}
    found.sort(key=lambda f: (order[f[0]], f[1], f[2], json.dumps(f[3], ensure_ascii=False)))
    columns = list(zip(*found, strict=True)) or [(), (), (), ()]
    details = [json.dumps(d, ensure_ascii=False) for d in columns[3]]
    values = [columns[0], columns[1], columns[2], details]
    return pa.table([pa.array(v, f.type) for v, f in zip(values, FAULTS, strict=True)], FAULTS)


class _Tree:
    """Columns of the nodes as lists, with the rows of children."""

    def __init__(self, nodes: pa.Table) -> None:
        ids = nodes["node_id"].combine_chunks()
        parents = pc.fill_null(pc.index_in(nodes["parent_id"].combine_chunks(), value_set=ids), -1)
        self.parent: list[int] = parents.to_pylist()
        self.level: list[str] = nodes["level"].to_pylist()
        self.name: list[str] = nodes["name"].to_pylist()
        self.full: list[str] = nodes["full"].to_pylist()
        self.own = nodes["key"].is_valid().to_pylist()
        self.lon, self.lat = (
            np.asarray(nodes[c].to_numpy(zero_copy_only=False), dtype=np.float64)
            for c in ("lon", "lat")
        )
        self.children: dict[int, list[int]] = defaultdict(list)
        for row, up in enumerate(self.parent):
            self.children[up].append(row)

    def above(self, row: int) -> Iterator[int]:
        while row >= 0:
            yield row
            row = self.parent[row]


_Found = Iterator[tuple[str, str, list[int], dict[str, Any]]]


def _unreadable(rows: pa.Table) -> _Found:
    bad = rows.filter(pc.is_valid(rows["fault"]))
    reasons: dict[str, list[int]] = defaultdict(list)
    for number, reason in zip(bad["row"].to_pylist(), bad["fault"].to_pylist(), strict=True):
        reasons[reason].append(number)
    for reason, numbers in reasons.items():
        yield "unreadable", reason, sorted(numbers)[:100], {"rows": len(numbers)}


def _duplicates(rows: pa.Table) -> _Found:
    """Rows of one address: the same parts, or the same whole string."""
    good = rows.filter(pc.is_null(rows["fault"]))
    parts = [
        pc.fill_null(good[name], "")
        for name in (
            "full",
            "province",
            "city",
            "county",
            "street",
            "road",
            "number",
            "compound",
            "building",
            "unit",
            "floor",
            "room",
            "poi",
        )
    ]
    texts = pc.binary_join_element_wise(*parts, "\x1f").to_pylist()
    numbers, fulls = good["row"].to_pylist(), good["full"].to_pylist()
    lon, lat = (
        np.asarray(good[c].to_numpy(zero_copy_only=False), dtype=np.float64) for c in ("lon", "lat")
    )
    counted = Counter(texts)
    groups: dict[str, list[int]] = defaultdict(list)
    for at, text in enumerate(texts):
        if counted[text] > 1:
            groups[text].append(at)
    for some in groups.values():
        which = np.array(some)
        away = 0.0
        placed = which[~np.isnan(lon[which])]
        if len(placed) > 1:
            away = float(distance_m(lon[placed], lat[placed], lon[placed[0]], lat[placed[0]]).max())
        kind = "moved" if away > _APART_M else "duplicate"
        yield (
            kind,
            fulls[some[0]] or "",
            sorted(numbers[i] for i in some),
            {"metres": round(away, 1)},
        )


def _orphans(tree: _Tree) -> _Found:
    """Chains that begin lower than most, and doors or buildings that hang on nothing that could hold them."""
    tops = Counter(tree.level[row] for row in tree.children[-1])
    if not tops:
        return
    usual = min(tops, key=lambda level: (-tops[level], RANK.get(level, 99)))
    for row in tree.children[-1]:
        if RANK.get(tree.level[row], 99) > RANK.get(usual, 99):
            yield "orphan", tree.full[row], [], {"begins": tree.level[row], "expected": usual}
    holders = {"road", "community", "village", "group", "compound", "number", "phase", "poi"}
    for row, level in enumerate(tree.level):
        if level in ("number", "building") and tree.parent[row] >= 0:
            up = tree.level[tree.parent[row]]
            if up not in holders:
                yield "orphan", tree.full[row], [], {"level": level, "below": up}


def _holes(tree: _Tree) -> _Found:
    """Missing numbers between those of one side; roads with more holes than doors are numbered otherwise."""
    for road, level in enumerate(tree.level):
        if level != "road":
            continue
        sides: dict[int, set[int]] = {0: set(), 1: set()}
        for child in tree.children[road]:
            if tree.level[child] == "number":
                core = core_of("number", tree.name[child])
                if core.isdigit():
                    sides[int(core) % 2].add(int(core))
        for odd, numbers in sides.items():
            if len(numbers) < 4:
                continue
            whole = range(min(numbers), max(numbers) + 1, 2)
            missing = [n for n in whole if n not in numbers]
            if missing and len(missing) <= _MOST_HOLES * len(numbers):
                yield "hole", tree.full[road], [], {
                    "side": "odd" if odd else "even", "missing": missing[:100], "count": len(missing),
                    "from": min(numbers), "to": max(numbers),
                }  # fmt: skip


def _places(tree: _Tree, areas: Areas) -> _Found:
    yield from _outside(tree, areas)
    for parent, children in tree.children.items():
        placed = [row for row in children if not np.isnan(tree.lon[row])]
        for level in _FAR_M:
            rows = np.array([row for row in placed if tree.level[row] == level], dtype=np.int64)
            if len(rows) >= 4:
                yield from _far(tree, parent, rows, level)
    for row, level in enumerate(tree.level):
        bare = level in ("number", "building") and tree.own[row] and np.isnan(tree.lon[row])
        if bare and all(np.isnan(tree.lon[below]) for below in _below(tree, row)):
            yield "unplaced", tree.full[row], [], {}


def _outside(tree: _Tree, areas: Areas) -> _Found:
    """Places more than 20 m outside the outline of the nearest ancestor that has one."""
    known = {key: shape for key, shape in areas.items() if not shapely.is_empty(shape)}
    for shape in known.values():
        shapely.prepare(shape)
    for row, outline in _outlined(tree, known).items():
        if np.isnan(tree.lon[row]):
            continue
        point = shapely.Point(tree.lon[row], tree.lat[row])
        if shapely.intersects(known[outline], point):
            continue
        away = _metres(known[outline], point)
        if away > 20.0:
            yield "outside", tree.full[row], [], {"parent": outline[1], "metres": round(away)}


def _below(tree: _Tree, row: int) -> Iterator[int]:
    stack = [row]
    while stack:
        for child in tree.children.get(stack.pop(), ()):
            yield child
            stack.append(child)


def _outlined(tree: _Tree, areas: Areas) -> dict[int, tuple[str, str]]:
    """Nearest ancestor with an outline of each placed node."""
    out: dict[int, tuple[str, str]] = {}
    if not areas:
        return out
    order = sorted(range(len(tree.level)), key=lambda r: RANK.get(tree.level[r], 99))
    held: dict[int, tuple[str, str]] = {}
    for row in order:
        own = (tree.level[row], tree.name[row])
        above = held.get(tree.parent[row])
        if above is not None:
            out[row] = above
        if own in areas:
            held[row] = own
        elif above is not None:
            held[row] = above
    return out


def _metres(shape: shapely.Geometry, point: shapely.Point) -> float:
    near = shapely.get_coordinates(shapely.shortest_line(point, shape))
    x, y = near[1]
    return float(distance_m(np.array([point.x]), np.array([point.y]), x, y)[0])


def _far(tree: _Tree, parent: int, rows: npt.NDArray[np.int64], level: str) -> _Found:
    """Places farther from their siblings than eight times the usual, and than can be.

    Doors are compared with those before and after them in the numbering (a road may be long), others with the middle.
    """
    if level == "number":
        numbers = [_first_number(tree.name[row]) for row in rows]
        rows = rows[np.argsort(numbers, kind="stable")]
        lon, lat = tree.lon[rows], tree.lat[rows]
        steps = distance_m(lon[1:], lat[1:], lon[:-1], lat[:-1])
        away = np.minimum(np.append(steps, np.inf), np.insert(steps, 0, np.inf))
    else:
        lon, lat = tree.lon[rows], tree.lat[rows]
        away = distance_m(lon, lat, float(np.median(lon)), float(np.median(lat)))
    bound = max(_FAR_M[level], 8.0 * float(np.median(away)))
    whole = tree.full[parent] if parent >= 0 else ""
    for row, metres in zip(rows[away > bound].tolist(), away[away > bound].tolist(), strict=True):
        yield "far", tree.full[row], [], {"parent": whole, "metres": round(metres)}


def _first_number(name: str) -> int:
    found = re.search(r"\d+", name)
    return int(found[0]) if found else 0


def _spellings(tree: _Tree) -> _Found:
    """Siblings whose names sound alike, or fold to one."""
    for children in tree.children.values():
        groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for row in children:
            if tree.level[row] in _NAMED:
                name = fold(tree.name[row]).replace(",", "")
                if len(name) >= 2:
                    groups[tree.level[row], "".join(spellings(name, 1)[0])].append(row)
        for some in groups.values():
            names = sorted({tree.name[row] for row in some})
            if len(names) > 1 and not _meant(names):
                yield (
                    "spelling",
                    tree.full[min(some, key=lambda r: tree.name[r])],
                    [],
                    {"names": names},
                )


def _meant(names: Sequence[str]) -> bool:
    """Whether names differ in a word that tells places apart, though it sounds alike."""
    first = names[0]
    for other in names[1:]:
        if len(first) != len(other):
            return True
        differ = [(a, b) for a, b in zip(first, other, strict=True) if a != b]
        if any(a in _TELLING and b in _TELLING for a, b in differ):
            return True
    return False


def _parents(tree: _Tree) -> _Found:
    """A city, county, town or community that stands below two parents of one grandparent."""
    groups: dict[tuple[str, str, int], set[int]] = defaultdict(set)
    for row, level in enumerate(tree.level):
        up = tree.parent[row]
        if level in ("county", "street", "community") and up >= 0 and tree.parent[up] >= 0:
            groups[level, core_of(level, tree.name[row]), tree.parent[up]].add(row)
    for (_, name, _), some in groups.items():
        parents = sorted({tree.full[tree.parent[row]] for row in some})
        if len(parents) > 1:
            yield "parents", name, [], {"parents": parents}


def _floors(tree: _Tree) -> _Found:
    for row, level in enumerate(tree.level):
        up = tree.parent[row]
        if level == "room" and up >= 0 and tree.level[up] == "floor":
            told = implied_floor(core_of("room", tree.name[row]))
            written = core_of("floor", tree.name[up])
            if told is not None and re.fullmatch(r"-?\d+", written) and told != written:
                yield "floor", tree.full[row], [], {"floor": written, "number": tree.name[row]}
