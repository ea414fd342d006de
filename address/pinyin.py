"""Toneless pinyin of names: for what sounds alike, and for what is typed in letters."""

import re
from functools import cache
from itertools import islice, product

from address.normalise import read_table

__all__ = ["initials", "readings", "sound_keys", "spellings"]

_MERGED = (
    (re.compile("^zh"), "z"),
    (re.compile("^ch"), "c"),
    (re.compile("^sh"), "s"),
    (re.compile("^l(?=[aeiou])"), "n"),
    (re.compile("^f(?=u)"), "h"),
    (re.compile("(?<=[aei])ng$"), "n"),
)


@cache
def _table() -> dict[str, tuple[str, ...]]:
    ranked: dict[str, dict[int, str]] = {}
    for row in read_table("pinyin.csv"):
        for character in row["characters"]:
            ranked.setdefault(character, {})[int(row["rank"])] = row["syllable"]
    return {
        character: tuple(by_rank[r] for r in sorted(by_rank))
        for character, by_rank in ranked.items()
    }


_TWO_WAYS = frozenset(
    "长重乐厦朝行都单盛沈解番会柏泊和度藏便宿葛曾乘畜参骑柜尉蔚亳泷郏浒圩堡陂蚌枞莘筠铅丽六车传弹降调校率散塞省石"
)
"""Characters read in more than one way in names; of the others only the usual reading counts."""


def readings(character: str) -> tuple[str, ...]:
    """Readings of a character, the usual one first; the character itself where it has none.

    Examples
    --------
    >>> readings("长"), readings("A")
    (('zhang', 'chang'), ('a',))
    """
    return _table().get(character, (character.lower(),))


@cache
def _merged(syllable: str) -> str:
    for pattern, short in _MERGED[:3]:
        syllable = pattern.sub(short, syllable)
    return _MERGED[5][0].sub("n", syllable)


def spellings(name: str, limit: int = 8) -> list[tuple[str, ...]]:
    """Syllables of a name in each way it can be read, at most `limit` ways.

    Examples
    --------
    >>> spellings("江大")
    [('jiang', 'da')]
    """
    return list(islice(product(*(_common(c) for c in name)), limit))


@cache
def _common(character: str) -> tuple[str, ...]:
    return readings(character)[: 2 if character in _TWO_WAYS else 1]


def sound_keys(name: str, limit: int = 8) -> list[str]:
    """Keys shared by names that sound alike; zh and z, ang and an and the like are one.

    Examples
    --------
    >>> set(sound_keys("古墩路")) & set(sound_keys("古敦路")) != set()
    True
    """
    ways = islice(product(*(dict.fromkeys(_merged(s) for s in _common(c)) for c in name)), limit)
    return [" ".join(way) for way in ways]


def initials(syllables: tuple[str, ...]) -> str:
    """First letters."""
    return "".join(s[0] for s in syllables)
