"""Names that are nearly what was written: by sound, by one character, by another last word."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from address.arena import Array
from address.model import RANK
from address.pinyin import sound_keys, spellings
from address.walk import code_points, hash_all

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["Repair", "Repairs", "keys_after_build", "near_tables"]

_TAIL = re.compile(
    r"(?:[东西南北中]?(?:高速公路|公路|大道|大街|胡同|支路|路|街|道|巷|弄)|家?[宅屯庄湾浜埭寨塘村])$"
)
_PLAIN_TAIL = re.compile(r"(?:高速公路|公路|大道|大街|胡同|路|街|道|巷|弄)$")
_ADMIN_TAIL = re.compile(
    r"(?:特别行政区|自治区|自治州|自治县|地区|新区|街道|省|市|区|县|盟|旗|镇|乡)$"
)
_MEANT = frozenset("东西南北中上下前后左右内外新老大小一二三四五六七八九十百0123456789甲乙丙丁")
_LEVELS = frozenset(
    RANK[level] for level in ("road", "compound", "poi", "village", "community", "street")
)
_CHUNK = 50_000
_SOUND, _STEM, _GAP, _ROMAN = "sagr"


class Repair(NamedTuple):
    """A node with a name near the one written."""

    row: int
    code: str
    cost: float


class Repairs:
    """Keys of all names of roads, compounds, places and villages that forgive one mistake.

    The keys of the build are hashes in order (`near_tables`), verified when met; those of names
    that came later are in a dictionary.
    """

    def __init__(self, index: "AddressIndex") -> None:
        self.index = index
        self._hash, self._of = index.arena["near_hash"], index.arena["near_of"]
        self._more: dict[str, list[str]] = {}
        self._romanised: dict[str, dict[str, list[str]]] = {}
        for name in index.more_bearers:
            self._add(name)

    def _add(self, name: str) -> None:
        """Learn a name that the build did not have."""
        for key in _keys(name):
            listed = self._more.setdefault(key, [])
            if name not in listed:
                listed.append(name)

    def _named(self, key: str) -> list[str]:
        """Names that have a key."""
        found = list(self._more.get(key, ()))
        points = code_points(key)
        value = hash_all(points, np.array([0, len(points)]))[0]
        low = int(np.searchsorted(self._hash, value))
        while low < len(self._hash) and self._hash[low] == value:
            name = self.index.tails.names.text(int(self._of[low]))
            if name not in found and _has_key(name, key):
                found.append(name)
            low += 1
        return found

    def romanised(self, level: str, pinyin: str) -> list[str]:
        """Names of a level spelled so in pinyin without spaces, with or without the last word."""
        if level == "road":
            names = self._named(_ROMAN + pinyin)
            rank = RANK[level]
            return sorted(
                n for n in names if any(self.index.levels[r] == rank for r in self.index.bearers(n))
            )
        known = self._romanised.get(level)
        if known is None:
            known = self._romanised[level] = {}
            for name in self.index.vocabulary.of_level(RANK[level]):
                if not self.index.names.get(name):
                    continue  # nobody bears it any more
                for form in {name, _ADMIN_TAIL.sub("", name)}:
                    for way in spellings(form):
                        listed = known.setdefault("".join(way), [])
                        if name not in listed:
                            listed.append(name)
        return known.get(pinyin, [])

    def near(self, written: str) -> list[Repair]:
        """Nodes whose name may be meant, cheapest first.

        Parameters
        ----------
        written : str
            Folded text that stands where a name should.

        Notes
        -----
        A difference in a direction, a size or a numeral (东 / 西, 一 / 二) is another name, not a
        mistake.
        """
        found: dict[str, tuple[str, float]] = {}
        for name, code, cost in self._offers(written):
            if name != written and (name not in found or found[name][1] > cost):
                found[name] = (code, cost)
        return [
            Repair(row, code, cost)
            for name, (code, cost) in sorted(found.items(), key=lambda x: (x[1][1], x[0]))
            for row in self.index.bearers(name)
            if self.index.levels[row] in _LEVELS
        ]

    def _offers(self, written: str) -> Iterator[tuple[str, str, float]]:
        """Names with the mistake that leads to them and its cost."""
        for key in sound_keys(written):
            for name in self._named(_SOUND + key):
                alike = len(name) == len(written) and not _differs_in_sense(name, written)
                yield name, "homophone", 0.3 if alike else 0.8
        stem = _PLAIN_TAIL.sub("", written)
        if len(stem) >= 2 and stem != written:
            for name in self._named(_STEM + stem):
                yield name, "suffix", 0.35
        if len(written) < 3:
            for name in self._named(_GAP + written):
                if name.replace("家", "", 1) == written:
                    yield name, "omitted", 0.6  # 陈浜 is 陈家浜
            return
        gaps = (written, *sorted(_gaps(written)))
        near = {name for gap in gaps for name in self._named(_GAP + gap)}
        for name in sorted(near | {gap for gap in gaps if self.index.bearers(gap)}):
            if _one_edit(written, name) and (offer := _slip(written, name)) is not None:
                yield name, *offer


def _slip(written: str, name: str) -> tuple[str, float] | None:
    """Kind and cost of one wrong, missing or spare character; None where it is another name."""
    if _differs_in_sense(written, name):
        return None
    if len(name) > len(written) and _differs_in_sense(name, written):
        return "omitted", 0.95
    stem = _TAIL.sub("", name)
    short = min(len(_TAIL.sub("", written)), len(stem))
    if sum(c not in _MEANT for c in stem) < 2 and len(name) == len(written):
        wrong = sum(x != y for x, y in zip(name, written, strict=True))
        if wrong == 1:
            return None  # 王家宅 and 李家宅, 三门路 and 三环路 are two places
    return "spelling", 0.6 if short >= 3 else 0.8


def _keys(name: str) -> set[str]:
    """All keys of a name, the first character saying which kind."""
    out = {_SOUND + key for key in sound_keys(name)}
    stem = _PLAIN_TAIL.sub("", name)
    if stem != name:
        out.add(_STEM + stem)
    out.update(_GAP + gap for gap in _gaps(name))
    for form in (name, stem):
        out.update(_ROMAN + "".join(way) for way in spellings(form))
    return out


def keys_after_build(name: str) -> set[str]:
    """Keys under which `Repairs.near` can come upon a name that the build did not have.

    A superset: also the name itself, which it looks up where a character is one too many.
    """
    return {*_keys(name), _GAP + name}


def _has_key(name: str, key: str) -> bool:
    """Whether a key is one of a name's."""
    kind, rest = key[0], key[1:]
    if kind == _SOUND:
        return rest in sound_keys(name)
    if kind == _GAP:
        return rest in _gaps(name)
    if kind == _STEM:
        return rest != name and rest == _PLAIN_TAIL.sub("", name)
    return key in _keys(name)


def near_tables(names: Iterable[str]) -> dict[str, Array]:
    """Sections ``near_hash`` (uint64, ascending) and ``near_of`` (uint32, number of the name)."""
    hashes, numbers = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint32)]
    keys: list[str] = []
    owners: list[int] = []

    def flush() -> None:
        starts = np.zeros(len(keys) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, keys), np.int64, len(keys)), out=starts[1:])
        hashes.append(hash_all(code_points("".join(keys)), starts))
        numbers.append(np.array(owners, np.uint32))
        keys.clear()
        owners.clear()

    for number, name in enumerate(names):
        own = _keys(name)
        keys.extend(own)
        owners.extend([number] * len(own))
        if len(keys) > _CHUNK:
            flush()
    flush()
    value, of = np.concatenate(hashes), np.concatenate(numbers)
    order = np.lexsort((of, value))
    return {"near_hash": value[order], "near_of": of[order]}


def _gaps(name: str) -> set[str]:
    """The name with one character left out."""
    return {name[:i] + name[i + 1 :] for i in range(len(name))} if 2 < len(name) <= 14 else set()


def _differs_in_sense(a: str, b: str) -> bool:
    """They differ in a character that carries a meaning of its own on both sides."""
    if len(a) == len(b):
        pairs = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
        if len(pairs) == 2 and pairs[0] == pairs[1][::-1]:
            return False
        return any(x in _MEANT and y in _MEANT for x, y in pairs)
    extra = a if len(a) > len(b) else b
    other = b if extra is a else a
    for i in range(len(extra)):
        if extra[:i] + extra[i + 1 :] == other:
            doubled = i + 1 < len(extra) and extra[i] == extra[i + 1]
            return extra[i] in _MEANT and extra is a and not doubled
    return True


def _one_edit(a: str, b: str) -> bool:
    """One character replaced, added, left out, or two neighbours swapped."""
    if abs(len(a) - len(b)) > 1:
        return False
    if len(a) == len(b):
        different = [i for i in range(len(a)) if a[i] != b[i]]
        if len(different) == 1:
            return True
        return (
            len(different) == 2
            and different[1] == different[0] + 1
            and a[different[0]] == b[different[1]]
            and a[different[1]] == b[different[0]]
        )
    return True
