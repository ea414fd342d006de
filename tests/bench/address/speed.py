"""Speed of parsing and matching against millions of standard addresses, beside peers.

``python tests/bench/address/speed.py [ADDRESSES] [FILE] [ROWS]`` builds an index of the made-up
town (or takes FILE if it is there) and asks it in texts of a stated mixture. CPU time of one
thread; medians of three runs.

The mixture, by share of the rows (`MIXTURE`): 40 % standard strings; 6 % without province and
city, 6 % without the town too, 6 % in full width, 6 % with Chinese numerals, 6 % with separators,
6 % in traditional characters, 6 % with a chain of numbers (5-2-1203), 6 % with other words for
building, unit and room, 6 % with a tenant behind; 3 % with a wrong character in the road or the
estate, 3 % of a room, building or number that does not exist. Rows are drawn anew: few are equal.

Peers know no gazetteer: they cut province, city and county off, and are timed on the same texts.
They are taken where they are installed (``pip install cpca jionlp addressparser``).

Two floors tell how fast the machine is in the same minutes, before and after: sorting a million
numbers (NumPy), and looking every beginning of a text up in a dict (the interpreter).
"""

import importlib
import random
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

MIXTURE = {
    "clean": 40, "no_city": 6, "no_town": 6, "full_width": 6, "numerals": 6, "separators": 6,
    "traditional": 6, "chain": 6, "suffix": 6, "tenant": 6, "slip": 3, "absent": 3,
}  # fmt: skip
_NUMERALS = "〇一二三四五六七八九"
_TENANTS = (
    "快递柜",
    "便民超市",
    "前台",
    "丰巢柜",
    "王阿姨家",
    "律师事务所",
    "物业办公室",
    "理发店",
)
_SLIPS = "巷亩旦禾穴冈卉玄瓦缶臼舟豕辰邑酉"


def main() -> None:
    """Print one line for each measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    path = Path(sys.argv[2] if len(sys.argv) > 2 else f"town-{count}.addresses")
    rows = int(sys.argv[3]) if len(sys.argv) > 3 else 100_000
    from scale import build

    from address.index import AddressIndex

    if not path.exists():
        say("built", **build(count, path))
    index = AddressIndex.open(path)
    texts = mixture(index, rows)
    begun = time.process_time()
    index.warm()
    say("compiled path loaded", cpu_s=round(time.process_time() - begun, 2))
    floor(texts)
    batch(index, texts)
    scalar(index, [text for _, text in texts][:20_000], texts)
    parsing([text for _, text in texts][:5_000])
    edited(index, texts)
    floor(texts)


def edited(index: object, texts: list[tuple[str, str]]) -> None:
    """The same after one edit, and after forty; the log beside the file goes again."""
    from address.batch import match_batch

    log = index.arena.path.with_name(index.arena.path.name + ".edits")
    if log.exists():
        say("after edits", absent=f"{log.name} is there")
        return
    column = pa.array([text for _, text in texts[:20_000]])
    roads = [row for row in range(0, index.built, 997) if index.level_of(row) == "road"][:40]
    try:
        for number, row in enumerate(roads):
            if number == 0:
                index.insert(index.id_of(row), "number", "7001号", lon=114.1, lat=30.4)
            elif number % 2:
                index.rename(index.id_of(row), f"新名{number}路")
            else:
                index.insert(index.id_of(index.parent[row]), "road", f"蓬莱{number}路")
            if number + 1 not in (1, len(roads)):
                continue
            read = sum(index.fast.read(text) is not None for _, text in texts[:5_000])
            for located in (False, True):
                match_batch(index, column.slice(0, 2_000), located=located)
                run = partial(match_batch, index, column, located=located)
                say(
                    "batch after edits", edits=number + 1, located=located,
                    rows_a_second=rate(run, len(column)),
                    compiled_path_answers=f"{100 * read / len(texts[:5_000]):.1f}%",
                )  # fmt: skip
            times = timed(index.match, [text for _, text in texts[:5_000]])
            say(
                "match after edits", edits=number + 1, a_second=round(len(times) / sum(times)),
                p50_ms=percentile(times, 50), p99_ms=percentile(times, 99),
            )  # fmt: skip
    finally:
        log.unlink(missing_ok=True)


def floor(texts: list[tuple[str, str]]) -> None:
    """How fast this machine is now."""
    some = [text for _, text in texts[:5_000]]
    names = {text[: k % 9 + 1]: k for k, text in enumerate(some)}
    numbers = np.random.default_rng(1).random(1_000_000)
    say(
        "floor",
        sorts_of_a_million_a_second=rate(lambda: np.sort(numbers), 1_000) / 1_000,
        prefix_lookups_a_second=rate(lambda: _prefixes(some, names), sum(map(len, some))),
    )


def _prefixes(texts: list[str], names: dict[str, int]) -> int:
    found = 0
    for text in texts:
        for end in range(1, len(text) + 1):
            if text[:end] in names:
                found = end
    return found


def say(what: str, **told: object) -> None:
    """One line."""
    sys.stdout.write(what + ": " + ", ".join(f"{k} {v}" for k, v in told.items()) + "\n")
    sys.stdout.flush()


def batch(index: object, texts: list[tuple[str, str]]) -> None:
    """Rows a second, and what the compiled path answered."""
    from address.batch import match_batch

    column = pa.array([text for _, text in texts])
    match_batch(index, column.slice(0, 2_000))
    for name, some, located in (
        ("batch", column, False),
        ("batch with places", column, True),
        ("batch, what the compiled path answers", _without(texts, "slip"), False),
    ):
        spent = []
        for _ in range(3):
            begun = time.process_time()
            table = match_batch(index, some, located=located)
            spent.append(time.process_time() - begun)
        status = table["status"].value_counts().to_pylist()
        say(
            name, rows=len(some), rows_a_second=round(len(some) / statistics.median(spent)),
            **{row["values"]: row["counts"] for row in status},
        )  # fmt: skip
    answered: dict[str, list[int]] = {}
    for kind, text in texts[:20_000]:
        answered.setdefault(kind, []).append(index.fast.read(text) is not None)
    shares = {kind: f"{100 * sum(a) / len(a):.1f}%" for kind, a in sorted(answered.items())}
    every = [one for a in answered.values() for one in a]
    say("compiled path answers", all=f"{100 * sum(every) / len(every):.1f}%", **shares)


def _without(texts: list[tuple[str, str]], kind: str) -> pa.Array:
    return pa.array([text for own, text in texts if own != kind])


def scalar(index: object, asked: list[str], texts: list[tuple[str, str]]) -> None:
    """One text at a time."""
    from address.match import match_by_reference

    for name, ask, some in (
        ("match", index.match, asked),
        ("match, reference alone", lambda text: match_by_reference(index, text), asked[:3_000]),
    ):
        times = timed(ask, some)
        say(
            name, a_second=round(len(times) / sum(times)), p50_ms=percentile(times, 50),
            p99_ms=percentile(times, 99), worst_ms=percentile(times, 100),
        )  # fmt: skip


def timed(ask: Callable[[str], object], texts: list[str]) -> list[float]:
    """CPU seconds of each question."""
    out = []
    clock = time.process_time
    for text in texts:
        begun = clock()
        ask(text)
        out.append(clock() - begun)
    return out


def percentile(times: list[float], share: int) -> float:
    """Milliseconds."""
    ordered = sorted(times)
    return round(1000 * ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 3)


def parsing(texts: list[str]) -> None:
    """Parse and normalise, beside the peers on the same texts."""
    from address.normalise import normalise
    from address.parse import parse

    say("normalise", a_second=rate(lambda: [normalise(text) for text in texts], len(texts)))
    say("parse", a_second=rate(lambda: deque(map(parse, texts), maxlen=0), len(texts)))
    for name, made in (("cpca", _cpca), ("addressparser", _addressparser), ("jionlp", _jionlp)):
        few = texts[:300] if name == "jionlp" else texts
        try:
            ask = made()
        except ImportError:
            say(name, absent="not installed")
            continue
        ask(few[:10])
        say(name, a_second=rate(lambda ask=ask, few=few: ask(few), len(few)))


def rate(run: Callable[[], object], rows: int) -> int:
    """Texts a second, the median of three runs."""
    spent = []
    for _ in range(3):
        begun = time.process_time()
        run()
        spent.append(time.process_time() - begun)
    return round(rows / statistics.median(spent))


def _cpca() -> Callable[[list[str]], object]:
    return importlib.import_module("cpca").transform


def _addressparser() -> Callable[[list[str]], object]:
    return importlib.import_module("addressparser").transform


def _jionlp() -> Callable[[list[str]], object]:
    parse = importlib.import_module("jionlp").parse_location
    return lambda texts: [parse(text) for text in texts]


def mixture(index: object, rows: int, seed: int = 3) -> list[tuple[str, str]]:
    """Kind and text of so many questions."""
    rng = random.Random(seed)
    kinds, weights = list(MIXTURE), list(MIXTURE.values())
    out = []
    deep = [
        row
        for row in rng.sample(range(index.built), rows * 2)
        if index.level_of(row) in ("room", "number")
    ]
    for row, kind in zip(deep, rng.choices(kinds, weights, k=rows), strict=False):
        parts = {index.level_of(step): index.written_of(step) for step in index.above(row)}
        out.append((kind, _WRITTEN[kind](dict(reversed(parts.items())), rng)))
    return out


def _written(parts: dict[str, str], *without: str) -> str:
    return "".join(name for level, name in parts.items() if level not in without)


def _clean(parts: dict[str, str], rng: random.Random) -> str:
    return _written(parts, *(["floor"] if rng.random() < 0.7 else []))


def _no_city(parts: dict[str, str], rng: random.Random) -> str:
    return _written(parts, "province", "city", "floor")


def _no_town(parts: dict[str, str], rng: random.Random) -> str:
    return _written(parts, "province", "city", "street", "floor")


def _full_width(parts: dict[str, str], rng: random.Random) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "0" <= c <= "9" else c for c in _clean(parts, rng))


def _numeral(number: str) -> str:
    value = int(number)
    if value >= 100:
        return "".join(_NUMERALS[int(c)] for c in number)
    tens, ones = divmod(value, 10)
    ten = "" if not tens else "十" if tens == 1 else _NUMERALS[tens] + "十"
    return ten + (_NUMERALS[ones] if ones or not tens else "")


def _numerals(parts: dict[str, str], rng: random.Random) -> str:
    out, digits = "", ""
    for character in _clean(parts, rng) + " ":
        if character.isdigit():
            digits += character
            continue
        out += (_numeral(digits) if digits else "") + character
        digits = ""
    return out.strip()


def _separators(parts: dict[str, str], rng: random.Random) -> str:
    mark = rng.choice((" ", "，", "_", "/"))
    return mark.join(name for level, name in parts.items() if level != "floor")


_TRADITIONAL = str.maketrans(
    "东门号楼区县龙鸿凤马乐云兰宁广华荣盛兴团结爱腾飞单层",
    "東門號樓區縣龍鴻鳳馬樂雲蘭寧廣華榮盛興團結愛騰飛單層",
)


def _traditional(parts: dict[str, str], rng: random.Random) -> str:
    return _clean(parts, rng).translate(_TRADITIONAL)


def _chain(parts: dict[str, str], rng: random.Random) -> str:
    head = _written(parts, "building", "unit", "floor", "room")
    tail = [parts[k].rstrip("号楼单元室") for k in ("building", "unit", "room") if k in parts]
    return head + "-".join(tail)


def _suffix(parts: dict[str, str], rng: random.Random) -> str:
    other = dict(parts)
    other.pop("floor", None)
    for level, words in (("building", "栋幢座#"), ("unit", "门梯"), ("room", ("房", "", "户"))):
        if level in other:
            other[level] = other[level].rstrip("号楼单元室") + rng.choice(words)
    return _written(other)


def _tenant(parts: dict[str, str], rng: random.Random) -> str:
    return _clean(parts, rng) + rng.choice(_TENANTS)


def _slip(parts: dict[str, str], rng: random.Random) -> str:
    level = "road" if "road" in parts else "community"
    name = parts.get(level, "")
    if len(name) < 3:
        return _clean(parts, rng)
    at = rng.randrange(len(name) - 1)
    return _written(parts | {level: name[:at] + rng.choice(_SLIPS) + name[at + 1 :]}, "floor")


def _absent(parts: dict[str, str], rng: random.Random) -> str:
    level = rng.choice([k for k in ("number", "building", "room") if k in parts])
    kept = dict(list(parts.items())[: list(parts).index(level)])
    tail = {"number": "号", "building": "号楼", "room": "室"}[level]
    return _written(kept, "floor") + str(rng.randint(7001, 9999)) + tail


_WRITTEN: dict[str, Callable[[dict[str, str], random.Random], str]] = {
    "clean": _clean, "no_city": _no_city, "no_town": _no_town, "full_width": _full_width,
    "numerals": _numerals, "separators": _separators, "traditional": _traditional,
    "chain": _chain, "suffix": _suffix, "tenant": _tenant, "slip": _slip, "absent": _absent,
}  # fmt: skip

if __name__ == "__main__":
    main()
