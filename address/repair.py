"""Names that are nearly what was written: by sound, by one character, by another last word."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from address.model import RANK
from address.pinyin import sound_keys, spellings

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["Repair", "Repairs"]

_TAIL = re.compile(r"(?:[东西南北中]?(?:高速公路|公路|大道|大街|胡同|支路|路|街|道|巷|弄)|家?[宅屯庄湾浜埭寨塘村])$")
_PLAIN_TAIL = re.compile(r"(?:高速公路|公路|大道|大街|胡同|路|街|道|巷|弄)$")
_ADMIN_TAIL = re.compile(
    r"(?:特别行政区|自治区|自治州|自治县|地区|新区|街道|省|市|区|县|盟|旗|镇|乡)$"
)
_MEANT = frozenset("东西南北中上下前后左右内外新老大小一二三四五六七八九十百0123456789甲乙丙丁")
_LEVELS = tuple(
    RANK[level] for level in ("road", "compound", "poi", "village", "community", "street")
)


class Repair(NamedTuple):
    """A node with a name near the one written."""

    row: int
    code: str
    cost: float


class Repairs:
    """Keys of all names of roads, compounds, places and villages that forgive one mistake."""

    def __init__(self, index: "AddressIndex") -> None:
        self.index = index
        self._romanised: dict[str, dict[str, list[str]]] = {}
        self.by_name: dict[str, list[int]] = {}
        self.by_sound: dict[str, list[str]] = {}
        self.by_stem: dict[str, list[str]] = {}
        self.by_gap: dict[str, list[str]] = {}
        for row, level in enumerate(index.levels):
            if level in _LEVELS:
                self.by_name.setdefault(index.core_of_row(row), []).append(row)
        for name in self.by_name:
            for key in sound_keys(name):
                self.by_sound.setdefault(key, []).append(name)
            stem = _PLAIN_TAIL.sub("", name)
            if stem != name:
                self.by_stem.setdefault(stem, []).append(name)
            for gap in _gaps(name):
                self.by_gap.setdefault(gap, []).append(name)

    def romanised(self, level: str) -> dict[str, list[str]]:
        """Names of a level by their pinyin without spaces, with and without the last word."""
        known = self._romanised.get(level)
        if known is None:
            known = self._romanised[level] = {}
            index, rank = self.index, RANK[level]
            names = {index.core_of_row(row) for row, own in enumerate(index.levels) if own == rank}
            for name in sorted(names):
                stem = _PLAIN_TAIL.sub("", name) if level == "road" else _ADMIN_TAIL.sub("", name)
                for form in {name, stem}:
                    for way in spellings(form):
                        listed = known.setdefault("".join(way), [])
                        if name not in listed:
                            listed.append(name)
        return known

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
            for row in self.by_name[name]
        ]

    def _offers(self, written: str) -> Iterator[tuple[str, str, float]]:
        """Names with the mistake that leads to them and its cost."""
        for key in sound_keys(written):
            for name in self.by_sound.get(key, ()):
                alike = len(name) == len(written) and not _differs_in_sense(name, written)
                yield name, "homophone", 0.3 if alike else 0.8
        stem = _PLAIN_TAIL.sub("", written)
        if len(stem) >= 2 and stem != written:
            for name in self.by_stem.get(stem, ()):
                yield name, "suffix", 0.35
        if len(written) < 3:
            for name in self.by_gap.get(written, ()):
                if name.replace("家", "", 1) == written:
                    yield name, "omitted", 0.6  # 陈浜 is 陈家浜
            return
        gaps = (written, *sorted(_gaps(written)))
        near = {name for gap in gaps for name in self.by_gap.get(gap, ())}
        for name in sorted(near | {gap for gap in gaps if gap in self.by_name}):
            if not _one_edit(written, name):
                continue
            if not _differs_in_sense(written, name):
                if len(name) > len(written) and _differs_in_sense(name, written):
                    yield name, "omitted", 0.95
                else:
                    short = min(len(_TAIL.sub("", written)), len(_TAIL.sub("", name)))
                    if short < 2 and sum(x != y for x, y in zip(name, written, strict=False)) == 1 and len(name) == len(written):
                        continue  # 王家宅 and 李家宅 are two places
                    yield name, "spelling", 0.6 if short >= 3 else 0.8


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
